"""What the events service does by itself: it releases quotas when their instant has come.

Several replicas may run: each event is taken under its row lock, and what another replica holds or has done is passed
over.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from norda_common.runtime import Runtime
from norda_common.telemetry import tracer

from .store import events
from .usecases.quotas import release_due_quotas as release_due

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
EVENTS_PER_ROUND = 100


async def release_due_quotas(runtime: Runtime) -> None:
    """Release due quotas for ever, at most half a second late; each event in a transaction and a trace of its own."""
    while True:
        now = datetime.now(UTC)
        async with runtime.database.read() as connection:
            due = await events.due_quota_releases(connection, now=now, limit=EVENTS_PER_ROUND)
        for event_id in due:
            with tracer().start_as_current_span("release quotas", attributes={"norda.event_id": str(event_id)}):
                async with runtime.database.transaction() as connection:
                    released = await release_due(connection, event_id, now=now)
            if released:
                log.info("quotas released", event_id=str(event_id))
        runtime.faults.pop("release_due_quotas", None)
        await asyncio.sleep(POLL_SECONDS)


WORKERS = (release_due_quotas,)
