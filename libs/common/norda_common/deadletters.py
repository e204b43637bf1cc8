"""Dead letters of one service: records that could not be read or handled, with original bytes, reason and trace.

This module holds the SQL. Invariants: an open letter is never forgotten, a closed one says who closed it and when, and
goes after KEEP_CLOSED. Letters of one consumer, topic, partition and key have an order, the topic's own (offset).
See docs/decisions/0066-dead-letters-are-replayed-where-they-failed.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord

from .contracts.envelope import trace_of
from .database import Connection, affected, as_dict
from .identifiers import new_id

LAST_MS = 253_402_300_799_000
"""31 December 9999, the last instant Python and PostgreSQL agree on."""
KEEP_CLOSED = timedelta(days=30)
"""How long a replayed or discarded letter can still be looked at; its bytes may be personal data."""
COUNTED_AT_MOST = 100_001

OPEN, REPLAYED, DISCARDED = "open", "replayed", "discarded"
Place: TypeAlias = tuple[str, str, int, int, UUID]
"""Consumer, topic, partition, offset, id: the order in which letters are replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant; None means any. `ids` beside others narrows further."""

    status: str | None = OPEN
    reason: str | None = None
    consumer: str | None = None
    topic: str | None = None
    ids: Sequence[UUID] | None = None

    def parameters(self) -> tuple[str | None, str | None, str | None, str | None, list[UUID] | None]:
        """The first five parameters of every statement that filters."""
        return self.status, self.reason, self.consumer, self.topic, None if self.ids is None else list(self.ids)


_MATCHES = """($1::text is null or status = $1) and ($2::text is null or reason = $2)
  and ($3::text is null or consumer = $3) and ($4::text is null or topic = $4)
  and ($5::uuid[] is null or id = any($5))"""
_ADD = """
insert into dead_letter (id, consumer, topic, partition, "offset", record_time, key, value, headers, reason, detail,
                         traceparent)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (consumer, topic, partition, "offset", record_time) do nothing
"""
_SUMMARY = """id, consumer, topic, partition, "offset", record_time, reason, detail, traceparent, failed_at, status,
       tries, tried_at, tried_by, closed_at, closed_by"""
_NEWEST = f"""
select {_SUMMARY}, coalesce(octet_length(value), 0) as value_bytes
from dead_letter where {_MATCHES} and ($6::uuid is null or id < $6)
order by id desc limit $7
"""  # noqa: S608 - constants
_COUNTS = f"""
select consumer, topic, reason, count(*) as letters, min(failed_at) as first_failed_at, max(failed_at) as last_failed_at
from dead_letter where {_MATCHES}
group by consumer, topic, reason order by letters desc, consumer, topic, reason limit 200
"""  # noqa: S608
_WHOLE = f"select {_SUMMARY}, key, value, headers from dead_letter where id = $1"  # noqa: S608
_IN_ORDER = f"""
select id, consumer, topic, partition, "offset" from dead_letter
where {_MATCHES}
  and ($6::text is null or (consumer, topic, partition, "offset", id) > ($6, $7::text, $8::int, $9::bigint, $10::uuid))
order by consumer, topic, partition, "offset", id limit $11
"""  # noqa: S608
_OPEN_BEFORE = """
select id from dead_letter
where status = 'open' and md5(key) = md5($4::bytea) and key = $4 and consumer = $1 and topic = $2 and partition = $3
  and ("offset", record_time) < ($5, $6)
order by "offset", record_time limit $7
"""
# With a request of a person, or an answer to one, the address goes: it is kept nowhere once that is dealt with.
_CLOSE = r"""
update dead_letter set status = $2, closed_at = $3, closed_by = $4,
                       value = case when topic ~ '\.privacy(request|answer)\.' then null else value end
