"""Looking for organisations that may be the same: whenever one of them changes, a moment later.

Several replicas may run: one works at a time. What is found depends on the directory alone, so looking again changes
nothing.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from norda_common.database import SYSTEM
from norda_common.runtime import Runtime

from ..store import imports
from ..usecases.suspecting import AT_ONCE, TAKEN_APART_AT_ONCE, look_for_due, take_apart_marked

POLL_SECONDS = 0.3
"""Not woken by commits: under load each would cost its price once more; a moment later all are done at once."""
BREATH_SECONDS = 0.01
"""Between two rounds of a long queue whoever else waits for the processor has a turn."""


async def find_suspects(runtime: Runtime) -> None:
    """Take apart what has changed, then look for its suspects, for ever.

    Taking apart goes first: who enters a company is to be warned of what was entered a moment ago. While an import is
    at work both have time: it looks for duplicates itself, and gives this worker more to do than it could finish.
    """
    while True:
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            busy = await imports.at_work(connection, now=datetime.now(UTC))
            full = await take_apart_marked(connection, now=datetime.now(UTC)) == TAKEN_APART_AT_ONCE
        if not full and not busy:
            async with runtime.database.transaction(SYSTEM, news=False) as connection:
                full = await look_for_due(connection, now=datetime.now(UTC)) == AT_ONCE
        await asyncio.sleep(BREATH_SECONDS if full and not busy else POLL_SECONDS)
