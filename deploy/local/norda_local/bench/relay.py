"""`norda bench relay`: our relay, Debezium's outbox router, and a bare producer as the ceiling.

Each round drains a backlog and then measures the way from insert to consumer at two rates, the contestants taking
turns. A backlog is made while the contestant's process is halted by SIGSTOP; the clock runs from SIGCONT until the
topic holds every event.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from norda_local import artifacts
from norda_local.bench import bare_producer, latency, rows
from norda_local.bench.contestants import Admin, Contestant, DebeziumRelay, NordaRelay
from norda_local.bench.debezium import Connect
from norda_local.bench.report import Figures, Report, Target, median, median_ratio, percentile
from norda_local.display import downloads_of
from norda_local.errors import StackError
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own

PARTITIONS = 6
BARE_TOPIC = "bench.relay.bare"
DRAIN_SECONDS = 120
SETTLE_SECONDS = 1.0
SKIPPED_SECONDS = 1
"""The first second at a rate is left out: connections and caches warm up."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    events: int
    warm_up_events: int
    rates: Sequence[int] = (300, 1_000)
    seconds: int = 30


FULL = Plan(rounds=3, events=100_000, warm_up_events=300_000)
QUICK = Plan(rounds=3, events=50_000, warm_up_events=150_000, seconds=6)


@dataclass(frozen=True, slots=True)
class Drain:
    """One drained backlog. CPU of the relay's process and of its server process in PostgreSQL; bytes resident."""

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    rss: float


