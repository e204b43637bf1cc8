"""Mergers: proposed, done and taken back; and acting for the other one's office, which has agreed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection, affected
from norda_common.rights import Role
from norda_common.states import State

from ..rules.merging import MergerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Merger:
    """A merger as stored. Without `merged_at` it is a proposal; the versions are those it made."""

    id: UUID
    merged_id: UUID
    kept_id: UUID
    merged_state: State
    kept_state: State
    kind: MergerKind
    merged_on: date
    taken: tuple[str, ...]
    proposed_at: datetime
    proposed_by: str
    merged_at: datetime | None = None
    merged_by: str | None = None
    merged_version: int | None = None
    kept_version: int | None = None
    undone_at: datetime | None = None
    undone_by: str | None = None


_COLUMNS = """id, merged_id, kept_id, merged_state, kept_state, kind, merged_on, taken, proposed_at, proposed_by,
       merged_at, merged_by, merged_version, kept_version, undone_at, undone_by"""


async def propose(connection: Connection, merger: Merger) -> bool:
    """Store a proposal; False when there is one for the same organisation, or a merger that stands."""
    status = await connection.execute(
        """insert into merger (id, merged_id, kept_id, merged_state, kept_state, kind, merged_on, taken, proposed_at,
                               proposed_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           on conflict (merged_id) where undone_at is null do nothing""",
        merger.id,
        merger.merged_id,
        merger.kept_id,
        merger.merged_state.value,
        merger.kept_state.value,
        merger.kind.value,
        merger.merged_on,
        list(merger.taken),
        merger.proposed_at,
        merger.proposed_by,
    )
    return affected(status) > 0


async def carry_out(
    connection: Connection, merger_id: UUID, *, merged_version: int, kept_version: int, by: str, now: datetime
) -> None:
    """Note that a proposal has been carried out."""
    await connection.execute(
        """update merger set merged_at = $2, merged_by = $3, merged_version = $4, kept_version = $5 where id = $1""",
        merger_id,
        now,
        by,
        merged_version,
        kept_version,
    )


async def take_back(connection: Connection, merger_id: UUID, *, by: str, now: datetime) -> None:
    """Note that a merger has been undone."""
    await connection.execute("update merger set undone_at = $2, undone_by = $3 where id = $1", merger_id, now, by)


async def withdraw(connection: Connection, merger_id: UUID) -> bool:
    """Take a proposal away; whether it was still one."""
    return affected(await connection.execute("delete from merger where id = $1 and merged_at is null", merger_id)) > 0


async def drop_proposals(connection: Connection, organisation_id: UUID) -> list[Merger]:
    """Take all proposals away in which an organisation has a part, and return them; mergers that were done stay."""
    rows = await connection.fetch(
        f"delete from merger where $1 in (merged_id, kept_id) and merged_at is null returning {_COLUMNS}",  # noqa: S608 - constants
        organisation_id,
    )
    return [_merger(row) for row in rows]


async def latest(connection: Connection, merged_id: UUID) -> Merger | None:
    """The merger of an organisation into another: the one that stands or is proposed, else the last one undone."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from merger where merged_id = $1
             order by undone_at desc nulls first limit 1""",  # noqa: S608 - constants
        merged_id,
    )
    return _merger(row) if row else None


async def of(connection: Connection, organisation_id: UUID) -> list[Merger]:
    """Mergers and proposals in which an organisation has a part, the newest first; at most fifty."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from merger where kept_id = $1 or merged_id = $1
             order by proposed_at desc limit 50""",  # noqa: S608 - constants
        organisation_id,
    )
    return [_merger(row) for row in rows]


async def proposals(connection: Connection, state: State, *, limit: int) -> list[Merger]:
    """Proposals that an office has made or has to answer, the oldest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from merger where merged_at is null and $1 in (merged_state, kept_state)
             order by proposed_at limit $2""",  # noqa: S608 - constants
        state.value,
        limit,
    )
    return [_merger(row) for row in rows]


async def versions(connection: Connection, organisation_id: UUID, wanted: Sequence[int]) -> dict[int, Organisation]:
    """These versions of an own organisation."""
    rows = await connection.fetch(
        "select version, data from organisation_version where organisation_id = $1 and version = any($2)",
        organisation_id,
        list(wanted),
    )
    return {row["version"]: Organisation.model_validate_json(row["data"]) for row in rows}


async def counts(connection: Connection, organisation_id: UUID) -> dict[str, int]:
    """How many participations and, of those the caller may know of, notes an organisation has."""
    row = await connection.fetchrow(
        """select (select count(*) from participation where organisation_id = $1) as participations,
                  (select count(*) from note where organisation_id = $1) as notes""",
        organisation_id,
    )
    return dict(row) if row else {}


async def keep_replaced(connection: Connection, merger_id: UUID, organisation_id: UUID, email: str) -> None:
    """Keep the address that gives way by a merger, until it cannot be undone any more."""
    await connection.execute(
        "insert into contact_replaced (merger_id, organisation_id, email) values ($1, $2, $3)",
        merger_id,
        organisation_id,
        email,
    )


async def take_replaced(connection: Connection, merger_id: UUID) -> str | None:
    """The address that gave way by a merger, which is kept no longer; None where there was none, or it was erased."""
    found: str | None = await connection.fetchval(
        "delete from contact_replaced where merger_id = $1 returning email", merger_id
    )
    return found


async def successor(connection: Connection, organisation_id: UUID) -> UUID:
    """Whom an organisation has become part of, after however many mergers; itself where it has not."""
    found: UUID = await connection.fetchval("select successor_of($1)", organisation_id)
    return found


async def successors(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The same of several, by their ids; no round trip for none."""
    if not ids:
        return {}
    rows = await connection.fetch("select id, successor_of(id) as became from unnest($1::uuid[]) as id", list(ids))
    return {row["id"]: row["became"] for row in rows}


async def released_successor(connection: Connection, organisation_id: UUID) -> UUID | None:
    """Where the public profile of a merged organisation has gone; for everybody."""
    found: UUID | None = await connection.fetchval("select released_successor($1)", organisation_id)
    return found


@asynccontextmanager
async def acting_for(connection: Connection, state: State) -> AsyncIterator[None]:
    """Let a part of the running transaction act for another state's office, which proposed or agreed to what is done.

    The settings are the transaction's: an exception ends both.
    """
    before = await connection.fetchrow(
        """with before as materialized (select current_setting('norda.roles', true) as roles,
                                               current_setting('norda.state', true) as state)
           select roles, state, set_config('norda.roles', $1, true), set_config('norda.state', $2, true) from before""",
        Role.OFFICE.value,
        state.value,
    )
    yield
    await connection.execute(
        "select set_config('norda.roles', $1, true), set_config('norda.state', $2, true)",
        (before and before["roles"]) or "",
        (before and before["state"]) or "",
    )


def _merger(row: Record) -> Merger:
    fields = dict(row.items())
    return Merger(
        **fields
        | {
            "merged_state": State(row["merged_state"]),
            "kept_state": State(row["kept_state"]),
            "kind": MergerKind(row["kind"]),
            "taken": tuple(row["taken"]),
        }
    )
