"""Which rows of the outbox come next: in id order, each until it is deleted, also those whose transaction commits late.

An id is drawn before its transaction commits, so a row can appear below ids that were read before. Reading from the
oldest row each time would meet it, but also steps over everything deleted since the last vacuum, which a long foreign
transaction holds up: each read would cost more than the one before. So reads begin at a *floor* that follows the newest
id closely. A transaction that may still bring a row holds a lock on the table: `begin` asks who does, and when such a
transaction has ended, the floor goes back once to where it can have begun. See docs/decisions/0060-outbox-floor.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from .database import affected

Row: TypeAlias = asyncpg.Record
"""A row of `_COLUMNS`, in their order; the key as text, `headers` as they stand in a Kafka record."""

PAGE_BYTES = 8 * 1024 * 1024
"""What one read may bring into memory, beside its last row; two reads are in memory at once."""
SETTLE_SECONDS = 0.1
COUNTED = 100_000
"""Up to here the backlog is counted exactly."""

ALWAYS_BY_INDEX = "set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off"
"""A table that is empty whenever it is analysed looks small to the planner, whatever has passed through it; its reads
would then go through all of it."""

_WITHOUT_WAITING = "set synchronous_commit = off"
"""A delete that a crash of the server forgets is an event sent again, as is allowed; waiting for the disk after each
page was most of an event's way at ordinary load. What is read was committed by others, who do wait."""

_COLUMNS = "id, topic, key::text, headers, traceparent, value"
# The running total of bytes bounds a read; `rows` spares the sorting out of peers. A blocked row holds back what
# follows for its topic and key, which is looked up only while there is one.
_PAGE = f"""
with gone as ({{delete}})
select {_COLUMNS}
from (select o.*, sum(octet_length(value)) over (order by id rows unbounded preceding) - octet_length(value) as before
      from outbox as o where id > $1 and blocked_at is null {{condition}} order by id limit $2) as page
where coalesce(before, 0) < {PAGE_BYTES}
"""  # noqa: S608 - constants alone are spliced
_BEHIND_BLOCKED = """and not exists (
    select from outbox as b where b.blocked_at is not null and b.topic = o.topic and b.key = o.key and b.id < o.id)"""
_DELETE = "delete from outbox where id = any($1::bigint[])"
_BLOCK = "update outbox set blocked_at = now(), blocked_reason = $2 where id = any($1::bigint[])"
_UNBLOCK = """update outbox set blocked_at = null
where blocked_at is not null
  and (blocked_at = '-infinity'
       or blocked_reason = 'unknown_topic' and topic = any($2)
       or blocked_at < now() - make_interval(secs => $1)
          and (blocked_reason = 'TopicAuthorizationFailedError'
               or blocked_reason = 'unknown_topic' and topic <> all($3)))"""
