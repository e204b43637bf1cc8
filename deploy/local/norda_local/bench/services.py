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
from norda_local.errors import StackError
from norda_local.lifecycle import silent, start_all, stop_part
from norda_local.parts import Part, nothing
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

    @property
    def process(self) -> psutil.Process:
        """Its process. Raises StackError when it does not run."""
        process = processes.running(self.stack.home, self.part.name)
        if process is None:
            raise StackError(f"{self.part.name} does not run", f"see {self.stack.home.logs / self.part.name}.log")
        return process

    def elsewhere(self, environment: Mapping[str, str]) -> ServiceUnderTest:
        """The same service with other variables, for example another database; it is set up there already."""
        part = replace(self.part, environment={**self.part.environment, **environment}, prepare=nothing)
        return replace(self, part=part)

    def start(self) -> None:
        """Start it (again); its setup runs again only when its code has changed."""
        start_all(self.stack.home, [self.part], silent)

    def launch(self) -> None:
        """Start its process and wait for nothing."""
        processes.launch(self.stack.home, self.part)

    def stop(self) -> None:
        """Stop it in order."""
        stop_part(self.stack.home, self.part, silent)


def start_services(
    stack: Stack, *names: str, environment: Mapping[str, str] | None = None
) -> dict[str, ServiceUnderTest]:
    """Set up and start these services on the running servers of the stack; they end with the stack.

    Raises:
        StackError: one does not become healthy.
    """
    services = set_up_services(stack, *names, environment=environment)
    start_all(stack.home, [service.part for service in services.values()], silent)
    return services


def set_up_services(
    stack: Stack, *names: str, environment: Mapping[str, str] | None = None
) -> dict[str, ServiceUnderTest]:
    """Set up these services' schemas, roles and topics, and start nothing. Raises StackError."""
    endpoints = stack.endpoints()
    servers = Servers(
        database=endpoints["database"],
        kafka=endpoints["kafka"],
        otlp="",
        smtp=endpoints["smtp"],
        issuer=endpoints["issuer"],
    )
    services: dict[str, ServiceUnderTest] = {}
    for name in names:
        port = stack.settings.ports[name]
        part = service_part(stack.home, name, port=port, states=STATES, servers=servers, needs=())
        part.prepare()
        given = {**part.environment, "NORDA_LOG_FORMAT": "json", **(environment or {})}
        services[name] = ServiceUnderTest(replace(part, environment=given), stack)
    return services


def headers_of(stack: Stack, *, state: str = "hb") -> dict[str, str]:
    """What an office of that state sends with every command."""
    token = issue_token(stack.home, issuer=stack.endpoints()["issuer"], state=state)
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


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
