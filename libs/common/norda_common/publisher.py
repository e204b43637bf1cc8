"""The producer the relay sends through, and what it knows of topics."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

RECORD_FAULTS = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)
"""Faults of a record itself: trying again unchanged cannot help."""

MAX_BATCH_BYTES = 524_288
"""Largest batch; above half of Kafka's default `max.message.bytes` nothing is gained and one bad row costs more."""

MAX_RECORD_BYTES = 1_000_000
"""Largest value sent; a little below Kafka's default `max.message.bytes`, which counts key, headers and framing too."""


class UnknownTopic(Exception):  # noqa: N818
    """The cluster answers and does not know the topic."""


async def new_producer(bootstrap_servers: str, *, client_id: str) -> AIOKafkaProducer:
    """Start an idempotent producer that waits for all in-sync replicas; bounded. Raises KafkaConnectionError."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=MAX_BATCH_BYTES,
        request_timeout_ms=15_000,
        metadata_max_age_ms=60_000,
    )
    try:
        await asyncio.wait_for(producer.start(), 15)
    except BaseException:
        with suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(producer.stop(), 3)
        raise
    return producer


class Partitions:
    """How many partitions topics have, remembered, and which topics are not there, so none is waited for twice."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._client = producer.client
        self._counts: dict[str, int] = {}
        self._missing: set[str] = set()

    async def count(self, topic: str) -> int:
        """The topic's partitions. Raises UnknownTopic, and KafkaConnectionError or TimeoutError, the latter after 15 s,
        when the cluster does not answer.
        """
        count = self._counts.get(topic)
        if count is None:
            if topic in self._missing:
                raise UnknownTopic(topic)
            count = self._counts[topic] = await self._ask(topic)
        return count

    def look_again(self) -> tuple[set[str], set[str]]:
        """Of the topics that were missing those that are there now, each partition with a leader, and those that are
        still missing. Asks the cluster about these and does not wait: the next look has the answer.
        """
        known = self._client.cluster
        found = {
            topic
            for topic in self._missing
            if (parts := known.partitions_for_topic(topic)) and parts == known.available_partitions_for_topic(topic)
        }
        self._missing -= found
        if self._missing:
            self._client.force_metadata_update()
        return found, set(self._missing)

    async def _ask(self, topic: str) -> int:
        self._client.add_topic(topic)
        for attempt in range(4):
            known = self._client.cluster.partitions_for_topic(topic)
            if known:
                return len(known)
            if not await asyncio.wait_for(asyncio.shield(self._client.force_metadata_update()), 15):
                raise KafkaConnectionError(f"no metadata for {topic}: the cluster does not answer")
            # A topic made a moment ago reaches the broker's metadata with a little delay.
            await asyncio.sleep(0.1 * attempt)
        self._missing.add(topic)
        raise UnknownTopic(topic)
