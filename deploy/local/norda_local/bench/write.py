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

import asyncpg
import httpx2

from norda_local.bench import load
from norda_local.bench.bare import TABLES
from norda_local.bench.bodies import CLUSTER, organisation
from norda_local.bench.report import Report, percentile
from norda_local.bench.services import Say, ServiceUnderTest, cpu_seconds, headers_of, start_services
from norda_local.bench.standing_by import relay_standing_by
from norda_local.bench.write_pieces import CONNECTIONS, CONTESTANTS, Contestant, Rounds, report
from norda_local.errors import StackError
from norda_local.lifecycle import silent, start_all
from norda_local.parts import Part
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own
from norda_local.tracing import probe_http

MOST_PER_SECOND = 2_500
"""For so many requests bodies are prepared; a round that runs out of them ends early and is as good."""
SERVERS = ("postgres", "kafka")
DRAIN_SECONDS = 60


def measure(*, quick: bool, say: Say) -> Report:
    """Let the contestants take turns, and compare them round by round."""
    rounds, seconds, warm_up = (3, 2.4, 1.5) if quick else (7, 8.0, 4.0)
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
