"""What runs beside requests and consumers: the facets' sets kept fresh, and the directory read along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from norda_common.database import SYSTEM, is_transient
from norda_common.runtime import Runtime

from ..store import rereading
from ..store.facet_index import fresh_index, learn_beginnings
from ..usecases.matching import read_along, withdraw_told

FRESH_SECONDS = 1.0
"""How far the sets lag behind while nobody searches; a search itself brings them up to date."""
POLL_SECONDS = 2.0
"""What another instance has written is met so late at most; a commit of this process ends the wait."""
GATHER_SECONDS = 0.3
"""How long commits may follow each other before they are read: a mass import is not read record by record."""
REST_SECONDS = 1.0


async def keep_facets(runtime: Runtime) -> None:
    """Bring the facets' sets up to date every second, so that a search finds little to do."""
    while True:
        await _patiently(lambda: _fresh(runtime))
        await asyncio.sleep(FRESH_SECONDS)


async def follow_directory(runtime: Runtime) -> None:
    """Read along with the directory: rows of the release before, the vocabulary, and new matches of saved searches."""
    committed = runtime.database.commit_signal()
    await _patiently(lambda: _begin(runtime))
    while True:
        committed.clear()
        await _patiently(lambda: _step(runtime))
        with suppress(TimeoutError):
            await asyncio.wait_for(committed.wait(), POLL_SECONDS)
        await asyncio.sleep(GATHER_SECONDS)


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    """Take a step, again and again while the database is away, which health shows itself."""
    while True:
        try:
            await step()
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(REST_SECONDS)
        else:
            return


async def _fresh(runtime: Runtime) -> None:
    await fresh_index(runtime.database)
    await learn_beginnings(runtime.database)


async def _begin(runtime: Runtime) -> None:
    async with runtime.database.transaction(SYSTEM, news=False) as connection:
        await rereading.forget_other_clusters(connection)


async def _step(runtime: Runtime) -> None:
    while True:
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            if await rereading.reread(connection) < rereading.AT_ONCE:
                break
    said: int | None = 0
    async with runtime.database.transaction(SYSTEM, news=False) as connection:
        now = datetime.now(UTC)
        said = await read_along(connection, served=frozenset(runtime.settings.states), now=now)
        if said is not None:
            said += await withdraw_told(connection, now=now)
    if said:
        # Not `news`, which would wake this very worker.
        runtime.database.committed.set()