_WRITERS = """
select virtualtransaction from pg_locks
where locktype = 'relation' and relation = 'outbox'::regclass and mode = 'RowExclusiveLock' and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())
"""
_BACKLOG = f"""
with last as materialized (select coalesce(pg_sequence_last_value(pg_get_serial_sequence('outbox', 'id')), 0) as id),
oldest as materialized (select id, created_at from outbox where id > $1 and blocked_at is null order by id limit 1)
select (select count(*) from (select from outbox where id > $1 limit {COUNTED + 1}) as counted) as backlog,
       coalesce(extract(epoch from clock_timestamp() - (select created_at from oldest)), 0)::float8 as age,
       coalesce((select id - 1 from oldest), (select id from last)) as start,
       (select count(*) from outbox where blocked_at is not null) as blocked
"""  # noqa: S608 - constants alone are spliced


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. `rows` is exact up to 100,000; `start` is where the next measurement may begin to look."""

    rows: int
    oldest_age_seconds: float
    start: int
    blocked: int


async def measure(connection: asyncpg.Connection[asyncpg.Record], *, start: int) -> Backlog:
    """Count what waits above `start`, and the blocked rows wherever they are; cheap however much was deleted before."""
    row = await connection.fetchrow(_BACKLOG, start)
    assert row is not None  # noqa: S101 - the statement has no condition
    return Backlog(row["backlog"], row["age"], row["start"], row["blocked"])


class OutboxReader:
    """Reads and deletes over the connection that holds the lease, in sweeps: `begin`, then `page` after `page`."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        # A page read ahead and a heartbeat may want the connection at once.
        self._turn = asyncio.Lock()
        self._ahead: asyncio.Task[list[Row]] | None = None
        self._page: PreparedStatement[Row]
        self._page_beside_blocked: PreparedStatement[Row]
        self._delete: PreparedStatement[Row]
        self._highest = 0
        self._settled = 0
        self._settled_at = 0.0
        self._writers: dict[str, int] = {}
        self._floor = 0
        self._read_up_to: int | None = None
        self._blocked = 0

    async def start(self) -> None:
        """Prepare the statements and learn what is blocked."""
        await self._connection.execute(f"{ALWAYS_BY_INDEX}; {_WITHOUT_WAITING}")
        delete = _DELETE.replace("$1", "$3")
        self._page = await self._connection.prepare(_PAGE.format(delete=delete, condition=""))
        self._page_beside_blocked = await self._connection.prepare(
            _PAGE.format(delete=delete, condition=_BEHIND_BLOCKED)
        )
        self._delete = await self._connection.prepare(_DELETE)
        await self.measure()

    async def begin(self) -> int:
        """Where a sweep begins: the floor, or where the last sweep broke off if that is lower.

        Each question who may still bring rows must be followed by a sweep, or the floor would pass what they brought.
        """
        if time.monotonic() - self._settled_at > SETTLE_SECONDS:
            await self._settle()
        return self._floor if self._read_up_to is None else min(self._floor, self._read_up_to)

    async def page(self, after: int, limit: int, *, done: Sequence[int] = ()) -> list[Row]:
        """The next rows above `after`, at most `limit` of them and PAGE_BYTES. Deletes those that are `done`, too:
        PostgreSQL is asked once for both, and works on both while rows read before are encoded.
        """
        async with self._turn:
            statement = self._page_beside_blocked if self._blocked else self._page
            rows = await statement.fetch(after, limit, done)
        self._read_up_to = rows[-1]["id"] if rows else None
        if rows:
            self._highest = max(self._highest, rows[-1]["id"])
        return rows

    def read_ahead(self, after: int | None, limit: int, *, done: Sequence[int] = ()) -> Awaitable[list[Row]]:
        """Begin to read the page above `after` at once, to be awaited later; without `after` it only deletes."""
        self._ahead = asyncio.create_task(
            self.page(after, limit, done=done) if after is not None else self._only_delete(done)
        )
        return self._ahead

    async def stop(self) -> None:
        """Give up what is being read ahead, so that the connection can be closed."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait([self._ahead])

    async def _only_delete(self, ids: Sequence[int]) -> list[Row]:
        await self.delete(ids)
        return []

    async def delete(self, ids: Sequence[int]) -> None:
        """Forget what Kafka has acknowledged."""
        if ids:
            async with self._turn:
                await self._delete.fetch(ids)

    async def block(self, ids: Sequence[int], reason: str) -> None:
        """Hold rows back, and with them what follows for their topic and key."""
        async with self._turn:
            self._blocked += len(ids)
            await self._connection.execute(_BLOCK, ids, reason)

    async def unblock(self, *, after_seconds: float, appeared: Sequence[str] = (), missing: Sequence[str] = ()) -> None:
        """Let blocked rows go on: those an operator has mended, and those for topics that have `appeared`; so long
        after they were blocked, also those that were not allowed, or whose topic is not known to be still `missing`.

        Topics are named as in the rows, without prefix. The number of blocked rows is right after the next `measure`.
        To be called between two sweeps: the next one begins at the very start, so that each key goes on where it
        stopped, before anything newer.
        """
        if not self._blocked:
            return
        async with self._turn:
            released = affected(await self._connection.execute(_UNBLOCK, after_seconds, appeared, missing))
        if released:
            self._blocked -= released
            self._floor = self._settled = 0

    async def measure(self) -> Backlog:
        """Count what waits."""
        async with self._turn:
            backlog = await measure(self._connection, start=self._floor)
        if backlog.blocked < self._blocked:
            # Somebody has changed blocked rows by hand: begin anew, so that they are met at all.
            self._floor = self._settled = 0
        self._blocked = backlog.blocked
        return backlog

    async def _settle(self) -> None:
        """Move the floor: up to what was settled before, or down to where a transaction now ended can have begun."""
        # Read before the question: whoever draws an id after the answer draws a higher one.
        highest = self._highest
        async with self._turn:
            writers = {row["virtualtransaction"] for row in await self._connection.fetch(_WRITERS)}
        ended = [began for writer, began in self._writers.items() if writer not in writers]
        # Who was not there the last time has drawn nothing below what had been read then.
        self._writers = {writer: self._writers.get(writer, self._settled) for writer in writers}
        self._floor = min([self._settled, *ended])
        self._settled = highest
        self._settled_at = time.monotonic()
