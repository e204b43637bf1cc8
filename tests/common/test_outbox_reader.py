"""The reader meets every committed row, in order, however late it commits, and does not step over what was deleted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from norda_common import outbox
from norda_common.identifiers import new_id
from norda_common.outbox_reader import _UNBLOCK, ALWAYS_BY_INDEX, SETTLE_SECONDS, OutboxReader, Row

from .conftest import Probe, thing


@asynccontextmanager
async def reading(probe: Probe) -> AsyncIterator[tuple[OutboxReader, Any, Any]]:
    """A reader on a connection of its own, and two connections that write."""
    connections = [await probe.connect("norda_probe") for _ in range(3)]
    try:
        reader = OutboxReader(connections[0])
        await reader.start()
        yield reader, connections[1], connections[2]
        await reader.stop()
    finally:
        for connection in connections:
            await connection.close()


def sequence_of(row: Row) -> int:
    """What its headers say."""
    return int(re.findall(rb"ce_sequence.([0-9]+)", row["headers"])[0])


async def swept(reader: OutboxReader) -> list[int]:
    """What one sweep finds; all of it is deleted, as if Kafka had acknowledged it."""
    await asyncio.sleep(SETTLE_SECONDS * 1.2)
    cursor, found = await reader.begin(), list[int]()
    while rows := await reader.page(cursor, 10):
        cursor = rows[-1]["id"]
        found += [sequence_of(row) for row in rows]
        await reader.delete([row["id"] for row in rows])
    return found


async def test_a_row_that_commits_long_after_later_ones_is_met(probe: Probe) -> None:
    async with reading(probe) as (reader, slow, quick):
        transaction = slow.transaction()
        await transaction.start()
        await outbox.append(slow, thing(new_id(), 1))
        for sequence in range(2, 60):
            await outbox.append(quick, thing(new_id(), sequence))
            if sequence % 10 == 0:
                await swept(reader)
        await swept(reader)
        await swept(reader)
        await transaction.commit()
        assert await swept(reader) == [1]
        assert await swept(reader) == []


async def test_transactions_that_overlap_are_all_met(probe: Probe) -> None:
    """Each writer draws its id while the one before is still open, and they end in another order."""
    connections = [await probe.connect("norda_probe") for _ in range(4)]
    found: list[int] = []
    async with reading(probe) as (reader, _, _):
        for first in range(1, 41, 4):
            transactions = []
            for sequence, connection in enumerate(connections, first):
                transactions.append(connection.transaction())
                await transactions[-1].start()
                await outbox.append(connection, thing(new_id(), sequence))
                found += await swept(reader)
            for number in (2, 0, 3, 1):
                await transactions[number].commit()
                found += await swept(reader)
        found += await swept(reader)
    for connection in connections:
        await connection.close()
    assert sorted(found) == list(range(1, 41))


async def test_a_long_foreign_transaction_does_not_make_reads_longer(probe: Probe) -> None:
    """It keeps vacuum from removing what was deleted; reads begin above that all the same."""
    async with reading(probe) as (reader, foreign, writer):
        transaction = foreign.transaction(isolation="repeatable_read")
        await transaction.start()
        await foreign.fetchval("select count(*) from seen")
        for first in range(1, 3_001, 500):
            await outbox.append(writer, *(thing(new_id(), sequence) for sequence in range(first, first + 500)))
            assert len(await swept(reader)) == 500
        await swept(reader)
        assert await swept(reader) == []
        await writer.execute(ALWAYS_BY_INDEX)
        assert await pages_touched(writer, 0) > 50
        assert await pages_touched(writer, await reader.begin()) < 10
        await transaction.rollback()


async def pages_touched(connection: Any, after: int) -> int:
    """How many pages of memory or disk a read above this id looks at."""
    plan = await connection.fetch(
        "explain (analyze, buffers) select * from outbox where id > $1 order by id limit 2000", after
    )
    buffers = next(row[0] for row in plan if "Buffers:" in row[0])
    return sum(int(part.partition("=")[2]) for part in buffers.split() if part.startswith(("hit=", "read=")))


async def test_the_floor_does_not_pass_what_a_sweep_left_unread(probe: Probe) -> None:
    async with reading(probe) as (reader, writer, _):
        await outbox.append(writer, *(thing(new_id(), sequence) for sequence in range(1, 31)))
        (first, *_) = await reader.page(await reader.begin(), 5)
        for _ in range(3):
            await asyncio.sleep(SETTLE_SECONDS * 1.2)
            cursor = await reader.begin()
        assert cursor < 6
        assert sequence_of(first) == 1
        await reader.delete(list(range(1, 6)))
        assert await swept(reader) == list(range(6, 31))


async def test_rows_let_go_on_are_read_before_anything_newer(probe: Probe) -> None:
    stuck = new_id()
    async with reading(probe) as (reader, writer, _):
        await outbox.append(writer, thing(stuck, 1), thing(stuck, 2))
        rows = await reader.page(await reader.begin(), 10)
        await reader.block([rows[0]["id"]], "too_large")
        await outbox.append(writer, thing(stuck, 3), *(thing(new_id(), number) for number in range(10, 15)))
        assert await swept(reader) == list(range(10, 15))
        assert await swept(reader) == []
        backlog = await reader.measure()
        assert backlog.blocked == 1
        await writer.execute("update outbox set blocked_at = '-infinity' where blocked_at is not null")
        await outbox.append(writer, thing(stuck, 4))
        assert await swept(reader) == []
        await reader.unblock(after_seconds=60)
        assert await swept(reader) == [1, 2, 3, 4]
        assert (await reader.measure()).rows == 0


async def test_what_is_let_go_on_is_told_by_reason_and_topic(probe: Probe) -> None:
    async with reading(probe) as (reader, writer, _):
        await outbox.append(writer, *(thing(new_id(), sequence) for sequence in range(1, 6)))
        for sequence, topic in ((1, "there"), (2, "gone"), (3, "unheard"), (4, "there")):
            await writer.execute("update outbox set topic = $2 where sequence = $1", sequence, topic)
        rows = await reader.page(await reader.begin(), 10)
        await reader.block([row["id"] for row in rows[:3]], "unknown_topic")
        await reader.block([rows[3]["id"]], "too_large")
        assert await swept(reader) == [5]
        await reader.unblock(after_seconds=60, appeared=["there"], missing=["gone"])
        assert await swept(reader) == [1]
        await reader.unblock(after_seconds=0, appeared=["there"], missing=["gone"])
        assert await swept(reader) == [3]
        assert (await reader.measure()).blocked == 2


async def test_what_is_let_go_on_is_found_by_the_index_of_blocked_rows(probe: Probe) -> None:
    """Whatever the planner takes the table for: the relay asks each second, and holds its lease by this connection."""
    async with reading(probe) as (_, connection, _):
        await connection.execute(ALWAYS_BY_INDEX)
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare unblock (float8, text[], text[]) as {_UNBLOCK}")
        plan = await connection.fetch("explain execute unblock (60, '{}', '{}')")
    assert any("outbox_blocked" in line for (line,) in plan), plan
