"""Consuming: the broker that feeds a service's consumers, started when it can be, watched, and made anew when it must.

Topics are listed, not matched by a pattern (docs/decisions/0005-consumers.md). A consumer starts with those that exist,
since aiokafka waits for ever for one that does not; when a missing one comes, for example of a state that is set up
later, the broker is made anew. A cluster that is away is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from faststream.kafka import KafkaBroker

from .broker import new_broker
from .consumer import ConsumerRuntime
from .tolerant_consumer import start_tolerant

START_SECONDS = 30
STOP_SECONDS = 4.0
TOPIC_WATCH_SECONDS = 5.0
AWAY = (KafkaError, OSError, TimeoutError)


class Consuming:
    """The consuming side of one process. `missing_topics` and `error` are for health."""

    def __init__(
        self, runtimes: Sequence[ConsumerRuntime], *, bootstrap_servers: str, client_id: str, topic_prefix: str
    ) -> None:
        self._runtimes = runtimes
        self._bootstrap = bootstrap_servers
        self._client_id = client_id
        self._prefix = topic_prefix
        self._broker: KafkaBroker | None = None
        self.missing_topics: list[str] = []
        self.error: str | None = "not connected"

    async def run(self) -> None:
        """Consume until cancelled."""
        wanted = {name for item in self._runtimes for name in item.consumer.topic_names(prefix=self._prefix)}
        while True:
            try:
                known = await existing_topics(self._bootstrap, wanted)
                self.missing_topics = sorted(wanted - known)
                await self._start(known)
                self.error = None
                await self._watch()
            except AWAY as error:
                self.error = type(error).__name__
                await asyncio.sleep(1)
            finally:
                await self.stop()

    async def stop(self) -> None:
        """Let the batch in progress finish, within bounds, and leave the groups. Idempotent."""
        broker, self._broker = self._broker, None
        if broker is not None:
            with suppress(*AWAY):
                await asyncio.wait_for(broker.stop(), STOP_SECONDS)

    async def _start(self, known: Collection[str]) -> None:
        self._broker = new_broker(
            self._bootstrap, client_id=self._client_id, runtimes=self._runtimes, prefix=self._prefix, topics=known
        )
        await asyncio.wait_for(start_tolerant(self._broker), START_SECONDS)

    async def _watch(self) -> None:
        """Say which partitions do not move; return when a topic that was missing exists."""
        before: dict[Any, int] = {}
        while True:
            await asyncio.sleep(TOPIC_WATCH_SECONDS)
            waiting = {partition: position for partition, position, lag in self._positions() if lag}
            stuck = sorted(f"{tp.topic}/{tp.partition}" for tp, at in waiting.items() if before.get(tp) == at)
            self.error = f"no progress on {', '.join(stuck[:5])}" if stuck else None
            before = waiting
            if self.missing_topics:
                # A cluster that is away meanwhile is the consumers' own affair: they wait for it.
                with suppress(*AWAY):
                    if await existing_topics(self._bootstrap, self.missing_topics):
                        return

    def lag(self) -> int:
        """Records not fetched yet, over all assigned partitions."""
        return sum(lag for _, _, lag in self._positions())

    def _positions(self) -> Iterator[tuple[Any, int, int]]:
        """Partition, position and records still to be fetched, where all are known."""
        for consumer in self._consumers():
            for partition in consumer.assignment():
                highwater = consumer.highwater(partition)
                state = consumer._subscription.subscription.assignment.state_value(partition)
                if highwater and state is not None and state.has_valid_position:
                    yield partition, state.position, max(0, highwater - state.position)

    def _consumers(self) -> Iterator[Any]:
        for subscriber in self._broker.subscribers if self._broker else ():
            consumer = getattr(subscriber, "consumer", None)
            if consumer is not None:
                yield consumer


async def existing_topics(bootstrap_servers: str, names: Collection[str]) -> set[str]:
    """Which of these topics the cluster has; asks for no others. Raises KafkaConnectionError when it is away."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=10_000)
    try:
        await asyncio.wait_for(client.bootstrap(), START_SECONDS)
        if not await asyncio.wait_for(client.set_topics(list(names)), START_SECONDS):
            raise KafkaConnectionError(f"{bootstrap_servers} does not answer")
        return {name for name in names if client.cluster.partitions_for_topic(name)}
    finally:
        await client.close()
