"""`bench scale`: does an event cost the same when the tables hold years of history?

Each case is measured with three sizes over up to two powers of ten, in three segments; a straight line over the
logarithm of the size tells what ten and a hundred million rows would cost. Cost is processor time of the service and of
PostgreSQL together: on a machine that others use it says more than the clock. Services are driven from outside alone,
by rows in the outbox and records on topics, and read by `/readyz`.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx2
from aiokafka import AIOKafkaProducer
from norda_common.contracts.envelope import encode_headers, encode_value
from norda_common.contracts.registry import EXAMPLE, ORGANISATION
from norda_common.states import State

from norda_local.bench import filling
from norda_local.bench.report import Figures, Report, Target, median
from norda_local.bench.services import Say, ServiceUnderTest, cpu_seconds, start_services
from norda_local.errors import StackError
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own

PROJECTED = (10_000_000, 100_000_000)
SIZES = ("smallest", "middle", "largest")
SEGMENTS = 3
MOST_GROWTH = 1.3
INSERTED_SHARE = 10
"""Of so many records one is of a new organisation and one renames; the others change one that is there, spread over
all, in what is looked up by nobody."""
WATCH_SECONDS = 0.05
STALLED_SECONDS = 120
LEASE = "select pg_advisory_lock(hashtextextended('norda.relay.notifications', 0))"
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
"""Of a server for such tables; all else is as the local stack has it."""

_AGE = """
update notifications.inbox set handled_at = now() - interval '61 days'
 where ctid = any(array(select ctid from notifications.inbox limit $1))
"""
_FORGET = "delete from notifications.inbox where handled_at < now() - interval '60 days'"

Document = dict[str, Any]


@dataclass(slots=True)
class Case:
    """What is measured: microseconds of processor time per event by size, one per segment."""

    name: str
    sizes: Sequence[int]
    costs: dict[int, list[float]] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """The cost at the largest size beside the one at the smallest."""
        return median(self.costs[self.sizes[-1]]) / median(self.costs[self.sizes[0]])

    def projected(self, size: int) -> list[float]:
        """The cost at a size by each segment's own line; its spread says how much the line is worth."""
        return sorted(
            _line([(math.log10(at), self.costs[at][segment]) for at in self.sizes], math.log10(size))
            for segment in range(SEGMENTS)
        )


def measure(*, quick: bool, say: Say) -> Report:
    """Measure every case at every size."""
    return measure_with(QUICK if quick else FULL, quick=quick, say=say)


