"""FastStream's broker with every default that loses messages replaced (docs/decisions/0005-consumers.md).

Batch subscribers with manual acknowledgement; the raw records reach our own reader, because FastStream's parser drops a
record silently when a header is null or not UTF-8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.parser import AioKafkaBatchParser

from .consumer import ConsumerRuntime, Record

log = structlog.get_logger(__name__)

FETCHING: dict[str, Any] = {
    "auto_offset_reset": "earliest",
    "max_records": 2_000,
    # How long FastStream sleeps after an empty answer; `TolerantConsumer` does the waiting.
    "batch_timeout_ms": 1,
    "max_partition_fetch_bytes": 512 * 1024,
    "fetch_max_bytes": 4 * 1024 * 1024,
    # A member that was killed hands its partitions on after this time; one that stops leaves at once.
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 2_000,
}
"""How every consumer reads. What is fetched and not handled yet stays below 4 MB, however far behind it is."""
MOST_EFFECTS = 500
"""Records with effects of their own that share a transaction: each takes milliseconds, and locks are held for all."""
SMALL_BATCH = 50
GATHER_SECONDS = 0.02
"""A copy of state rests so long after a small batch: what comes meanwhile shares the next one's transaction and
acknowledgement, which at some hundred events a second cost more than the events. Effects on people do not wait."""
GRACEFUL_SECONDS = 3.0
"""How long a batch in progress may still take when the service stops; what takes longer is delivered again."""


def new_broker(
    bootstrap_servers: str,
    *,
    client_id: str,
    runtimes: Sequence[ConsumerRuntime],
    prefix: str,
    topics: Collection[str],
) -> KafkaBroker:
    """A broker with one batch subscriber per runtime that has any of `topics`; made anew when starting it failed."""
    broker = KafkaBroker(
        # FastStream takes a text for one server, whatever commas it holds.
        [server.strip() for server in bootstrap_servers.split(",")],
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        allow_auto_create_topics=False,
        graceful_timeout=GRACEFUL_SECONDS,
        apply_types=False,
        logger=None,
    )
    for runtime in runtimes:
        names = [name for name in runtime.consumer.topic_names(prefix=prefix) if name in topics]
        if names:
            _subscribe(broker, runtime, names)
    return broker


def _subscribe(broker: KafkaBroker, runtime: ConsumerRuntime, topics: Sequence[str]) -> None:
    fetching = FETCHING if runtime.consumer.each is None else FETCHING | {"max_records": MOST_EFFECTS}
    subscriber = broker.subscriber(
        *topics,
        group_id=runtime.group,
        batch=True,
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        **fetching,
        parser=cast(Any, _parse),
        decoder=cast(Any, _decode),
    )
    subscriber(_handler(runtime))


async def _parse(
    records: tuple[Record, ...], original: Callable[[tuple[Record, ...]], Awaitable[KafkaAckableMessage]]
) -> KafkaAckableMessage:
    """Wrap the raw records without touching their headers; `original` is only asked for its consumer."""
    parser = cast(AioKafkaBatchParser, cast(Any, original).__self__)
    return KafkaAckableMessage(body=b"", headers={}, raw_message=records, consumer=parser._consumer)


async def _decode(message: KafkaAckableMessage) -> KafkaAckableMessage:
    return message


def _handler(runtime: ConsumerRuntime) -> Callable[[KafkaAckableMessage], Awaitable[None]]:
    async def handle(message: KafkaAckableMessage) -> None:
        records = cast(tuple[Record, ...], message.raw_message)
        runtime.status.in_hand = len(records)
        done = False
        try:
            done = await runtime.handle(records)
            if done:
                await message.ack()
        except KafkaError as error:
            # The partitions moved on to another member, which takes the batch again; effects happen once.
            runtime.status.error = f"acknowledgement: {type(error).__name__}"
        finally:
            try:
                # Whatever went wrong, also a cancellation: rewind, or the next acknowledgement would pass it over.
                # A partition that moved on meanwhile is its next member's to read from where it was.
                with suppress(IllegalStateError):
                    if not done:
                        await message.nack()
            finally:
                # FastStream's message is part of a cycle; without this its megabytes wait for garbage collection.
                message.raw_message = ()
                runtime.status.in_hand = 0
        if runtime.consumer.batch is not None and len(records) < SMALL_BATCH:
            await asyncio.sleep(GATHER_SECONDS)

    return handle
