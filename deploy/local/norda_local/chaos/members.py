"""The processes of a chaos run, each of which can be killed, frozen, stopped and started again.

Invariant: a member's process is a child of this one and is reaped by it, so that none is ever taken for living.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace

import psutil

from norda_local import processes
from norda_local.errors import PartFailedError
from norda_local.folders import Home
from norda_local.lifecycle import problem_of, telling_line
from norda_local.parts import Part, nothing

START_SECONDS = 120.0
"""A start beside a loaded suite on two cores; alone it takes a tenth."""


@dataclass(eq=False)
class Member:
    """A server or a replica of a service."""

    home: Home
    part: Part
    process: subprocess.Popen[bytes] | None = None
    frozen: bool = False
    starts: int = 0
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        """The part's name: `postgres`, `kafka-2`, `registry-1`."""
        return self.part.name

    @property
    def running(self) -> bool:
        """Whether the process lives; a frozen one does."""
        return self.process is not None and self.process.poll() is None

    async def start(self, *, wait: bool = True) -> None:
        """Start it unless it runs; with `wait`, return when its probe succeeds.

        Raises:
            PartFailedError: it ended, or is not healthy in time.
        """
        async with self._changing:
            if not self.running:
                await asyncio.to_thread(self.part.prepare)
                self.process = await asyncio.to_thread(processes.launch, self.home, self.part)
                self.starts += 1
        if wait:
            await self.healthy()

    async def healthy(self) -> None:
        """Return when the probe succeeds. Raises PartFailedError when the process ends or time is over."""
        deadline = time.monotonic() + START_SECONDS
        while problem := await asyncio.to_thread(problem_of, self.part.probe):
            if not self.running or time.monotonic() > deadline:
                line = telling_line(self.home, self.name)
                raise PartFailedError(f"{self.name} is not healthy: {problem}; {line}", "see its log")
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL to the process and its children, as when the machine dies under it."""
        if self.process is None:
            return
        try:
            family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        except psutil.NoSuchProcess:
            family = []
        for member in family:
            try:
                member.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        self.frozen = False

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        if self.running and self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
            self.frozen = True

    def thaw(self) -> None:
        """SIGCONT. Idempotent."""
        if self.running and self.process is not None:
            self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    async def stop(self, *, within: float = 30.0) -> float:
        """Ask it to end; returns the seconds that took. What does not end `within` is killed."""
        if self.process is None or not self.running:
            return 0.0
        began = time.monotonic()
        self.process.send_signal(self.part.stop_signal)
        try:
            await asyncio.to_thread(self.process.wait, within)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - began

    def rss_bytes(self) -> int:
        """Resident memory; 0 when it does not run."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss) if self.process else 0
        except psutil.NoSuchProcess:
            return 0


def prepared(part: Part, name: str) -> Part:
    """The part under another name, without its preparation: a further replica of what was set up already."""
    return replace(part, name=name, prepare=nothing, settle=nothing)
