"""Own organisations, their numbers, versions and contacts; a thousand rows cost as many round trips as one.

Invariant: `organisation.version` is the highest `organisation_version.version`, and held identifiers are unique.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.model import rfc3339
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.telemetry import current_trace_id

from ..rules.profile import ACTIVE, Identifier, identifiers
from ..rules.size_class import Figures


@dataclass(frozen=True, slots=True)
class Stored:
    """An own organisation with what is not published: its version and the office's figures."""

    organisation: Organisation
    version: int
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A version to be stored: what it says, what changed, who did it. `created` tells an insert from an update.

    `document` and `numbers` are the organisation's, where the caller has made them already.
    """

    stored: Stored
    change: str
    changed_by: str
    changed_at: datetime
    created: bool
    document: str | None = None
    numbers: Sequence[Identifier] | None = None


class NumberTaken(Exception):  # noqa: N818 - what happened, as the use cases' refusals
    """A number is held by another organisation, since a moment ago. Part of it all is written: roll back."""

    def __init__(self, kind: str, value: str) -> None:
        super().__init__(kind)
        self.number = (kind, value)


_COLUMNS = "organisation.version, organisation.data, figures.employees, figures.turnover_cents, figures.balance_cents"
# Both rows are locked: of a row that is only joined, a lock that had to wait would still show what was before.
_LOCKED = f"""
select organisation.id, {_COLUMNS}
  from organisation join figures on figures.organisation_id = organisation.id
