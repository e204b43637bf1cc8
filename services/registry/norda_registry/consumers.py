"""What the registry listens to: organisations of all states, own ones too, what is released of them, memberships that
are proposed, and registrations for events.

All are copies of state, taken over in batches and by sequence; by them a one-state instance sees all companies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import REGISTRATION, Registration
from norda_common.contracts.registry import (
    MEMBERSHIP_PROPOSAL,
    ORGANISATION,
    RELEASE,
    MembershipProposal,
    Organisation,
    Release,
)
from norda_common.database import Connection

from .store import directory, participations, proposals, releases
from .usecases.member_lists import proposal_of

T = TypeVar("T")


def _latest(items: Sequence[T], place: Callable[[T], tuple[UUID, int, bool]]) -> list[T]:
    """The newest of each aggregate; of equal sequences the tombstone, else the first. `place`: id, sequence, gone."""
    newest: dict[UUID, tuple[int, bool, T]] = {}
    for item in items:
        key, sequence, gone = place(item)
        known = newest.get(key)
        if known is None or (sequence, gone) > known[:2]:
            newest[key] = sequence, gone, item
    # In the order of their keys, so that two replicas seldom deadlock. They still can, since a transaction has several
    # such parts, and each takes out before it puts in; PostgreSQL ends one of them, which tries again.
    return [newest[key][2] for key in sorted(newest, key=attrgetter("int"))]


def directory_entry(record: Received) -> directory.Row | directory.Erased:
    """What the directory keeps of a record. Pure."""
    if isinstance(record.data, Organisation) and record.value is not None:
        return directory.row_of(record.sequence, record.data, data=record.value.decode())
    return directory.Erased(record.key, record.sequence)


async def follow_organisations(
    connection: Connection,
    entries: Sequence[directory.Row | directory.Erased],
    now: datetime,  # noqa: ARG001
) -> None:
    """Bring the directory up to date; idempotent."""
    latest = _latest(entries, lambda item: (item.organisation_id, item.sequence, isinstance(item, directory.Erased)))
    if erased := [item for item in latest if isinstance(item, directory.Erased)]:
        await directory.erase(connection, erased)
    await directory.upsert(connection, [item for item in latest if isinstance(item, directory.Row)])


async def follow_registrations(connection: Connection, records: Sequence[Received], now: datetime) -> None:  # noqa: ARG001
    """Bring the participation history up to date; a registration without an organisation is in nobody's history."""
    gone: list[tuple[int, UUID]] = []
    published: list[tuple[int, Registration]] = []
    for record in _latest(records, lambda item: (item.key, item.sequence, item.data is None)):
        if isinstance(record.data, Registration) and record.data.organisation_id is not None:
            published.append((record.sequence, record.data))
        else:
            gone.append((record.sequence, record.key))
    if gone:
        await participations.remove(connection, gone)
    if published:
        await participations.upsert(connection, published)


async def follow_releases(connection: Connection, records: Sequence[Received], now: datetime) -> None:
    """Bring up to date what is shown to everybody; idempotent."""
    latest = _latest(records, lambda item: (item.key, item.sequence, item.data is None))
    await releases.follow(connection, [_release(record, now) for record in latest])


def _release(record: Received, now: datetime) -> releases.Release:
    """What is kept of a record; a tombstone ends the release."""
    data = record.data if isinstance(record.data, Release) else None
    return releases.Release(
        organisation_id=record.key,
        state=record.state,
        fields=data.fields if data else (),
        released_at=data.released_at if data else now,
        released_by=None,
        sequence=record.sequence,
        ended_at=data.ended_at if data else now,
    )


async def follow_proposals(connection: Connection, records: Sequence[Received], now: datetime) -> None:  # noqa: ARG001
    """Bring up to date which memberships other offices propose; idempotent."""
    latest = _latest(records, lambda item: (item.key, item.sequence, item.data is None))
    if gone := [record.key for record in latest if record.data is None]:
        await proposals.remove(connection, gone)
    known = [
        proposal_of(record.sequence, record.data) for record in latest if isinstance(record.data, MembershipProposal)
    ]
    await proposals.put(connection, known)


CONSUMERS = (
    Consumer(name="directory", topics=(ORGANISATION,), prepare=directory_entry, batch=follow_organisations),
    Consumer(name="participations", topics=(REGISTRATION,), batch=follow_registrations),
    Consumer(name="releases", topics=(RELEASE,), batch=follow_releases),
    Consumer(name="proposals", topics=(MEMBERSHIP_PROPOSAL,), batch=follow_proposals),
)
