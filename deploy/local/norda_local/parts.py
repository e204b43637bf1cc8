"""What a part of the stack is: one detached process with a way to prepare, start, probe and stop it.

Owns no process; `processes` starts and stops what is described here, `stack` decides the order.
"""

import hashlib
import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class UnhealthyError(Exception):
    """A probe's answer: the part runs but cannot do its work yet (or any more)."""


def unchanging() -> str:
    """The revision of parts whose code does not change under us."""
    return ""


def nothing() -> None:
    """The hook of parts that need no preparation."""


Figures = Mapping[str, float | str]


def no_figures() -> Figures:
    """What waits in parts that do not say."""
    return {}


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    `prepare` runs before each start and `settle` once after the part became healthy; both are idempotent.
    `probe` raises UnhealthyError or OSError unless the part can do its work; it takes at most a few seconds.
    `figures` says by name what waits in it, for operators, and nothing when it cannot be asked.
    """

    name: str
    title: str
    command: tuple[str, ...]
    probe: Callable[[], None]
    figures: Callable[[], Figures] = no_figures
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    link: str = ""
    prepare: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    revision: Callable[[], str] = unchanging
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 12
    start_seconds: float = 60
    user: int | None = None
    group: int | None = None

    def fingerprint(self) -> str:
        """Changes when the part would be started differently; `up` then starts it anew."""
        described = json.dumps([self.command, sorted(self.environment.items()), self.revision()])
        return hashlib.sha256(described.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class OwnServer:
    """A server of the user's own that stands in for an embedded part; the stack only looks at its health."""

    name: str
    title: str
    probe: Callable[[], None]
    link: str = ""
