"""What `bench write` compares: contestants of which each does more than the one before, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from norda_local.bench.report import Figures, Report, Target, median, median_ratio

CONNECTIONS = 16
KINDS = ("cpu", "cpu_postgres", "cpu_kafka", "cpu_together")
NOTE = (
    "bare is FastAPI and asyncpg alone; the registry checks a token, 12 fields, its clusters and taken numbers, and "
    "writes 9 rows: the organisation, 6 numbers, a version, an event; relay and directory consumer run in its "
    "process, as in production; CPU of the load generator, on the same cores, is not counted"
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
        title="bare: insert", adds="receive, insert one row, answer", process="bare", path="/organisations"
    ),
    "announced": Contestant(
        title="bare: insert and event",
        adds="the event's row, BEGIN and COMMIT",
        process="bare",
        path="/announced",
    ),
    "use_case": Contestant(
        title="bare: registry's use case",
        adds="rules, look-up, 6 numbers, version",
        process="bare_registry",
        path="/organisations",
        standing_by=True,
    ),
    "standing_by": Contestant(
        title="registry, relay stands by",
        adds="sign-in, limits, telemetry",
        process="registry",
        path="/api/v1/organisations",
        standing_by=True,
    ),
    "registry": Contestant(
        title="registry",
        adds="relay, and the directory behind it",
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
        title=f"POST by {CONNECTIONS} connections, {len(bare.per_second)} rounds, medians in ms; CPU ms per command",
        columns=("", "req/s", "ratio", "p50", "p99", "process", "database", "Kafka"),
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
    before = dict.fromkeys(KINDS, 0.0)
    for name in names:
        now = {kind: median(getattr(found[name], kind)) for kind in KINDS}
        added = [now[kind] - before[kind] for kind in KINDS]
        before = now
        rows.append((CONTESTANTS[name].adds, *added, f"{added[-1] / whole:.0%}"))
    return Figures(
        title="What each adds to the one before, CPU ms per command",
        columns=("", "process", "database", "Kafka", "together", "share"),
        rows=rows,
    )
