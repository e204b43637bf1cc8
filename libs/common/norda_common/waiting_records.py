"""A person's records where they wait: dead letters, and events of the outbox that Kafka refuses.

What is asked about a person concerns these, too. Only private topics hold persons. A request of a person that waits
itself is left as it is: whoever has not met it must still learn whom it is about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .addresses import mention_of
from .database import Connection

_AT_ONCE = 200
_LETTERS = """
select 'dead_letter' as place, id::text as id, topic, status = 'open' as is_open, failed_at as since, value
  from dead_letter
 where value is not null and topic like '%internal.%'
   and (status <> 'open' or topic not like '%.registry.privacyrequest.%')
"""
_BLOCKED = """
select 'outbox' as place, id::text as id, topic, true as is_open, created_at as since, value from outbox
 where blocked_at is not null and value is not null and topic like '%internal.%'
   and topic not like '%.registry.privacyrequest.%'
"""
# Sent as a tombstone: what is said of its key afterwards is one, too.
_EMPTY_BLOCKED = "update outbox set value = $2 where id = $1::bigint and blocked_at is not null"
_EMPTY_LETTER = """
update dead_letter
   set value = $2,
       status = case when status = 'open' and $2::bytea is null then 'discarded' else status end,
       detail = case when $2::bytea is null then '' else detail end,
       closed_at = case when $2::bytea is null then coalesce(closed_at, $3) end,
       closed_by = case when $2::bytea is null then coalesce(closed_by, 'system') end
 where id = $1::uuid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A record about somebody: a dead letter, or a blocked row of the outbox."""

    place: Literal["dead_letter", "outbox"]
    id: str
    topic: str
    is_open: bool
    since: datetime
    value: bytes

    def __repr__(self) -> str:
        """Without what it says, so that no traceback or log shows it."""
        return f"Waiting({self.place} {self.id})"


async def waiting_about(connection: Connection, addresses: Sequence[str]) -> Sequence[Waiting]:
    """What waits of the person with these addresses; reads all that waits of private topics."""
    found: list[Waiting] = []
    if not addresses:
        return found
    mention = mention_of(*addresses)
    for statement in (_LETTERS, _BLOCKED):
        async for row in connection.cursor(statement, prefetch=_AT_ONCE):
            if mention.search(row["value"].decode(errors="replace")):
                found.append(Waiting(**dict(row)))
    return found


async def forget_waiting(connection: Connection, found: Sequence[Waiting], *, now: datetime) -> None:
    """Take the person out of these: letters are discarded, blocked events emptied; an answer stays without records.

    Idempotent.
    """
    for record in found:
        rest = _rest(record)
        if record.place == "outbox":
            await connection.execute(_EMPTY_BLOCKED, int(record.id), rest)
        else:
            await connection.execute(_EMPTY_LETTER, record.id, rest, now)


def _rest(record: Waiting) -> bytes | None:
    """What is left of it: None, but for an answer to a request, without which that request would never be met."""
    if not record.is_open or ".privacyanswer." not in record.topic:
        return None
    try:
        answer = json.loads(record.value)
    except ValueError:
        return None
    return json.dumps(answer | {"records": []}).encode() if isinstance(answer, dict) else None
