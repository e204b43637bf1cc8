"""Registrations follow an organisation into what it has become part of: by what is known of all organisations now.

Whose a registration is follows from what it was made for and from whom that has become part of since. So it makes no
difference in which order the topics tell of mergers, nor how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from norda_common.database import Connection

from ..store import events, registrations
from .promoting import announce

CHANGE = "organisation_changed"


async def follow_mergers(connection: Connection, organisation_ids: Sequence[UUID], *, now: datetime) -> int:
    """Bring the registrations of these organisations up to date and publish them; how many changed. Idempotent.

    Events are locked in the order of their ids, after the organisations, as whoever registers does it.
    """
    event_ids, part = await registrations.made_for(connection, organisation_ids)
    changed = 0
    for event_id in event_ids:
        event = await events.lock(connection, event_id)
        if event is None:
            continue
        followed = await registrations.follow(connection, event_id, part, now=now)
        await announce(connection, event, CHANGE, followed, now=now)
        changed += len(followed)
    return changed
