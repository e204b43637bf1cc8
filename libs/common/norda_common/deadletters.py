"""Dead letters of one service: records that could not be read or handled, with original bytes, reason and trace."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord

from .contracts.envelope import header_text
from .database import Connection, as_dict
from .identifiers import new_id

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
    """Keep a record as a dead letter; idempotent per consumer and place in the topic."""
    headers = [[name, None if raw is None else base64.b64encode(raw).decode()] for name, raw in record.headers]
    await connection.execute(
        _ADD,
        new_id(),
        consumer,
        record.topic,
        record.partition,
        record.offset,
        datetime.fromtimestamp(max(record.timestamp, 0) / 1000, UTC),
        record.key,
        record.value,
        json.dumps(headers),
        reason,
        detail[:2000],
        header_text(record.headers, "traceparent") or header_text(record.headers, "ce_traceparent"),
    )


async def newest(
    connection: Connection, *, reason: str | None = None, status: str | None = "open", limit: int = 100
) -> list[dict[str, Any]]:
    """The newest dead letters, without their bytes; `status` None means all."""
    return [as_dict(row) for row in await connection.fetch(_LIST, reason, status, limit)]


async def open_count(connection: Connection) -> int:
    """How many are open."""
    return int(await connection.fetchval("select count(*) from dead_letter where status = 'open'"))
