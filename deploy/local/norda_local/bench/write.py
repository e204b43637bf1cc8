"""`bench write`: what a command costs that validates, stores and announces, beside an endpoint that only inserts.

Between the two stand contestants that do part of it, so that the difference can be told piece by piece. All of them are
processes with the same server, pool size and database, and get bodies of the same kind from the same load generator, in
turns. The relay runs inside the service, as it does in production: its work counts, and a round's processor time is
read when its last event has been acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import asyncpg
import httpx2

from norda_local.bench import load
from norda_local.bench.bare import TABLES
from norda_local.bench.bodies import CLUSTER, organisation
from norda_local.bench.report import Figures, Report, Target, median, median_ratio, percentile
from norda_local.bench.services import Say, ServiceUnderTest, cpu_seconds, headers_of, start_services
from norda_local.bench.standing_by import relay_standing_by
from norda_local.errors import StackError
from norda_local.lifecycle import silent, start_all
from norda_local.parts import Part
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own
from norda_local.tracing import probe_http

CONNECTIONS = 16
MOST_PER_SECOND = 2_500
"""For so many requests bodies are prepared; a round that runs out of them ends early and is as good."""
SERVERS = ("postgres", "kafka")
DRAIN_SECONDS = 60
NOTE = (
    "the registry checks a token, 12 fields, its clusters and taken numbers, and writes 10 rows: the organisation, 7 "
    "numbers, a version, an event; relay and directory consumer run in the same process, as in production"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Whom to ask and how. `adds` is what it does beyond the one before it; `standing_by`: another has the relay."""

    title: str
    adds: str
    process: str
    path: str
    standing_by: bool = False


CONTESTANTS = {
    "bare": Contestant(
        title="FastAPI + asyncpg: insert", adds="receive, insert one row, answer", process="bare", path="/organisations"
    ),
    "announced": Contestant(
        title="the same and an event, in one transaction",
        adds="the event's row; BEGIN and COMMIT",
        process="bare",
        path="/announced",
    ),
    "use_case": Contestant(
        title="FastAPI + the registry's use case",
        adds="rules, look-up, 7 numbers and a version",
        process="bare_registry",
        path="/organisations",
        standing_by=True,
    ),
    "standing_by": Contestant(
        title="registry whose relay stands by",
        adds="sign-in, limits, problem documents, telemetry",
        process="registry",
        path="/api/v1/organisations",
        standing_by=True,
    ),
    "registry": Contestant(
        title="registry: validate, store, announce",
        adds="relay, and the directory that follows it",
        process="registry",
        path="/api/v1/organisations",
    ),
}
"""In the order of what they do: each adds to the one before."""


@dataclass(slots=True)
class Rounds:
    """One contestant's figures, a value per round; processor seconds are per 1,000 requests, by process."""

    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cpu_postgres: list[float] = field(default_factory=list)
    cpu_kafka: list[float] = field(default_factory=list)

    @property
    def cpu_together(self) -> list[float]:
        """Of the process and both servers."""
        return [sum(parts) for parts in zip(self.cpu, self.cpu_postgres, self.cpu_kafka, strict=True)]


def measure(*, quick: bool, say: Say) -> Report:
    """Let the contestants take turns, and compare them round by round."""
    rounds, seconds, warm_up = (3, 2.5, 2.0) if quick else (7, 8.0, 4.0)
    found = {name: Rounds() for name in CONTESTANTS}
    with servers_of_its_own("bench", only=SERVERS) as stack:
        stack.up()
        contest = Contest(stack)
        for contestant in CONTESTANTS.values():
            contest.round(contestant, seconds=warm_up)
        for number in range(rounds):
            for name, contestant in CONTESTANTS.items():
                contest.round(contestant, seconds=seconds, into=found[name])
                say(f"round {number + 1} of {rounds}, {contestant.title}: {found[name].per_second[-1]:.0f} requests/s")
    return report(found, quick=quick)


