"""Consumers: from a Kafka batch to effects that happen once, in one transaction with one acknowledgement.

A service declares what it listens to with `Consumer`; this module reads defensively, opens the transaction, leaves out
what was handled before, continues each record's trace, and keeps what cannot be handled as dead letters, so that the
partition goes on. A fault of the surroundings is waited out by redelivery with backoff; it never skips a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from . import deadletters
from .contracts.envelope import Received, UnreadableRecord, decode, header_text, trace_of
from .contracts.model import EventData
from .contracts.topics import Topic, names_of
from .database import SYSTEM, Connection, Database, is_transient
from .errors import NordaError
from .states import ALL_STATES
from .telemetry import context_of, link_to, meter, tracer

log = structlog.get_logger(__name__)

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
Prepare = Callable[[Received], Any]
BatchHandler = Callable[[Connection, Sequence[Any], datetime], Awaitable[None]]
RecordHandler = Callable[[Connection, Received, datetime], Awaitable[None]]

MOST_TRACED = 50
"""A larger batch that copies state is somebody catching up: 500 spans cost ten times what copying 500 records does."""
MOST_LINKS = 128
"""What OpenTelemetry keeps of a span's links by default."""
PART = 500
"""So many records of a batch are written while the next ones are read. Fewer cost more statements than they save."""
BREATH = 25
"""Before reading so many records whoever else waits has a turn: the statements of the part before, HTTP requests."""
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before a batch is taken again; far below `max.poll.interval.ms`, so the group keeps its member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """What a service listens to. Exactly one of `batch` and `each` is given.

    `batch(connection, records, now)` copies state: it must compare sequences itself (upsert only what is newer), and
    gets the readable records in partition order, up to PART at a time and all in one transaction. `prepare(record)`
    makes of each record what `batch` is to get in its place; it is pure, and works while the database does, so what a
    copy costs in Python belongs there. `data` is a model with the fields of the topics' data that it looks at, where
    these are few: the others are neither read nor checked.

    `each(connection, record, now)` has side effects: the inbox lets it see every event once, its span is current, and
    what it appends to the outbox continues the trace.
    """

    name: str
    topics: tuple[Topic, ...]
    data: type[EventData] | None = None
    prepare: Prepare | None = None
    batch: BatchHandler | None = None
    each: RecordHandler | None = None

    def __post_init__(self) -> None:
        if (self.batch is None) == (self.each is None):
            raise ValueError(f"consumer {self.name} needs either batch or each")
        if self.prepare is not None and self.batch is None:
            raise ValueError(f"consumer {self.name} prepares nothing: only batch takes what is prepared")
        if self.data is not None:
            for topic in self.topics:
                _check_part_of(topic, self.data)
        if not self.topics:
            raise ValueError(f"consumer {self.name} listens to nothing")

    def topic_names(self, *, prefix: str) -> list[str]:
        """Its topics of all states; those of a state that is not set up yet are met when they come."""
        return names_of(self.topics, ALL_STATES, prefix=prefix)


@dataclass(slots=True)
class ConsumerStatus:
    """What health shows of one consumer; `in_hand` counts the batch that is being handled or acknowledged."""

    handled: int = 0
    dead: int = 0
    in_hand: int = 0
    error: str | None = None
    stuck: str | None = None
    failures_in_a_row: int = 0
    last_batch_at: datetime | None = None


@dataclass(slots=True)
class _Incoming:
    """A record and, once it was read, what became of it: either `received` and `prepared`, or the reason why not.

    `span` is the invalid one where a record is not traced by itself (see MOST_TRACED).
    """

    record: Record
    span: trace.Span
    received: Received | None = None
    prepared: Any = None
    fault: UnreadableRecord | None = None


