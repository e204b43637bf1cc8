"""Dead letters of one service: records that could not be read or handled, with original bytes, reason and trace."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord

from .contracts.envelope import trace_of
from .database import Connection, as_dict
from .identifiers import new_id

LAST_MS = 253_402_300_799_000
"""31 December 9999, the last instant Python and PostgreSQL agree on."""

_ADD = """
insert into dead_letter (id, consumer, topic, partition, "offset", record_time, key, value, headers, reason, detail,
                         traceparent)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (consumer, topic, partition, "offset", record_time) do nothing
"""
_LIST = """
select id, consumer, topic, partition, "offset", reason, detail, traceparent, failed_at, status
from dead_letter
where ($1::text is null or reason = $1) and ($2::text is null or status = $2)
order by failed_at desc limit $3
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
        detail.replace("\x00", "\ufffd")[:2000],
        trace_of(record.headers),
    )


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


async def newest(
    connection: Connection, *, reason: str | None = None, status: str | None = "open", limit: int = 100
) -> list[dict[str, Any]]:
    """The newest dead letters, without their bytes; `status` None means all."""
    return [as_dict(row) for row in await connection.fetch(_LIST, reason, status, limit)]


async def open_count(connection: Connection) -> int:
    """How many are open."""
    return int(await connection.fetchval("select count(*) from dead_letter where status = 'open'"))
