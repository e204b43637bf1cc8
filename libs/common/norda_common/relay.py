"""The relay: sends the outbox to Kafka in id order, and deletes a row only after its acknowledgement.

Invariants: one active relay per schema (a session advisory lock held on the very connection that reads and deletes, so
that losing the lock means losing the work); per key the topic's order is the outbox's order; a row that cannot be
published blocks its own topic and key only, and stays visible. Redelivery is possible (same ce_id), loss is not.
While Kafka works on one page the next is read and encoded. See docs/decisions/0004-outbox-relay.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownError
from aiokafka.structs import RecordMetadata

from . import relay_lease
from .database import Database, is_transient, server_settings
from .outbox_reader import Backlog, OutboxReader, measure
from .publisher import RECORD_FAULTS, new_producer
from .record_batches import BatchWriter, RowBatch
from .telemetry import meter

log = structlog.get_logger(__name__)

PAGE_ROWS = 2_000
BUSY_POLL_SECONDS = 0.003
IDLE_POLL_SECONDS = 0.05
BUSY_SECONDS = 1.0
"""How long after the last row the outbox is looked at often. A commit in this process wakes the relay at once; these
are for commits of another replica."""
GATHER_SECONDS = 0.003
"""From the beginning of one sweep to the next while little waits: what commits meanwhile shares the price of a round
trip to PostgreSQL and to Kafka, which at some hundred commands a second was half of what a command cost."""
STANDBY_SECONDS = 0.5
HEARTBEAT_SECONDS = 1.0
"""How often the holder of the lease uses its connection, whatever it waits for; see `relay_lease`."""
MAX_BACKOFF_SECONDS = 2.0
PAGES_BEFORE_SWEEP = 20
"""After so many full pages the reading begins anew, to meet rows whose transaction committed late."""
RETRY_BLOCKED_SECONDS = 60.0

T = TypeVar("T")


@dataclass(slots=True)
class RelayStatus:
    """What health and metrics show. Ages in seconds; `backlog` is exact up to 100,000; `measured_at` is monotonic."""

    active: bool = False
    error: str | None = None
    backlog: int = 0
    oldest_age_seconds: float = 0.0
    blocked: int = 0
    sent: int = 0
    measured_at: float = field(default_factory=time.monotonic)

    @property
    def silent_seconds(self) -> float:
        """How long ago the outbox was measured; active or standing by, a relay that lives does so every second."""
        return time.monotonic() - self.measured_at

    def take(self, backlog: Backlog) -> None:
        """Show what was just measured."""
        self.backlog, self.blocked = backlog.rows, backlog.blocked
        self.oldest_age_seconds = backlog.oldest_age_seconds
        self.measured_at = time.monotonic()


@dataclass(slots=True)
class _Flight:
    """A batch on its way, and the future of its acknowledgement."""

    batch: RowBatch
    acknowledged: asyncio.Future[RecordMetadata]
    sent_at: float = field(default_factory=time.monotonic)


class Relay:
    """The outbox relay of one service instance; every fault is waited out and shown in `status`."""

    def __init__(self, database: Database, *, service: str, bootstrap_servers: str, topic_prefix: str = "") -> None:
        self._database = database
        self._name = f"norda-{service}-relay"
        self._bootstrap = bootstrap_servers
        self._prefix = topic_prefix
        self._careful_until = 0
        self._stopping = False
        self._busy_until = 0.0
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
                asyncpg.InternalClientError,
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
            backoff = 0.2 if time.monotonic() - started > 5 else min(backoff * 2, MAX_BACKOFF_SECONDS)
            await asyncio.sleep(backoff)

    async def _lead(self) -> None:
        connection = await asyncpg.connect(
            self._database.dsn,
            timeout=5,
            command_timeout=30,
            server_settings=server_settings(schema=self._database.schema, application=self._name),
        )
        try:
            if await self._take_lease(connection):
                reader = OutboxReader(connection)
                await reader.start()
                await self._send_for_ever(reader)
        finally:
            self.status.active = False
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _take_lease(self, connection: asyncpg.Connection[asyncpg.Record]) -> bool:
        """Wait for the lease as a standby that sees the backlog; False when asked to stop meanwhile."""
        start = 0
        while not await relay_lease.take(connection):
            if self._stopping:
                return False
            backlog = await measure(connection, start=start)
            start = backlog.start
            self.status.active, self.status.error = False, None
            self.status.take(backlog)
            frozen = await relay_lease.end_frozen_holder(connection)
            if frozen:
                log.error("the relay that held the lease was silent; its connection was ended", server_pid=frozen)
            await asyncio.sleep(STANDBY_SECONDS)
        return True

    async def _send_for_ever(self, reader: OutboxReader) -> None:
        producer = await self._heartbeating(reader, new_producer(self._bootstrap, client_id=self._name))
        try:
            self.status.active, self.status.error = True, None
            writer = BatchWriter(producer, prefix=self._prefix)
            looked = time.monotonic()
            while not self._stopping:
                began = time.monotonic()
                self._database.committed.clear()
                if self.careful:
                    await self._sweep_carefully(reader, producer, writer)
                progressed = await self._sweep(reader, producer, writer)
                # Not by `measured_at`, which waiting for Kafka renews: rows would stay blocked while it is slow.
                if time.monotonic() - looked > HEARTBEAT_SECONDS:
                    looked = time.monotonic()
                    if self.status.blocked:
                        appeared, missing = writer.look_for_topics()
                        await reader.unblock(after_seconds=RETRY_BLOCKED_SECONDS, appeared=appeared, missing=missing)
                    self.status.take(await reader.measure())
                if progressed:
                    await asyncio.sleep(began + GATHER_SECONDS - time.monotonic())
                else:
                    await self._wait_for_commit()
        finally:
            await reader.stop()
            await _close(producer)

    async def _sweep(self, reader: OutboxReader, producer: AIOKafkaProducer, writer: BatchWriter) -> bool:
        """Send page after page until there is none; returns whether there was any.

        While Kafka works on one page, the next is encoded, and PostgreSQL reads the one after that and deletes the one
        before. A page is sent only when all before is acknowledged, so that a fault leaves nothing newer of a key in
        the producer. What was read is sent: the floor follows what was read.
        """
        rows, pending = await reader.page(await reader.begin(), PAGE_ROWS), list[_Flight]()
        progressed, acknowledged = bool(rows), list[int]()
        for remaining in reversed(range(PAGES_BEFORE_SWEEP)):
            after = rows[-1]["id"] if remaining and len(rows) == PAGE_ROWS else None
            ahead = reader.read_ahead(after, PAGE_ROWS, done=acknowledged)
            batches, blocked = await self._encode(reader, writer, rows)
            if blocked:
                # What was read ahead may hold more of a key that is blocked from now on.
                await ahead
                ahead = reader.read_ahead(after, PAGE_ROWS)
            acknowledged = await self._settle(reader, pending)
            pending = await self._heartbeating(reader, _send(producer, batches))
            rows = await ahead
            if not rows:
                break
        await reader.delete([*acknowledged, *await self._settle(reader, pending, before=acknowledged)])
        if progressed:
            self._busy_until = time.monotonic() + BUSY_SECONDS
        return progressed

    async def _sweep_carefully(self, reader: OutboxReader, producer: AIOKafkaProducer, writer: BatchWriter) -> None:
        """Send row by row up to where a batch was refused, so that only the row it was refused for is blocked."""
        cursor = await reader.begin()
        while cursor < self._careful_until and (rows := await reader.page(cursor, 1)):
            batches, _ = await self._encode(reader, writer, rows, careful=True)
            flights = await self._heartbeating(reader, _send(producer, batches))
            await reader.delete(await self._settle(reader, flights, careful=True))
            cursor = rows[-1]["id"]
        self._careful_until = 0

    async def _encode(
        self, reader: OutboxReader, writer: BatchWriter, rows: Sequence[asyncpg.Record], *, careful: bool = False
    ) -> tuple[list[RowBatch], bool]:
        """The rows as batches, and whether some were blocked, and with them what follows of their keys."""
        if not rows:
            return [], False
        batches, unsendable = await self._heartbeating(reader, writer.write(rows, careful=careful))
        await self._block(reader, unsendable)
        return batches, bool(unsendable)

    async def _settle(
        self, reader: OutboxReader, flights: Sequence[_Flight], *, careful: bool = False, before: Sequence[int] = ()
    ) -> list[int]:
        """Await acknowledgements and return the ids of the rows that have one.

        Raises the first fault, if there was one, after what was acknowledged, now and `before`, is deleted.
        """
        if not flights:
            return []
        outcomes = await self._heartbeating(
            reader, asyncio.gather(*(flight.acknowledged for flight in flights), return_exceptions=True)
        )
        fault: BaseException | None = None
        acknowledged: list[int] = []
        for flight, outcome in zip(flights, outcomes, strict=True):
            flight.batch.end(outcome)
            if not isinstance(outcome, BaseException):
                acknowledged.extend(flight.batch.ids)
                self._count(flight)
            elif isinstance(outcome, RECORD_FAULTS) and careful:
                await self._block(reader, {flight.batch.ids[0]: type(outcome).__name__})
            else:
                fault = fault or outcome
        self.status.sent += len(acknowledged)
        if fault is not None:
            await reader.delete([*before, *acknowledged])
            if isinstance(fault, (*RECORD_FAULTS, UnknownError)):
                # The broker refused a whole batch for one record: start over with a new producer, row by row.
                self._careful_until = max(row_id for flight in flights for row_id in flight.batch.ids)
            raise fault
        return acknowledged

    async def _heartbeating(self, reader: OutboxReader, work: Awaitable[T]) -> T:
        """Await Kafka, however long it takes, and go on using the connection: the lease is seen to be alive."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=HEARTBEAT_SECONDS))[0]:
                self.status.take(await reader.measure())
            return task.result()
        finally:
            task.cancel()

    async def _wait_for_commit(self) -> None:
        """Until a commit of this process, or the time to look for those of others."""
        busy = time.monotonic() < self._busy_until
        with suppress(TimeoutError):
            async with asyncio.timeout(BUSY_POLL_SECONDS if busy else IDLE_POLL_SECONDS):
                await self._database.committed.wait()

    async def _block(self, reader: OutboxReader, rows: Mapping[int, str]) -> None:
        """Hold rows back, one statement per reason."""
        for reason in sorted(set(rows.values())):
            ids = [row_id for row_id, why in rows.items() if why == reason]
            log.error("outbox rows blocked", reason=reason, rows=len(ids), first_id=ids[0])
            await reader.block(ids, reason)

    def _count(self, flight: _Flight) -> None:
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.destination.name": flight.batch.topic,
        }
        self._sent.add(len(flight.batch.ids), attributes)
        self._duration.record(time.monotonic() - flight.sent_at, attributes)


async def _send(producer: AIOKafkaProducer, batches: Sequence[RowBatch]) -> list[_Flight]:
    """Hand the batches to the producer, of each partition one after the other's acknowledgement.

    Once one is refused, nothing more goes to its partition: of a producer that is new to it a broker takes any number
    as the first, so what follows would be on the topic before what was refused.
    """
    flights: list[_Flight] = []
    latest: dict[tuple[str, int], _Flight] = {}
    for batch in batches:
        place = (batch.topic, batch.partition)
        before = latest.get(place)
        if before is not None:
            await asyncio.wait([before.acknowledged])
            fault = before.acknowledged.exception()
            if fault is not None:
                batch.end(fault)
                continue
        batch.begin()
        acknowledged = await producer.send_batch(batch.records, batch.topic, partition=batch.partition)
        latest[place] = _Flight(batch, acknowledged)
        flights.append(latest[place])
    return flights


async def _close(producer: AIOKafkaProducer) -> None:
    """Stop a producer, which may hang while the broker is away."""
    with suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.stop(), 3)
