"""How fast a service's consumer brings a topic into its read model, beside a subscriber that does nothing.

Two read models: organisations in events (one small row each) and the directory of the registry (texts to search,
several indexes, numbers in a table of their own). All contestants read the same topics with the same fetch settings,
each in a process of its own, in turns; telemetry is on and goes to a real server. Then the same changes meet a read
model of some rows and one of ten times as many, both filled by SQL.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from norda_local.bench import filling
from norda_local.bench.organisations import fill, topic_names
from norda_local.bench.report import Figures, Report, Target, median, median_ratio
from norda_local.bench.services import ServiceUnderTest, set_up_services
from norda_local.bench.subjects import Database, Outcome, Subject
from norda_local.errors import StackError
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own

Say = Callable[[str], None]

READ_MODELS = {"events": "organisations", "registry": "directory"}
"""The consumer that keeps it, by service."""
TABLES = ("events.organisation", "registry.directory", "registry.directory_number")
FILLED = TABLES[:2]
"""What is filled; a directory's numbers come with it."""
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "1h", "autovacuum": "off"}
"""Of a server for such tables, which does in a round what a change asks of it and nothing else."""
VACUUM = f"vacuum analyze {', '.join(TABLES)}"
NOOP_SECONDS = 120
EVENTS_PER_SECOND = 10_000.0
SHARE_OF_NOOP = 0.25
TEN_TIMES_THE_ROWS = 1.3
COLUMNS = ("contestant", "events/s", "of the no-op", "CPU us per event", "PostgreSQL's", "most memory, MB")
NOTE = (
    "Counted from the first acknowledged batch to the last. CPU is the consuming process's, its export of telemetry "
    "included. Servers, services and the no-op share the cores; the cost of a change is CPU of the process and of "
    "PostgreSQL together. Tables are vacuumed between rounds, and no checkpoint follows their filling: either, once in "
    "minutes, would fall into one of the rounds."
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many records: to catch up with, rows the smaller read model holds, and changes that meet both."""

    catch_up: int
    rows: int
    changes: int
    rounds: int = 3


FULL = Sizes(catch_up=200_000, rows=50_000, changes=40_000)
QUICK = Sizes(catch_up=40_000, rows=10_000, changes=8_000)


def measure(*, quick: bool, say: Say) -> Report:
    """Run both questions on servers of their own; see `Sizes` for how much."""
    return measure_with(QUICK if quick else FULL, quick=quick, say=say)


def measure_with(sizes: Sizes, *, quick: bool, say: Say) -> Report:
    """The measurement with sizes of the caller's choice."""
    report = Report("consume", "How fast does a topic come into a read model?", quick, notes=[NOTE])
    servers = ("postgres", "kafka", "tracing", "otlp")
    with servers_of_its_own("bench", only=servers, postgres_settings=POSTGRES) as stack:
        say("starting PostgreSQL, Kafka and tracing")
        stack.up()
        telling = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.endpoints()["otlp"]}
        services = set_up_services(stack, *READ_MODELS, environment=telling)
        _catching_up(services, report, sizes, say)
        _more_rows(services, report, sizes, say)
    return report


def _catching_up(services: Mapping[str, ServiceUnderTest], report: Report, sizes: Sizes, say: Say) -> None:
    stack = next(iter(services.values())).stack
    say(f"producing {sizes.catch_up:,} organisations")
    fill(stack.endpoints()["kafka"], "catchup.", ((number, 1) for number in range(sizes.catch_up)))
    _noop(stack, "catchup.", sizes.catch_up)
    rounds: dict[str, list[Outcome]] = {"no-op": [], **{name: [] for name in services}}
    for number in range(1, sizes.rounds + 1):
        say(f"round {number} of {sizes.rounds}: no-op, {', '.join(services)}")
        rounds["no-op"].append(_noop(stack, "catchup.", sizes.catch_up))
        for name, service in services.items():
            database = Database(stack)
            rounds[name].append(Subject(service, READ_MODELS[name], database).consume("catchup.", sizes.catch_up))
            database.drop()
    _tell_catching_up(report, sizes, rounds)


