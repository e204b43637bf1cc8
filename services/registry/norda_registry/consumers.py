"""What the registry listens to: organisations of all states, own ones too, and registrations for events.

Both are copies of state, taken over in batches and by sequence; by them a one-state instance sees all companies.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import REGISTRATION, Registration
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.database import Connection

from .store import directory, participations


def _latest(records: Sequence[Received]) -> list[Received]:
    """The newest record of each aggregate; of equal sequences the tombstone, else the first."""
    newest: dict[UUID, Received] = {}
    for record in records:
        known = newest.get(record.key)
        if known is None or (record.sequence, record.data is None) > (known.sequence, known.data is None):
            newest[record.key] = record
    # In the order of their keys, so that two instances' batches cannot deadlock.
    return [newest[key] for key in sorted(newest)]


async def follow_organisations(connection: Connection, records: Sequence[Received], now: datetime) -> None:  # noqa: ARG001
    """Bring the directory up to date; idempotent."""
    latest = _latest(records)
    erased = [(record.sequence, record.key) for record in latest if record.data is None]
    published = [(record.sequence, record.data) for record in latest if isinstance(record.data, Organisation)]
    if erased:
        await directory.erase(connection, erased)
    if published:
        await directory.upsert(connection, published)


async def follow_registrations(connection: Connection, records: Sequence[Received], now: datetime) -> None:  # noqa: ARG001
    """Bring the participation history up to date; a registration without an organisation is in nobody's history."""
    gone: list[tuple[int, UUID]] = []
    published: list[tuple[int, Registration]] = []
    for record in _latest(records):
        if isinstance(record.data, Registration) and record.data.organisation_id is not None:
            published.append((record.sequence, record.data))
        else:
            gone.append((record.sequence, record.key))
    if gone:
        await participations.remove(connection, gone)
    if published:
        await participations.upsert(connection, published)


CONSUMERS = (
    Consumer(name="directory", topics=(ORGANISATION,), batch=follow_organisations),
    Consumer(name="participations", topics=(REGISTRATION,), batch=follow_registrations),
)
