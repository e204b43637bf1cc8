"""Reading the directory: lists with filters, and finding by number.

Lists are ordered by the folded name and the id, so that a cursor stays valid while rows come and go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.states import State

_WORDS = "array_to_tsvector(string_to_array(ltrim(search_text), ' '))"
"""A row's words, as its index `directory_words` has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed by; None does not narrow. `words` are folded and all have to occur, each as a prefix."""

    words: Sequence[str] = ()
    state: str | None = None
    kind: str | None = None
    competence: str | None = None
    cluster: str | None = None
    status: str | None = None
    released: bool = False
    """What is released for the public alone; nothing else can be listed without signing in."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An organisation of the directory with the version that was published."""

    organisation: Organisation
    sequence: int


def list_statement(filters: Filters, *, after: tuple[object, ...] | None, limit: int) -> tuple[str, list[object]]:
    """The statement and its parameters; only the filters that are set stand in it, so that the planner sees them."""
    conditions: list[str] = []
    parameters: list[object] = []

    def narrow(condition: str, *values: object) -> None:
        numbers = [f"${len(parameters) + place}" for place in range(1, len(values) + 1)]
        conditions.append(condition.format(*numbers))
        parameters.extend(values)

    if filters.words:
        # Folded words hold letters and digits only, so nothing in them is special to a tsquery; `:*` is a beginning.
        narrow(f"{_WORDS} @@ {{}}::tsquery", " & ".join(f"{word}:*" for word in filters.words))
    for column, value in (
        ("responsible_state", filters.state),
        ("kind", filters.kind),
        ("status", filters.status),
    ):
        if value is not None:
            narrow(column + " = {}", value)
    for column, code in (("competences", filters.competence), ("clusters", filters.cluster)):
        if code is not None:
            narrow(column + " @> array[{}::text]", code)
    if after is not None:
        narrow("(sort_name, organisation_id) > ({}, {}::uuid)", *after)
    where = f"where {' and '.join(conditions)} " if conditions else ""
    parameters.append(limit)
    # Views that ask what the policies ask, in a way that leaves the indexes to use (migrations/0007_rights.sql).
    source = "directory_released" if filters.released else "directory_shown"
    statement = (
        f"select sort_name, organisation_id, sequence, data from {source} "  # noqa: S608 - constants and placeholders
        f"{where}order by sort_name, organisation_id limit ${len(parameters)}"
    )
    return statement, parameters


async def listed(
    connection: Connection, filters: Filters, *, after: tuple[object, ...] | None, limit: int
) -> list[Record]:
    """Up to `limit` rows after that (sort_name, organisation_id): sort_name, organisation_id, sequence, data."""
    statement, parameters = list_statement(filters, after=after, limit=limit)
    return await connection.fetch(statement, *parameters)


async def get(connection: Connection, organisation_id: UUID) -> Entry | None:
    """An organisation of any state, as last published."""
    row = await connection.fetchrow("select sequence, data from directory where organisation_id = $1", organisation_id)
    return Entry(Organisation.model_validate_json(row["data"]), row["sequence"]) if row else None


async def state_of(connection: Connection, organisation_id: UUID) -> State | None:
    """Who is responsible for an organisation: by the own row, else by the directory, which may lag behind it."""
    state: str | None = await connection.fetchval(
        """select coalesce((select responsible_state from organisation where id = $1),
                           (select responsible_state from directory where organisation_id = $1))""",
        organisation_id,
    )
    return State(state) if state is not None else None
