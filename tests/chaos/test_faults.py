"""What faults and load see: planted before a fault it spoils no measurement, planted while it lasts it is found."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from norda_local.chaos import field as sheet
from norda_local.chaos.cluster import Cluster
from norda_local.chaos.faults import database, network, processes
from norda_local.chaos.field import Field
from norda_local.chaos.history import History
from norda_local.chaos.judgement import _idle
from norda_local.chaos.ledger import Ledger
from norda_local.chaos.load import NoSuccess, Office
from norda_local.chaos.members import Member
from norda_local.chaos.watch import Watch, consumer_stalls
from norda_local.chaos.witness import Witness
from norda_local.folders import Home
from norda_local.parts import Part, nothing
from norda_local.services import SERVICES


def seen(checks: dict[str, str] | None = None, *, active: bool = False) -> dict[str, Any]:
    """What a replica's `/readyz` says, as far as faults look."""
    relay = {"active": active, "oldest_age_seconds": 0.0, "backlog": 0, "blocked": 0}
    every = {"relay": "ok", "consumer.participations": "ok"} | (checks or {})
    return {"status": "ready", "checks": every, "relay": relay, "consumers": {}, "dead_letters_open": 0}


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """Two replicas of each service, which are processes that wait; documents are planted by the tests."""
    cluster, home = object.__new__(Cluster), Home(tmp_path)
    cluster.replicas = {}
    for name in (f"{service}-{number}" for service in SERVICES for number in (1, 2)):
        process = subprocess.Popen(["sleep", "60"])
        cluster.replicas[name] = Member(home, Part(name, name, ("sleep", "60"), nothing), process)
    history = History(tmp_path / "history.jsonl")
    watch = Watch(cluster, history)
    witness = Witness("postgresql://127.0.0.1:1/nobody", bootstrap="127.0.0.1:1", mail_url="")
    yield Field(cluster, watch, witness, Ledger(history), history, Random(1))  # noqa: S311 - no secret
    for member in cluster.replicas.values():
        member.kill()
    history.close()


