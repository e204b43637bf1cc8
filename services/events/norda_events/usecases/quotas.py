"""Releasing quotas: at their instant by the worker, or early by an office; the seats open to all who wait, in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from norda_common import outbox
from norda_common.database import SYSTEM, Connection
from norda_common.errors import NotFound
from norda_common.states import State

from ..rules.announcements import event_announced
from ..rules.event import Event, EventStatus
from ..rules.lifecycle import require_open
from ..store import events
from .auditing import record_event
from .loading import locked_event
from .office import Office
from .promoting import promote_waiting


async def release_quotas(connection: Connection, event_id: UUID, *, office: Office, now: datetime) -> Event:
    """Release all quotas early, by the lead's office. Idempotent."""
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_open(event, now=now)
    released = await _release(connection, event, {quota.state for quota in event.quotas_held}, now=now)
    await record_event(connection, office.caller, "release_quotas", before=event, after=released)
    return released


async def release_quota(
    connection: Connection, event_id: UUID, state: State, *, office: Office, now: datetime
) -> Event:
    """Release one state's quota early, by the lead's or that state's own office. Idempotent."""

    def allowed(event: Event) -> None:
        office.require_lead_or(event, state)
        if state not in {quota.state for quota in event.quotas}:
            raise NotFound(f"{state.label} hat hier kein Kontingent.", f"{state.label} has no quota here.")

    event = await locked_event(connection, event_id, office=office, allowed=allowed)
    require_open(event, now=now)
    held = {quota.state for quota in event.quotas_held}
    released = await _release(connection, event, held & {state}, now=now)
    await record_event(connection, office.caller, "release_quota", before=event, after=released)
    return released


async def release_due_quotas(connection: Connection, event_id: UUID, *, now: datetime) -> bool:
    """Release the event's quotas if they are due, by the service itself; False when there is nothing to do or another
    replica is at it.
    """
    event = await events.lock(connection, event_id, skip_locked=True)
    if event is None or event.status is not EventStatus.PUBLISHED or not event.quotas_held:
        return False
    if event.quota_release_at is None or event.quota_release_at > now:
        return False
    released = await _release(connection, event, {quota.state for quota in event.quotas_held}, now=now)
    await record_event(connection, SYSTEM, "release_quotas", before=event, after=released)
    return True


async def _release(connection: Connection, event: Event, states: set[State], *, now: datetime) -> Event:
    if not states:
        return event
    released = replace(
        event,
        quotas=tuple(replace(q, released_at=now) if q.state in states else q for q in event.quotas),
        version=event.version + 1,
        sequence=event.sequence + 1,
        changed_at=now,
    )
    await events.update(connection, released, before=event)
    await outbox.append(connection, event_announced(released, "quota_released", now=now))
    await promote_waiting(connection, released, now=now)
    return released
