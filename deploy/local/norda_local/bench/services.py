"""Real service processes for a measurement, on the servers of its stack, and what they used of the processors.

Spans are made as in production, but exported only where a measurement names a collector: with two cores a tracing
server on the same machine would be measured, not the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from norda_local import processes
from norda_local.lifecycle import silent, start_all, stop_part
from norda_local.parts import Part
from norda_local.services import Servers, service_part
from norda_local.stack import Stack
from norda_local.tokens import issue_token

STATES = "hb,hh,ni"
Say = Callable[[str], None]
"""Tells a person how far a measurement is."""


@dataclass(frozen=True)
class ServiceUnderTest:
    """A running service: its part in the stack, its port, and the DSN of its own role."""

    part: Part
    stack: Stack

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self.part.ports[0]

    @property
    def database_url(self) -> str:
        """The DSN of its own role."""
        return self.part.environment["NORDA_DATABASE_URL"]

    def stop(self) -> None:
        """Stop it in order."""
        stop_part(self.stack.home, self.part, silent)

    def start(self) -> None:
        """Start it again, after `stop`; its setup runs again only when its code has changed."""
        start_all(self.stack.home, [self.part], silent)


def start_services(
    stack: Stack, *names: str, environment: Mapping[str, str] | None = None
) -> dict[str, ServiceUnderTest]:
    """Set up and start these services on the running servers of the stack; they end with the stack.

    Raises:
        StackError: one does not become healthy.
    """
    endpoints = stack.endpoints()
    servers = Servers(database=endpoints["database"], kafka=endpoints["kafka"], otlp="", smtp=endpoints["smtp"])
    parts = [
        service_part(stack.home, name, port=stack.settings.ports[name], states=STATES, servers=servers, needs=())
        for name in names
    ]
    parts = [
        replace(part, environment={**part.environment, "NORDA_LOG_FORMAT": "json", **(environment or {})})
        for part in parts
    ]
    start_all(stack.home, parts, silent)
    return {part.name: ServiceUnderTest(part, stack) for part in parts}


def headers_of(stack: Stack, *, state: str = "hb") -> dict[str, str]:
    """What an office of that state sends with every command."""
    return {"authorization": f"Bearer {issue_token(stack.home, state=state)}", "content-type": "application/json"}


def cpu_seconds(stack: Stack, names: Iterable[str]) -> dict[str, float]:
    """Processor seconds used so far by these parts of the stack, children that ended included."""
    used: dict[str, float] = {}
    for name in names:
        process = processes.running(stack.home, name)
        used[name] = 0.0 if process is None else _of_family(process)
    return used


def _of_family(process: psutil.Process) -> float:
    """To the nanosecond for what lives (`/proc/<pid>/task/*/schedstat`), in ticks for children that have ended."""
    times = process.cpu_times()
    ended = times.children_user + times.children_system
    return float(ended + sum(_so_far(member.pid) for member in [process, *process.children(recursive=True)]))


def _so_far(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        # A thread or process may end while its siblings are read.
        with suppress(FileNotFoundError, ProcessLookupError):
            total += int(task.read_text().split()[0])
    return total / 1e9
