"""Blocked outbox rows: events the relay could not publish, each holding back its own topic and key until it can.

A row is never dropped: readers of its key would meet a hole in the sequence, and keep an older state until its next
event. So the cause is mended (the topic made, its limits or rights changed) and the row is sent again. The relay marks
rows and alone takes the mark away, between two sweeps (`outbox_reader.py`); this module shows them, and asks for it.
"""

from __future__ import annotations

from typing import Any

from .database import Connection, as_dict

_BLOCKED = """
with page as (
    select id, topic, key, event_id, type, sequence, traceparent, created_at, blocked_at, blocked_reason as reason,
           coalesce(octet_length(value), 0) as value_bytes
    from outbox
    where blocked_at > '-infinity' and id > $1 and ($2::text is null or blocked_reason = $2)
      and ($3::text is null or topic = $3)
    order by id limit $4
)
select page.*, count(behind.id) as waiting
from page left join outbox as behind on behind.topic = page.topic and behind.key = page.key and behind.id > page.id
group by page.id, page.topic, page.key, page.event_id, page.type, page.sequence, page.traceparent, page.created_at,
         page.blocked_at, page.reason, page.value_bytes
order by page.id
"""
_RETRY = "update outbox set blocked_at = '-infinity' where id = $1 and blocked_at is not null returning id"


async def blocked_rows(
    connection: Connection, *, after: int, reason: str | None, topic: str | None, limit: int
) -> list[dict[str, Any]]:
    """Blocked rows in the order of their ids, with how many rows of their topic and key wait behind each."""
    return [as_dict(row) for row in await connection.fetch(_BLOCKED, after, reason, topic, limit)]


async def retry(connection: Connection, row_id: int) -> bool:
    """Ask the relay to send a blocked row again; False when there is no such row or it is not blocked. Idempotent."""
    return await connection.fetchval(_RETRY, row_id) is not None
