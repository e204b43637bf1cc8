"""What the registry does by itself: links that nobody can use any more end, and leave the private topic."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from norda_common.database import SYSTEM, is_transient
from norda_common.runtime import Runtime

from ..settings import RegistrySettings
from ..usecases.links import MOST_AT_ONCE, end_over

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 300.0
AFTER_FAULT_SECONDS = 30.0


async def end_links(runtime: Runtime) -> None:
    """End such links every few minutes until cancelled. Safe in several replicas at once."""
    settings = runtime.settings
    if not (isinstance(settings, RegistrySettings) and settings.link_key.get_secret_value()):
        log.warning("NORDA_LINK_KEY is not set: no links to confirm a profile are sent, and none are taken")
    pause = 0.0
    while True:
        await asyncio.sleep(pause)
        pause = await _round(runtime)


async def _round(runtime: Runtime) -> float:
    """One pass; how many seconds to wait for the next."""
    try:
        async with runtime.database.transaction(SYSTEM) as connection:
            ended = await end_over(connection, now=datetime.now(UTC))
    except Exception as error:
        if not is_transient(error):
            raise
        # Health shows the database itself; links that have expired are not taken meanwhile either.
        return AFTER_FAULT_SECONDS
    return 0.0 if ended == MOST_AT_ONCE else PAUSE_SECONDS
