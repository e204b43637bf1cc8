"""Progress of one consumer's group: how far behind it is, and which of its partitions do not move.

Looks at the group from outside, at what is committed and at the topics' ends, of every partition of the consumer's
topics: so it sees a handler that hangs, a fetch that fails and a partition that no member has.

Whatever it is shows in `ConsumerStatus.stuck` within eight seconds, which leaves two of the ten that operators are
promised to a machine that is busy: a look begins within ANSWER_SECONDS and sees the partition; from then on it has
STUCK_SECONDS to move; the look after that ends within ANSWER_SECONDS, and judges also when Kafka did not answer it.
From outside, a batch that takes longer than STUCK_SECONDS looks like one that hangs, and is shown until it commits.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from .consumer import ConsumerRuntime

LOOK_SECONDS = 1.0
"""From one look's beginning to the next one's, unless an answer takes longer."""
ANSWER_SECONDS = 2.0
STUCK_SECONDS = 4.0
"""How long a partition with records to handle may stand still. In health the largest batches take half a second."""


class Progress:
    """What was seen of one runtime's group; `look` runs every LOOK_SECONDS, `lag` can be asked at any time."""

    def __init__(self, runtime: ConsumerRuntime, consumer: AIOKafkaConsumer) -> None:
        self.runtime = runtime
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = {}
        self._still: dict[TopicPartition, tuple[int, float]] = {}
        self._answered_at = time.monotonic()

    async def look(self) -> None:
        """Compare with the looks before, and write what stands still into the runtime's status. Bounded.

        A fault of a batch that another member has handled since is forgotten: nobody here would take it back.
        """
        status = self.runtime.status
        fault = await self._look()
        status.stuck = self._judge(fault=fault)
        if fault is None and not status.in_hand and self._still.keys().isdisjoint(self._positions()):
            status.error, status.failures_in_a_row = None, 0

    async def _look(self) -> str | None:
        """See which partitions are behind, and since when their places are the same; the fault if Kafka is silent."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                behind = await self._behind()
        except (KafkaError, OSError, TimeoutError) as error:
            return type(error).__name__
        before, self._answered_at = self._still, began
        self._still = {
            partition: before[partition] if before.get(partition, (None,))[0] == place else (place, began)
            for partition, place in behind.items()
        }
        return None

    def _judge(self, *, fault: str | None) -> str | None:
        """What stands still, by what is known; without an answer that is what was seen before."""
        latest = time.monotonic() - STUCK_SECONDS
        if fault and self._answered_at < latest:
            return f"Kafka does not answer: {fault}"
        stuck = sorted(f"{tp.topic}/{tp.partition}" for tp, (_, at) in self._still.items() if at < latest)
        return f"no progress on {', '.join(stuck[:5])}" if stuck else None

    async def _behind(self) -> dict[TopicPartition, int]:
        """Partitions with records to handle, and the place up to which they are handled."""
        partitions = [
            TopicPartition(topic, number)
            for topic in self._consumer.subscription()
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        found: tuple[dict[TopicPartition, int], dict[TopicPartition, Any]] = await asyncio.gather(
            self._consumer.end_offsets(partitions),
            self._consumer._coordinator.fetch_committed_offsets(partitions),
        )
        self._ends, committed = found
        # Of what was never committed the offset is -1.
        places = {tp: max(0, committed[tp].offset) if tp in committed else 0 for tp in partitions}
        if not self.runtime.status.in_hand:
            # What was read and held nothing, a transaction's end for example, is never acknowledged by itself.
            places |= {tp: max(places.get(tp, 0), position) for tp, position in self._positions().items()}
        behind = [partition for partition, place in places.items() if place < self._ends.get(partition, 0)]
        # What a topic has forgotten need not be handled; asked only if needed: a request waits for the fetch before.
        begins = await self._consumer.beginning_offsets(behind) if behind else {}
        return {tp: max(places[tp], begins[tp]) for tp in behind if begins[tp] < self._ends[tp]}

    def lag(self) -> int:
        """Records of the assigned partitions that are not handled yet, the batch in hand included."""
        waiting = sum(
            max(0, max(self._consumer.highwater(partition) or 0, self._ends.get(partition, 0)) - position)
            for partition, position in self._positions().items()
        )
        return waiting + self.runtime.status.in_hand

    def _positions(self) -> dict[TopicPartition, int]:
        """The next record to read of each assigned partition, where it is known."""
        subscription = self._consumer._subscription.subscription
        assignment: Any = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {partition: assignment.state_value(partition) for partition in assignment.tps}
        return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}