class Arena:
    """The servers, the topics' ends, and how long a contestant takes."""

    def __init__(self, stack: Stack, admin: Admin, ends: AIOKafkaConsumer, plan: Plan) -> None:
        self.stack = stack
        self.admin = admin
        self.plan = plan
        self._ends = ends

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.stack.endpoints()["kafka"]

    async def length(self, topic: str) -> int:
        """How many records the topic has ever been given."""
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        return sum((await self._ends.end_offsets(partitions)).values())

    async def catch_up(self, contestant: Contestant) -> None:
        """Let some events through, so that connections stand and a log full of others' changes is passed over."""
        await contestant.processes(self.admin)
        expected = await self.length(contestant.topic) + rows.ROWS_PER_TRANSACTION
        await rows.insert_many(self.admin, contestant.kind, contestant.topic, rows.ROWS_PER_TRANSACTION)
        await self._wait_for(contestant.topic, expected)
        await contestant.forget(self.admin)

    async def drain(self, contestant: Contestant, count: int) -> Drain:
        """Make a backlog of `count` events while the contestant is halted, and time how it is drained.

        Raises:
            StackError: it was not drained in time.
        """
        expected = await self.length(contestant.topic) + count
        relay, server = await contestant.processes(self.admin)
        relay.send_signal(signal.SIGSTOP)
        await rows.insert_many(self.admin, contestant.kind, contestant.topic, count)
        await self.admin.execute("checkpoint")
        cpu, server_cpu, began = _cpu(relay), _cpu(server), time.perf_counter()
        relay.send_signal(signal.SIGCONT)
        await self._wait_for(contestant.topic, expected)
        seconds = time.perf_counter() - began
        # What is still to be deleted or committed belongs to the work.
        await asyncio.sleep(SETTLE_SECONDS)
        drained = Drain(seconds, _cpu(relay) - cpu, _cpu(server) - server_cpu, relay.memory_info().rss)
        await contestant.forget(self.admin)
        return drained

    async def _wait_for(self, topic: str, expected: int) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while (length := await self.length(topic)) < expected:
            if time.monotonic() > deadline:
                raise StackError(f"{topic}: {expected - length} events are missing", "see the logs of the run")
            await asyncio.sleep(0.01)

    def send_bare(self, count: int) -> Drain:
        """Let the bare producer send so many records."""
        command = [sys.executable, "-m", bare_producer.__name__, self.bootstrap, BARE_TOPIC, str(count)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return Drain(found["seconds"], found["cpu_seconds"], 0.0, found["rss"])

    def latencies(self, contestant: Contestant, rate: int) -> list[float]:
        """Milliseconds from insert to consumer, of each event after the first second."""
        count = rate * self.plan.seconds
        python = [sys.executable, "-m", latency.__name__]
        listener = subprocess.Popen(
            [*python, "listen", self.bootstrap, contestant.topic, str(count), str(self.plan.seconds + 30)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert listener.stdout is not None  # noqa: S101 - asked for above
        listener.stdout.readline()
        dsn = self.stack.endpoints()["database"]
        insert = ["insert", contestant.kind, dsn, contestant.topic, str(rate), str(self.plan.seconds)]
        subprocess.run([*python, *insert], check=True, stdout=subprocess.DEVNULL)
        found: list[float] = json.loads(listener.communicate()[0])
        if len(found) < count:
            raise StackError(
                f"{contestant.title}: {count - len(found)} of {count} events did not arrive", "see its log"
            )
        return found[rate * SKIPPED_SECONDS :]


def measure(*, quick: bool, say: Say) -> Report:
    """Run it; see the module."""
    plan = QUICK if quick else FULL
    settings = {"wal_level": "logical", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}
    with servers_of_its_own("bench", only=("postgres", "kafka"), postgres_settings=settings) as stack:
        jars = artifacts.read_lock()["debezium"]
        with downloads_of(artifacts.missing(jars, stack.jars)) as bar:
            artifacts.fetch(jars, stack.jars, progress=bar)
        say("starting PostgreSQL and Kafka")
        stack.up()
        # No tracing server runs beside them, so its port is free.
        connect = Connect(stack.home, jars=stack.jars, artifacts=jars, port=stack.settings.ports["otlp"])
        contestants = (NordaRelay(stack), DebeziumRelay(stack, connect))
        try:
            return asyncio.run(_measure(stack, contestants, plan, say, quick=quick))
        finally:
            for contestant in contestants:
                contestant.stop()


async def _measure(stack: Stack, contestants: Sequence[Contestant], plan: Plan, say: Say, *, quick: bool) -> Report:
    bootstrap = stack.endpoints()["kafka"]
    await _make_topics(bootstrap, [BARE_TOPIC, *(item.topic for item in contestants)])
    admin = await asyncpg.connect(stack.endpoints()["database"])
    ends = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await ends.start()
    try:
        arena = Arena(stack, admin, ends, plan)
        await _warm_up(arena, contestants, say)
        drains: dict[str, list[Drain]] = defaultdict(list)
        waits: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
        for number in range(1, plan.rounds + 1):
            say(f"round {number} of {plan.rounds}: {plan.events:,} events bare")
            drains["bare producer"].append(await asyncio.to_thread(arena.send_bare, plan.events))
            for contestant in contestants:
                await contestant.take_part()
                await arena.catch_up(contestant)
                say(f"round {number} of {plan.rounds}: {contestant.title}, {plan.events:,} events waiting")
                drains[contestant.title].append(await arena.drain(contestant, plan.events))
                for rate in plan.rates:
                    say(f"round {number} of {plan.rounds}: {contestant.title}, {rate}/s for {plan.seconds} s")
                    found = await asyncio.to_thread(arena.latencies, contestant, rate)
                    waits[contestant.title, rate].append(found)
                await contestant.step_aside()
        return _report(plan, drains, waits, quick=quick)
    finally:
        await ends.stop()
        await admin.close()


async def _warm_up(arena: Arena, contestants: Sequence[Contestant], say: Say) -> None:
    for contestant in contestants:
        say(f"{contestant.title}: starting, then {arena.plan.warm_up_events:,} events to warm up")
        await contestant.start(arena.admin)
        await arena.catch_up(contestant)
        await arena.drain(contestant, arena.plan.warm_up_events)
        await contestant.step_aside()


async def _make_topics(bootstrap: str, names: Sequence[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    finally:
        await admin.close()


def _report(
    plan: Plan,
    drains: dict[str, list[Drain]],
    waits: dict[tuple[str, int], list[list[float]]],
    *,
    quick: bool,
) -> Report:
    report = Report("relay", "How fast does the outbox reach Kafka, beside Debezium and a bare producer?", quick)
    speed = {name: [plan.events / item.seconds for item in found] for name, found in drains.items()}
    cpu = {
        name: [(item.cpu_seconds + item.server_cpu_seconds) * 100_000 / plan.events for item in found]
        for name, found in drains.items()
    }
    memory = {name: [item.rss / 1e6 for item in found] for name, found in drains.items()}
    report.tables.append(_drain_table(plan, drains, speed, cpu, memory))
    report.tables.append(_wait_table(plan, waits))
    waited = {
        share: [[percentile(found, share) for found in waits[name, plan.rates[0]]] for name in ("norda", "debezium")]
        for share in (0.5, 0.99)
    }
    rate = plan.rates[0]
    report.targets += [
        Target("drain, times Debezium's", median_ratio(speed["norda"], speed["debezium"]), 2.5),
        Target("drain, share of the bare producer's", median_ratio(speed["norda"], speed["bare producer"]), 0.8),
        Target(f"p50 at {rate}/s, share of Debezium's", median_ratio(*waited[0.5]), 0.8, at_least=False),
        Target(f"p99 at {rate}/s, share of Debezium's", median_ratio(*waited[0.99]), 1.0, at_least=False),
        Target("CPU per event, share of Debezium's", median_ratio(cpu["norda"], cpu["debezium"]), 0.5, at_least=False),
        Target("RSS, share of Debezium's", median_ratio(memory["norda"], memory["debezium"]), 0.25, at_least=False),
    ]
    report.rounds = {
        "events_per_second": speed,
        "cpu_seconds_per_100000": cpu,
        "rss_megabytes": memory,
        "milliseconds": {
            f"{name} {at}/s": [[percentile(found, share) for share in (0.5, 0.9, 0.99, 1.0)] for found in rounds]
            for (name, at), rounds in waits.items()
        },
    }
    report.notes.append(
        "norda is a whole registry service with its relay; CPU includes the relay's server process in PostgreSQL."
    )
    return report


def _drain_table(
    plan: Plan,
    drains: dict[str, list[Drain]],
    speed: dict[str, list[float]],
    cpu: dict[str, list[float]],
    memory: dict[str, list[float]],
) -> Figures:
    return Figures(
        f"{plan.events:,} events of {rows.VALUE_BYTES} bytes waiting, medians of {plan.rounds} rounds",
        ("contestant", "events/s", "x Debezium", "CPU s per 100,000", "of it PostgreSQL", "RSS MB"),
        [
            (
                name,
                median(speed[name]),
                median_ratio(speed[name], speed["debezium"]),
                median(cpu[name]),
                median([item.server_cpu_seconds * 100_000 / plan.events for item in found]),
                median(memory[name]),
            )
            for name, found in drains.items()
        ],
    )


def _wait_table(plan: Plan, waits: dict[tuple[str, int], list[list[float]]]) -> Figures:
    shares = (0.5, 0.9, 0.99)
    return Figures(
        f"milliseconds from insert to consumer, {plan.seconds} s at each rate, medians of {plan.rounds} rounds",
        ("contestant", "transactions/s", *(f"p{share * 100:.0f}" for share in shares), "longest"),
        [
            (
                name,
                str(rate),
                *(median([percentile(found, share) for found in rounds]) for share in shares),
                median([max(found) for found in rounds]),
            )
            for (name, rate), rounds in sorted(waits.items(), key=lambda item: item[0][1])
        ],
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