"""  # noqa: S608 - constants


async def lock(connection: Connection, organisation_id: UUID) -> Stored | None:
    """The organisation, its row locked until the transaction ends; None also where the caller may not change it."""
    row = await connection.fetchrow(f"{_LOCKED} where organisation.id = $1 for update", organisation_id)
    return _stored(row) if row else None


async def lock_many(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """Several of them, locked in the order of their ids so that two imports cannot deadlock."""
    rows = await connection.fetch(
        f"{_LOCKED} where organisation.id = any($1) order by organisation.id for update", list(ids)
    )
    return {row["id"]: _stored(row) for row in rows}


async def get(connection: Connection, organisation_id: UUID) -> Stored | None:
    """The organisation as it is now; its figures are unknown to whom they are none of their business."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from organisation left join figures on figures.organisation_id = organisation.id
             where organisation.id = $1""",  # noqa: S608 - constants
        organisation_id,
    )
    return _stored(row) if row else None


def _stored(row: Record) -> Stored:
    return Stored(
        Organisation.model_validate_json(row["data"]),
        row["version"],
        Figures(row["employees"], row["turnover_cents"], row["balance_cents"]),
    )


# A number may go from one of these organisations to another, so all are taken back before any is given.
_TAKE_BACK = "delete from identifier where organisation_id = any($1)"
# One statement writes it all: a single organisation would wait for each round trip by itself. And policies judge what
# belongs to an organisation by whose it was before the statement (migrations/0007_rights.sql).
_STORE = """
with change as (
    select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::jsonb[], $10::int[], $11::bigint[], $12::bigint[], $13::text[],
                         $14::timestamptz[], $15::text[], $16::boolean[])
           as row(id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data,
                  employees, turnover_cents, balance_cents, change, changed_at, changed_by, created)
), created as (
    insert into organisation (id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data)
    select id, version, responsible_state, status, kind, legal_name, own_id, cluster_code, data
      from change where created
), updated as (
    update organisation
       set version = change.version, responsible_state = change.responsible_state, status = change.status,
           kind = change.kind, legal_name = change.legal_name, own_id = change.own_id,
           cluster_code = change.cluster_code, data = change.data
      from change
     where organisation.id = change.id and not change.created
), counted as (
    insert into figures (organisation_id, employees, turnover_cents, balance_cents)
    select id, employees, turnover_cents, balance_cents from change where created
), recounted as (
    update figures
       set employees = change.employees, turnover_cents = change.turnover_cents, balance_cents = change.balance_cents
      from change
     where figures.organisation_id = change.id and not change.created
       and (figures.employees, figures.turnover_cents, figures.balance_cents)
           is distinct from (change.employees, change.turnover_cents, change.balance_cents)
), numbers as (
    insert into identifier (organisation_id, kind, value, held)
    select * from unnest($17::uuid[], $18::text[], $19::text[], $20::boolean[])
    on conflict (kind, value) where held do nothing
    returning kind, value, held
), versions as (
    insert into organisation_version (organisation_id, version, change, changed_at, changed_by, data, trace_id)
    select id, version, change, changed_at, changed_by, data, $21::text from change
)
select kind, value from unnest($18::text[], $19::text[], $20::boolean[]) as wanted(kind, value, held) where held
except all
select kind, value from numbers where held
"""


def document_of(organisation: Organisation) -> str:
    """The document as it is stored and published."""
    return organisation.model_dump_json(exclude_none=True)


_CHANGED_AT = re.compile(r'"changed_at":"[^"]*"}$')


def dated_document(document: str, changed_at: datetime) -> str:
    """A document that `document_of` made, changed at another instant; of another release it stays as that wrote it."""
    dated, found = _CHANGED_AT.subn(f'"changed_at":"{rfc3339(changed_at)}"}}', document)
    if found:
        # What it ends with is all that differs; writing a document anew takes three times as long.
        return dated
    return document_of(Organisation.model_validate_json(document).model_copy(update={"changed_at": changed_at}))


async def store(connection: Connection, changes: Sequence[Change]) -> None:
    """Write rows, figures, identifiers and versions.

    Raises NumberTaken, and asyncpg.InsufficientPrivilegeError for another state's organisation.
    """
    documents = [change.document or document_of(change.stored.organisation) for change in changes]
    updated = [change.stored.organisation.organisation_id for change in changes if not change.created]
    if updated:
        await connection.execute(_TAKE_BACK, updated)
    rows = [_row(change, document) for change, document in zip(changes, documents, strict=True)]
    # Of a violated index PostgreSQL does not say which number it was: the table has policies.
    taken = await connection.fetch(
        _STORE, *zip(*rows, strict=True), *_columns(_numbers(changes), 4), current_trace_id()
    )
    if taken:
        raise NumberTaken(taken[0]["kind"], taken[0]["value"])


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
        change.change,
        change.changed_at,
        change.changed_by,
        change.created,
    )


def _numbers(changes: Sequence[Change]) -> list[tuple[UUID, str, str, bool]]:
    rows = list[tuple[UUID, str, str, bool]]()
    for change in changes:
        organisation = change.stored.organisation
        active = organisation.status == ACTIVE
        for item in identifiers(organisation) if change.numbers is None else change.numbers:
            rows.append((organisation.organisation_id, item.kind, item.value, item.current and active))
    return rows


# As `due_from_of` and `asked_at_of` say, which PostgreSQL would call for each of an import's thousand rows.
_SET_CONTACTS = """
insert into contact (organisation_id, email, state, due_from, asked_at)
select given.id, given.email, owner.responsible_state,
       case when owner.status = 'active' and owner.offered_to is null
                 and not exists (select from confirmation
                                  where organisation_id = given.id and state = owner.responsible_state
                                    and (ended_at is null or (answer = 'proposed' and decided_at is null)))
            then owner.confirmed_at end,
       coalesce((select max(sent_at) from confirmation
                  where organisation_id = given.id and state = owner.responsible_state), '-infinity')
  from unnest($1::uuid[], $2::text[]) as given(id, email) left join organisation as owner using (id)
on conflict (organisation_id) do update set email = excluded.email where contact.email <> excluded.email
returning organisation_id
"""


async def set_contacts(connection: Connection, emails: dict[UUID, str]) -> list[UUID]:
    """Keep one contact address per organisation; those whose address is another one now."""
    rows = await connection.fetch(
        _SET_CONTACTS,
        list(emails),
        list(emails.values()),
    )
    return [row["organisation_id"] for row in rows]


async def set_figures(connection: Connection, organisation_id: UUID, figures: Figures) -> None:
    """Write the figures that hold now."""
    await connection.execute(
        "update figures set employees = $2, turnover_cents = $3, balance_cents = $4 where organisation_id = $1",
        organisation_id,
        figures.employees,
        figures.turnover_cents,
        figures.balance_cents,
    )


async def lock_contacts(connection: Connection, ids: Sequence[UUID]) -> None:
    """Lock the contact addresses of these organisations until the transaction ends."""
    await connection.execute(
        "select from contact where organisation_id = any($1) order by organisation_id for update", list(ids)
    )


async def remove_contacts(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Forget the contact addresses of these organisations; who had one."""
    rows = await connection.fetch(
        "delete from contact where organisation_id = any($1) returning organisation_id", list(ids)
    )
    return [row["organisation_id"] for row in rows]


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
