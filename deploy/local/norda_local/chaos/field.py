"""What faults act on, and what is noted while they do: the cluster, the eyes on it, and the sheet of results."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from norda_local.chaos.cluster import Cluster
from norda_local.chaos.history import History
from norda_local.chaos.invariants import Planted, Timing
from norda_local.chaos.ledger import Ledger
from norda_local.chaos.watch import Watch
from norda_local.chaos.witness import Witness

CALM_SECONDS = 60.0


@dataclass(slots=True)
class Field:
    """One run's surroundings and its sheet."""

    cluster: Cluster
    watch: Watch
    witness: Witness
    ledger: Ledger
    history: History
    random: Random
    members: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)
    planted: list[Planted] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    """Violations that a fault saw by itself, while it lasted."""
    junk: dict[tuple[str, int, int], tuple[str, ...]] = field(default_factory=dict)
    """Places on topics to which the harness wrote what cannot be taken over, and the services that must bury it."""
    ghosts: list[str] = field(default_factory=list)
    """Ids of events whose transaction was rolled back."""
    disturbances: list[float] = field(default_factory=list)
    """When a process was killed that sends mail, or its connection cut: seconds since the epoch, for each process."""

    def timed(self, what: str, seconds: float, *, limit: float) -> None:
        """Note how long something took that has a limit."""
        self.timings.append(Timing(what, seconds, limit))
        self.history.note("timing", of=what, seconds=round(seconds, 3), limit=limit)

    def shown(self, what: str, after: float | None, *, lasted: float) -> None:
        """Note after how many seconds a planted stall was seen from outside."""
        self.planted.append(Planted(what, after, lasted))
        self.history.note("stall", of=what, shown_after=after, lasted=round(lasted, 3))

    def mail_disturbed(self, *, processes: int = 1) -> None:
        """Note that what is done now may let so many processes send the mail they have under way again."""
        self.disturbances += [time.time()] * processes

    def figure(self, name: str, value: float) -> None:
        """Note a figure that has no limit."""
        self.figures.setdefault(name, []).append(value)
        self.history.note("figure", of=name, value=round(value, 3))

    async def calm(self) -> bool:
        """Wait until every replica is ready again; False when that does not come about."""
        return await self.watch.until(self.watch.calm, within=CALM_SECONDS) is not None

    async def calm_before(self, fault: str) -> None:
        """Wait until all is calm; what is measured of a fault that begins otherwise shows nothing, hence a finding."""
        if not await self.calm():
            self.history.note("not calm", checks={name: seen["checks"] for name, seen in self.watch.documents.items()})
            self.findings.append(f"not every replica was ready before {fault}, for {CALM_SECONDS:.0f} s")
