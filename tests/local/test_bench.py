"""The parts measurements are made of: the load generator, its bodies, the filled tables, the projection."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest
from norda_local import lock
from norda_local.bench import filling, load
from norda_local.bench.bare import TABLES
from norda_local.bench.bodies import organisation, registration
from norda_local.bench.report import versions
from norda_local.bench.scale import Case
from norda_local.bench.standing_by import relay_standing_by
from norda_local.bench.write_pieces import CONTESTANTS, Rounds, report
from norda_registry.rules.fields import normalised
from norda_registry.rules.findings import Findings
from norda_registry.usecases.commands import RegisterOrganisation
from support.installation import Installation, dsn_for, free_port
from support.waiting import eventually


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


ORGANISATION_BODY = json.loads(organisation(77)) | {"clusters": []}


async def test_a_relay_that_stands_by_sends_nothing_and_goes_on_afterwards(installation: Installation) -> None:
    service = await asyncio.to_thread(installation.start, "registry")
    outbox = "select count(*) from registry.outbox"
    connection = await installation.connect(role="norda_registry")
    try:
        async with relay_standing_by(installation.dsn("registry"), service="registry"), service.client() as client:
            assert (await client.post("/api/v1/organisations", json=ORGANISATION_BODY)).status_code == 201
            await asyncio.sleep(1.5)
            assert await connection.fetchval(outbox) == 1

        async def sent() -> None:
            assert await connection.fetchval(outbox) == 0

        await eventually(sent, within=10)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("module", "path", "role", "rows"),
    [
        ("bare", "/organisations", None, {"bare.organisation": 1, "bare.outbox": 0}),
        ("bare", "/announced", None, {"bare.organisation": 1, "bare.outbox": 1}),
        (
            "bare_registry",
            "/organisations",
            "registry",
            {
                "registry.organisation": 1,
                "registry.identifier": 6,
                "registry.organisation_version": 1,
                "registry.outbox": 1,
            },
        ),
    ],
)
async def test_a_contestant_writes_what_it_is_said_to_write(
    installation: Installation, module: str, path: str, role: str | None, rows: dict[str, int]
) -> None:
    admin = dsn_for(installation.servers.postgres, database=installation.database)
    connection = await asyncpg.connect(admin)
    port = free_port()
    dsn = installation.dsn(role) if role else admin
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"norda_local.bench.{module}", str(port), dsn)
    try:
        await connection.execute(TABLES)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> None:
                assert (await client.get("/")).status_code == 200

            await eventually(ready, within=30)
            answer = await client.post(path, json=ORGANISATION_BODY)
        assert answer.status_code == 201, answer.text
        assert {table: await connection.fetchval(f"select count(*) from {table}") for table in rows} == rows  # noqa: S608
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
        await connection.close()


def test_the_pieces_of_a_command_add_up_to_the_whole() -> None:
    found = {
        name: Rounds([100.0 - place], [1.0], [2.0], [0.5 * (place + 1)], [0.25 * (place + 1)], [0.25])
        for place, name in enumerate(CONTESTANTS)
    }
    written = report(found, quick=True)
    contestants, pieces = written.tables
    assert [row[0] for row in contestants.rows] == [item.title for item in CONTESTANTS.values()]
    assert contestants.rows[-1][2] == pytest.approx(0.96)
    for column, whole in ((1, 2.5), (2, 1.25), (3, 0.25), (4, 4.0)):
        assert sum(float(row[column]) for row in pieces.rows) == pytest.approx(whole)
    assert [target.met for target in written.targets] == [True]


def test_a_report_names_the_servers_it_was_measured_with() -> None:
    measured = {name: versions()[name] for name in ("kafka", "kafka-connect", "debezium", "postgresql")}
    wanted = dict(zip(measured, (lock.KAFKA, *lock.DEBEZIUM[::2], lock.POSTGRES), strict=True))
    assert measured == {name: coordinate.rpartition(":")[2] for name, coordinate in wanted.items()}
