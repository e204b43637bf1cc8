"""What stands still shows within ten seconds, whatever holds it up; a killed replica's partitions are taken over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from norda_common.broker import FETCHING
from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.database import Connection
from norda_common.identifiers import new_id
from norda_common.runtime import Runtime
from support.waiting import eventually, here

from .conftest import THING, Probe, thing
from .test_consumer import EACH, seen, send

VISIBLE_SECONDS = 10.0


async def shows(runtime: Runtime, text: str, since: float) -> None:
    async def shown() -> None:
        status = runtime.consumer_runtimes[0].status
        assert text in (status.error or status.stuck or ""), status

    await eventually(shown, within=VISIBLE_SECONDS + 2)
    assert time.monotonic() - since < here(VISIBLE_SECONDS)


async def test_a_handler_that_hangs_shows_and_its_batch_counts_as_lag(probe: Probe) -> None:
    hanging, released = asyncio.Event(), asyncio.Event()

    async def hang(*_: object) -> None:
        hanging.set()
        await released.wait()

    async with probe.running(consumers=[Consumer(name="hanging", topics=(THING,), each=hang)]) as runtime:
        await send(probe, thing(new_id(), 1))
        await asyncio.wait_for(hanging.wait(), 60)
        await shows(runtime, f"no progress on {probe.topic()}/0", time.monotonic())
        assert runtime.consuming.lag() == {"hanging": 1}
        released.set()

        async def well() -> None:
            assert runtime.consumer_runtimes[0].status.stuck is None
            assert runtime.consuming.lag() == {"hanging": 0}

        await eventually(well)


async def test_the_fault_of_a_batch_that_another_replica_has_handled_since_is_forgotten(probe: Probe) -> None:
    async with probe.running(consumers=[EACH]) as runtime:
        status = runtime.consumer_runtimes[0].status
        # As a batch leaves it whose partition moved on before it could be taken again; no other batch need ever come.
        status.error, status.failures_in_a_row = "ConnectionResetError", 3

        async def forgotten() -> None:
            assert (status.error, status.failures_in_a_row) == (None, 0)

        await eventually(forgotten)


async def test_a_handler_that_keeps_failing_shows(probe: Probe) -> None:
    async def fail(_: Connection, __: Received, ___: datetime) -> None:
        raise ConnectionResetError("gone")

    async with probe.running(consumers=[Consumer(name="failing", topics=(THING,), each=fail)]) as runtime:
        await send(probe, thing(new_id(), 1))
        await shows(runtime, "ConnectionResetError", time.monotonic())


async def test_a_partition_that_is_not_fetched_shows(probe: Probe) -> None:
    async with probe.running(consumers=[EACH]) as runtime:
        partition = TopicPartition(probe.topic(), 0)

        async def assigned() -> None:
            assert partition in runtime.consuming._progress[0]._consumer.assignment()

        await eventually(assigned)
        runtime.consuming._progress[0]._consumer.pause(partition)
        await send(probe, thing(new_id(), 1))
        await shows(runtime, f"no progress on {probe.topic()}/0", time.monotonic())


async def test_what_stood_still_shows_also_when_kafka_answers_no_more(probe: Probe) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    async with probe.running(consumers=[Consumer(name="hanging", topics=(THING,), each=hang)]) as runtime:
        await send(probe, thing(new_id(), 1))

        async def seen_twice() -> float:
            progress = runtime.consuming._progress[0]
            (since,) = [at for _, at in progress._still.values()]
            assert progress._answered_at - since > 1.5
            return since

        since = await eventually(seen_twice, within=20)
        runtime.consuming._progress[0]._behind = hang  # type: ignore[method-assign,assignment]
        await shows(runtime, f"no progress on {probe.topic()}/0", since)
        await shows(runtime, "Kafka does not answer: TimeoutError", time.monotonic())


async def test_who_works_slowly_does_not_stand_still(probe: Probe) -> None:
    begun = asyncio.Semaphore(0)

    async def work_slowly(*_: object) -> None:
        begun.release()
        await asyncio.sleep(1)

    async with probe.running(consumers=[Consumer(name="slow", topics=(THING,), each=work_slowly)]) as runtime:
        for _ in range(8):
            # While one is worked on, the next comes: there is always something to do, and each batch is one record.
            await send(probe, thing(new_id(), 1))
            await asyncio.wait_for(begun.acquire(), 60)
            assert runtime.consumer_runtimes[0].status.stuck is None


@asynccontextmanager
async def idle_member(probe: Probe, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the group that keeps its partitions and reads nothing."""
    member = AIOKafkaConsumer(
        probe.topic(), bootstrap_servers=probe.servers.kafka, group_id=group, enable_auto_commit=False
    )
    await member.start()
    try:
        yield member
    finally:
        await member.stop()


async def test_a_partition_that_is_not_ours_and_that_nobody_reads_shows(probe: Probe) -> None:
    async with probe.running(consumers=[EACH]) as runtime:
        group = runtime.consumer_runtimes[0].group
        async with idle_member(probe, group) as member:

            async def shared() -> None:
                assert member.assignment()

            await eventually(shared, within=15)
            idle = min(member.assignment(), key=lambda tp: tp.partition)
            await send(probe, thing(new_id(), 1), partition=idle.partition)
            await shows(runtime, f"no progress on {probe.topic()}/{idle.partition}", time.monotonic())

        async def taken_over() -> None:
            assert len(await seen(runtime)) == 1
            assert runtime.consumer_runtimes[0].status.stuck is None

        await eventually(taken_over, within=15)


@pytest.mark.parametrize("count", [0, 3])
async def test_who_has_nothing_to_do_does_not_stand_still(probe: Probe, count: int) -> None:
    for _ in range(count):
        await send(probe, thing(new_id(), 1))
    async with probe.running(consumers=[EACH]) as runtime:
        for _ in range(8):
            await asyncio.sleep(1)
            assert runtime.consumer_runtimes[0].status.stuck is None
        assert len(await seen(runtime)) == count
        assert runtime.consuming.lag() == {"each": 0}


async def test_who_stops_hands_its_partitions_on_at_once(probe: Probe) -> None:
    async with probe.running(consumers=[EACH]) as staying:
        async with probe.running(consumers=[EACH]) as leaving:

            async def shared() -> None:
                assert all(item.consuming._progress[0]._positions() for item in (staying, leaving))

            await eventually(shared, within=20)
        left_at = time.monotonic()
        for partition in range(THING.partitions):
            await send(probe, thing(new_id(), 1), partition=partition)

        async def all_handled() -> None:
            assert len(await seen(staying)) == THING.partitions

        await eventually(all_handled, within=15)
        # A member that vanished is missed only when its session ends.
        assert time.monotonic() - left_at < FETCHING["session_timeout_ms"] / 1000