class Contest:
    """All contestants, running on the stack's servers; every body is sent once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._numbers = itertools.count(1)
        self._registry = start_services(stack, "registry")["registry"]
        self._ports = {"registry": self._registry.port, **_start_bare(stack, self._registry)}
        self._headers = headers_of(stack)
        answer = httpx2.post(
            f"http://127.0.0.1:{self._registry.port}/api/v1/organisations", json=CLUSTER, headers=self._headers
        )
        if answer.status_code != 201:
            raise StackError(f"the cluster was not entered: {answer.text[:400]}", "see the registry's log")

    def round(self, contestant: Contestant, *, seconds: float, into: Rounds | None = None) -> None:
        """Send commands to one contestant for so long, and let its relay finish before the other's turn."""
        asyncio.run(self._round(contestant, seconds=seconds, into=into))

    async def _round(self, contestant: Contestant, *, seconds: float, into: Rounds | None) -> None:
        if not contestant.standing_by:
            await asyncio.to_thread(self._measure, contestant, seconds, into)
            return
        async with relay_standing_by(self._registry.database_url, service="registry"):
            await asyncio.to_thread(self._measure, contestant, seconds, into)
            # What is sent later would be another contestant's load.
            await _execute(self._database, "delete from registry.outbox")

    def _measure(self, contestant: Contestant, seconds: float, into: Rounds | None) -> None:
        bodies = [organisation(number) for number in itertools.islice(self._numbers, int(seconds * MOST_PER_SECOND))]
        generator = load.start(
            load.Load(
                port=self._ports[contestant.process],
                headers=self._headers,
                requests=[(contestant.path, body) for body in bodies],
                connections=CONNECTIONS,
                seconds=seconds,
            )
        )
        before = cpu_seconds(self._stack, (contestant.process, *SERVERS))
        answered = load.finish(generator)
        if not contestant.standing_by:
            asyncio.run(_drained(self._database))
        if into is not None:
            after = cpu_seconds(self._stack, (contestant.process, *SERVERS))
            used = {part: (after[part] - before[part]) * 1000 / answered.sent for part in after}
            into.per_second.append(answered.per_second)
            into.p50_ms.append(percentile(answered.latencies_ms, 0.5))
            into.p99_ms.append(percentile(answered.latencies_ms, 0.99))
            into.cpu.append(used[contestant.process])
            into.cpu_postgres.append(used["postgres"])
            into.cpu_kafka.append(used["kafka"])

    @property
    def _database(self) -> str:
        return self._stack.endpoints()["database"]


def _start_bare(stack: Stack, registry: ServiceUnderTest) -> dict[str, int]:
    """Start the contestants without a platform; returns the ports by process."""
    dsn = stack.endpoints()["database"]
    asyncio.run(_execute(dsn, TABLES))
    ports = {"bare": stack.settings.ports["events"], "bare_registry": stack.settings.ports["notifications"]}
    databases = {"bare": dsn, "bare_registry": registry.database_url}
    parts = [
        Part(
            name=name,
            title=name,
            command=(sys.executable, "-m", f"norda_local.bench.{name}", str(port), databases[name]),
            probe=lambda port=port: probe_http(f"http://127.0.0.1:{port}/"),  # type: ignore[misc]
            ports=(port,),
        )
        for name, port in ports.items()
    ]
    start_all(stack.home, parts, silent)
    return ports


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


def report(found: Mapping[str, Rounds], *, quick: bool) -> Report:
    """The contestants side by side, and what each adds to the one before."""
    registry, bare = found["registry"], found["bare"]
    return Report(
        name="write",
        question="What does a command with validation, row and outbox cost beside a bare insert?",
        quick=quick,
        tables=[_contestants(found), _pieces(found)],
        targets=[Target("requests/s of the bare endpoint", median_ratio(registry.per_second, bare.per_second), 0.6)],
        rounds={name: asdict(figures) for name, figures in found.items()},
        notes=[NOTE],
    )


def _contestants(found: Mapping[str, Rounds]) -> Figures:
    bare = found["bare"]
    return Figures(
        title=f"POST by {CONNECTIONS} connections, {len(bare.per_second)} rounds, medians; CPU s per 1,000",
        columns=("", "requests/s", "ratio", "p50 ms", "p99 ms", "process", "PostgreSQL", "Kafka"),
        rows=[
            (
                CONTESTANTS[name].title,
                median(figures.per_second),
                median_ratio(figures.per_second, bare.per_second),
                median(figures.p50_ms),
                median(figures.p99_ms),
                median(figures.cpu),
                median(figures.cpu_postgres),
                median(figures.cpu_kafka),
            )
            for name, figures in found.items()
        ],
    )


def _pieces(found: Mapping[str, Rounds]) -> Figures:
    """Differences of the medians, and their share of what the whole command takes."""
    names = list(found)
    whole = median(found[names[-1]].cpu_together)
    rows: list[tuple[str | float, ...]] = []
    for before, name in itertools.pairwise([None, *names]):
        added = [
            median(getattr(found[name], kind)) - (median(getattr(found[before], kind)) if before else 0)
            for kind in ("cpu", "cpu_postgres", "cpu_kafka", "cpu_together")
        ]
        rows.append((CONTESTANTS[name].adds, *added, added[-1] / whole))
    return Figures(
        title="What each adds to the one before, CPU ms per command",
        columns=("", "process", "PostgreSQL", "Kafka", "together", "share"),
        rows=rows,
    )
