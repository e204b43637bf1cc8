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
from norda_common.telemetry import current_trace_id

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


# One statement writes rows, numbers and versions: a single organisation would wait for each round trip by itself.
_STORE = """
with change as (
    select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::jsonb[], $10::int[], $11::bigint[], $12::bigint[], $13::text[],
                         $14::timestamptz[], $15::text[], $16::boolean[])
           as row(id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data,
                  employees, turnover_cents, balance_cents, change, changed_at, changed_by, created)
), created as (
    insert into organisation (id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data,
                              employees, turnover_cents, balance_cents)
    select id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data,
           employees, turnover_cents, balance_cents
      from change where created
), numbers as (
    insert into identifier (organisation_id, kind, value, held)
    select * from unnest($17::uuid[], $18::text[], $19::text[], $20::boolean[])
)
insert into organisation_version (organisation_id, version, change, changed_at, changed_by, data, trace_id)
select id, version, change, changed_at, changed_by, data, $21::text from change
"""
_UPDATE = """
with updated as (
    update organisation
       set version = row.version, responsible_state = row.responsible_state, status = row.status, kind = row.kind,
           legal_name = row.legal_name, own_id = row.own_id, cluster_code = row.cluster_code, data = row.data,
           employees = row.employees, turnover_cents = row.turnover_cents, balance_cents = row.balance_cents
      from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                  $9::jsonb[], $10::int[], $11::bigint[], $12::bigint[])
           as row(id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data,
                  employees, turnover_cents, balance_cents)
     where organisation.id = row.id
)
delete from identifier where organisation_id = any($1)
"""


async def store(connection: Connection, changes: Sequence[Change]) -> None:
    """Write rows, identifiers and versions. Raises asyncpg.UniqueViolationError for a number that is held elsewhere."""
    documents = [change.stored.organisation.model_dump_json(exclude_none=True) for change in changes]
    rows = [_row(change, document) for change, document in zip(changes, documents, strict=True)]
    updated = [row for row, change in zip(rows, changes, strict=True) if not change.created]
    if updated:
        # A number may go from one of these organisations to another, so all are taken back before any is given.
        await connection.execute(_UPDATE, *zip(*updated, strict=True))
    about = [(change.change, change.changed_at, change.changed_by, change.created) for change in changes]
    await connection.execute(
        _STORE,
        *zip(*rows, strict=True),
        *zip(*about, strict=True),
        *_columns(_numbers(changes), 4),
        current_trace_id(),
    )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    """Rows as columns; as many of them where there is no row."""
    return list(zip(*rows, strict=True)) or [()] * width


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


def _numbers(changes: Sequence[Change]) -> list[tuple[UUID, str, str, bool]]:
    return [
        (organisation.organisation_id, item.kind, item.value, item.current and organisation.status == ACTIVE)
        for organisation in (change.stored.organisation for change in changes)
        for item in identifiers(organisation)
    ]


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
        """select version, change, changed_at, changed_by, data, trace_id from organisation_version
            where organisation_id = $1 and ($2::bigint is null or version < $2) order by version desc limit $3""",
        organisation_id,
        before,
        limit,
    )
