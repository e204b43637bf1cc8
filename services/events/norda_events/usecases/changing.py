"""Publishing, changing, rescheduling and cancelling an event; what was published tells the topics each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import outbox
from norda_common.database import Connection
from norda_common.errors import Conflict

from ..rules.announcements import event_announced
from ..rules.event import Event, EventStatus
from ..rules.lifecycle import (
    require_agreements,
    require_changeable,
    require_draft,
    require_published,
    what_they_agreed_to,
)
from ..rules.planning import require_sound
from ..rules.registration import LIVE, RegistrationStatus
from ..rules.seats import SeatPlan
from ..store import events, registrations
from .auditing import record_event
from .commands import CancelEvent, ChangeEvent, RescheduleEvent
from .loading import locked_event, require_version
from .office import Office
from .promoting import announce, promote_waiting
from .reading import read_hosts, read_moments, read_quotas

_DRAFT_ONLY = frozenset({"starts", "ends", "time_zone", "hosts"})


async def publish_event(
    connection: Connection, event_id: UUID, *, office: Office, expected_version: int | None = None, now: datetime
) -> Event:
    """Announce a draft (`published`, sequence 1). Idempotent: a published event is returned as it is.

    Raises Conflict while a hosting state's agreement is missing, InvalidInput when the draft's times have passed.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_version(event, expected_version)
    if event.status is EventStatus.PUBLISHED:
        return event
    require_changeable(event, now=now)
    require_draft(event)
    require_agreements(event)
    require_sound(event, now=now)
    announced = replace(event, status=EventStatus.PUBLISHED)
    stored = await _store_and_announce(connection, announced, "published", before=event, now=now)
    await record_event(connection, office.caller, "publish", before=event, after=stored)
    return stored


async def change_event(
    connection: Connection,
    event_id: UUID,
    command: ChangeEvent,
    *,
    office: Office,
    expected_version: int | None = None,
    now: datetime,
) -> Event:
    """Change what the command names; a change that changes nothing raises no version and tells nobody.

    More seats promote those who wait; fewer than are taken are refused (Conflict). In a draft, agreements fall when
    what was agreed to changes.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_version(event, expected_version)
    require_changeable(event, now=now)
    if event.status is EventStatus.PUBLISHED and command.model_fields_set & _DRAFT_ONLY:
        raise Conflict(
            "Zeit und Ausrichter einer veröffentlichten Veranstaltung ändert man nicht so; verlegen Sie sie.",
            "Time and hosts of a published event are not changed this way; reschedule it.",
            code="fixed_after_publication",
        )
    changed = await _changed(connection, event, command, now=now)
    if changed == event:
        return event
    require_sound(changed, before=event, now=now)
    if event.status is EventStatus.DRAFT:
        changed = _without_outdated_agreements(changed, before=event)
        stored = await _store(connection, changed, before=event, now=now)
        await record_event(connection, office.caller, "change", before=event, after=stored)
        return stored
    await _require_room_for_confirmed(connection, changed)
    stored = await _store_and_announce(connection, changed, "changed", before=event, now=now)
    await record_event(connection, office.caller, "change", before=event, after=stored)
    await promote_waiting(connection, stored, now=now)
    return stored


async def reschedule_event(
    connection: Connection,
    event_id: UUID,
    command: RescheduleEvent,
    *,
    office: Office,
    expected_version: int | None = None,
    now: datetime,
) -> Event:
    """Give a published event a new time and tell every confirmed and waiting registration (`event_rescheduled`).

    The same time again changes nothing. Raises Conflict and InvalidInput.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_version(event, expected_version)
    require_published(event, now=now)
    zone = command.time_zone or event.time_zone
    given = {"starts": command.starts, "ends": command.ends}
    if "quota_release_at" in command.model_fields_set:
        given["quota_release_at"] = command.quota_release_at  # type: ignore[assignment]
    moments = read_moments(given, zone=zone)
    moved = replace(
        event,
        starts_at=moments["starts"] or event.starts_at,
        ends_at=moments["ends"] or event.ends_at,
        time_zone=zone,
        quota_release_at=moments.get("quota_release_at", event.quota_release_at),
    )
    if moved == event:
        return event
    require_sound(moved, before=event, now=now)
    stored = await _store_and_announce(connection, moved, "rescheduled", before=event, now=now)
    await record_event(connection, office.caller, "reschedule", before=event, after=stored)
    told = await registrations.advance(connection, event.id, of=LIVE, to=None, now=now)
    await announce(connection, stored, "event_rescheduled", told, now=now)
    await promote_waiting(connection, stored, now=now)
    return stored


