"""Step 7: when nothing is under way any more, what was to happen once has still happened once.

A duplicate may come after the first one was seen, so "once each" can be said only at the end. Settled means: no outbox
has a row, no consumer a record to fetch, no delivery is due, and the services' counts stood still for a while; since a
record that was fetched and not handled yet is seen nowhere but in the counts.
"""

from __future__ import annotations

import time
from typing import Any

from .world import World

SERVICES = ("registry", "events", "notifications")
QUIET_SECONDS = 2.5
"""Relays measure their backlog once a second."""


def expect_still(world: World) -> None:
    """Wait until all is settled and compare again what must last."""
    problem = wait_until_settled(world)
    world.expect("no service has anything left to do", not problem, problem)
    for check in world.lasting:
        found = check.read()
        world.expect(f"still: {check.text}", found == check.wanted, f"found {found}, expected {check.wanted}")


def wait_until_settled(world: World, *, within: float = 60.0) -> str:
    """What is still under way when `within` seconds are over; the empty string once all has been quiet for a while."""
    deadline = time.monotonic() + within
    quiet_since, last_counts = time.monotonic(), None
    while True:
        counts, problem = _look(world)
        now = time.monotonic()
        if problem or counts != last_counts:
            quiet_since, last_counts = now, counts
        if now - quiet_since >= QUIET_SECONDS:
            return ""
        if now > deadline:
            return problem or "the services' counts go on changing"
        time.sleep(0.2)


def _look(world: World) -> tuple[list[Any], str]:
    """What each service has done so far, and the first thing that waits."""
    counts: list[Any] = []
    problems = []
    for name in SERVICES:
        health = world.http.get(f"{getattr(world, name)}/readyz").json()
        counts.append((health["relay"]["sent"], health["consumers"]))
        waiting = {"outbox rows": health["relay"]["backlog"], "records": health["consumer_lag"]}
        problems += [f"{name} has {count} {what} to go" for what, count in waiting.items() if count]
    due = world.get(f"{world.notifications}/api/v1/deliveries", role="operator", status="due")["items"]
    problems += [f"{len(due)} or more deliveries are due"] if due else []
    return counts, "; ".join(problems)