class ConsumerRuntime:
    """Runs one Consumer on batches; the broker hands them over and acknowledges what `handle` returned True for."""

    def __init__(self, consumer: Consumer, database: Database, *, group: str, topic_prefix: str) -> None:
        self.consumer = consumer
        self.group = group
        self.status = ConsumerStatus()
        self._database = database
        self._topics = {
            topic.name(state, prefix=topic_prefix): topic for topic in consumer.topics for state in ALL_STATES
        }
        self._consumed = meter().create_counter("messaging.client.consumed.messages", unit="{message}")
        self._duration = meter().create_histogram("messaging.process.duration", unit="s")
        self._age = meter().create_histogram(
            "norda.event.age", unit="s", description="From an event's time to the end of its processing"
        )
        self._dead = meter().create_counter("norda.dead_letters", unit="{message}")

    async def handle(self, records: Sequence[Record]) -> bool:
        """Handle a batch. True: acknowledge it. False: the surroundings failed; take it again (the wait is over)."""
        now = datetime.now(UTC)
        self.status.last_batch_at = now
        traced = self.consumer.each is not None or len(records) <= MOST_TRACED
        with self._poll_span(records):
            incoming = [_Incoming(item, self._span(item) if traced else trace.INVALID_SPAN) for item in records]
            try:
                await self._handle(incoming, now)
            except Exception as error:  # noqa: BLE001 - whatever it is, the batch is taken again and health says why
                return await self._wait(error, incoming)
            self._succeed(incoming, now)
        return True

    async def _handle(self, incoming: Sequence[_Incoming], now: datetime) -> None:
        """Let the records have their effects, in order; one that cannot be handled is found by halving and buried."""
        try:
            await self._handle_together(incoming, now)
        except Exception as error:
            if is_transient(error):
                raise
            if len(incoming) == 1:
                await self._give_up(incoming[0], error)
                return
            middle = len(incoming) // 2
            await self._handle(incoming[:middle], now)
            await self._handle(incoming[middle:], now)

    async def _wait(self, error: Exception, incoming: Sequence[_Incoming]) -> bool:
        """End the batch's spans with the fault, wait, and let the batch be taken again."""
        for item in incoming:
            _fail(item.span, error)
            item.span.end()
        self.status.error = type(error).__name__
        wait = BACKOFF_SECONDS[min(self.status.failures_in_a_row, len(BACKOFF_SECONDS) - 1)]
        self.status.failures_in_a_row += 1
        log.warning(
            "batch will be taken again",
            consumer=self.consumer.name,
            error=self.status.error,
            wait_seconds=wait,
        )
        await asyncio.sleep(wait)
        return False

    async def _handle_together(self, incoming: Sequence[_Incoming], now: datetime) -> None:
        """One transaction; while the database works on one part of the records, the next part is read."""
        async with self._database.transaction(SYSTEM) as connection:
            writing: asyncio.Task[None] | None = None
            try:
                for first in range(0, len(incoming), PART):
                    part = incoming[first : first + PART]
                    await self._read_all(part)
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._write(connection, part, now))
                if writing is not None:
                    await writing
            finally:
                # The connection is given back only when nobody works on it any more.
                if writing is not None and not writing.done():
                    writing.cancel()
                    await asyncio.wait([writing])
        self._count_dead([item for item in incoming if item.fault is not None])

    async def _write(self, connection: Connection, incoming: Sequence[_Incoming], now: datetime) -> None:
        await self._bury(connection, [item for item in incoming if item.fault is not None])
        readable = [item for item in incoming if item.received is not None]
        if readable:
            await self._apply(connection, readable, now)

    async def _give_up(self, item: _Incoming, error: Exception) -> None:
        """Bury a record whose handler failed for a reason that does not pass by itself."""
        span = item.span if item.span.is_recording() else self._span(item.record)
        _fail(span, error)
        buried = _Incoming(item.record, span, fault=UnreadableRecord(type(error).__name__, _reason(error)))
        async with self._database.transaction(SYSTEM) as connection:
            await self._bury(connection, [buried])
        self._count_dead([buried])
        if span is not item.span:
            span.end()

    async def _apply(self, connection: Connection, readable: Sequence[_Incoming], now: datetime) -> None:
        if self.consumer.batch is not None:
            await self.consumer.batch(connection, [item.prepared for item in readable], now)
            return
        assert self.consumer.each is not None  # noqa: S101 - guaranteed by Consumer
        received = [item.received for item in readable if item.received is not None]
        fresh = await _first_time(connection, self.consumer.name, received)
        for item in readable:
            if item.received is None or (item.received.source, item.received.event_id) not in fresh:
                continue
            fresh.discard((item.received.source, item.received.event_id))
            with trace.use_span(item.span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                await self.consumer.each(connection, item.received, now)

    async def apply_again(self, connection: Connection, record: Record, now: datetime) -> None:
        """Read and handle one record anew in the caller's transaction, as if it were delivered: a dead letter's replay.

        The inbox and the comparison of sequences hold as ever. Raises UnreadableRecord with the reason for which the
        record would be buried, and a fault of the surroundings as it is; the caller rolls back.
        """
        item = _Incoming(record, self._span(record))
        item.span.add_link(trace.get_current_span().get_span_context())
        try:
            self._read(item)
            if item.fault is not None:
                raise item.fault
            await self._apply(connection, [item], now)
        except Exception as error:
            _fail(item.span, error)
            if isinstance(error, UnreadableRecord) or is_transient(error):
                raise
            raise UnreadableRecord(type(error).__name__, _reason(error)) from error
        finally:
            item.span.end()

    async def _bury(self, connection: Connection, unreadable: Sequence[_Incoming]) -> None:
        for item in unreadable:
            assert item.fault is not None  # noqa: S101 - chosen by the caller
            await deadletters.add(
                connection,
                consumer=self.consumer.name,
                record=item.record,
                reason=item.fault.code,
                detail=item.fault.detail,
            )

    def _count_dead(self, buried: Sequence[_Incoming]) -> None:
        """Tell of dead letters, once they are stored."""
        for item in buried:
            assert item.fault is not None  # noqa: S101 - chosen by the caller
            item.span.set_attribute("error.type", item.fault.code)
            item.span.set_status(StatusCode.ERROR)
            self.status.dead += 1
            self._dead.add(1, {"norda.consumer": self.consumer.name, "error.type": item.fault.code})
            with trace.use_span(item.span, end_on_exit=False):
                log.error(
                    "dead letter",
                    consumer=self.consumer.name,
                    topic=item.record.topic,
                    partition=item.record.partition,
                    offset=item.record.offset,
                    reason=item.fault.code,
                    detail=item.fault.detail,
                )

    def _succeed(self, incoming: Sequence[_Incoming], started: datetime) -> None:
        ended = datetime.now(UTC)
        attributes = {"messaging.system": "kafka", "messaging.consumer.group.name": self.group}
        self._consumed.add(len(incoming), attributes)
        self._duration.record((ended - started).total_seconds(), attributes)
        for item in incoming:
            item.span.end()
        # What catches up says only how old its oldest event is: single ages would cost a tenth of the time.
        times = [item.received.time for item in incoming if item.received is not None]
        for time in times if len(incoming) <= MOST_TRACED else [min(times)] if times else []:
            self._age.record((ended - time).total_seconds(), attributes)
        self.status.handled += len(incoming)
        self.status.error, self.status.failures_in_a_row = None, 0

    async def _read_all(self, incoming: Sequence[_Incoming]) -> None:
        for number, item in enumerate(incoming):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            if item.prepared is None and item.fault is None:
                self._read(item)

    def _read(self, item: _Incoming) -> None:
        """Read defensively. What cannot be read always has a span, which its dead letter's log line belongs to."""
        record, prepare = item.record, self.consumer.prepare
        try:
            topic = self._topic_of(record.topic)
            received = decode(
                topic, key=record.key, value=record.value, headers=record.headers, data=self.consumer.data
            )
        except UnreadableRecord as fault:
            item.fault = fault
            if item.span is trace.INVALID_SPAN:
                item.span = self._span(record)
            return
        item.received, item.prepared = received, prepare(received) if prepare else received

    def _span(self, record: Record) -> trace.Span:
        """A span of this record's own; it continues the record's trace, or starts one where there is none."""
        return tracer().start_span(
            f"process {record.topic}",
            context=context_of(trace_of(record.headers)),
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.consumer.group.name": self.group,
                "messaging.kafka.offset": record.offset,
                "messaging.message.id": header_text(record.headers, "ce_id") or "",
            },
        )

    def _topic_of(self, name: str) -> Topic:
        found = self._topics.get(name)
        if found is None:
            raise UnreadableRecord("unexpected_topic", name)
        return found

    def _poll_span(self, records: Sequence[Record]) -> AbstractContextManager[trace.Span]:
        topics = sorted({record.topic for record in records})
        links = [link for record in records[:MOST_LINKS] for link in link_to(trace_of(record.headers))]
        return tracer().start_as_current_span(
            f"poll {topics[0]}" if len(topics) == 1 else "poll",
            kind=SpanKind.CLIENT,
            links=links,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "receive",
                "messaging.operation.name": "poll",
                "messaging.consumer.group.name": self.group,
                "messaging.batch.message_count": len(records),
            },
        )


