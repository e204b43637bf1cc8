"""Who is far behind copies in large batches with few spans, buries the culprit alone, and holds little in memory."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given, settings
from hypothesis import strategies as st
from norda_common import consumer as consuming_side
from norda_common.broker import FETCHING
from norda_common.consumer import MOST_LINKS, MOST_TRACED, PART, Consumer, ConsumerRuntime, Record
from norda_common.contracts.envelope import Received, encode_headers, encode_value
from norda_common.contracts.model import EventData
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.identifiers import new_id
from norda_common.publisher import MAX_RECORD_BYTES
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.waiting import eventually

from .conftest import THING, Probe, Thing, thing
from .test_consumer import dead, seen

COUNT = 400


async def send_all(probe: Probe, events: Sequence[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=probe.servers.kafka, acks="all", linger_ms=20) as producer:
        sent = [
            await producer.send(
                probe.topic(),
                key=str(event.key).encode(),
                value=encode_value(event),
                headers=[*encode_headers(event, traceparent=None), ("traceparent", trace_of(number).encode())],
                partition=0,
            )
            for number, event in enumerate(events)
        ]
        await asyncio.gather(*sent)


def trace_of(number: int) -> str:
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(consuming_side, "tracer", lambda: provider.get_tracer("test"))
    return exporter


def named(spans: InMemorySpanExporter, prefix: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name.startswith(prefix)]


class Copies:
    """A consumer that copies texts in one statement per batch, and remembers how large its batches were."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def copy(self, connection: Connection, records: Sequence[Received], _: datetime) -> None:
        self.sizes.append(len(records))
        rows = [(item.key, item.sequence, item.data.text) for item in records if isinstance(item.data, Thing)]
        await connection.executemany("insert into seen (thing_id, sequence, text) values ($1, $2, $3)", rows)


async def test_a_large_batch_has_one_span_with_bounded_links_and_buries_the_culprits_alone(
    probe: Probe, spans: InMemorySpanExporter
) -> None:
    events = [thing(new_id(), 1, "poison" if number in {7, 250} else "x") for number in range(COUNT)]
    copies = Copies()
    await send_all(probe, events)
    async with probe.running(consumers=[Consumer(name="copies", topics=(THING,), batch=copies.copy)]) as runtime:

        async def done() -> None:
            assert [row["thing_id"] for row in await seen(runtime)] == [
                event.key for number, event in enumerate(events) if number not in {7, 250}
            ]

        await eventually(done, within=20)
        assert {row["offset"] for row in await dead(runtime)} == {7, 250}
    assert copies.sizes[0] == min(COUNT, PART)
    # Halving finds two culprits among 400 in some 36 steps; one by one it would be 401.
    assert len(copies.sizes) < 60
    (poll,) = [span for span in named(spans, "poll") if span.attributes["messaging.batch.message_count"] == COUNT]  # type: ignore[index]
    assert len(poll.links) == MOST_LINKS
    traces = {span.context.trace_id for span in named(spans, "process")}  # type: ignore[union-attr]
    assert traces == {8, 251}, "of a large batch only what was buried has a span of its own, in its own trace"


async def test_a_small_batch_continues_the_trace_of_every_record(probe: Probe, spans: InMemorySpanExporter) -> None:
    events = [thing(new_id(), 1) for _ in range(MOST_TRACED)]
    await send_all(probe, events)
    async with probe.running(consumers=[Consumer(name="few", topics=(THING,), batch=Copies().copy)]):

        async def traced() -> None:
            assert {span.context.trace_id for span in named(spans, "process")} == set(range(1, MOST_TRACED + 1))  # type: ignore[union-attr]

        await eventually(traced)


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_halving_gives_every_good_record_its_effect_once_in_order_and_buries_every_bad_one(bad: list[bool]) -> None:
    kept: list[int] = []
    buried: list[int] = []

    class Halving(ConsumerRuntime):
        def __init__(self) -> None:
            """Only the search is tried; what it would apply and bury is noted."""

        async def _handle_together(self, incoming: Sequence[Any], _: datetime) -> None:
            if any(bad[number] for number in incoming):
                raise ValueError("one of them")
            kept.extend(incoming)

        async def _give_up(self, item: Any, _: Exception) -> None:
            buried.append(item)

    asyncio.run(Halving()._handle(range(len(bad)), datetime.now().astimezone()))  # type: ignore[arg-type]
    assert kept == [number for number, is_bad in enumerate(bad) if not is_bad]
    assert buried == [number for number, is_bad in enumerate(bad) if is_bad]


