"""What the events service does by itself: it releases quotas when their instant has come.

Several replicas may run: each event is taken under its row lock, and what another replica holds or has done is passed
over. An event that fails is tried again later, reported in health until it succeeds, and holds no other event up.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from norda_common.database import SYSTEM
from norda_common.runtime import Runtime
from norda_common.telemetry import tracer

from .store import events
from .usecases.quotas import release_due_quotas as release_due

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
EVENTS_PER_ROUND = 100
RETRY_AFTER = timedelta(seconds=10)


async def release_due_quotas(runtime: Runtime) -> None:
    """Release due quotas for ever, at most half a second late; each event in a transaction and a trace of its own."""
    resting, fault = dict[UUID, datetime](), ""
    while True:
        now = datetime.now(UTC)
        resting = {event_id: until for event_id, until in resting.items() if until > now}
        async with runtime.database.read(SYSTEM) as connection:
            due = await events.due_quota_releases(connection, now=now, apart_from=[*resting], limit=EVENTS_PER_ROUND)
        for event_id in due:
            try:
                await _release(runtime, event_id, now=now)
            except Exception as error:
                log.exception("quotas could not be released", event_id=str(event_id))
                resting[event_id] = now + RETRY_AFTER
                fault = f"{type(error).__name__} (event {event_id})"
        if resting:
            runtime.faults["release_due_quotas"] = f"{len(resting)} events cannot be released, last: {fault}"
        else:
            runtime.faults.pop("release_due_quotas", None)
        await asyncio.sleep(POLL_SECONDS)


async def _release(runtime: Runtime, event_id: UUID, *, now: datetime) -> None:
    with tracer().start_as_current_span("release quotas", attributes={"norda.event_id": str(event_id)}):
        async with runtime.database.transaction(SYSTEM) as connection:
            released = await release_due(connection, event_id, now=now)
    if released:
        log.info("quotas released", event_id=str(event_id))


WORKERS = (release_due_quotas,)
