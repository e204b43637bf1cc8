"""What the services promised: every 2xx with the aggregate and version it spoke of, and every answer that must not be.

While faults are on, a command may be answered 503 as a problem document, or not at all; whatever else is no success is
kept as an improper answer, since the load asks for nothing that could be refused.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from norda_local.chaos.history import History


@dataclass(frozen=True, slots=True)
class Promise:
    """An answer with success. `sequence` is that of the event it stands for, 0 where nothing is published.

    `at` is seconds since the epoch by the harness's clock, when the answer was there.
    """

    kind: str
    id: str
    version: int
    sequence: int
    at: float


@dataclass(slots=True)
class Ledger:
    """Everything the load was told."""

    history: History
    promises: list[Promise] = field(default_factory=list)
    improper: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def promised(self, kind: str, aggregate_id: str, *, version: int, sequence: int, command: str) -> None:
        """Note a success."""
        self.promises.append(Promise(kind, aggregate_id, version, sequence, time.time()))
        self.counts["accepted"] += 1
        self.history.note(command, kind=kind, id=aggregate_id, version=version, sequence=sequence)

    def unavailable(self, command: str, *, why: str) -> None:
        """Note that the service said it could not."""
        self.counts["unavailable"] += 1
        self.history.note(command, unavailable=why)

    def unanswered(self, command: str, *, why: str) -> None:
        """Note that no answer came."""
        self.counts["unanswered"] += 1
        self.history.note(command, unanswered=why)

    def refused(self, command: str, *, answer: str) -> None:
        """Note an answer that must not be."""
        self.counts["improper"] += 1
        self.improper.append(f"{command}: {answer}")
        self.history.note(command, improper=answer)
