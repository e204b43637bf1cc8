"""Searches saved under a name, who watches them, and up to where the directory was read for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.states import State
from pyroaring import BitMap

_COLUMNS = """
id, state, owner, name, query, shared, created_at,
exists (select from search_watch where search_id = id and subject = caller_subject()) as watched
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A saved search as whoever may see it does: `watched` by them. `query` is what `rules/saved_searches.py` reads."""

    id: UUID
    state: State
    owner: str
    name: str
    query: dict[str, Any]
    shared: bool
    created_at: datetime
    watched: bool


def _saved(row: Record) -> SavedSearch:
    return SavedSearch(**dict(row) | {"state": State(row["state"]), "query": json.loads(row["query"])})


async def insert(connection: Connection, saved: SavedSearch) -> bool:
    """Store a search; False when its owner has one of that name."""
    status = await connection.execute(
        """insert into saved_search (id, state, owner, name, query, shared, created_at)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict (state, owner, name) do nothing""",
        saved.id,
        saved.state,
        saved.owner,
        saved.name,
        json.dumps(saved.query),
        saved.shared,
        saved.created_at,
    )
    return affected(status) == 1


async def get(connection: Connection, search_id: UUID) -> SavedSearch | None:
    """A search that the caller may see."""
    row = await connection.fetchrow(f"select {_COLUMNS} from saved_search where id = $1", search_id)  # noqa: S608 - constants
    return _saved(row) if row else None


async def listed(connection: Connection, *, after: tuple[object, ...] | None, limit: int) -> list[SavedSearch]:
    """The searches that the caller may see, by name."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from saved_search
             where $1::text is null or (name, id) > ($1, $2) order by name, id limit $3""",  # noqa: S608
        *(after or (None, None)),
        limit,
    )
    return [_saved(row) for row in rows]


async def change(connection: Connection, search_id: UUID, *, name: str, shared: bool) -> bool:
    """Write name and whom it is for; False when its owner has another one of that name."""
    taken = await connection.fetchval(
        """select exists (select from saved_search as other join saved_search as this using (state, owner)
                           where this.id = $1 and other.id <> $1 and other.name = $2)""",
        search_id,
        name,
    )
    if not taken:
        await connection.execute(
            "update saved_search set name = $2, shared = $3 where id = $1", search_id, name, shared
        )
    return not taken


async def delete(connection: Connection, search_id: UUID) -> None:
    """Take a search away, with whoever watches it."""
    await connection.execute("delete from saved_search where id = $1", search_id)


async def keep_to_owner(connection: Connection, search_id: UUID, owner: str) -> None:
    """End the watching of all but the owner. For the service itself."""
    await connection.execute("delete from search_watch where search_id = $1 and subject <> $2", search_id, owner)


async def watch(connection: Connection, search_id: UUID, subject: str, *, now: datetime) -> None:
    """Tell this person of new matches from now on. Idempotent."""
    await connection.execute(
        "insert into search_watch (search_id, subject, since) values ($1, $2, $3) on conflict do nothing",
        search_id,
        subject,
        now,
    )


async def unwatch(connection: Connection, search_id: UUID, subject: str) -> None:
    """Tell this person no longer. Idempotent."""
    await connection.execute("delete from search_watch where search_id = $1 and subject = $2", search_id, subject)


async def is_watched(connection: Connection, search_id: UUID) -> bool:
    """Whether anybody watches it, so that it is known what matched. For the service itself."""
    return bool(await connection.fetchval("select exists (select from search_watch where search_id = $1)", search_id))


async def set_known(connection: Connection, search_id: UUID, known: BitMap) -> None:
    """Remember what matched. For the service itself."""
    await connection.execute("update saved_search set known = $2 where id = $1", search_id, known.serialize())


@dataclass(frozen=True, slots=True)
class Watched:
    """A search that somebody watches: what matched it already, and who is to be told."""

    id: UUID
    state: State
    name: str
    query: dict[str, Any]
    known: BitMap
    subjects: list[str]


async def watched(connection: Connection, states: Collection[State]) -> list[Watched]:
    """The searches of these states that somebody watches. For the service itself."""
    rows = await connection.fetch(
        """select id, state, name, query, known, array_agg(subject order by subject) as subjects
             from saved_search join search_watch on search_id = id
            where state = any($1::text[]) and known is not null group by id order by id""",
        list(states),
    )
    return [
        Watched(
            row["id"],
            State(row["state"]),
            row["name"],
            json.loads(row["query"]),
            BitMap.deserialize(row["known"]),
            row["subjects"],
        )
        for row in rows
    ]


async def take_turn(connection: Connection, *, wait: bool) -> bool:
    """Be the only transaction that reads the directory for searches, or that begins or ends watching one."""
    if wait:
        await connection.execute("select pg_advisory_xact_lock(hashtext('registry.search.follow'))")
        return True
    return bool(await connection.fetchval("select pg_try_advisory_xact_lock(hashtext('registry.search.follow'))"))


async def position(connection: Connection) -> tuple[str | None, str]:
    """Which snapshot was seen last, and the present one."""
    row = await connection.fetchrow("select seen::text, pg_current_snapshot()::text as present from search_position")
    if row is None:
        raise LookupError("search_position has no row")
    return row["seen"], row["present"]


async def set_position(connection: Connection, seen: str) -> None:
    """Remember which snapshot was seen."""
    await connection.execute("update search_position set seen = $1::text::pg_snapshot", seen)


async def written_since(connection: Connection, before: str, running: Sequence[str]) -> AsyncIterator[Record]:
    """The rows that transactions wrote which were not seen: slot, organisation_id, legal_name, search_text, facets."""
    async for row in connection.cursor(
        """select slot, organisation_id, legal_name, search_text, facets from directory
            where touched >= $1::text::xid8 or touched = any($2::text[]::xid8[])""",
        before,
        list(running),
        prefetch=1_000,
    ):
        yield row


async def remember_match(
    connection: Connection, match_id: UUID, search_id: UUID, state: State, *, now: datetime
) -> None:
    """Note what was said, so that it can be withdrawn."""
    await connection.execute(
        "insert into search_match (id, state, search_id, told_at) values ($1, $2, $3, $4)",
        match_id,
        state,
        search_id,
        now,
    )


async def forget_matches(connection: Connection, *, before: datetime, limit: int) -> list[tuple[UUID, State]]:
    """Take out what was said before that instant, the oldest first; ids and states."""
    rows = await connection.fetch(
        """delete from search_match where id = any(array(select id from search_match where told_at < $1
                                                          order by told_at limit $2)) returning id, state""",
        before,
        limit,
    )
    return [(row["id"], State(row["state"])) for row in rows]
