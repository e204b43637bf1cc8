"""Waiting for what happens soon, without sleeping longer than needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(check: Callable[[], Awaitable[T]], within: float = 10.0) -> T:
    """Run `check` until it neither raises nor returns something falsy but None; its last error when time is over.

    `check` asserts; None counts as success.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            result = await check()
            if result is None or result:
                return result
            last: Exception = AssertionError(f"still {result!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when time is over
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {last!r}") from last
        await asyncio.sleep(0.05)
