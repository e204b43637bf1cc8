"""Looking for organisations that may be the same: whenever one of them changes, a moment later.

Several replicas may run: one works at a time. What is found depends on the directory alone, so looking again changes
nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from norda_common.database import SYSTEM
from norda_common.runtime import Runtime

from ..usecases.suspecting import look_for_due, take_apart_marked

POLL_SECONDS = 1.0
"""The floor: a commit of this process wakes the worker at once."""
BREATH_SECONDS = 0.01
"""Between two rounds of a long queue whoever else waits for the processor has a turn."""


async def find_suspects(runtime: Runtime) -> None:
    """Take apart what has changed, then look for its suspects, for ever.

    Taking apart goes first: who enters a company is to be warned of what was entered a moment ago.
    """
    committed = runtime.database.commit_signal()
    while True:
        committed.clear()
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            done = await take_apart_marked(connection, now=datetime.now(UTC))
        if not done:
            async with runtime.database.transaction(SYSTEM, news=False) as connection:
                done = await look_for_due(connection, now=datetime.now(UTC))
        if done:
            await asyncio.sleep(BREATH_SECONDS)
            continue
        with suppress(TimeoutError):
            await asyncio.wait_for(committed.wait(), POLL_SECONDS)
