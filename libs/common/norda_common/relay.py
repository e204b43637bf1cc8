"""The relay: sends the outbox to Kafka in id order, and deletes a row only after its acknowledgement.

Invariants: one active relay per schema (a session advisory lock held on the very connection that reads and deletes, so
that losing the lock means losing the work); per key the topic's order is the outbox's order; a row that cannot be
published blocks its own topic and key only, and stays visible. Redelivery is possible (same ce_id), loss is not.
See docs/decisions/0004-outbox-relay.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from .contracts.envelope import Headers, write_headers
from .database import Database, is_transient, server_settings
from .publisher import MAX_RECORD_BYTES, RECORD_FAULTS, Partitions, UnknownTopic, new_producer
from .telemetry import context_of, meter, traceparent_of, tracer

log = structlog.get_logger(__name__)

BATCH_ROWS = 2_000
BATCH_BYTES = 8 * 1024 * 1024
"""What one read may bring into memory, beside its last row; two reads are in memory at once."""
POLL_SECONDS = 0.05
STANDBY_SECONDS = 0.5
ROUNDS_BEFORE_SWEEP = 20
"""After so many full reads the cursor returns to the start, to meet rows whose transaction committed late."""
RETRY_BLOCKED_SECONDS = 60.0

_FETCH = """
select id, topic, key, event_id, source, type, time, data_schema, sequence, traceparent, value
from (select o.*, sum(octet_length(value)) over (order by id) - octet_length(value) as bytes_before
      from outbox as o
      where id > $1 and blocked_at is null
        and not exists (select from outbox as b
                        where b.blocked_at is not null and b.topic = o.topic and b.key = o.key and b.id < o.id)
      order by id limit $2) as page
where coalesce(bytes_before, 0) < $3
order by id
"""
_DELETE = "delete from outbox where id = any($1::bigint[])"
_BLOCK = "update outbox set blocked_at = now(), blocked_reason = $2 where id = any($1::bigint[])"
_UNBLOCK = """update outbox set blocked_at = null
where blocked_reason in ('unknown_topic', 'TopicAuthorizationFailedError')
  and blocked_at < now() - make_interval(secs => $1)"""
_TRY_LEASE = "select pg_try_advisory_lock(hashtextextended('norda.relay.' || current_schema(), 0))"
_BACKLOG = """
select (select count(*) from (select from outbox limit 100001) as counted) as backlog,
       coalesce(extract(epoch from clock_timestamp() - (select created_at from outbox order by id limit 1)), 0) as age,
       (select count(*) from outbox where blocked_at is not null) as blocked
