"""`bench write`: what a command costs that validates, stores and announces, beside an endpoint that only inserts.

Both run in one process each, with the same server, pool size and database, and get bodies of the same kind from the
same load generator, in turns. The relay runs inside the service, as it does in production: its work counts, and a
round's processor time is read when its last event has been acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from dataclasses import asdict, dataclass, field

import asyncpg
import httpx2

from norda_local.bench import load
from norda_local.bench.bare import TABLE
from norda_local.bench.bodies import CLUSTER, organisation
from norda_local.bench.report import Figures, Report, Target, median, median_ratio, percentile
from norda_local.bench.services import Say, cpu_seconds, headers_of, start_services
from norda_local.errors import StackError
from norda_local.lifecycle import silent, start_all
from norda_local.parts import Part
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own
from norda_local.tracing import probe_http

CONNECTIONS = 16
MOST_PER_SECOND = 2_500
"""For so many requests bodies are prepared; a round that runs out of them ends early and is as good."""
PATHS = {"registry": "/api/v1/organisations", "bare": "/organisations"}
SERVERS = ("postgres", "kafka")
DRAIN_SECONDS = 60
NOTE = (
    "the registry checks a token, 12 fields, its clusters and taken numbers, and writes 10 rows: the organisation, 7 "
    "numbers, a version, an event; relay and directory consumer run in the same process, as in production"
)


@dataclass(slots=True)
class Rounds:
    """One contestant's figures, a value per round; processor seconds are per 1,000 requests, by process."""

    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cpu_postgres: list[float] = field(default_factory=list)
    cpu_kafka: list[float] = field(default_factory=list)


def measure(*, quick: bool, say: Say) -> Report:
    """Let both contestants take turns, and compare them round by round."""
    rounds, seconds, warm_up = (3, 4.0, 3.0) if quick else (7, 10.0, 5.0)
    found = {name: Rounds() for name in PATHS}
    with servers_of_its_own("bench", only=SERVERS) as stack:
        stack.up()
        contest = Contest(stack)
        for name in PATHS:
            contest.round(name, seconds=warm_up)
        for number in range(rounds):
            for name, figures in found.items():
                contest.round(name, seconds=seconds, into=figures)
                say(f"round {number + 1} of {rounds}, {name}: {figures.per_second[-1]:.0f} requests/s")
    return _report(found, quick=quick)


class Contest:
    """Both contestants, running on the stack's servers; every body is sent once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._numbers = itertools.count(1)
        self._ports = {
            "registry": start_services(stack, "registry")["registry"].port,
            "bare": _start_bare(stack, port=stack.settings.ports["events"]),
        }
        self._headers = headers_of(stack)
        answer = httpx2.post(
            f"http://127.0.0.1:{self._ports['registry']}{PATHS['registry']}", json=CLUSTER, headers=self._headers
        )
        if answer.status_code != 201:
            raise StackError(f"the cluster was not entered: {answer.text[:400]}", "see the registry's log")

    def round(self, name: str, *, seconds: float, into: Rounds | None = None) -> None:
        """Send commands to one contestant for so long, and let its relay finish before the other's turn."""
        bodies = [organisation(number) for number in itertools.islice(self._numbers, int(seconds * MOST_PER_SECOND))]
        generator = load.start(
            load.Load(
                port=self._ports[name],
                headers=self._headers,
                requests=[(PATHS[name], body) for body in bodies],
                connections=CONNECTIONS,
                seconds=seconds,
            )
        )
        before = cpu_seconds(self._stack, (name, *SERVERS))
        answered = load.finish(generator)
        asyncio.run(_drained(self._stack.endpoints()["database"]))
        if into is not None:
            after = cpu_seconds(self._stack, (name, *SERVERS))
            used = {part: (after[part] - before[part]) * 1000 / answered.sent for part in after}
            into.per_second.append(answered.per_second)
            into.p50_ms.append(percentile(answered.latencies_ms, 0.5))
            into.p99_ms.append(percentile(answered.latencies_ms, 0.99))
            into.cpu.append(used[name])
            into.cpu_postgres.append(used["postgres"])
            into.cpu_kafka.append(used["kafka"])


def _start_bare(stack: Stack, *, port: int) -> int:
    dsn = stack.endpoints()["database"]
    asyncio.run(_execute(dsn, TABLE))
    part = Part(
        name="bare",
        title="FastAPI and asyncpg",
        command=(sys.executable, "-m", "norda_local.bench.bare", str(port), dsn),
        probe=lambda: probe_http(f"http://127.0.0.1:{port}/"),
        ports=(port,),
    )
    start_all(stack.home, [part], silent)
    return port


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _drained(dsn: str) -> None:
    """Wait until the outbox is empty."""
    deadline = time.monotonic() + DRAIN_SECONDS
    connection = await asyncpg.connect(dsn)
    try:
        while await connection.fetchval("select exists (select from registry.outbox)"):
            if time.monotonic() > deadline:
                raise StackError("the registry's relay does not send what waits in its outbox", "see its log")
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


def _report(found: dict[str, Rounds], *, quick: bool) -> Report:
    registry, bare = found["registry"], found["bare"]
    ratio = median_ratio(registry.per_second, bare.per_second)
    rows = [
        (
            label,
            median(figures.per_second),
            median_ratio(figures.per_second, bare.per_second),
            median(figures.p50_ms),
            median(figures.p99_ms),
            median(figures.cpu),
            median(figures.cpu_postgres),
            median(figures.cpu_kafka),
        )
        for label, figures in (("registry: validate, store, announce", registry), ("FastAPI + asyncpg: insert", bare))
    ]
    return Report(
        name="write",
        question="What does a command with validation, row and outbox cost beside a bare insert?",
        quick=quick,
        tables=[
            Figures(
                title=f"POST by {CONNECTIONS} connections, {len(bare.per_second)} rounds, medians; CPU s per 1,000",
                columns=("", "requests/s", "ratio", "p50 ms", "p99 ms", "process", "PostgreSQL", "Kafka"),
                rows=rows,
            )
        ],
        targets=[Target("requests/s of the bare endpoint", ratio, 0.6)],
        rounds={name: asdict(figures) for name, figures in found.items()},
        notes=[NOTE],
    )