_FIRST_TIME = """
insert into inbox (consumer, source, event_id)
select $1, source, event_id from unnest($2::text[], $3::uuid[]) as row(source, event_id)
on conflict do nothing
returning source, event_id
"""


async def _first_time(connection: Connection, consumer: str, received: Sequence[Received]) -> set[tuple[str, object]]:
    rows = await connection.fetch(
        _FIRST_TIME, consumer, [item.source for item in received], [item.event_id for item in received]
    )
    return {(row["source"], row["event_id"]) for row in rows}


def _check_part_of(topic: Topic, data: type[EventData]) -> None:
    """Raise ValueError unless the topic's data has these fields, of these types."""
    declared = topic.data.model_fields
    for name, field in data.model_fields.items():
        if name not in declared or declared[name].annotation != field.annotation:
            raise ValueError(f"{topic.identity} has no {name} as {data.__name__} reads it")


def _fail(span: trace.Span, error: BaseException) -> None:
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)


def _reason(error: BaseException) -> str:
    """Why a record could not be handled, without values: they may be personal data."""
    if isinstance(error, (NordaError, KafkaError)):
        return str(error)
    constraint = getattr(error, "constraint_name", None)
    trace_end = error.__traceback__
    while trace_end is not None and trace_end.tb_next is not None:
        trace_end = trace_end.tb_next
    place = f"{trace_end.tb_frame.f_code.co_name}:{trace_end.tb_lineno}" if trace_end else "?"
    return f"{type(error).__name__}{f' ({constraint})' if constraint else ''} in {place}"
