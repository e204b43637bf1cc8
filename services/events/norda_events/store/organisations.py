"""The read model of organisations: what this service knows of them, from their topic alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg
from norda_common.database import Connection

from ..rules.search import beginnings, name_words

ERASED = "erased"

_UPSERT = """
with written as (
insert into organisation as o (id, state, name, words, status, kind, competences, sequence, merged_into)
select id, state, name, words, status, kind, string_to_array(competences, ' '), sequence, merged_into
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::uuid[])
     as row(id, state, name, words, status, kind, competences, sequence, merged_into)
order by id
on conflict (id) do update
set state = excluded.state, name = excluded.name, words = excluded.words, status = excluded.status,
    kind = excluded.kind, competences = excluded.competences, sequence = excluded.sequence,
    merged_into = excluded.merged_into
where o.sequence < excluded.sequence
returning new.id, old.merged_into as before, new.merged_into as after)
select id from written where before is distinct from after
"""


class KnownOrganisation(NamedTuple):
    """What the read model keeps of an organisation; `sequence` is the registry's version of it."""

    id: UUID
    state: str
    name: str
    status: str
    kind: str
    competences: tuple[str, ...]
    sequence: int
    merged_into: UUID | None = None


async def upsert(connection: Connection, organisations: Sequence[KnownOrganisation]) -> list[UUID]:
    """Store what is newer than what is known; one statement, each id once. Those that have been merged, or are no more.

    It locks in id order, so that two seldom deadlock: transactions of several calls still can, and one is tried again.
    """
    rows = await connection.fetch(
        _UPSERT,
        [item.id for item in organisations],
        [item.state for item in organisations],
        [item.name for item in organisations],
        [name_words(item.name) for item in organisations],
        [item.status for item in organisations],
        [item.kind for item in organisations],
        [" ".join(item.competences) for item in organisations],
        [item.sequence for item in organisations],
        [item.merged_into for item in organisations],
    )
    return [row["id"] for row in rows]


async def hold(connection: Connection, organisation_id: UUID) -> UUID:
    """Whom the organisation has become part of, itself if nobody; it stays so until the transaction ends.

    To be called before an event is locked: the consumer takes organisations first, too.
    """
    found: UUID = await connection.fetchval("select hold_organisation($1)", organisation_id)
    return found


async def successors(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Of each of these whom it has become part of, itself if nobody."""
    rows = await connection.fetch("select id, successor_of(id) as successor from unnest($1::uuid[]) as id", list(ids))
    return {row["id"]: row["successor"] for row in rows}


async def get(connection: Connection, organisation_id: UUID) -> KnownOrganisation | None:
    """The organisation as this service knows it; None when unknown or erased."""
    row = await connection.fetchrow(
        "select * from organisation where id = $1 and status <> $2", organisation_id, ERASED
    )
    return _organisation(row) if row else None


async def known(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, KnownOrganisation]:
    """Those of the ids that are known."""
    rows = await connection.fetch("select * from organisation where id = any($1) and status <> $2", ids, ERASED)
    return {row["id"]: _organisation(row) for row in rows}


async def page(connection: Connection, *, state: str | None, after: UUID | None, limit: int) -> list[KnownOrganisation]:
    """Organisations in id order, of one state or all."""
    rows = await connection.fetch(
        """select * from organisation
           where status <> $1 and ($2::text is null or state = $2) and ($3::uuid is null or id > $3)
           order by id limit $4""",
        ERASED,
        state,
        after,
        limit,
    )
    return [_organisation(row) for row in rows]


async def named(connection: Connection, words: str, *, limit: int) -> list[KnownOrganisation]:
    """Active organisations whose names have all these words or beginnings of words, in German order."""
    wanted = beginnings(words)
    if not wanted:
        return []
    rows = await connection.fetch(
        """select o.* from organisations_named($1::tsquery, $2) with ordinality as found(id, place)
           join organisation as o using (id) order by place""",
        wanted,
        limit,
    )
    return [_organisation(row) for row in rows]


def _organisation(row: asyncpg.Record) -> KnownOrganisation:
    return KnownOrganisation(
        id=row["id"],
        state=row["state"],
        name=row["name"],
        status=row["status"],
        kind=row["kind"],
        competences=tuple(row["competences"]),
        sequence=row["sequence"],
        merged_into=row["merged_into"],
    )
