"""What the registry listens to: organisations of all states, own ones too, what is released of them, memberships that
are proposed, registrations for events, and requests of persons.

All but the last are copies of state, taken over in batches and by sequence; by them a one-state instance sees all
companies, and learns what other instances answer to its offers of relocations. A request of a person, and each answer
to one, has its effect once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple, TypeVar
from uuid import UUID

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import REGISTRATION, Registration
from norda_common.contracts.privacy import ANSWERS, PRIVACY_REQUEST, PrivacyAnswer
from norda_common.contracts.registry import (
    MEMBERSHIP_PROPOSAL,
    ORGANISATION,
    RELEASE,
    MembershipProposal,
    Organisation,
    Release,
)
from norda_common.database import Connection
from norda_common.privacy import deal_with
from norda_common.settings import served_states

from .store import directory, likenesses, participations, proposals, releases
from .usecases.handovers import follow_answers
from .usecases.member_lists import proposal_of
from .usecases.privacy import do_own_part, keep_answer

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


class Read(NamedTuple):
    """A record, and what the directory keeps of it."""

    record: Received
    entry: directory.Row | directory.Erased


def read(record: Received) -> Read:
    """Make ready what costs Python, while the database works. Pure."""
    return Read(record, directory_entry(record))


def directory_entry(record: Received) -> directory.Row | directory.Erased:
    """What the directory keeps of a record. Pure."""
    if isinstance(record.data, Organisation) and record.value is not None:
        return directory.row_of(record.sequence, record.data, data=record.value.decode())
    return directory.Erased(record.key, record.sequence)


async def follow_organisations(
    connection: Connection, entries: Sequence[directory.Row | directory.Erased], now: datetime
) -> None:
    """Bring the directory up to date, and note of whom a worker is to look for suspects; idempotent."""
    latest = _latest(entries, lambda item: (item.organisation_id, item.sequence, isinstance(item, directory.Erased)))
    if erased := [item for item in latest if isinstance(item, directory.Erased)]:
        await directory.erase(connection, erased)
    written = await directory.upsert(connection, [item for item in latest if isinstance(item, directory.Row)])
    await likenesses.mark(connection, sorted({*written, *(item.organisation_id for item in erased)}), now)


async def follow_published(connection: Connection, items: Sequence[Read], now: datetime) -> None:
    """Bring the directory up to date, and follow what other instances say of relocations; idempotent."""
    await follow_organisations(connection, [item.entry for item in items], now)
    await follow_answers(connection, [item.record for item in items], served=served_states(), now=now)


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


async def follow_requests(connection: Connection, record: Received, now: datetime) -> None:
    """Do what a person asks for with the registry's own records, and answer."""
    await deal_with(connection, record, service="registry", served=served_states(), deal=do_own_part, now=now)


async def gather_answers(connection: Connection, record: Received, now: datetime) -> None:
    """Keep the answers to this instance's requests; a withdrawn one was kept before."""
    if isinstance(record.data, PrivacyAnswer):
        await keep_answer(connection, record.data, now=now)


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
    Consumer(name="directory", topics=(ORGANISATION,), prepare=read, batch=follow_published),
    Consumer(name="participations", topics=(REGISTRATION,), batch=follow_registrations),
    Consumer(name="requests", topics=(PRIVACY_REQUEST,), each=follow_requests),
    Consumer(name="answers", topics=tuple(ANSWERS.values()), each=gather_answers),
    Consumer(name="releases", topics=(RELEASE,), batch=follow_releases),
    Consumer(name="proposals", topics=(MEMBERSHIP_PROPOSAL,), batch=follow_proposals),
)
