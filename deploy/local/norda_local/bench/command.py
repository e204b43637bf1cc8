"""Runs measurements by name, one after the other, each on servers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from norda_local import display
from norda_local.bench.report import Report
from norda_local.errors import StackError
from norda_local.folders import PROJECT_ROOT

NAMES = ("relay", "write", "consume", "journey", "scale", "pages", "registry")
"""Each is a module of this package with `measure(*, quick: bool, say: Say) -> Report`."""

FOLDER = PROJECT_ROOT / ".norda" / "bench"


def run_benches(names: Sequence[str], *, quick: bool) -> int:
    """Run them, print and write what was found; returns the exit code, 0 also where a target is missed.

    Raises:
        StackError: there is no such measurement, or its servers did not start.
    """
    unknown = set(names) - {*NAMES, "all"}
    if unknown:
        raise StackError(f"there is no measurement {', '.join(sorted(unknown))}", f"they are {' '.join(NAMES)} and all")
    chosen = NAMES if "all" in names else tuple(dict.fromkeys(names))
    for name in chosen:
        report: Report = import_module(f"norda_local.bench.{name}").measure(quick=quick, say=say)
        report.show(display.output)
        display.output.print(f"written to {report.write(FOLDER).relative_to(PROJECT_ROOT)}\n")
    return 0


def say(text: str) -> None:
    """Tell what is going on, on stderr."""
    display.console.print(f"  [dim]{text}[/]")
