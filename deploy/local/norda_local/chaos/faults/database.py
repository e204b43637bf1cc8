"""Faults by others in the database: a long transaction, a row that cannot be sent, a lock that holds a consumer up."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
from norda_common.contracts.envelope import header_block, write_headers
from norda_common.contracts.notifications import DELIVERY
from norda_common.contracts.registry import ORGANISATION
from norda_common.contracts.topics import Topic
from norda_common.publisher import MAX_RECORD_BYTES
from norda_common.states import State

from norda_local.chaos.faults.fault import Fault
from norda_local.chaos.watch import consumer_stalls, row_is_blocked
from norda_local.chaos.witness import LOST

SEEN_SECONDS = 14.0
BESIDE_SECONDS = 3.0
"""How long another key may take beside a poisoned row: a hand-over's limit, where milliseconds are usual."""
_APPEND = """
insert into {schema}.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers, value)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


async def append(
    connection: asyncpg.Connection[asyncpg.Record],
    topic: Topic,
    *,
    state: State,
    key: UUID,
    change: str,
    sequence: int = 1,
    value: bytes | None = None,
) -> str:
    """Put a row into the outbox of the topic's service, as a use case would; returns the event's id."""
    event_id, source, now = uuid4(), f"/{state.value}/{topic.service}", datetime.now(UTC)
    headers = write_headers(
        event_id=event_id,
        source=source,
        type_=topic.type_of(change),
        subject=str(key).encode(),
        time=now,
        data_schema=topic.data_schema,
        sequence=sequence,
        cause=None,
    )
    await connection.execute(
        _APPEND.format(schema=topic.service),
        topic.name(state),
        key,
        event_id,
        source,
        topic.type_of(change),
        now,
        topic.data_schema,
        sequence,
        header_block(headers),
        value,
    )
    return str(event_id)


class LongTransaction(Fault):
    """Two foreign transactions stay open: one holds a snapshot, one an outbox id it drew, and commits late."""

    name = "long-transaction"
    lasts_seconds = (8.0, 15.0)

    async def inject(self) -> None:
        """Open both. The late row withdraws an organisation that nobody knows, which every reader must bear."""
        witness = self.field.witness
        self._snapshot = await witness.connect()
        self._late = await witness.connect(self.field.cluster.service_dsn("registry"))
        await self._snapshot.execute("begin isolation level repeatable read; select pg_current_xact_id()")
        await self._late.execute("begin")
        event = await append(self._late, ORGANISATION, state=State.BREMEN, key=uuid4(), change="erased")
        self.field.history.note("late row", event_id=event)

    async def recover(self) -> None:
        """Commit the late row, end both. A server that was restarted meanwhile has rolled both back."""
        for connection in (self._late, self._snapshot):
            with suppress(*LOST):
                await connection.execute("commit")
                await connection.close(timeout=2)


class PoisonedRow(Fault):
    """An outbox row that no broker takes: it is seen, what follows for its key waits, and everything else goes out."""

    name = "poisoned-row"
    measures = True

    async def inject(self) -> None:
        """Append it with one row behind it and one beside it."""
        field, self._key, beside = self.field, uuid4(), uuid4()
        self._connection = await field.witness.connect()
        place = {"state": State.BREMEN, "change": "delivered"}
        async with self._connection.transaction():
            too_large = b"x" * (MAX_RECORD_BYTES + 1)
            self._poison = await append(self._connection, DELIVERY, key=self._key, value=too_large, **place)  # type: ignore[arg-type]
            await append(self._connection, DELIVERY, key=self._key, value=b"{}", **place)  # type: ignore[arg-type]
            await append(self._connection, DELIVERY, key=beside, value=b"{}", **place)  # type: ignore[arg-type]
        began = time.monotonic()
        seen = await field.watch.until(
            lambda: any(row_is_blocked(document) for document in field.watch.of("notifications").values()),
            within=SEEN_SECONDS,
        )
        field.shown("a poisoned outbox row", seen, lasted=time.monotonic() - began)
        # The row shows as blocked from before what is beside it is acknowledged; that must come while it is blocked.
        deadline = time.monotonic() + BESIDE_SECONDS
        while await self._waiting(beside) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process's event
            await asyncio.sleep(0.05)
        if await self._waiting(beside):
            field.findings.append(f"a poisoned outbox row held back another key for {BESIDE_SECONDS:.0f} s")
        if await self._waiting(self._key) != 2:
            field.findings.append("a poisoned outbox row, or what follows for its key, went out")

    async def _waiting(self, key: UUID) -> int:
        return int(await self._connection.fetchval("select count(*) from notifications.outbox where key = $1", key))

    async def recover(self) -> None:
        """Take the row out, as an operator does; it was never to be sent."""
        async with self._connection.transaction():
            for table in ("notifications.outbox", "chaos.committed"):
                await self._connection.execute(f"delete from {table} where event_id = $1", UUID(self._poison))  # noqa: S608
        await self._connection.close()


class StuckPartition(Fault):
    """A lock on a read model's table: its consumer cannot get on, which is seen; commands do not need the table."""

    name = "stuck-partition"
    measures = True
    _connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def inject(self) -> None:
        """Hold the lock until the stall is seen; while one is seen before, nothing can be shown."""
        field = self.field
        if await field.watch.until(lambda: not self._told(), within=SEEN_SECONDS) is None:
            field.findings.append("a consumer of the registry did not get on before its partition was to be stuck")
            return
        self._connection = await field.witness.connect()
        await self._connection.execute("begin; lock table registry.participation in access exclusive mode")
        began = time.monotonic()
        seen = await field.watch.until(self._told, within=SEEN_SECONDS)
        field.shown("a partition that does not move", seen, lasted=time.monotonic() - began)

    def _told(self) -> bool:
        return any(consumer_stalls(seen, "participations") for seen in self.field.watch.of("registry").values())

    async def recover(self) -> None:
        """Let go, if it was held."""
        if self._connection is not None:
            await self._connection.execute("rollback")
            await self._connection.close()


FAULTS: tuple[type[Fault], ...] = (LongTransaction, PoisonedRow, StuckPartition)