async def cancel_event(
    connection: Connection,
    event_id: UUID,
    command: CancelEvent,
    *,
    office: Office,
    expected_version: int | None = None,
    now: datetime,
) -> Event:
    """Cancel a published event: every confirmed and waiting registration becomes `event_cancelled`, nobody is promoted.

    A handful of statements however many there are. Idempotent: a cancelled event is returned as it is, with its first
    reason.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_version(event, expected_version)
    if event.status is EventStatus.CANCELLED:
        return event
    require_published(event, now=now)
    cancelled = replace(event, status=EventStatus.CANCELLED, cancellation_reason=command.reason)
    stored = await _store_and_announce(connection, cancelled, "cancelled", before=event, now=now)
    await record_event(connection, office.caller, "cancel", before=event, after=stored)
    told = await registrations.advance(connection, event.id, of=LIVE, to=RegistrationStatus.EVENT_CANCELLED, now=now)
    await announce(connection, stored, "event_cancelled", told, now=now)
    return stored


async def _changed(connection: Connection, event: Event, command: ChangeEvent, *, now: datetime) -> Event:
    named = command.model_fields_set
    changes: dict[str, Any] = {
        name: getattr(command, name)
        for name in ("title", "title_en", "description", "venue", "online", "capacity", "time_zone")
        if name in named
    }
    for name in ("competences", "clusters"):
        if name in named and set(getattr(command, name)) != set(getattr(event, name)):
            changes[name] = tuple(getattr(command, name))
    if command.quotas is not None:
        changes["quotas"] = read_quotas(command.quotas, known=event.quotas)
    if command.hosts is not None:
        hosts = await read_hosts(connection, command.hosts, lead=event.responsible_state, known=event.hosts, now=now)
        # Their order says nothing.
        if {host.same_as for host in hosts} != {host.same_as for host in event.hosts}:
            changes["hosts"] = hosts
    fields = {"starts": "starts_at", "ends": "ends_at", "quota_release_at": "quota_release_at"}
    texts = {name: getattr(command, name) for name in fields if name in named}
    moments = read_moments(texts, zone=command.time_zone or event.time_zone)
    changes |= {fields[name]: moment for name, moment in moments.items()}
    return replace(event, **changes)


def _without_outdated_agreements(changed: Event, *, before: Event) -> Event:
    if what_they_agreed_to(changed) == what_they_agreed_to(before):
        return changed
    lead = changed.responsible_state
    hosts = tuple(host if host.state is lead else replace(host, agreed_at=None) for host in changed.hosts)
    return replace(changed, hosts=hosts)


async def _require_room_for_confirmed(connection: Connection, changed: Event) -> None:
    taken = await registrations.taken(connection, changed.id)
    if not SeatPlan.of(changed).fits(taken):
        confirmed = sum(taken.values())
        raise Conflict(
            f"Es sind schon {confirmed} Plätze vergeben; so wenige gehen nicht mehr.",
            f"{confirmed} seats are already given; there cannot be so few.",
            code="seats_taken",
            confirmed=[{"state": state, "seats": seats} for state, seats in taken.items()],
        )


async def _store(connection: Connection, event: Event, *, before: Event, now: datetime) -> Event:
    stored = replace(event, version=before.version + 1, changed_at=now)
    await events.update(connection, stored, before=before)
    return stored


async def _store_and_announce(
    connection: Connection, event: Event, change: str, *, before: Event, now: datetime
) -> Event:
    stored = await _store(connection, replace(event, sequence=before.sequence + 1), before=before, now=now)
    await outbox.append(connection, event_announced(stored, change, now=now))
    return stored
