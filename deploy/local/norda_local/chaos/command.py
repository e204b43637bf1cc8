"""`norda chaos`: a run with its progress, its tables, its history, and the exit code."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from norda_local import display
from norda_local.bench.report import Figures, machine, versions
from norda_local.chaos.faults import FAULTS
from norda_local.chaos.history import History
from norda_local.chaos.judgement import Verdict
from norda_local.chaos.run import Run
from norda_local.errors import StackError
from norda_local.folders import PROJECT_ROOT
from norda_local.throwaway import servers_of_its_own

FOLDER = PROJECT_ROOT / ".norda" / "chaos"
POSTGRES = {"max_connections": "300"}


def run_chaos(*, seed: int, minutes: float, names: Sequence[str]) -> int:
    """Run, print and write what was found; returns 0, or 1 when an invariant was violated.

    Raises:
        StackError: there is no such fault, or the servers did not start.
    """
    unknown = set(names) - set(FAULTS)
    if unknown:
        raise StackError(f"there is no fault {', '.join(sorted(unknown))}", "./norda chaos --list-faults names them")
    kinds = {name: fault for name, fault in FAULTS.items() if not names or name in names}
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"
    history = History(FOLDER / f"{name}.jsonl")
    try:
        with servers_of_its_own("chaos", only=("postgres", "mail"), durable=True, postgres_settings=POSTGRES) as stack:
            run = Run(stack, seed=seed, minutes=minutes, kinds=kinds, history=history, say=say)
            verdicts = asyncio.run(run.run())
    finally:
        history.close()
    return conclude(run, verdicts, seed=seed, minutes=minutes, path=FOLDER / f"{name}.json")


def list_faults() -> None:
    """Print every kind with what it does."""
    for name, fault in FAULTS.items():
        display.output.print(f"[bold]{name:<20}[/] {escape(' '.join((fault.__doc__ or '').split()))}", soft_wrap=True)


def conclude(run: Run, verdicts: Sequence[Verdict], *, seed: int, minutes: float, path: Path) -> int:
    """Show and write the outcome; returns the exit code."""
    field = run.field
    tables, counts = _tables(run, verdicts), field.ledger.counts
    asked = f"{counts['accepted']} accepted, {counts['unavailable']} unavailable, {counts['unanswered']} unanswered"
    display.output.print(f"{run.rounds} rounds of faults in {run.seconds:.0f} s; commands: {asked}\n", soft_wrap=True)
    for figures in tables:
        display.output.print(figures.as_table())
        display.output.print()
    for name, reason in field.left_out.items():
        display.output.print(f"[yellow]not injected[/] {name}: {escape(reason)}", soft_wrap=True)
    failed = [verdict for verdict in verdicts if verdict.violations]
    document: dict[str, Any] = {
        "seed": seed,
        "minutes": minutes,
        "ended_at": datetime.now(UTC).isoformat(),
        "seconds": round(run.seconds, 1),
        "rounds": run.rounds,
        "machine": machine(),
        "versions": versions(),
        "faults": dict(field.injected),
        "not_injected": field.left_out,
        "commands": dict(field.ledger.counts),
        "tables": [
            {"title": item.title, "columns": list(item.columns), "rows": [list(row) for row in item.rows]}
            for item in tables
        ],
        "violations": {verdict.invariant: verdict.violations for verdict in failed},
        "history": str(field.history.path.relative_to(PROJECT_ROOT)),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    if not failed:
        display.output.print(
            f"[green]every invariant held[/] (seed {seed}); written to {path.relative_to(PROJECT_ROOT)}"
        )
        return 0
    for verdict in failed:
        for violation in verdict.violations:
            display.output.print(f"[red]violated[/] {verdict.invariant}: {escape(violation)}", soft_wrap=True)
    display.output.print(
        f"[red]seed {seed}[/], history: {field.history.path.relative_to(PROJECT_ROOT)}", soft_wrap=True
    )
    return 1


def _tables(run: Run, verdicts: Sequence[Verdict]) -> list[Figures]:
    field = run.field
    limits: dict[tuple[str, float], list[float]] = defaultdict(list)
    for timing in field.timings:
        limits[timing.what, timing.limit].append(timing.seconds)
    stalls: dict[str, list[float]] = defaultdict(list)
    for planted in field.planted:
        stalls[planted.what].append(planted.shown_after if planted.shown_after is not None else float("inf"))
    return [
        Figures(
            "faults",
            ("fault", "times"),
            [(name, str(times)) for name, times in sorted(field.injected.items())],
        ),
        Figures(
            "seconds",
            ("what", "times", "median", "most", "allowed"),
            [
                (what, str(len(taken)), sorted(taken)[len(taken) // 2], max(taken), limit)
                for (what, limit), taken in sorted(limits.items())
            ],
        ),
        Figures(
            "stalls",
            ("planted", "times", "seen after at most, s"),
            [(what, str(len(seen)), max(seen)) for what, seen in sorted(stalls.items())],
        ),
        Figures(
            "figures",
            ("what", "times", "least", "most"),
            [(name, str(len(found)), min(found), max(found)) for name, found in sorted(field.figures.items())],
        ),
        Figures(
            "invariants",
            ("invariant", "checked", "violations"),
            [(verdict.invariant, str(verdict.checked), str(len(verdict.violations))) for verdict in verdicts],
        ),
    ]


def say(text: str) -> None:
    """Tell what is going on, on stderr."""
    display.console.print(f"  [dim]{escape(text)}[/]", soft_wrap=True)