def measure_with(plan: Plan, *, quick: bool, say: Say) -> Report:
    """The measurement with sizes of the caller's choice."""
    with servers_of_its_own("bench", only=("postgres", "kafka", "mail"), postgres_settings=POSTGRES) as stack:
        stack.up()
        bench = Bench(stack, plan, say)
        asyncio.run(bench.run())
    return bench.report(quick=quick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes, two or three, and how many events make a segment: several batches of a consumer, or two ends fall on one.

    The directory is ten times smaller: with its indexes a row takes 3 kB, and a million are three times the companies
    of the three states.
    """

    sizes: Sequence[int]
    directory_sizes: Sequence[int]
    relayed: int
    consumed: int


QUICK = Plan(
    sizes=(40_000, 200_000, 1_000_000), directory_sizes=(20_000, 60_000, 200_000), relayed=20_000, consumed=5_000
)
FULL = Plan(
    sizes=(100_000, 1_000_000, 10_000_000), directory_sizes=(20_000, 140_000, 1_000_000), relayed=50_000, consumed=5_000
)


class Bench:
    """The services, one of them running at a time, and what was found."""

    def __init__(self, stack: Stack, plan: Plan, say: Say) -> None:
        self._stack = stack
        self._plan = plan
        self._say = say
        self._dsn = stack.endpoints()["database"]
        self._services = start_services(stack, "registry", "events", "notifications")
        for service in self._services.values():
            service.stop()
        self._sequence = 1
        self.cases: list[Case] = []
        self.watching: list[tuple[str | float, ...]] = []
        self.housekeeping: list[tuple[str | float, ...]] = []
        self.largest_database_gib = 0.0

    async def run(self) -> None:
        """All cases, one after the other, each from its smallest size to its largest."""
        plan = self._plan
        await self._case("relay: events that have passed", plan.sizes, self._after_history)
        await self._case("relay: events that wait", plan.sizes, self._before_backlog)
        await filling.empty(self._dsn, "notifications.outbox")
        await self._case("inbox: events handled once", plan.sizes, self._inbox, reads_by="notifications")
        await filling.empty(self._dsn, "notifications.inbox")
        await self._case("read model of events", plan.sizes, self._organisations, reads_by="events")
        await filling.empty(self._dsn, "events.organisation")
        await self._case("registry's directory", plan.directory_sizes, self._directory, reads_by="registry")

    async def _case(
        self,
        name: str,
        sizes: Sequence[int],
        measured: Callable[[int, int], Awaitable[list[float]]],
        *,
        reads_by: str | None = None,
    ) -> None:
        case, present = Case(name, sizes), 0
        if reads_by is not None:
            await self._catch_up(reads_by)
        for size in sizes:
            case.costs[size] = await measured(present, size)
            self._say(f"{name}, {size:,} rows: {median(case.costs[size]):.0f} microseconds per event")
            (row,) = await filling.execute(self._dsn, "select pg_database_size(current_database()) as bytes")
            self.largest_database_gib = max(self.largest_database_gib, row["bytes"] / (1 << 30))
            present = size
        self.cases.append(case)

    async def _catch_up(self, name: str) -> None:
        """Let a service read what earlier cases have left on the topic, and forget it."""
        service = self._services[name]
        await asyncio.to_thread(service.start)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=30) as client:
            handled, seen = -1, -2
            while handled != seen:
                await asyncio.sleep(2)
                document = (await client.get("/readyz")).json()
                handled, seen = sum(item["handled"] for item in document["consumers"].values()), handled
        await asyncio.to_thread(service.stop)
        for table in ("events.organisation", "registry.directory", "notifications.inbox"):
            await filling.empty(self._dsn, table)

    async def _after_history(self, present: int, size: int) -> list[float]:
        await filling.pass_through(self._dsn, rows=size - present)
        total = (SEGMENTS + 1) * self._plan.relayed
        # Not vacuumed: the dead rows of those that have passed are what may cost something.
        await filling.fill(self._dsn, "notifications.outbox", present=0, wanted=total, settle=False)
        return await self._costs("notifications", lambda document: int(document["relay"]["sent"]), self._plan.relayed)

    async def _before_backlog(self, _present: int, size: int) -> list[float]:
        await filling.empty(self._dsn, "notifications.outbox")
        total = (SEGMENTS + 1) * self._plan.relayed
        await filling.fill(self._dsn, "notifications.outbox", present=0, wanted=size + total)
        lease = await asyncpg.connect(self._dsn)
        await lease.execute(LEASE)
        holding = asyncio.create_task(_hold(lease))
        service = self._services["notifications"]
        await asyncio.to_thread(service.start)
        await self._watching_costs(service, size + total)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        await lease.close()
        return await self._costs("notifications", lambda document: int(document["relay"]["sent"]), self._plan.relayed)

    async def _watching_costs(self, service: ServiceUnderTest, waiting: int) -> None:
        """What it costs to know how large the backlog is, while another replica would be the one that sends."""
        names = ("notifications", "postgres")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=30) as client:
            before, began = sum(cpu_seconds(self._stack, names).values()), time.monotonic()
            await asyncio.sleep(3)
            used = (sum(cpu_seconds(self._stack, names).values()) - before) / (time.monotonic() - began)
            took: list[float] = []
            for _ in range(20):
                began = time.monotonic()
                document = (await client.get("/readyz")).json()
                took.append((time.monotonic() - began) * 1000)
        if document["relay"]["active"]:
            raise StackError("the relay sends although its lease is held elsewhere", "see norda_common/relay.py")
        self.watching.append((f"{waiting:,}", median(took), used * 1000, f"{document['relay']['backlog']:,}"))

    async def _inbox(self, present: int, size: int) -> list[float]:
        await filling.fill(self._dsn, "notifications.inbox", present=present, wanted=size)
        await self._produce(size)
        costs = await self._costs("notifications", _handled("organisations"), self._plan.consumed)
        await self._housekeeping(size)
        return costs

    async def _housekeeping(self, size: int) -> None:
        """What the deletion costs that each service runs every five seconds: with nothing and with 1,000 rows due."""
        took: list[float] = []
        for due in (0, 1_000):
            await filling.execute(self._dsn, _AGE, due)
            began = time.monotonic()
            await filling.execute(self._dsn, _FORGET)
            took.append((time.monotonic() - began) * 1000)
        self.housekeeping.append((f"{size:,}", *took))

    async def _organisations(self, present: int, size: int) -> list[float]:
        await filling.fill(self._dsn, "events.organisation", present=present, wanted=size)
        await self._produce(size)
        return await self._costs("events", _handled("organisations"), self._plan.consumed)

    async def _directory(self, present: int, size: int) -> list[float]:
        await filling.fill(self._dsn, "registry.directory", present=present, wanted=size)
        await self._produce(size)
        return await self._costs("registry", _handled("directory"), self._plan.consumed)

    async def _produce(self, size: int) -> None:
        """Put organisations on the topic, the most of them present among `size` rows, with a sequence that is new."""
        count = (SEGMENTS + 1) * self._plan.consumed
        if count > size:
            raise ValueError(f"{count} records for {size} rows: a batch would say the same twice, and cost less")
        places = random.Random(size).sample(range(count), count)  # noqa: S311 - the same order in every run
        self._sequence += 1
        topic = ORGANISATION.name(State("hb"))
        async with AIOKafkaProducer(
            bootstrap_servers=self._stack.endpoints()["kafka"], acks="all", linger_ms=5
        ) as producer:
            for place in places:
                new = place % INSERTED_SHARE == 0
                # Of those that are there every third is Bremen's.
                number = PROJECTED[-1] * self._sequence + place if new else 3 * (1 + place * (size // 3) // count)
                key = filling.key_of(number)
                name = f"Beispiel Bestand {number} GmbH"
                if place % INSERTED_SHARE == 1:
                    name = f"Beispiel Neubenannt {self._sequence} {number} GmbH"
                event = ORGANISATION.event(
                    "changed",
                    EXAMPLE.model_copy(update={"organisation_id": key, "responsible_state": "hb", "legal_name": name}),
                    state=State("hb"),
                    key=key,
                    sequence=self._sequence,
                    time=datetime.now(UTC),
                )
                await producer.send(
                    topic,
                    key=str(key).encode(),
                    value=encode_value(event),
                    headers=encode_headers(event, traceparent=None),
                )

    async def _costs(self, name: str, count: Callable[[Document], int], each: int) -> list[float]:
        """Start the service, let it warm up for a segment, and take its and PostgreSQL's time for the next ones."""
        service = self._services[name]
        await asyncio.to_thread(service.start)
        marks: list[tuple[int, float]] = []
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=30) as client:
            changed, seen = time.monotonic(), 0
            while len(marks) <= SEGMENTS:
                done = count((await client.get("/readyz")).json())
                if done >= each * (len(marks) + 1) - each // 10:
                    marks.append((done, sum(cpu_seconds(self._stack, (name, "postgres")).values())))
                if done != seen:
                    changed, seen = time.monotonic(), done
                if time.monotonic() - changed > STALLED_SECONDS:
                    raise StackError(f"{name} has stopped at {done} events", f"see the log of {name}")
                await asyncio.sleep(WATCH_SECONDS)
        await asyncio.to_thread(service.stop)
        return [
            (later[1] - earlier[1]) * 1e6 / max(1, later[0] - earlier[0])
            for earlier, later in itertools.pairwise(marks)
        ]

    def report(self, *, quick: bool) -> Report:
        """Tables, targets and every single figure."""
        rows: list[tuple[str | float, ...]] = []
        for case in self.cases:
            ends: list[str | float] = []
            for size in PROJECTED:
                values = case.projected(size)
                ends.append(f"{median(values):.0f} ({values[0]:.0f}-{values[-1]:.0f})")
            name = f"{case.name}, {_short(case.sizes[0])} to {_short(case.sizes[-1])}"
            rows.append((name, *(median(case.costs[size]) for size in case.sizes), case.growth, *ends))
        return Report(
            name="scale",
            question="Does an event cost the same when the tables hold years of history?",
            quick=quick,
            tables=[
                Figures(
                    title="Processor microseconds per event, service and PostgreSQL, by size; projected",
                    columns=("", *SIZES[: len(self._plan.sizes)], "growth", "10 M", "100 M"),
                    rows=rows,
                ),
                Figures(
                    title="What it costs to know how many events wait, while another replica would send",
                    columns=("events that wait", "/readyz, ms", "CPU ms per s", "said to wait"),
                    rows=self.watching,
                ),
                Figures(
                    title="What it costs to forget old inbox entries, every five seconds, ms",
                    columns=("inbox entries", "nothing due", "1,000 due"),
                    rows=self.housekeeping,
                ),
            ],
            targets=[Target(f"growth, {case.name}", case.growth, MOST_GROWTH, at_least=False) for case in self.cases],
            rounds={case.name: {str(size): case.costs[size] for size in case.sizes} for case in self.cases},
            notes=[f"the largest database had {self.largest_database_gib:.1f} GiB"],
        )


async def _hold(lease: asyncpg.Connection[asyncpg.Record]) -> None:
    """Show that the lease's holder lives: a standby ends a silent one's connection."""
    while True:
        await lease.execute("select 1")
        await asyncio.sleep(1)


def _handled(consumer: str) -> Callable[[Document], int]:
    return lambda document: int(document["consumers"][consumer]["handled"])


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1_000} k"


def _line(points: Sequence[tuple[float, float]], at: float) -> float:
    """The value at a place by the straight line through the points (least squares)."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x, _ in points)
    return middle_y + slope * (at - middle_x)
