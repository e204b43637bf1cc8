"""What a measurement has found: tables for people, and a JSON document with its targets for programs.

Figures of a shared machine are compared within one run: a contestant's figure is the median of its rounds, a ratio the
median of the rounds' ratios, since the two sides of a round ran one after the other.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from norda_local.artifacts import platform_key, read_lock

LIBRARIES = ("faststream", "aiokafka", "asyncpg", "fastapi", "pydantic", "uvicorn", "opentelemetry-sdk")
SERVERS = {
    "postgresql": ("postgres", "embedded-postgres-binaries"),
    "kafka": ("kafka", "kafka-server"),
    "debezium": ("debezium", "debezium-connector-postgres"),
    "kafka-connect": ("debezium", "connect-runtime"),
}
"""Each server's group in the lock, and how the name of its artifact begins."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: `value` at least (or at most) `target`."""

    name: str
    value: float
    target: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def as_json(self) -> dict[str, Any]:
        """The entry of the document's `targets` list."""
        bound = "at least" if self.at_least else "at most"
        return {"name": self.name, "value": self.value, "target": self.target, "bound": bound, "met": self.met}


@dataclass(frozen=True, slots=True)
class Figures:
    """One table: a heading, columns, and rows whose first cell is a name and whose others are figures or words."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]

    def as_table(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*(cell if isinstance(cell, str) else readable(cell) for cell in row))
        return table

    def as_markdown(self) -> str:
        """For the documentation."""
        lines = [" | ".join(self.columns), " | ".join(["---", *("---:" for _ in self.columns[1:])])]
        lines += [" | ".join(cell if isinstance(cell, str) else readable(cell) for cell in row) for row in self.rows]
        return f"{self.title}:\n\n" + "\n".join(f"| {line} |" for line in lines)


@dataclass(slots=True)
class Report:
    """What one measurement has found; `rounds` holds every single figure, by contestant or case."""

    name: str
    question: str
    quick: bool
    tables: list[Figures] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    rounds: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def show(self, console: Console) -> None:
        """Print tables, notes and targets."""
        for figures in self.tables:
            console.print(figures.as_table())
            console.print()
        for note in self.notes:
            console.print(f"[dim]{note}[/]", soft_wrap=True)
        for target in self.targets:
            mark = "[green]met   [/]" if target.met else "[red]missed[/]"
            bound = ">=" if target.at_least else "<="
            console.print(f"{mark} {target.name}: {readable(target.value)} ({bound} {readable(target.target)})")

    def as_markdown(self) -> str:
        """Tables, targets and notes, for the documentation."""
        targets = Figures(
            "Targets",
            ("target", "reached", "asked", "met"),
            [
                (item.name, item.value, f"{'>=' if item.at_least else '<='} {readable(item.target)}", _said(item.met))
                for item in self.targets
            ],
        )
        figures = [*self.tables, *([targets] if self.targets else [])]
        return "\n\n".join([*(item.as_markdown() for item in figures), *self.notes]) + "\n"

    def write(self, folder: Path) -> Path:
        """Write `<name>.json`, and the same as `<name>.md`, into the folder; returns where the first is."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        document = {
            "name": self.name,
            "question": self.question,
            "quick": self.quick,
            "began_at": self.began_at.isoformat(),
            "seconds": round((datetime.now(UTC) - self.began_at).total_seconds(), 1),
            "machine": machine(),
            "versions": versions(),
            "targets": [target.as_json() for target in self.targets],
            "tables": [
                {"title": item.title, "columns": list(item.columns), "rows": [list(row) for row in item.rows]}
                for item in self.tables
            ],
            "rounds": self.rounds,
            "notes": self.notes,
        }
        path.write_text(json.dumps(document, indent=1) + "\n")
        path.with_suffix(".md").write_text(self.as_markdown())
        return path


def _said(met: bool) -> str:
    return "yes" if met else "**no**"


def readable(value: float) -> str:
    """A figure with three or four digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def median(values: Sequence[float]) -> float:
    """The median."""
    return float(statistics.median(values))


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios; both sides must have had the same rounds."""
    return median([mine / other for mine, other in zip(ours, theirs, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was at the end."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / (1 << 30), 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1m": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of Python, the libraries and the servers that matter here; servers are what the lock of artifacts names."""
    lock = read_lock()
    lock["postgres"] = lock[f"postgres-{platform_key()}"]
    servers = {
        name: next(item.version for item in lock[group] if item.name.startswith(artifact))
        for name, (group, artifact) in SERVERS.items()
    }
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES} | servers
