"""Getting hold of the event a use case is about: locked, visible to the caller, and of the version the caller saw."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from norda_common.database import Connection
from norda_common.errors import Conflict, NotFound, StaleVersion

from ..rules.event import Event
from ..store import events
from .office import Office


def _not_found() -> NotFound:
    return NotFound("Diese Veranstaltung gibt es nicht.", "There is no such event.")


async def locked_event(
    connection: Connection, event_id: UUID, *, office: Office, allowed: Callable[[Event], object]
) -> Event:
    """The event, locked until the transaction ends.

    Raises NotFound, also for other states' drafts, as reading does; and what `allowed` raises for an event that the
    office sees and may not write to. Row-level security passes over that one when it is to be locked, so it is looked
    at once more without.
    """
    event = await events.lock(connection, event_id)
    if event is None:
        allowed(await visible_event(connection, event_id, office=office))
        raise Conflict(
            "Die Veranstaltung wurde eben geändert; bitte noch einmal versuchen.",
            "The event has just been changed; please try again.",
            code="changed_meanwhile",
        )
    if not office.may_see(event):
        raise _not_found()
    allowed(event)
    return event


def require_version(event: Event, expected: int | None) -> None:
    """Raises StaleVersion when the caller saw another version; None accepts any."""
    if expected is not None and expected != event.version:
        raise StaleVersion(
            f"Die Veranstaltung hat inzwischen Version {event.version}.",
            f"The event has version {event.version} by now.",
            version=event.version,
        )


async def visible_event(connection: Connection, event_id: UUID, *, office: Office) -> Event:
    """The event as it stands. Raises NotFound, also for other states' drafts."""
    event = await events.get(connection, event_id)
    if event is None or not office.may_see(event):
        raise _not_found()
    return event
