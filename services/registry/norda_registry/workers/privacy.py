"""What the registry does by itself: it deletes what is past its last day, and says which requests wait for whom.

Several replicas may run. The deletion run passes over what another one is deleting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

import structlog
from norda_common.database import SYSTEM
from norda_common.runtime import Runtime
from norda_common.telemetry import meter
from opentelemetry.metrics import CallbackOptions, Observation

from ..rules.requests import is_late, missing
from ..store import requests
from ..usecases.retention import delete_expired

log = structlog.get_logger(__name__)

POLL_SECONDS = 5.0
"""One look at four indexes; a day ends at midnight in Berlin, and a report after its thirty days."""


async def keep_retention(runtime: Runtime) -> None:
    """Run deletions for ever; a fault shows in health and is tried again."""
    deleted = meter().create_counter(
        "norda.retention.deleted", unit="{record}", description="Records the deletion run removed"
    )
    while True:
        for state in runtime.settings.states:
            # Nothing of it goes on a topic, so it need not wake the relay each time.
            async with runtime.database.transaction(SYSTEM, news=False) as connection:
                done = await delete_expired(connection, state, now=datetime.now(UTC))
            for kind, number in done.items():
                deleted.add(number, {"norda.record": kind, "norda.state": state.value})
            if done:
                log.info("deletion run", state=state.value, **done)
        await asyncio.sleep(POLL_SECONDS)


_LATE = Counter[tuple[str, str]]()
"""By service and state, how many requests each has not answered in time."""


@cache
def _show_late() -> None:
    """Make the gauge, once however often the worker is started again."""
    meter().create_observable_gauge(
        "norda.privacy.late",
        callbacks=[_observe_late],
        unit="{request}",
        description="Requests of persons that a service has not answered in time, by service and state",
    )


def _observe_late(_: CallbackOptions) -> Iterable[Observation]:
    return [
        Observation(number, {"norda.service": service, "norda.state": state})
        for (service, state), number in _LATE.items()
    ]


async def watch_requests(runtime: Runtime) -> None:
    """Count for ever who has not answered which requests in time (`norda.privacy.late`)."""
    _show_late()
    told = Counter[tuple[str, str]]()
    while True:
        now = datetime.now(UTC)
        async with runtime.database.read(SYSTEM) as connection:
            waiting = await requests.waiting(connection, runtime.settings.states)
            answered = await requests.answered(connection, [request.id for request in waiting])
        found = Counter(
            (service, state.value)
            for request in waiting
            if is_late(request.asked_at, now=now)
            for service, state in missing(answered[request.id])
        )
        # Who has caught up is counted once more, as none.
        for who in _LATE.keys() | found.keys():
            _LATE[who] = found[who]
        if found and found != told:
            log.warning("requests of persons wait", by={"/".join(who): number for who, number in found.items()})
        told = found
        await asyncio.sleep(POLL_SECONDS)
