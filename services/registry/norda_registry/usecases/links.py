"""Links to confirm a profile that end before anybody used them, and leave the private topic with the address on it.

A link is open for the address it was sent to, and for the office that sent it: it ends with either.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from norda_common import outbox
from norda_common.contracts.registry import CONFIRMATION
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.states import State

from ..store import confirmations

MOST_AT_ONCE = 500
_ENDED = 2
"""The sequence of a link's tombstone: it is said once, then withdrawn."""


def withdrawn(confirmation_id: UUID, state: State, *, now: datetime) -> Event:
    """What takes a link off its topic."""
    return CONFIRMATION.event("erased", None, state=state, key=confirmation_id, sequence=_ENDED, time=now)


async def end_links_of(connection: Connection, organisation_ids: Collection[UUID], *, now: datetime) -> None:
    """End these organisations' open links, those that the caller may settle; what was answered stays. Idempotent."""
    if organisation_ids:
        ended = await confirmations.end_open(connection, list(organisation_ids), now=now)
        await outbox.append(connection, *(withdrawn(key, state, now=now) for key, state in ended))


async def end_over(connection: Connection, *, now: datetime, limit: int = MOST_AT_ONCE) -> int:
    """End links that nobody can use any more; how many there were. For the service itself.

    They have expired, or the organisation is not active or not that office's any more.
    """
    ended = await confirmations.end_over(connection, now=now, limit=limit)
    await outbox.append(connection, *(withdrawn(key, state, now=now) for key, state in ended))
    return len(ended)
