"""Service processes that start at once: forked from a process that has imported the three services.

Each is a process of its own that runs `python -m norda_<name> serve`; only its imports, some three seconds of a core,
are spared. `norda up` and its tests start the same from nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["norda_common.lean", "norda_registry.service", "norda_events.service", "norda_notifications.service"]
)


class ServiceProcess:
    """A process of a service, with what `subprocess.Popen` would offer of it."""

    def __init__(self, service: str, *, environment: Mapping[str, str], log: Path) -> None:
        log.touch()
        self._process = _FORKS.Process(target=_serve, args=(service, dict(environment), str(log)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; TimeoutExpired when it has not ended within `timeout` seconds."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _serve(service: str, environment: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    sys.argv = [f"norda_{service}", "serve"]
    runpy.run_module(f"norda_{service}", run_name="__main__", alter_sys=True)
