"""Watching from the outside: what every replica's `/readyz` says, again and again, and how much memory it takes.

What is seen here is what an operator sees; nothing is asked of the databases.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2

from norda_local.chaos.cluster import Cluster
from norda_local.chaos.history import History

POLL_SECONDS = 0.25
MEMORY_SECONDS = 5.0
SLOW_SECONDS = 1.0
STALLED_SECONDS = 5.0
"""An event older than this is never seen while all is well, where one waits for milliseconds."""

Seen = dict[str, Any]


class Watch:
    """The newest document of each replica (none while it does not answer), and the memory of all of them over time."""

    def __init__(self, cluster: Cluster, history: History) -> None:
        self._cluster = cluster
        self._history = history
        self.documents: dict[str, Seen] = {}
        self.memory: list[tuple[float, dict[str, int]]] = []
        self.odd: list[str] = []
        """What replicas answered instead of their document."""
        self.most_handled: dict[tuple[str, str], int] = {}
        """The most records a replica's consumer has handled in one life, by (replica, consumer)."""
        self.calm_phases: list[Counter[str]] = [Counter()]
        """How many records each replica handled while all was calm, for each time between two disturbances."""
        self._handled: dict[str, int] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._cluster.replicas:
                group.create_task(self._follow(name))
            group.create_task(self._weigh())

    async def _follow(self, name: str) -> None:
        async with httpx2.AsyncClient(timeout=3) as client:
            while True:
                await self._look(client, name)
                await asyncio.sleep(POLL_SECONDS)

    async def _look(self, client: httpx2.AsyncClient, name: str) -> None:
        began = time.monotonic()
        try:
            document: Seen = (await client.get(f"{self._cluster.urls[name]}/readyz")).json()
        except (httpx2.HTTPError, OSError, ValueError):
            self.documents.pop(name, None)
            self._disturbed()
            return
        finally:
            if (took := time.monotonic() - began) > SLOW_SECONDS:
                self._history.note("slow /readyz", replica=name, seconds=round(took, 3))
        if "relay" not in document:
            self.documents.pop(name, None)
            self.odd.append(f"/readyz of {name} answered {str(document)[:200]}")
            return
        self.note(name, document)

    def note(self, name: str, document: Seen) -> None:
        """Keep what a replica says, and count what it has handled since it was last asked."""
        self.documents[name] = document
        handled = sum(numbers["handled"] for numbers in document["consumers"].values())
        since = handled - self._handled.get(name, handled)
        self._handled[name] = handled
        # A count that went back is another life's.
        if self.calm() and since >= 0:
            self.calm_phases[-1][name] += since
        else:
            self._disturbed()
        for consumer, numbers in document["consumers"].items():
            place = (name, consumer)
            self.most_handled[place] = max(self.most_handled.get(place, 0), numbers["handled"])

    def _disturbed(self) -> None:
        if self.calm_phases[-1]:
            self.calm_phases.append(Counter())

    async def _weigh(self) -> None:
        while True:
            sizes = {name: member.rss_bytes() for name, member in self._cluster.replicas.items() if member.running}
            self.memory.append((time.monotonic(), sizes))
            await asyncio.sleep(MEMORY_SECONDS)

    def of(self, service: str) -> dict[str, Seen]:
        """The newest documents of that service's answering replicas."""
        return {name: seen for name, seen in self.documents.items() if name.rpartition("-")[0] == service}

    def holder(self, service: str) -> str | None:
        """The replica whose relay is active."""
        return next((name for name, seen in self.of(service).items() if seen["relay"]["active"]), None)

    def all_answer(self) -> bool:
        """Whether every replica answers."""
        return all(name in self.documents for name in self._cluster.replicas)

    def calm(self) -> bool:
        """Whether every replica answers, is ready, and one relay of each service is active."""
        every = all(
            name in self.documents and self.documents[name]["status"] == "ready" for name in self._cluster.replicas
        )
        return every and all(self.holder(name.rpartition("-")[0]) for name in self._cluster.replicas)

    async def until(self, seen: Callable[[], object], *, within: float) -> float | None:
        """Wait until something is seen; returns after how many seconds, None when it was not."""
        began = time.monotonic()
        while not seen():
            if time.monotonic() - began > within:
                return None
            await asyncio.sleep(0.05)
        return time.monotonic() - began


def relay_stalls(seen: Seen) -> bool:
    """Whether this document tells an operator that events do not go out."""
    return bool(seen["checks"].get("relay") != "ok" or seen["relay"]["oldest_age_seconds"] >= STALLED_SECONDS)


def row_is_blocked(seen: Seen) -> bool:
    """Whether it tells of an outbox row that cannot be published."""
    return seen["relay"]["blocked"] > 0 and "outbox" in seen["checks"]


def consumer_stalls(seen: Seen, consumer: str) -> bool:
    """Whether it tells that this consumer does not get on; another fault, an earlier one's echo perhaps, is no sign."""
    return "no progress on" in seen["checks"].get(f"consumer.{consumer}", "")
