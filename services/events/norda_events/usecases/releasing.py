"""Releasing an event for the public, which has not signed in; nothing of it goes to the topics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from norda_common.database import Connection

from ..rules.event import Event
from ..rules.lifecycle import require_announced
from ..rules.rights import RELEASE
from ..store import events
from .auditing import record_event
from .loading import locked_event
from .office import Office


async def release_event(connection: Connection, event_id: UUID, *, office: Office, now: datetime) -> Event:
    """Let everybody see the event, by the lead's office; from then on it stays to be seen, also when it is cancelled.

    Raises Conflict for a draft, and for an event that was cancelled before. Idempotent: the first release counts.
    """
    event = await locked_event(connection, event_id, office=office, allowed=partial(office.require_lead, right=RELEASE))
    if event.released_at is not None:
        return event
    require_announced(event)
    return await _store(connection, event, now, office=office, now=now)


async def withdraw_release(connection: Connection, event_id: UUID, *, office: Office, now: datetime) -> Event:
    """Show the event to those alone who have signed in, by the lead's office, whatever became of it. Idempotent."""
    event = await locked_event(connection, event_id, office=office, allowed=partial(office.require_lead, right=RELEASE))
    if event.released_at is None:
        return event
    return await _store(connection, event, None, office=office, now=now)


async def _store(
    connection: Connection, event: Event, released_at: datetime | None, *, office: Office, now: datetime
) -> Event:
    stored = replace(event, released_at=released_at, version=event.version + 1, changed_at=now)
    await events.update(connection, stored, before=event)
    action = "withdraw_release" if released_at is None else "release"
    await record_event(connection, office.caller, action, before=event, after=stored)
    return stored
