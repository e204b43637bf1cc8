"""Giving free seats to those who wait, in order (Nachrücker). The event is locked by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from norda_common import outbox
from norda_common.database import Connection, acting_as_system

from ..rules.announcements import registrations_announced
from ..rules.event import Event, EventStatus
from ..rules.registration import Participant, Registration, RegistrationStatus
from ..rules.seats import SeatPlan, promotions
from ..store import registrations
from .auditing import record_promotions

CHUNK = 100
"""Registrations announced per statement: their records take some 20 ms to build, then other requests get a turn."""


async def promote_waiting(connection: Connection, event: Event, *, now: datetime) -> int:
    """Promote everybody who may take a seat now; returns how many. Nobody, unless the event is announced and to come.

    Called after whatever frees a seat; a few statements however many are promoted. Each is entered in the audit log, as
    the service's own doing.
    """
    if event.status is not EventStatus.PUBLISHED or event.starts_at <= now:
        return 0
    plan, taken = SeatPlan.of(event), await registrations.taken(connection, event.id)
    free = plan.free(taken)
    if free is not None and free <= 0:
        return 0
    waiting = await registrations.waiting(connection, event.id, per_state=free if free is not None else 2**31)
    chosen = promotions(plan, taken=taken, waiting=waiting)
    if not chosen:
        return 0
    # Whose turn it is may be another state's participant, whom the office that freed the seat neither sees nor changes.
    async with acting_as_system(connection):
        promoted = await registrations.advance(
            connection,
            event.id,
            of=[RegistrationStatus.WAITLISTED],
            to=RegistrationStatus.CONFIRMED,
            now=now,
            only=chosen,
        )
        for start in range(0, len(promoted), CHUNK):
            await record_promotions(connection, [registration for registration, _ in promoted[start : start + CHUNK]])
    await announce(connection, event, "promoted", promoted, now=now)
    return len(promoted)


async def announce(
    connection: Connection,
    event: Event,
    change: str,
    changed: Sequence[tuple[Registration, Participant]],
    *,
    now: datetime,
) -> None:
    """Append each registration's public and private event to the outbox, in bounded pieces."""
    for start in range(0, len(changed), CHUNK):
        piece = changed[start : start + CHUNK]
        await outbox.append(connection, *registrations_announced(event, change, piece, now=now))
