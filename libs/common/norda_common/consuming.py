"""Consuming: the broker that feeds a service's consumers, started when it can be, watched, and made anew when it must.

Topics are listed, not matched by a pattern (docs/decisions/0005-consumers.md). A consumer starts with those that exist,
since aiokafka waits for ever for one that does not; when a missing one comes, for example of a state that is set up
later, the broker is made anew. A cluster that is away is waited for. What stands still is said by `progress`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, cast

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from faststream.kafka import KafkaBroker

from .broker import new_broker
from .consumer import ConsumerRuntime
from .progress import ANSWER_SECONDS, LOOK_SECONDS, Progress
from .tolerant_consumer import start_tolerant

START_SECONDS = 30
STOP_SECONDS = 4.0
TOPIC_WATCH_TURNS = 4
NOT_CONNECTED = "not connected"
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
        self._progress: list[Progress] = []
        self.missing_topics: list[str] = []
        self.error: str | None = NOT_CONNECTED

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
                self.error = NOT_CONNECTED
            except AWAY as error:
                self.error = type(error).__name__
                await asyncio.sleep(1)
            finally:
                await self.stop()

    async def stop(self) -> None:
        """Let the batch in progress finish, within bounds, and leave the groups. Idempotent."""
        broker, self._broker = self._broker, None
        self._progress = []
        if broker is not None:
            with suppress(*AWAY):
                await asyncio.wait_for(broker.stop(), STOP_SECONDS)

    async def _start(self, known: Collection[str]) -> None:
        self._broker = new_broker(
            self._bootstrap, client_id=self._client_id, runtimes=self._runtimes, prefix=self._prefix, topics=known
        )
        await asyncio.wait_for(start_tolerant(self._broker), START_SECONDS)

    async def _watch(self) -> None:
        """Keep looking at what stands still; return when a topic that was missing exists."""
        self._progress = list(self._pairs())
        for turn in count(1):
            began = time.monotonic()
            looks = [item.look() for item in self._progress]
            *_, found = await asyncio.gather(*looks, self._missing_exist(due=turn % TOPIC_WATCH_TURNS == 0))
            if found:
                return
            await asyncio.sleep(began + LOOK_SECONDS - time.monotonic())

    async def _missing_exist(self, *, due: bool) -> bool:
        """Whether a topic that was missing is there; bounded, since the looks wait for it."""
        if self.missing_topics and due:
            # A cluster that is away meanwhile is the consumers' own affair: they wait for it.
            with suppress(*AWAY):
                async with asyncio.timeout(ANSWER_SECONDS):
                    return bool(await existing_topics(self._bootstrap, self.missing_topics))
        return False

    def lag(self) -> dict[str, int]:
        """Records not handled yet, over the partitions assigned to this process, by the consumer's name."""
        lags = {item.runtime.consumer.name: item.lag() for item in self._progress}
        return {item.consumer.name: lags.get(item.consumer.name, 0) for item in self._runtimes}

    def _pairs(self) -> Iterator[Progress]:
        runtimes = {item.group: item for item in self._runtimes}
        for subscriber in self._broker.subscribers if self._broker else ():
            consumer = getattr(subscriber, "consumer", None)
            if consumer is not None:
                yield Progress(runtimes[cast(Any, subscriber).group_id], consumer)


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
