"""Kafka and PostgreSQL are killed under load: every accepted command is stored, sent in order, and copied.

While Kafka is away, services knock now and then, and their logs say so now and then.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from norda_local import processes
from norda_local.folders import Home
from norda_local.settings import StackSettings, free_ports
from norda_local.stack import Stack
from support.installation import Installation, Running, in_thread, make_template, new_installation
from support.servers import Servers
from support.waiting import eventually


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of this module's own, which may be killed. PostgreSQL is durable: one that forgets what it has confirmed
    lets the relay send what then never was, and the version is given twice.
    """
    made = Stack(
        Home(tmp_path_factory.mktemp("stack")),
        StackSettings(ports=free_ports()),
        only=("postgres", "kafka"),
        durable=True,
        ahead=False,
    )
    try:
        made.fetch(progress=lambda *_: None)
        made.up(report=lambda *_: None)
        yield made
    finally:
        made.down(report=lambda *_: None)


@pytest.fixture(scope="module")
def registry(stack: Stack, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    endpoints = stack.endpoints()
    own = Servers(
        postgres=endpoints["database"],
        kafka=endpoints["kafka"],
        smtp=servers.smtp,
        mail=servers.mail,
        otlp=servers.otlp,
        tracing=servers.tracing,
    )
    in_thread(make_template(own.postgres))
    with new_installation(own, tmp_path_factory.mktemp("installation")) as installation:
        yield installation.start("registry")


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_killed_server_loses_nothing_that_was_accepted(stack: Stack, registry: Running, part: str) -> None:
    accepted: dict[str, int] = {}
    stop = asyncio.Event()

    async def office(number: int) -> None:
        """Registers an organisation and changes it again and again; counts what was answered with success."""
        async with registry.client() as client:
            made = None
            while not stop.is_set():
                try:
                    if made is None:
                        body = {
                            "legal_name": f"Beispiel {part} {number}",
                            "seat": {"place": "Bremen", "state": "DE-HB"},
                        }
                        answer = await client.post("/api/v1/organisations", json=body)
                        made = answer.json()["organisation_id"] if answer.status_code == 201 else None
                    else:
                        body = {"legal_name": f"Beispiel {part} {number} {accepted[made]}"}
                        answer = await client.patch(f"/api/v1/organisations/{made}", json=body)
                except OSError:
                    continue
                if answer.is_success and made:
                    accepted[made] = max(accepted.get(made, 0), answer.json()["version"])
                else:
                    assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.01)

    offices = [asyncio.create_task(office(number)) for number in range(4)]
    await asyncio.sleep(1.5)
    kill(stack.home, part)
    await asyncio.sleep(1.5)
    before = sum(accepted.values())
    await asyncio.to_thread(stack.up, report=lambda *_: None)

    async def accepted_again() -> None:
        assert sum(accepted.values()) > before + 10

    await eventually(accepted_again, within=30)
    stop.set()
    await asyncio.gather(*offices)
    assert len(accepted) == 4
    if part == "kafka":
        assert before > 20, "commands were accepted while Kafka was away"
    for organisation_id, version in accepted.items():
        await eventually(lambda key=organisation_id, n=version: said(registry.installation, key, n), within=30)  # type: ignore[misc]
        await eventually(lambda key=organisation_id: copied(registry, key), within=15)  # type: ignore[misc]


async def test_with_kafka_away_a_service_rests_and_logs_little(stack: Stack, registry: Running) -> None:
    """Of 2,000 lines and 1,000 connects in ten seconds some dozens are left; they were counted on a quiet machine."""
    await eventually(lambda: status(registry, "ready"), within=30)
    size = registry.log.stat().st_size
    kill(stack.home, "kafka")
    await asyncio.sleep(12)
    written = registry.log.read_bytes()[size:].decode()
    lines = [json.loads(line) for line in written.splitlines()]
    refused = [line for line in lines if "Unable connect to node" in line["event"]]
    assert len(refused) in {2, 3}, "one at once, one ten seconds later that counts those between"
    assert 3 < sum(line.get("left_out", 0) for line in refused) < 600
    assert len(lines) < 40, written
    await asyncio.to_thread(stack.up, report=lambda *_: None)
    await eventually(lambda: status(registry, "ready"), within=10)


async def status(service: Running, wanted: str) -> None:
    async with service.client() as client:
        document = (await client.get("/readyz")).json()
    assert document["status"] == wanted, document["checks"]


async def said(installation: Installation, key: str, version: int) -> None:
    """The topic has every version in order; repetitions are the same event."""
    records = await installation.read_topic(ORGANISATION, State.BREMEN, key=key, minimum=version)
    first: dict[Any, int] = {}
    for record in records:
        first.setdefault(record.event_id, record.sequence)
        assert first[record.event_id] == record.sequence
    assert list(first.values()) == list(range(1, len(first) + 1))
    assert len(first) >= version


async def copied(registry: Running, key: str) -> None:
    """The directory, built from the topic, has the newest state."""
    async with registry.client() as client:
        own = (await client.get(f"/api/v1/organisations/{key}")).json()
        listed = (await client.get("/api/v1/organisations", params={"q": own["legal_name"]})).json()["items"]
    assert [item["version"] for item in listed if item["organisation_id"] == key] == [own["version"]]


def kill(home: Home, part: str) -> None:
    """kill -9 of the part and all its children, as when the machine dies under it."""
    process = processes.running(home, part)
    assert process is not None
    for member in [*process.children(recursive=True), process]:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
