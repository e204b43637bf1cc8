"""What the registry does by itself: links that nobody can use any more end, and leave the private topic.

For offices that switched it on, links go out to whom it is time to ask.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from norda_common.database import SYSTEM, is_transient
from norda_common.runtime import Runtime

from ..settings import has_link_key, link_key
from ..usecases.confirming import Links
from ..usecases.links import MOST_AT_ONCE, end_over
from ..usecases.yearly import send_yearly, sender

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 300.0
ASKING_PAUSE_SECONDS = 60.0
AFTER_FAULT_SECONDS = 30.0


async def end_links(runtime: Runtime) -> None:
    """End such links every few minutes until cancelled. Safe in several replicas at once."""
    if not has_link_key(runtime.settings):
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


async def send_links(runtime: Runtime) -> None:
    """Send links to whom it is time to ask, until cancelled. Safe in several replicas at once."""
    pause = 0.0
    while True:
        await asyncio.sleep(pause)
        # Without a key `end_links` says when it begins that none are sent.
        pause = await _ask(runtime) if has_link_key(runtime.settings) else ASKING_PAUSE_SECONDS


async def _ask(runtime: Runtime) -> float:
    """One pass over the states; how many seconds to wait for the next."""
    links = Links(base_url=runtime.settings.base_url, key=link_key(runtime.settings))
    try:
        for state in runtime.settings.states:
            caller = sender(state)
            async with runtime.database.transaction(caller) as connection:
                sent = await send_yearly(connection, caller=caller, links=links, now=datetime.now(UTC))
            if sent:
                log.info("links to confirm profiles sent", state=state.value, sent=sent)
    except Exception as error:
        if not is_transient(error):
            raise
        return AFTER_FAULT_SECONDS
    return ASKING_PAUSE_SECONDS