async def test_what_is_fetched_ahead_is_bounded_and_the_largest_record_still_comes(probe: Probe) -> None:
    assert FETCHING["fetch_max_bytes"] <= 4 << 20
    large = thing(new_id(), 1, "y" * (MAX_RECORD_BYTES - 1_000))
    assert len(encode_value(large) or b"") > FETCHING["max_partition_fetch_bytes"]
    await send_all(probe, [large])
    async with probe.running(consumers=[Consumer(name="large", topics=(THING,), batch=Copies().copy)]) as runtime:

        async def arrived() -> None:
            assert len(await seen(runtime, large.key)) == 1

        await eventually(arrived)


async def test_a_part_is_read_while_the_one_before_is_written_and_all_of_a_batch_is_one_transaction(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming_side, "PART", 10)
    told: list[str] = []
    writers: set[int] = set()

    def prepare(record: Received) -> tuple[object, int]:
        told.append("read")
        return record.key, record.sequence

    async def write(connection: Connection, rows: Sequence[tuple[object, int]], _: datetime) -> None:
        told.append("begins")
        await connection.execute("select pg_sleep(0.1)")
        await connection.executemany("insert into seen (thing_id, sequence, text) values ($1, $2, 'x')", rows)
        writers.add(await connection.fetchval("select txid_current()"))
        told.append("ends")

    await send_all(probe, [thing(new_id(), number + 1) for number in range(30)])
    consumer = Consumer(name="parts", topics=(THING,), prepare=prepare, batch=write)
    async with probe.running(consumers=[consumer]) as runtime:

        async def done() -> None:
            assert [row["sequence"] for row in await seen(runtime)] == list(range(1, 31))

        await eventually(done)
    reads = ["read"] * 10
    assert told == [*reads, "begins", *reads, "ends", "begins", *reads, "ends", "begins", "ends"]
    assert len(writers) == 1


async def test_a_record_that_cannot_be_prepared_is_buried_alone(probe: Probe) -> None:
    def prepare(record: Received) -> Received:
        if record.sequence == 4:
            raise ValueError("this one")
        return record

    events = [thing(new_id(), number + 1) for number in range(6)]
    await send_all(probe, events)
    consumer = Consumer(name="prepared", topics=(THING,), prepare=prepare, batch=Copies().copy)
    async with probe.running(consumers=[consumer]) as runtime:

        async def done() -> None:
            assert [row["sequence"] for row in await seen(runtime)] == [1, 2, 3, 5, 6]

        await eventually(done)
        (letter,) = await dead(runtime)
        assert (letter["offset"], letter["reason"]) == (3, "ValueError")


async def test_what_a_batch_held_is_given_back_without_garbage_collection(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[weakref.ref[Record]] = []

    async def handle(_: ConsumerRuntime, records: Sequence[Record]) -> bool:
        kept.extend(weakref.ref(record) for record in records)
        return True

    monkeypatch.setattr(ConsumerRuntime, "handle", handle)
    gc.disable()
    try:
        await send_all(probe, [thing(new_id(), 1) for _ in range(MOST_TRACED * 2)])
        async with probe.running(consumers=[Consumer(name="kept", topics=(THING,), batch=Copies().copy)]):

            async def freed() -> None:
                assert len(kept) == MOST_TRACED * 2
                assert [reference for reference in kept if reference() is not None] == []

            await eventually(freed)
    finally:
        gc.enable()


class Name(EventData):
    """Part of what a Thing says."""

    text: str


class Number(EventData):
    """What no Thing says."""

    text: int


async def test_a_consumer_that_reads_part_of_the_data_neither_reads_nor_checks_the_rest(probe: Probe) -> None:
    read: list[Any] = []

    async def copy(_: Connection, records: Sequence[Received], __: datetime) -> None:
        read.extend(record.data for record in records)

    with pytest.raises(ValueError, match="text"):
        Consumer(name="other", topics=(THING,), data=Number, batch=copy)
    event = thing(new_id(), 1, "as it is")
    other = (encode_value(event) or b"").replace(str(event.key).encode(), b"no id")
    async with AIOKafkaProducer(bootstrap_servers=probe.servers.kafka, acks="all") as producer:
        headers = encode_headers(event, traceparent=None)
        await producer.send_and_wait(probe.topic(), key=str(event.key).encode(), value=other, headers=headers)
    async with probe.running(consumers=[Consumer(name="part", topics=(THING,), data=Name, batch=copy)]):

        async def done() -> None:
            assert read == [Name(text="as it is")]

        await eventually(done)
