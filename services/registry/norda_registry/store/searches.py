"""Reading the directory: lists with filters, and finding by number.

Lists are ordered by the folded name (ä beside ae, as German lists of names have it, DIN 5007-2) or the last change, and
the id, so that a cursor stays valid while rows come and go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
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
    district: str | None = None
    """AGS of a district, or `NO_DISTRICT`."""
    released: bool = False
    """What is released for the public alone; nothing else can be listed without signing in."""


FEW = 1_000
"""So many rows are sorted in a millisecond or two."""
NO_DISTRICT = "none"
"""Stands for organisations whose district is not known."""


class Order(StrEnum):
    """What a list is ordered by."""

    NAME = "name"
    CHANGED = "changed"


_KEYS = {Order.NAME: "sort_name", Order.CHANGED: "changed_at"}


class Count(NamedTuple):
    """How many organisations have these in common."""

    state: str
    kind: str
    status: str
    district: str | None
    organisations: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An organisation of the directory with the version that was published."""

    organisation: Organisation
    sequence: int


def list_statement(
    filters: Filters,
    *,
    after: tuple[object, ...] | None,
    limit: int,
    order: Order = Order.NAME,
    descending: bool = False,
    few: bool = False,
) -> tuple[str, list[object]]:
    """The statement and its parameters; only the filters that are set stand in it, so that the planner sees them.

    `few`: that few rows fit is known, so they are to be found first and then sorted.
    """
    conditions, parameters = _narrowed(filters)
    key, direction, beyond = _KEYS[order], *(("desc", "<") if descending else ("asc", ">"))
    if after is not None:
        first = len(parameters) + 1
        conditions.append(f"({key}, organisation_id) {beyond} (${first}, ${first + 1}::uuid)")
        parameters.extend(after)
    parameters.append(limit)
    columns = "sort_name, changed_at, organisation_id, sequence, data"
    found = f"select {columns} from {_source(filters)} {_where(conditions)}"  # noqa: S608 - constants and placeholders
    ordered = f"order by {key} {direction}, organisation_id {direction} limit ${len(parameters)}"
    if few:
        return f"with found as materialized ({found}) select {columns} from found {ordered}", parameters  # noqa: S608
    return f"{found}{ordered}", parameters


def _narrowed(filters: Filters) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    parameters: list[object] = []

    def narrow(condition: str, value: object) -> None:
        parameters.append(value)
        conditions.append(condition.format(f"${len(parameters)}"))

    if filters.words:
        # Folded words hold letters and digits only, so nothing in them is special to a tsquery; `:*` is a beginning.
        narrow(f"{_WORDS} @@ {{}}::tsquery", " & ".join(f"{word}:*" for word in filters.words))
        if filters.released:
            # The index finds by all words; what is not shown must not be told by finding, either.
            narrow("shown_text like all({})", [f"% {word}%" for word in filters.words])
    if filters.district == NO_DISTRICT:
        conditions.append("district is null")
    elif filters.district is not None:
        narrow("district = {}", filters.district)
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
    return conditions, parameters


def _source(filters: Filters) -> str:
    """Views that ask what the policies ask, in a way that leaves the indexes to use (migrations/0007_rights.sql)."""
    return "directory_released" if filters.released else "directory_shown"


def _where(conditions: Sequence[str]) -> str:
    return f"where {' and '.join(conditions)} " if conditions else ""


async def listed(
    connection: Connection,
    filters: Filters,
    *,
    after: tuple[object, ...] | None,
    limit: int,
    order: Order = Order.NAME,
    descending: bool = False,
) -> list[Record]:
    """Up to `limit` rows after that (sort_name or changed_at, organisation_id): both, sequence, data."""
    # Of a rare word the few rows are to be sorted, of a frequent one the sorted rows to be filtered. PostgreSQL takes
    # every beginning of a word for equally rare, and a plan it keeps is one for any competence: so it is told.
    selective = bool(filters.words or filters.competence or filters.cluster)
    few = selective and await count(connection, filters, most=FEW) < FEW
    statement, parameters = list_statement(
        filters, after=after, limit=limit, order=order, descending=descending, few=few
    )
    return await connection.fetch(statement, *parameters)


async def count(connection: Connection, filters: Filters, *, most: int) -> int:
    """How many there are; it stops counting at `most`, so that a wide search costs no more than a narrow one."""
    conditions, parameters = _narrowed(filters)
    found: int = await connection.fetchval(
        f"select count(*) from (select from {_source(filters)} {_where(conditions)}"  # noqa: S608 - as above
        f"limit ${len(parameters) + 1}) as found",
        *parameters,
        most,
    )
    return found


async def counts(connection: Connection) -> list[Count]:
    """How many organisations there are by state, kind, status and district, counted from one index."""
    rows = await connection.fetch(
        """select responsible_state, kind, status, district, count(*) from directory_shown
            group by district, responsible_state, kind, status"""
    )
    return [Count(*row.values()) for row in rows]


async def get(connection: Connection, organisation_id: UUID) -> Entry | None:
    """An organisation of any state, as last published."""
    row = await connection.fetchrow("select sequence, data from directory where organisation_id = $1", organisation_id)
    return Entry(Organisation.model_validate_json(row["data"]), row["sequence"]) if row else None


async def names(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What organisations of any state are called, as last published."""
    rows = await connection.fetch(
        "select organisation_id, legal_name from directory where organisation_id = any($1)", list(set(ids))
    )
    return {row["organisation_id"]: row["legal_name"] for row in rows}


async def get_released(connection: Connection, organisation_id: UUID) -> Entry | None:
    """The same for everybody: None unless it is released for the public."""
    row = await connection.fetchrow(
        "select sequence, data from directory_released where organisation_id = $1", organisation_id
    )
    return Entry(Organisation.model_validate_json(row["data"]), row["sequence"]) if row else None


async def get_many(connection: Connection, ids: Sequence[UUID], *, released: bool = False) -> list[Entry]:
    """Organisations of any state as last published, in the order of their ids as given; unknown ones are left out."""
    if not ids:
        return []
    table = "directory_released" if released else "directory"
    rows = await connection.fetch(
        f"select organisation_id, sequence, data from {table} where organisation_id = any($1)",  # noqa: S608 - constants
        list(ids),
    )
    found = {row["organisation_id"]: row for row in rows}
    return [
        Entry(Organisation.model_validate_json(found[key]["data"]), found[key]["sequence"])
        for key in ids
        if key in found
    ]


async def state_of(connection: Connection, organisation_id: UUID) -> State | None:
    """Who is responsible for an organisation: by the own row, else by the directory, which may lag behind it."""
    state: str | None = await connection.fetchval(
        """select coalesce((select responsible_state from organisation where id = $1),
                           (select responsible_state from directory where organisation_id = $1))""",
        organisation_id,
    )
    return State(state) if state is not None else None


async def absorbed_by(connection: Connection, organisation_id: UUID) -> list[UUID] | None:
    """Which organisations became part of an organisation; None for one that nobody has published."""
    row = await connection.fetchrow(
        """select array(select jsonb_array_elements_text(data -> 'absorbed')::uuid) as absorbed
             from (select data from organisation where id = $1
                   union all
                   select data from directory where organisation_id = $1
                      and not exists (select from organisation where id = $1)) as known""",
        organisation_id,
    )
    return list(row["absorbed"]) if row else None
