"""The parts measurements are made of: the load generator, its bodies, the filled tables, the projection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from norda_local.bench import filling, load
from norda_local.bench.bodies import organisation, registration
from norda_local.bench.scale import Case
from norda_registry.rules.fields import normalised
from norda_registry.rules.findings import Findings
from norda_registry.usecases.commands import RegisterOrganisation
from support.installation import Installation, dsn_for


@asynccontextmanager
async def answering(status: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that reads requests of a known length and answers each with that status, in two pieces."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            bodies.append(await reader.readexactly(length))
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nab".encode())
            await asyncio.sleep(0.001)
            writer.write(b"cd")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], bodies


def load_of(port: int, *, count: int, seconds: float, per_second: float | None = None) -> load.Load:
    requests = [("/x", json.dumps({"number": number})) for number in range(count)]
    return load.Load(port=port, headers={}, requests=requests, connections=4, seconds=seconds, per_second=per_second)


async def test_each_prepared_request_is_sent_once_and_timed() -> None:
    async with answering("201 Created") as (port, bodies):
        answered = await asyncio.to_thread(lambda: load.finish(load.start(load_of(port, count=40, seconds=20))))
    assert answered.sent == len(answered.latencies_ms) == 40
    assert answered.statuses == {"201": 40}
    assert sorted(json.loads(body)["number"] for body in bodies) == list(range(40))
    assert min(answered.latencies_ms) >= 1


async def test_a_rate_is_kept_and_ends_with_the_time() -> None:
    async with answering("200 OK") as (port, _):
        answered = await load.run(load_of(port, count=1000, seconds=0.5, per_second=100))
    assert 25 <= answered.sent <= 51


async def test_an_answer_that_is_no_success_fails_the_measurement() -> None:
    async with answering("409 Conflict") as (port, _):
        with pytest.raises(RuntimeError, match="409"):
            await asyncio.to_thread(lambda: load.finish(load.start(load_of(port, count=3, seconds=20))))


@pytest.mark.parametrize("number", [1, 99, 123_456, 8_999_999])
def test_the_bodies_are_what_the_registry_takes_without_a_finding(number: int) -> None:
    command, findings = RegisterOrganisation.model_validate_json(organisation(number)), Findings()
    normalised(command.given(), findings)
    assert findings.errors == findings.warnings == []
    assert json.loads(registration("a@bench.example"))["email"] == "a@bench.example"


@pytest.mark.parametrize(
    "table", ["notifications.outbox", "notifications.inbox", "events.organisation", "registry.directory"]
)
async def test_a_table_is_filled_from_where_it_is_to_where_it_shall_be(installation: Installation, table: str) -> None:
    dsn = dsn_for(installation.servers.postgres, database=installation.database)
    await filling.fill(dsn, table, present=0, wanted=30)
    await filling.fill(dsn, table, present=30, wanted=50)
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval(f"select count(*) from {table}") == 50  # noqa: S608 - ours
        column = {"registry.directory": "organisation_id", "events.organisation": "id", "notifications.outbox": "key"}
        key = column.get(table, "event_id")
        assert await connection.fetchval(f"select count(*) from {table} where {key} = $1", filling.key_of(50)) == 1  # noqa: S608
        await filling.empty(dsn, table)
        await filling.pass_through(dsn, rows=60)
        assert await connection.fetchval("select count(*) from notifications.outbox") == 0
        passed = (
            "select last_value from pg_sequences where schemaname = 'notifications' and sequencename = 'outbox_id_seq'"
        )
        assert await connection.fetchval(passed) >= 60
    finally:
        await connection.close()


def test_a_flat_cost_is_projected_flat_and_a_growing_one_grows() -> None:
    flat = Case("flat", (100, 1_000, 10_000), {size: [5.0, 6.0, 7.0] for size in (100, 1_000, 10_000)})
    assert flat.growth == 1
    assert flat.projected(10_000_000) == pytest.approx([5, 6, 7])
    growing = Case("growing", (100, 1_000, 10_000), {100: [1.0] * 3, 1_000: [2.0] * 3, 10_000: [3.0] * 3})
    assert growing.growth == 3
    assert growing.projected(1_000_000) == pytest.approx([5, 5, 5])
