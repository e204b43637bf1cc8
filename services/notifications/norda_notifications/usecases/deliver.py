"""Settling what became of a mail: delivered, failed for good or postponed; with its event.

A delivery is claimed under a lease and settled only by the lease's holder, so that of two workers one result counts.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common import outbox
from norda_common.contracts.notifications import DELIVERY, Delivery
from norda_common.database import Connection
from norda_common.states import State

from ..rules.retries import Outcome, next_attempt
from ..store import deliveries


async def settle(
    connection: Connection, claimed: Record, *, owner: UUID, outcome: Outcome, error: str | None, now: datetime
) -> None:
    """Record an attempt's outcome; a final one is published. Without effect when the lease was lost."""
    if outcome is Outcome.GIVEN_BACK:
        await deliveries.give_back(connection, claimed["id"], owner=owner)
        return
    again = next_attempt(outcome, attempts=claimed["attempts"], created_at=claimed["created_at"], now=now)
    if outcome is not Outcome.ACCEPTED and again is not None:
        await deliveries.postpone(connection, claimed["id"], owner=owner, due_at=again, error=error)
        return
    status = "delivered" if outcome is Outcome.ACCEPTED else "failed"
    if not await deliveries.settle(
        connection,
        claimed["id"],
        owner=owner,
        notice_id=claimed["notice_id"],
        status=status,
        error=error,
        now=now,
    ):
        return
    await outbox.append(
        connection,
        DELIVERY.event(
            status,
            _data(claimed, outcome=status, now=now),
            state=State(claimed["state"]),
            key=claimed["id"],
            sequence=claimed["attempts"],
            time=now,
        ),
    )


def _data(claimed: Record, *, outcome: str, now: datetime) -> Delivery:
    return Delivery(
        delivery_id=claimed["id"],
        notice_id=claimed["notice_id"],
        responsible_state=claimed["state"],
        notice=claimed["kind"],
        channel="email",
        outcome=outcome,
        caused_by=claimed["caused_by"],
        attempts=claimed["attempts"],
        changed_at=now,
    )