where id = $1
"""
_KEEP_OPEN = """
update dead_letter set reason = $2, detail = $3, tries = tries + 1, tried_at = $4, tried_by = $5 where id = $1
"""


async def add(
    connection: Connection,
    *,
    consumer: str,
    record: ConsumerRecord[bytes | None, bytes | None],
    reason: str,
    detail: str,
) -> None:
    """Keep a record as a dead letter; idempotent per consumer and place in the topic.

    Total: whatever the record holds, it can be kept. Header names and values are stored in base64, since neither need
    be text that PostgreSQL takes.
    """
    headers = [[_text(name.encode(errors="replace")), _text(raw)] for name, raw in record.headers]
    await connection.execute(
        _ADD,
        new_id(),
        consumer,
        record.topic,
        record.partition,
        record.offset,
        datetime.fromtimestamp(min(max(record.timestamp, 0), LAST_MS) / 1000, UTC),
        record.key,
        record.value,
        json.dumps(headers),
        reason,
        _bounded(detail),
        trace_of(record.headers),
    )


async def newest(
    connection: Connection, wanted: Filter, *, before: UUID | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest dead letters without their bytes, those before an id when one is given (ids grow with time)."""
    return [as_dict(row) for row in await connection.fetch(_NEWEST, *wanted.parameters(), before, limit)]


async def counts(connection: Connection, wanted: Filter) -> list[dict[str, Any]]:
    """How many there are per consumer, topic and reason, most first; at most 200 rows."""
    return [as_dict(row) for row in await connection.fetch(_COUNTS, *wanted.parameters())]


async def whole(connection: Connection, letter_id: UUID, *, lock: bool = False) -> asyncpg.Record | None:
    """One letter with its bytes; with `lock` its row is held until the transaction ends. None when there is none."""
    return await connection.fetchrow(f"{_WHOLE} for update" if lock else _WHOLE, letter_id)


async def in_order(
    connection: Connection, wanted: Filter, *, after: Place | None = None, limit: int
) -> list[asyncpg.Record]:
    """The places of letters in the order in which they are to be replayed, those after a place when one is given."""
    place = after or (None, None, None, None, None)
    return list(await connection.fetch(_IN_ORDER, *wanted.parameters(), *place, limit))


async def open_before(connection: Connection, letter: asyncpg.Record, *, limit: int = 20) -> list[UUID]:
    """Open letters of the same consumer, topic, partition and key that lie before this one, oldest first.

    A record without a key has no order. Partitions are never added to a topic, so a key stays in its own.
    """
    rows = await connection.fetch(
        _OPEN_BEFORE,
        letter["consumer"],
        letter["topic"],
        letter["partition"],
        letter["key"],
        letter["offset"],
        letter["record_time"],
        limit,
    )
    return [row["id"] for row in rows]


async def close(connection: Connection, letter_id: UUID, *, status: str, by: str, now: datetime) -> None:
    """Close a letter that the caller has locked and found open."""
    await connection.execute(_CLOSE, letter_id, status, now, by)


async def keep_open(
    connection: Connection, letter_id: UUID, *, reason: str, detail: str, by: str, now: datetime
) -> None:
    """Note that a replay of a locked, open letter failed, and why."""
    await connection.execute(_KEEP_OPEN, letter_id, reason, _bounded(detail), now, by)


async def forget_closed(connection: Connection, *, now: datetime) -> int:
    """Delete letters closed for longer than KEEP_CLOSED; returns how many. Open ones stay for ever."""
    status = await connection.execute(
        "delete from dead_letter where status <> 'open' and closed_at < $1", now - KEEP_CLOSED
    )
    return affected(status)


async def open_count(connection: Connection) -> int:
    """How many are open; exact up to 100,000, so that a burst does not make counting it a burden."""
    counted = "select count(*) from (select from dead_letter where status = 'open' limit $1) as counted"
    return int(await connection.fetchval(counted, COUNTED_AT_MOST))


def record_of(letter: asyncpg.Record) -> ConsumerRecord[bytes | None, bytes | None]:
    """The record as it was delivered, from a whole letter."""
    key, value = letter["key"], letter["value"]
    return ConsumerRecord(
        topic=letter["topic"],
        partition=letter["partition"],
        offset=letter["offset"],
        timestamp=round(letter["record_time"].timestamp() * 1000),
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=-1 if key is None else len(key),
        serialized_value_size=-1 if value is None else len(value),
        headers=headers_of(letter),
    )


def headers_of(letter: asyncpg.Record) -> list[tuple[str, Any]]:
    """The record's headers; a value is bytes, or None where it was null."""
    return [
        (base64.b64decode(name).decode(errors="replace"), None if raw is None else base64.b64decode(raw))
        for name, raw in json.loads(letter["headers"])
    ]


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _bounded(detail: str) -> str:
    return detail.replace("\x00", "\ufffd")[:2000]