async def test_a_stall_from_before_shows_no_stuck_partition(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SEEN_SECONDS", 0.2)
    field.watch.documents["registry-2"] = seen(
        {"consumer.participations": "no progress on hb.events.registration.v1/0"}
    )
    fault = database.StuckPartition(field)
    await fault.inject()
    await fault.recover()
    assert field.planted == []
    assert field.findings == ["a consumer of the registry did not get on before its partition was to be stuck"]


@pytest.mark.parametrize(
    ("told", "stalls"),
    [
        ("ok", False),
        ("ConnectionResetError", False),
        ("not connected", False),
        ("no progress on hb.events.registration.v1/0", True),
        ("ConnectionResetError; no progress on hb.events.registration.v1/0", True),
    ],
)
def test_the_echo_of_another_fault_is_no_stall(told: str, *, stalls: bool) -> None:
    assert consumer_stalls(seen({"consumer.participations": told}), "participations") is stalls


@pytest.mark.parametrize(
    "other", [seen({"relay": "oldest event waits for 9 s"}), seen(active=True)], ids=["stalled", "two at once"]
)
async def test_what_was_wrong_before_shows_no_frozen_relay(
    field: Field, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    monkeypatch.setattr(processes, "FREEZE_TO_BE_SEEN_SECONDS", 0.2)
    for service in SERVICES:
        field.watch.documents |= {f"{service}-1": seen(active=True), f"{service}-2": other}
    fault = processes.FreezeRelayHolder(field)
    await fault.inject()
    await fault.recover()
    assert field.planted == []
    assert not any(member.frozen for member in field.cluster.replicas.values())
    (found,) = field.findings
    assert "was active, and well, when its holder was to be frozen" in found


async def test_what_is_not_calm_before_a_measured_fault_is_found(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "CALM_SECONDS", 0.1)
    field.watch.documents |= {name: seen(active=name.endswith("1")) for name in field.cluster.replicas}
    await field.calm_before("kill-relay-holder")
    assert field.findings == []
    field.watch.documents["events-2"]["status"] = "degraded"
    await field.calm_before("kill-relay-holder")
    assert field.findings == ["not every replica was ready before kill-relay-holder, for 0 s"]


async def test_an_answer_from_before_the_kill_is_no_hand_over(field: Field) -> None:
    documents = field.watch.documents

    async def answer(service: str) -> None:
        """What the killed replica had answered comes after its death, and the other one takes over later."""
        while field.cluster.replicas[f"{service}-1"].running:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        documents[f"{service}-1"] = seen(active=True)
        await asyncio.sleep(0.3)
        del documents[f"{service}-1"]
        documents[f"{service}-2"] = seen(active=True)

    documents |= {f"{service}-1": seen(active=True) for service in SERVICES}
    async with asyncio.TaskGroup() as group:
        for service in SERVICES:
            group.create_task(answer(service))
        group.create_task(processes.KillRelayHolder(field).inject())
    assert [timing.what for timing in field.timings] == [f"{service}: relay handed over" for service in SERVICES]
    assert all(0.25 < timing.seconds < 3 for timing in field.timings), field.timings


@pytest.mark.parametrize(
    ("last", "grown"), [(124, []), (126, ["registry-1 grew from 100 to 126 MB while Kafka was away"])]
)
async def test_memory_that_grows_while_kafka_is_away_is_found(field: Field, last: int, grown: list[str]) -> None:
    fault = network.KafkaAway(field)
    fault._began = 1_000.0
    sizes = [*[100] * 9, last]
    field.watch.memory = [(1_000.0 + 6 * step, {"registry-1": size * 1_000_000}) for step, size in enumerate(sizes)]
    field.watch.memory.append((1_100.0, {"registry-1": 500_000_000}))
    fault._weigh(60.0)
    assert field.findings == grown


@pytest.mark.parametrize(
    ("status", "kind", "count"),
    [
        ("201 Created", "application/json", "accepted"),
        ("503 Service Unavailable", "application/problem+json", "unavailable"),
        ("503 Service Unavailable", "text/plain", "improper"),
        ("500 Internal Server Error", "application/problem+json", "improper"),
        ("409 Conflict", "application/problem+json", "improper"),
    ],
)
async def test_an_answer_that_is_neither_success_nor_503_is_found(
    field: Field, monkeypatch: pytest.MonkeyPatch, status: str, kind: str, count: str
) -> None:
    async with answering(status, kind) as url:
        field.cluster.urls = dict.fromkeys(field.cluster.replicas, url)
        monkeypatch.setattr(Cluster, "token", lambda *_: "none")
        office = Office(0, cluster=field.cluster, ledger=field.ledger, random=field.random, members=[])
        with nullcontext() if count == "accepted" else pytest.raises(NoSuccess):
            await office.subscribe("a@ex.example", "state", "hb")
        await office.close()
    assert dict(field.ledger.counts) == {count: 1}
    assert [status[:3] in found for found in field.ledger.improper] == [True] * (count == "improper")


async def test_a_readyz_that_is_no_document_of_ours_is_found(field: Field) -> None:
    async with answering("500 Internal Server Error", "application/json") as url, httpx2.AsyncClient() as client:
        field.cluster.urls = {"registry-1": url}
        await field.watch._look(client, "registry-1")
    (found,) = field.watch.odd
    assert found.startswith("/readyz of registry-1 answered")


async def test_what_replicas_handle_is_counted_apart_for_each_calm_phase(field: Field) -> None:
    watch = field.watch

    def handled(name: str, number: int) -> None:
        consumers = {"directory": {"handled": number}}
        watch.note(name, seen(active=name.endswith("1")) | {"consumers": consumers})

    for name in field.cluster.replicas:
        handled(name, 7)
    handled("registry-1", 10)
    handled("registry-1", 2)
    handled("registry-2", 12)
    handled("registry-1", 3)
    phases = [{name: number for name, number in phase.items() if number} for phase in watch.calm_phases]
    assert phases == [{"registry-1": 3}, {"registry-2": 5, "registry-1": 1}]
    judged = _idle(field)
    assert "registry-1 never handled a record" not in judged
    watch.most_handled = {("registry-1", "directory"): 1}
    assert "registry-2 never handled a record" in _idle(field)


@asynccontextmanager
async def answering(status: str, kind: str) -> AsyncIterator[str]:
    """A server that answers everything so."""
    body = b'{"id": "1", "version": 1, "type": "about:blank"}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