def _tell_catching_up(report: Report, sizes: Sizes, rounds: Mapping[str, Sequence[Outcome]]) -> None:
    report.rounds["catching up"] = {name: [item.as_json() for item in found] for name, found in rounds.items()}
    rates = {name: [item.per_second for item in found] for name, found in rounds.items()}
    shares = {name: median_ratio(found, rates["no-op"]) for name, found in rates.items()}
    report.tables.append(
        Figures(
            f"{sizes.catch_up:,} organisations into an empty read model, medians of {sizes.rounds} rounds",
            COLUMNS,
            [_row(name, found, shares[name]) for name, found in rounds.items()],
        )
    )
    for name in READ_MODELS:
        report.targets.append(Target(f"{name}: events per second", median(rates[name]), EVENTS_PER_SECOND))
        report.targets.append(Target(f"{name}: share of the no-op", shares[name], SHARE_OF_NOOP))


def _row(name: str, found: Sequence[Outcome], share: float) -> list[str | float]:
    return [
        name,
        median([item.per_second for item in found]),
        share,
        median([item.cpu_per_event for item in found]),
        median([item.postgres_cpu_per_event for item in found]),
        max(item.rss_mb for item in found),
    ]


def _more_rows(services: Mapping[str, ServiceUnderTest], report: Report, sizes: Sizes, say: Say) -> None:
    """The same number of changes of known organisations, chosen evenly, with some rows and with ten times as many."""
    stack = next(iter(services.values())).stack
    databases = {rows: Database(stack) for rows in (sizes.rows, 10 * sizes.rows)}
    for rows, database in databases.items():
        say(f"read models of {rows:,} rows")
        for table in FILLED:
            asyncio.run(filling.fill(database.url(), table, present=0, wanted=rows, settle=False))
        asyncio.run(filling.execute(database.url(), VACUUM))
    costs: dict[str, dict[int, list[Outcome]]] = {name: {rows: [] for rows in databases} for name in services}
    for number in range(1, sizes.rounds + 1):
        for rows, database in databases.items():
            say(f"{sizes.changes:,} changes among {rows:,} rows, round {number} of {sizes.rounds}")
            prefix = f"changes{number}of{rows}."
            changes = _changes(sizes.changes, rows=rows, version=number + 1)
            fill(stack.endpoints()["kafka"], prefix, changes, key=filling.key_of)
            for name, service in services.items():
                subject = Subject(service, READ_MODELS[name], database)
                costs[name][rows].append(subject.consume(prefix, sizes.changes))
            asyncio.run(filling.execute(database.url(), VACUUM))
    for name, found in costs.items():
        _tell_rows(report, found, name)


def _tell_rows(report: Report, costs: dict[int, list[Outcome]], name: str) -> None:
    fewer, more = costs
    each = {rows: [item.cpu_per_event + item.postgres_cpu_per_event for item in found] for rows, found in costs.items()}
    ratio = median_ratio(each[more], each[fewer])
    report.rounds[f"{name}, changes by rows"] = {
        str(rows): [item.as_json() for item in found] for rows, found in costs.items()
    }
    report.tables.append(
        Figures(
            f"{name}: changes of known organisations, medians of {len(costs[more])} rounds",
            ("rows", *COLUMNS[1:2], "cost, times", *COLUMNS[3:]),
            [_row(f"{rows:,}", found, 1.0 if rows == fewer else ratio) for rows, found in costs.items()],
        )
    )
    report.targets.append(
        Target(f"{name}: cost of an event with ten times the rows", ratio, TEN_TIMES_THE_ROWS, at_least=False)
    )


def _changes(count: int, *, rows: int, version: int) -> Iterable[tuple[int, int]]:
    """`count` changes of different organisations, spread evenly over rows 1 to `rows`, in no order."""
    chosen = random.Random(version).sample(range(1, rows + 1), min(count, rows))  # noqa: S311 - the same for everybody
    return ((number, version) for number in chosen)


def _noop(stack: Stack, prefix: str, expected: int) -> Outcome:
    """One round of the subscriber that does nothing, in a group of its own."""
    group = f"noop-{secrets.token_hex(4)}"
    command = [sys.executable, "-m", "norda_local.bench.noop", stack.endpoints()["kafka"], group, str(expected)]
    try:
        result = subprocess.run(
            [*command, *topic_names(prefix)], capture_output=True, text=True, check=True, timeout=NOOP_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise StackError("the no-op did not come to its end", str(error.stderr)[-500:]) from error
    return Outcome(**json.loads(result.stdout))
