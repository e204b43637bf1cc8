"""Own organisations, their numbers, versions and contacts; a thousand rows cost as many round trips as one.

Invariant: `organisation.version` is the highest `organisation_version.version`, and held identifiers are unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules.profile import ACTIVE, identifiers
from ..rules.size_class import Figures


@dataclass(frozen=True, slots=True)
class Stored:
    """An own organisation with what is not published: its version and the office's figures."""

    organisation: Organisation
    version: int
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A version to be stored: what it says, what changed, who did it. `created` tells an insert from an update."""

    stored: Stored
    change: str
    changed_by: str
    changed_at: datetime
    created: bool


_COLUMNS = "version, data, employees, turnover_cents, balance_cents"


async def lock(connection: Connection, organisation_id: UUID) -> Stored | None:
    """The organisation, its row locked until the transaction ends."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from organisation where id = $1 for update",  # noqa: S608 - a constant
        organisation_id,
    )
    return _stored(row) if row else None


async def lock_many(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """Several organisations, locked in the order of their ids so that two imports cannot deadlock."""
    rows = await connection.fetch(
        f"select id, {_COLUMNS} from organisation where id = any($1) order by id for update",  # noqa: S608
        list(ids),
    )
    return {row["id"]: _stored(row) for row in rows}


async def get(connection: Connection, organisation_id: UUID) -> Stored | None:
    """The organisation as it is now."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from organisation where id = $1",  # noqa: S608
        organisation_id,
    )
    return _stored(row) if row else None


def _stored(row: Record) -> Stored:
    return Stored(
        Organisation.model_validate_json(row["data"]),
        row["version"],
        Figures(row["employees"], row["turnover_cents"], row["balance_cents"]),
    )


async def store(connection: Connection, changes: Sequence[Change]) -> None:
    """Write rows, identifiers and versions. Raises asyncpg.UniqueViolationError for a number that is held elsewhere."""
    created = [change for change in changes if change.created]
    updated = [change for change in changes if not change.created]
    documents = [change.stored.organisation.model_dump_json(exclude_none=True) for change in changes]
    by_change = dict(zip(map(id, changes), documents, strict=True))
    if created:
        await connection.copy_records_to_table(
            "organisation",
            columns=_ROW_COLUMNS,
            records=[_row(change, by_change[id(change)]) for change in created],
        )
    if updated:
        await connection.executemany(_UPDATE, [_row(change, by_change[id(change)]) for change in updated])
        await connection.execute(
            "delete from identifier where organisation_id = any($1)",
            [change.stored.organisation.organisation_id for change in updated],
        )
    await _store_identifiers(connection, changes)
    await connection.copy_records_to_table(
        "organisation_version",
        columns=["organisation_id", "version", "change", "changed_at", "changed_by", "data"],
        records=[
            (
                change.stored.organisation.organisation_id,
                change.stored.version,
                change.change,
                change.changed_at,
                change.changed_by,
                by_change[id(change)],
            )
            for change in changes
        ],
    )


_ROW_COLUMNS = [
    "id", "version", "responsible_state", "status", "kind", "legal_name", "own_id", "cluster_code", "data",
    "employees", "turnover_cents", "balance_cents",
]  # fmt: skip
_UPDATE = """
update organisation
   set version = $2, responsible_state = $3, status = $4, kind = $5, legal_name = $6, own_id = $7, cluster_code = $8,
       data = $9, employees = $10, turnover_cents = $11, balance_cents = $12
 where id = $1
"""


def _row(change: Change, document: str) -> tuple[Any, ...]:
    organisation, figures = change.stored.organisation, change.stored.figures
    return (
        organisation.organisation_id,
        change.stored.version,
        organisation.responsible_state,
        organisation.status,
        organisation.kind,
        organisation.legal_name,
        organisation.own_id,
        organisation.cluster_code,
        document,
        figures.employees,
        figures.turnover_cents,
        figures.balance_cents,
    )


async def _store_identifiers(connection: Connection, changes: Sequence[Change]) -> None:
    await connection.copy_records_to_table(
        "identifier",
        columns=["organisation_id", "kind", "value", "held"],
        records=[
            (organisation.organisation_id, item.kind, item.value, item.current and organisation.status == ACTIVE)
            for organisation in (change.stored.organisation for change in changes)
            for item in identifiers(organisation)
        ],
    )


async def set_contacts(connection: Connection, emails: dict[UUID, str]) -> None:
    """Keep one contact address per organisation."""
    await connection.execute(
        """insert into contact (organisation_id, email)
           select * from unnest($1::uuid[], $2::text[])
           on conflict (organisation_id) do update set email = excluded.email""",
        list(emails),
        list(emails.values()),
    )


async def remove_contact(connection: Connection, organisation_id: UUID) -> None:
    """Forget the contact address."""
    await connection.execute("delete from contact where organisation_id = $1", organisation_id)


async def contacts(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Contact addresses of these organisations."""
    rows = await connection.fetch(
        "select organisation_id, email from contact where organisation_id = any($1)", list(ids)
    )
    return {row["organisation_id"]: row["email"] for row in rows}


async def versions(connection: Connection, organisation_id: UUID, *, before: object, limit: int) -> list[Record]:
    """Versions of an own organisation, newest first; `before` is a version, or None for all."""
    return await connection.fetch(
        """select version, change, changed_at, changed_by, data from organisation_version
            where organisation_id = $1 and ($2::bigint is null or version < $2) order by version desc limit $3""",
        organisation_id,
        before,
        limit,
    )
