"""Waiting for what happens soon, without sleeping longer than needed, on a quiet machine and on a busy one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 4
"""A busy machine is slow, not wrong: what a quiet one does in time may take so many times as long. Who waits for what
comes, waits no longer for that.
"""
TURNS, QUIET_SECONDS = 4_000_000, 0.1


async def eventually(check: Callable[[], Awaitable[T]], within: float = 10.0) -> T:
    """Run `check` until it neither raises nor returns something falsy but None; its last error when time is over.

    `check` asserts; None counts as success. `within` are seconds on a quiet machine.
    """
    return await _repeated(check, within * PATIENCE)


async def soon(check: Callable[[], Awaitable[T]], within: float) -> T:
    """As `eventually`, where that it takes no longer than `within` is what the test says."""
    return await _repeated(check, here(within))


async def _repeated(check: Callable[[], Awaitable[T]], limit: float) -> T:
    deadline = time.monotonic() + limit
    while True:
        try:
            result = await check()
            if result is None or result:
                return result
            last: Exception = AssertionError(f"still {result!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when time is over
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:g} s: {last!r}") from last
        await asyncio.sleep(0.05)


def until(found: Callable[[], T], what: str, *, within: float = 30, pause: float = 0.2) -> T:
    """What `found` returns once that is neither None nor empty, without asyncio; an error that says `what` when time is
    over.
    """
    limit = within * PATIENCE
    deadline = time.monotonic() + limit
    while not (result := found()):
        assert time.monotonic() < deadline, f"not within {limit:g} s: {what}"
        time.sleep(pause)
    return result


def here(seconds: float) -> float:
    """The limit for what takes a quiet machine at most `seconds`, on this one, as busy as it is now. For claims of
    time, which patience would take the edge off.
    """
    began = time.perf_counter()
    for _ in range(TURNS):
        pass
    return seconds * max(1.0, (time.perf_counter() - began) / QUIET_SECONDS)