"""


@dataclass(slots=True)
class RelayStatus:
    """What health and metrics show. Ages in seconds; `backlog` is exact up to 100,000."""

    active: bool = False
    error: str | None = None
    backlog: int = 0
    oldest_age_seconds: float = 0.0
    blocked: int = 0
    sent: int = 0
    measured_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Flight:
    """Rows handed to the producer for one partition, and the future of their acknowledgement."""

    rows: list[asyncpg.Record]
    spans: list[trace.Span]
    acknowledged: asyncio.Future[RecordMetadata]
    topic: str
    sent_at: float = field(default_factory=time.monotonic)


class Relay:
    """The outbox relay of one service instance; every fault is waited out and shown in `status`."""

    def __init__(self, database: Database, *, service: str, bootstrap_servers: str, topic_prefix: str = "") -> None:
        self._database = database
        self._service = service
        self._bootstrap = bootstrap_servers
        self._prefix = topic_prefix
        self._careful_until = 0
        self._stopping = False
        self.status = RelayStatus()
        self._sent = meter().create_counter("messaging.client.sent.messages", unit="{message}")
        self._duration = meter().create_histogram("messaging.client.operation.duration", unit="s")

    @property
    def careful(self) -> bool:
        """Whether it sends row by row, to find the record for which the broker refused a batch."""
        return self._careful_until > 0

    def request_stop(self) -> None:
        """Let `run` return after the rows in flight are acknowledged and deleted."""
        self._stopping = True
        self._database.committed.set()

    async def run(self) -> None:
        """Hold or await the lease until asked to stop. Cancelling is safe too: what is not deleted is sent again."""
        backoff = 0.2
        while not self._stopping:
            started = time.monotonic()
            try:
                await self._lead()
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                KafkaError,
                OSError,
                TimeoutError,
            ) as error:
                if isinstance(error, asyncpg.PostgresError) and not is_transient(error):
                    log.exception("relay stopped by a database error")
                self.status.error = type(error).__name__
                self.status.active = False
            if self._stopping:
                return
            backoff = 0.2 if time.monotonic() - started > 5 else min(backoff * 2, 5.0)
            await asyncio.sleep(backoff)

    async def _lead(self) -> None:
        connection = await asyncpg.connect(
            self._database.dsn,
            timeout=5,
            command_timeout=30,
            server_settings=server_settings(schema=self._database.schema, application=f"norda-{self._service}-relay"),
        )
        try:
            while not await connection.fetchval(_TRY_LEASE):
                if self._stopping:
                    return
                self.status.active, self.status.error = False, None
                await self._measure(connection)
                await asyncio.sleep(STANDBY_SECONDS)
            producer = await new_producer(self._bootstrap, client_id=f"norda-{self._service}-relay")
            try:
                self.status.active, self.status.error = True, None
                await self._drain_for_ever(connection, producer)
            finally:
                await _close(producer)
        finally:
            self.status.active = False
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _drain_for_ever(self, connection: asyncpg.Connection[asyncpg.Record], producer: AIOKafkaProducer) -> None:
        partitions = Partitions(producer)
        unblocked_at = 0.0
        while not self._stopping:
            self._database.committed.clear()
            if time.monotonic() - unblocked_at > RETRY_BLOCKED_SECONDS:
                await connection.execute(_UNBLOCK, RETRY_BLOCKED_SECONDS)
                unblocked_at = time.monotonic()
            progressed = await self._sweep(connection, producer, partitions)
            if time.monotonic() - self.status.measured_at > 1:
                await self._measure(connection)
            if not progressed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._database.committed.wait(), POLL_SECONDS)

    async def _sweep(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        producer: AIOKafkaProducer,
        partitions: Partitions,
    ) -> bool:
        """Send from the oldest row on; the next rows are read while the last ones' acknowledgements are pending."""
        cursor, pending, progressed = 0, list[_Flight](), False
        for _ in range(ROUNDS_BEFORE_SWEEP):
            careful = cursor < self._careful_until
            limit = 1 if careful else BATCH_ROWS
            rows = await connection.fetch(_FETCH, cursor, limit, BATCH_BYTES)
            if careful and (not rows or rows[-1]["id"] > self._careful_until):
                self._careful_until = 0
            # What follows is sent only when all before is acknowledged, so that a fault leaves nothing newer of a key
            # in the producer. The read above overlaps with the wait, which is most of what there is to gain.
            await self._settle(connection, pending, careful=careful)
            pending = await self._send(connection, producer, partitions, rows)
            if careful:
                await self._settle(connection, pending, careful=True)
                pending = []
            progressed = progressed or bool(rows)
            if len(rows) < limit:
                break
            cursor = rows[-1]["id"]
        await self._settle(connection, pending, careful=False)
        return progressed

    async def _send(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        producer: AIOKafkaProducer,
        partitions: Partitions,
        rows: Sequence[asyncpg.Record],
    ) -> list[_Flight]:
        flights: list[_Flight] = []
        open_batches: dict[tuple[str, int], tuple[BatchBuilder, list[asyncpg.Record], list[trace.Span]]] = {}
        blocked: dict[tuple[str, object], tuple[int, str]] = {}

        async def close(place: tuple[str, int]) -> None:
            batch, sent, spans = open_batches.pop(place)
            batch.close()
            future = await producer.send_batch(batch, place[0], partition=place[1])
            flights.append(_Flight(sent, spans, future, place[0]))

        for row in rows:
            topic, key = self._prefix + row["topic"], str(row["key"]).encode()
            if (topic, row["key"]) in blocked:
                continue
            if row["value"] is not None and len(row["value"]) > MAX_RECORD_BYTES:
                blocked[topic, row["key"]] = (row["id"], "too_large")
                continue
            try:
                place = (topic, await partitions.of(topic, key))
            except UnknownTopic:
                blocked[topic, row["key"]] = (row["id"], "unknown_topic")
                continue
            span = self._start_span(row, topic)
            headers = record_headers(row, traceparent_of(span))
            batch, sent, spans = open_batches.setdefault(place, (producer.create_batch(), [], []))
            if batch.append(timestamp=None, key=key, value=row["value"], headers=headers) is None:
                await close(place)
                batch, sent, spans = open_batches.setdefault(place, (producer.create_batch(), [], []))
                # An empty batch takes any record, also one above its nominal size.
                batch.append(timestamp=None, key=key, value=row["value"], headers=headers)
            sent.append(row)
            spans.append(span)
        for place in list(open_batches):
            await close(place)
        await self._block(connection, blocked.values())
        return flights

    async def _settle(
        self, connection: asyncpg.Connection[asyncpg.Record], flights: list[_Flight], *, careful: bool
    ) -> None:
        """Await acknowledgements, delete what was acknowledged, then raise the first fault, if there was one."""
        if not flights:
            return
        outcomes = await asyncio.gather(*(flight.acknowledged for flight in flights), return_exceptions=True)
        fault: BaseException | None = None
        acknowledged: list[int] = []
        for flight, outcome in zip(flights, outcomes, strict=True):
            for span in flight.spans:
                if isinstance(outcome, BaseException):
                    span.set_attribute("error.type", type(outcome).__name__)
                    span.set_status(StatusCode.ERROR)
                elif outcome is not None:
                    span.set_attribute("messaging.destination.partition.id", str(outcome.partition))
                span.end()
            if not isinstance(outcome, BaseException):
                acknowledged.extend(row["id"] for row in flight.rows)
                self._count(flight)
            elif isinstance(outcome, RECORD_FAULTS) and careful:
                await self._block(connection, [(flight.rows[0]["id"], type(outcome).__name__)])
            else:
                fault = fault or outcome
        if acknowledged:
            await connection.execute(_DELETE, acknowledged)
            self.status.sent += len(acknowledged)
        if fault is not None:
            if isinstance(fault, RECORD_FAULTS):
                # The broker refused a whole batch for one record: start over with a new producer, row by row.
                self._careful_until = max(row["id"] for flight in flights for row in flight.rows)
            raise fault

    def _count(self, flight: _Flight) -> None:
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.destination.name": flight.topic,
        }
        self._sent.add(len(flight.rows), attributes)
        self._duration.record(time.monotonic() - flight.sent_at, attributes)

    async def _block(self, connection: asyncpg.Connection[asyncpg.Record], rows: Collection[tuple[int, str]]) -> None:
        """Hold rows back, and with them what follows for their topic and key; one statement per reason."""
        for reason in {reason for _, reason in rows}:
            ids = [row_id for row_id, why in rows if why == reason]
            log.error("outbox rows blocked", reason=reason, rows=len(ids), first_id=ids[0])
            await connection.execute(_BLOCK, ids, reason)

    def _start_span(self, row: asyncpg.Record, topic: str) -> trace.Span:
        """A PRODUCER span in the trace that stored the row; a row without a trace starts none."""
        if not row["traceparent"]:
            return trace.INVALID_SPAN
        return tracer().start_span(
            f"send {topic}",
            context=context_of(row["traceparent"]),
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.destination.name": topic,
                "messaging.message.id": str(row["event_id"]),
                "messaging.kafka.message.key": str(row["key"]),
            },
        )

    async def _measure(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        row = await connection.fetchrow(_BACKLOG)
        if row is not None:
            self.status.backlog = row["backlog"]
            self.status.oldest_age_seconds = float(row["age"])
            self.status.blocked = row["blocked"]
        self.status.measured_at = time.monotonic()


def record_headers(row: asyncpg.Record, hop: str | None) -> Headers:
    """The record's headers, from the outbox row."""
    return write_headers(
        event_id=row["event_id"],
        source=row["source"],
        type_=row["type"],
        subject=row["key"],
        time=row["time"],
        data_schema=row["data_schema"],
        sequence=row["sequence"],
        cause=row["traceparent"],
        hop=hop,
    )


async def _close(producer: AIOKafkaProducer) -> None:
    """Stop a producer, which may hang while the broker is away."""
    with suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.stop(), 3)
