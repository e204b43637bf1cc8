"""What the `norda` command shows while it works: progress bars, one line per part, tables.

Everything goes to stderr but what a command was asked for, so `--json` output stays alone on stdout. On a terminal
bars move; elsewhere one plain line is printed per change.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from norda_local.artifacts import Artifact
from norda_local.parts import Figures
from norda_local.services import service_of
from norda_local.stack import NOT_STARTED, PartStatus, Stack

console = Console(stderr=True, highlight=False, emoji=False)
output = Console(highlight=False, emoji=False)

STATE_STYLES = {"healthy": "green", "own": "green", "unhealthy": "yellow", "down": "red"}


class PartLines:
    """Prints one line per event of a part; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, part: str, text: str) -> None:
        """Print what happened to the part."""
        style = "green" if "healthy" in text or "already" in text else "dim"
        with self._lock:
            console.print(f"  [bold]{part:<15}[/] [{style}]{text}[/]")


class DownloadBar:
    """Adds up what several downloads have received and moves one bar."""

    def __init__(self, bar: Progress, sizes: dict[str, int]) -> None:
        self._bar = bar
        self._received: dict[str, int] = {}
        self._lock = threading.Lock()
        self._task = bar.add_task(f"{len(sizes)} Java archives", total=sum(sizes.values()) or None)

    def __call__(self, filename: str, received: int) -> None:
        """Note how much of one file is there."""
        with self._lock:
            self._received[filename] = received
            self._bar.update(self._task, completed=sum(self._received.values()))


def downloads(stack: Stack) -> AbstractContextManager[DownloadBar]:
    """A progress bar in bytes over everything the stack still has to fetch; invisible when there is nothing."""
    return downloads_of(stack.missing_artifacts())


@contextmanager
def downloads_of(missing: Iterable[Artifact]) -> Iterator[DownloadBar]:
    """The same over these archives."""
    sizes = {item.filename: item.bytes for item in missing}
    columns = (TextColumn("  downloading {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not sizes, transient=True) as bar:
        if sizes and not console.is_terminal:
            console.print(f"  downloading {len(sizes)} Java archives, {sum(sizes.values()) >> 20} MB")
        yield DownloadBar(bar, sizes)


@contextmanager
def imports() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is imported, told by name, rows done and rows in all; nothing without a terminal."""
    columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def move(what: str, done: int, rows: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=rows)

        yield move


def status_report(rows: list[PartStatus], *, just_started: bool = False) -> list[RenderableType]:
    """The parts in a table, and below it a line for each that has a problem or in which something waits.

    What waits in parts that have just started says nothing yet.
    """
    notes = [_problem_note(row) for row in rows]
    notes += [] if just_started else _figures_notes(rows)
    notes = [note for note in notes if note]
    return [_status_table(rows), *([""] if notes else []), *notes]


def _status_table(rows: list[PartStatus]) -> Table:
    """Parts with state, memory and what to open; fits 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("part", "state", "pid", "memory", "open"):
        table.add_column(heading, justify="right" if heading in {"pid", "memory"} else "left", no_wrap=True)
    for row in rows:
        memory = f"{row.rss_bytes >> 20} MB" if row.rss_bytes else ""
        where = row.link if row.healthy else f"[dim]{NOT_STARTED if row.problem == NOT_STARTED else 'see below'}[/]"
        table.add_row(row.title, f"[{STATE_STYLES[row.state]}]{row.state}[/]", str(row.pid or ""), memory, where)
    return table


def _problem_note(row: PartStatus) -> str:
    if row.healthy or row.problem == NOT_STARTED:
        return ""
    return f"[red]{row.title}:[/] {_escape(row.problem)} [dim]-> ./norda logs {row.name}, then ./norda up[/]"


def _figures_notes(rows: list[PartStatus]) -> list[str]:
    """A service's replicas share outbox and dead letters, which are said once."""
    said: set[str] = set()
    notes = []
    for row in rows:
        service = service_of(row.name)
        notes.append(_figures_note(row.title, row.figures if service not in said else _own(row.figures)))
        said |= {service} if row.figures else set()
    return notes


def _own(figures: Figures) -> Figures:
    return {name: value for name, value in figures.items() if name in {"consumer_lag", "attention"}}


def _figures_note(title: str, figures: Figures) -> str:
    """What waits in a service, where anything does, with the command that shows it."""
    parts = []
    if figures.get("backlog"):
        age = float(figures["oldest_age_seconds"])
        parts.append(f"backlog {figures['backlog']}, the oldest event {age:.0f} s")
    if figures.get("blocked"):
        parts.append(f"[red]blocked {figures['blocked']}[/] [dim](./norda outbox list)[/]")
    if figures.get("consumer_lag"):
        parts.append(f"lag {figures['consumer_lag']}")
    if figures.get("dead_letters_open"):
        parts.append(f"[red]dead letters {figures['dead_letters_open']}[/] [dim](./norda deadletters list)[/]")
    if figures.get("attention"):
        parts.append(f"[red]{_escape(str(figures['attention']))}[/]")
    return f"[yellow]{title}:[/] {'; '.join(parts)}" if parts else ""


def fail(problem: str, remedy: str) -> None:
    """Say on one line what is wrong and what to do."""
    console.print(f"[red]norda:[/] {_escape(problem)} [dim]->[/] {_escape(remedy)}", soft_wrap=True)


def on_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
