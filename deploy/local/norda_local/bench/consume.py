"""How fast a service's consumer brings a topic into its read model, beside a subscriber that does nothing.

Two read models: organisations in events (one small row each) and the directory of the registry (texts to search,
several indexes, numbers in a table of their own). All contestants read the same topics with the same fetch settings,
each in a process of its own, in turns; telemetry is on and goes to a real server. Then the same changes meet a read
model of some rows and one of ten times as many.
"""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from norda_local.bench.organisations import fill, topic_names
from norda_local.bench.report import Figures, Report, Target, median, median_ratio
from norda_local.bench.subjects import Outcome, Subject
from norda_local.errors import StackError
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own
from norda_local.tokens import public_keys_file

Say = Callable[[str], None]

ROUNDS = 3
READ_MODELS = (("events", "organisations"), ("registry", "directory"))
NOOP_SECONDS = 120
EVENTS_PER_SECOND = 10_000.0
SHARE_OF_NOOP = 0.25
TEN_TIMES_THE_ROWS = 1.3
COLUMNS = (
    "contestant", "events/s", "of the no-op", "CPU s per 100,000", "PostgreSQL's CPU s per 100,000", "most memory, MB"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many records: to catch up with, rows the smaller read model holds, and changes that meet both."""

    catch_up: int
    rows: int
    changes: int


FULL = Sizes(catch_up=200_000, rows=100_000, changes=100_000)
QUICK = Sizes(catch_up=60_000, rows=20_000, changes=20_000)


def measure(*, quick: bool, say: Say) -> Report:
    """Run both questions on servers of their own; see `Sizes` for how much."""
    return measure_with(QUICK if quick else FULL, quick=quick, say=say)


def measure_with(sizes: Sizes, *, quick: bool, say: Say) -> Report:
    """The measurement with sizes of the caller's choice."""
    report = Report("consume", "How fast does a topic come into a read model?", quick)
    with servers_of_its_own("bench", only=("postgres", "kafka", "tracing", "otlp")) as stack:
        say("starting PostgreSQL, Kafka and tracing")
        stack.up()
        public_keys_file(stack.home)
        _catching_up(stack, report, sizes, say)
        topics = _Topics(stack.endpoints()["kafka"])
        for service, consumer in READ_MODELS:
            _more_rows(stack, report, sizes, topics, service=service, consumer=consumer, say=say)
    report.notes.append(
        "Events/s count from the first sample in which something was handled to the last record. CPU is the consuming "
        "process's, its export of telemetry included. Servers, services and the no-op share the machine's cores."
    )
    return report


def _catching_up(stack: Stack, report: Report, sizes: Sizes, say: Say) -> None:
    say(f"producing {sizes.catch_up:,} organisations")
    fill(stack.endpoints()["kafka"], "catchup.", ((number, 1) for number in range(sizes.catch_up)))
    _noop(stack, "catchup.", sizes.catch_up)
    rounds: dict[str, list[Outcome]] = {"no-op": [], **{service: [] for service, _ in READ_MODELS}}
    for number in range(1, ROUNDS + 1):
        say(f"round {number} of {ROUNDS}: no-op, {', '.join(service for service, _ in READ_MODELS)}")
        rounds["no-op"].append(_noop(stack, "catchup.", sizes.catch_up))
        for service, consumer in READ_MODELS:
            subject = Subject.prepare(stack, service, consumer)
            rounds[service].append(subject.consume("catchup.", sizes.catch_up))
            subject.drop()
    report.rounds["catching up"] = {name: [item.as_json() for item in found] for name, found in rounds.items()}
    rates = {name: [item.per_second for item in found] for name, found in rounds.items()}
    report.tables.append(
        Figures(
            f"{sizes.catch_up:,} organisations into an empty read model, medians of {ROUNDS} rounds",
            COLUMNS,
            [_row(name, found, median_ratio(rates[name], rates["no-op"])) for name, found in rounds.items()],
        )
    )
    for service, _ in READ_MODELS:
        share = median_ratio(rates[service], rates["no-op"])
        report.targets.append(Target(f"{service}: events per second", median(rates[service]), EVENTS_PER_SECOND))
        report.targets.append(Target(f"{service}: share of the no-op", share, SHARE_OF_NOOP))


def _row(name: str, found: Sequence[Outcome], share: float) -> list[str | float]:
    return [
        name,
        median([item.per_second for item in found]),
        share,
        median([item.cpu_per_100k for item in found]),
        median([item.postgres_cpu_per_100k for item in found]),
        max(item.rss_mb for item in found),
    ]


class _Topics:
    """Topics by prefix, each filled once, whichever read model comes first."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap = bootstrap_servers
        self._filled: set[str] = set()

    def fill(self, prefix: str, records: Iterable[tuple[int, int]]) -> None:
        """As `organisations.fill`, but once per prefix."""
        if prefix not in self._filled:
            fill(self._bootstrap, prefix, records)
            self._filled.add(prefix)


def _more_rows(
    stack: Stack, report: Report, sizes: Sizes, topics: _Topics, *, service: str, consumer: str, say: Say
) -> None:
    """The same number of changes of known organisations, chosen evenly, with some rows and with ten times as many."""
    subjects: dict[int, Subject] = {}
    for rows in (sizes.rows, 10 * sizes.rows):
        say(f"{service}: a read model of {rows:,} rows")
        prefix = f"rows{rows}."
        topics.fill(prefix, ((number, 1) for number in range(rows)))
        subjects[rows] = Subject.prepare(stack, service, consumer)
        subjects[rows].consume(prefix, rows)
    costs: dict[int, list[Outcome]] = {rows: [] for rows in subjects}
    for number in range(ROUNDS + 1):
        say(f"{service}: {sizes.changes:,} changes, round {number} of {ROUNDS}")
        for rows, subject in subjects.items():
            prefix = f"changes{number}of{rows}."
            topics.fill(prefix, _changes(sizes.changes, rows=rows, version=number + 2))
            outcome = subject.consume(prefix, sizes.changes)
            # The first round is the warm-up: pages and plans are new.
            if number:
                costs[rows].append(outcome)
    for subject in subjects.values():
        subject.drop()
    _tell_rows(report, costs, service)


def _tell_rows(report: Report, costs: dict[int, list[Outcome]], service: str) -> None:
    fewer, more = costs
    ratio = median_ratio([1 / item.per_second for item in costs[more]], [1 / item.per_second for item in costs[fewer]])
    report.rounds[f"{service}, changes by rows"] = {
        str(rows): [item.as_json() for item in found] for rows, found in costs.items()
    }
    report.tables.append(
        Figures(
            f"{service}: changes of known organisations, medians of {ROUNDS} rounds",
            ("rows", *COLUMNS[1:2], "time per event, times", *COLUMNS[3:]),
            [_row(f"{rows:,}", found, 1.0 if rows == fewer else ratio) for rows, found in costs.items()],
        )
    )
    report.targets.append(
        Target(f"{service}: time per event with ten times the rows", ratio, TEN_TIMES_THE_ROWS, at_least=False)
    )


def _changes(count: int, *, rows: int, version: int) -> Iterable[tuple[int, int]]:
    """`count` changes of different organisations, spread evenly over `rows`, in no order."""
    chosen = random.Random(version).sample(range(rows), min(count, rows))  # noqa: S311 - the same for everybody
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
