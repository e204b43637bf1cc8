"""The outbox: events stored in the transaction that caused them, to be sent by the relay.

The caller holds the aggregate's row lock when it appends, so that ids follow versions per aggregate.
Topic names are stored without the installation's prefix; the relay adds it. Headers are stored as they stand in a Kafka
record, so that the relay need not put them together; the columns beside them are for people and for checks from the
outside (docs/decisions/0070-encoded-headers.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .contracts.envelope import encode_headers, encode_value, header_block
from .contracts.topics import Event
from .database import Connection
from .telemetry import current_traceparent

MAX_VALUE_BYTES = 500_000
"""Half of Kafka's default `max.message.bytes`: a payload near the limit is a modelling fault, refused at the source."""

_APPEND = """
insert into outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers, value, traceparent)
select topic, key, event_id, source, type, time, data_schema, sequence, headers, value, $11
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[],
            $7::text[], $8::bigint[], $9::bytea[], $10::bytea[]) with ordinality
     as row(topic, key, event_id, source, type, time, data_schema, sequence, headers, value, position)
order by position
"""


class EventTooLarge(Exception):  # noqa: N818
    """A payload larger than MAX_VALUE_BYTES; the transaction is refused rather than a topic blocked."""


async def append(connection: Connection, *events: Event) -> None:
    """Store events in the running transaction, in the given order, with the current trace; one round trip.

    Raises EventTooLarge. Not idempotent: each call stores its events once, with their own ids.
    """
    if events:
        await put(connection, encoded(events))


def encoded(events: Sequence[Event], *, values: Sequence[bytes | None] | None = None) -> Sequence[Any]:
    """What `put` stores of events, made ready beforehand: thousands are worth a thread. `values` are their data as
    JSON, where the caller has that already. Raises EventTooLarge. Pure but for the current trace.
    """
    values = [encode_value(event) for event in events] if values is None else values
    for event, value in zip(events, values, strict=True):
        if value is not None and len(value) > MAX_VALUE_BYTES:
            raise EventTooLarge(f"{event.type} {event.key} has {len(value)} bytes, allowed are {MAX_VALUE_BYTES}")
    traceparent = current_traceparent()
    return [
        [event.topic.name(event.state) for event in events],
        [event.key for event in events],
        [event.event_id for event in events],
        [event.source for event in events],
        [event.type for event in events],
        [event.time for event in events],
        [event.topic.data_schema for event in events],
        [event.sequence for event in events],
        [header_block(encode_headers(event, traceparent=traceparent, hop=traceparent)) for event in events],
        values,
        traceparent,
    ]


async def put(connection: Connection, made: Sequence[Any]) -> None:
    """Store what `encoded` made ready, as `append` does."""
    await connection.execute(_APPEND, *made)
