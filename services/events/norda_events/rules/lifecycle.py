"""What may be done with an event when: draft -> published -> cancelled, nothing back. Raises Conflict with why."""

from __future__ import annotations

from datetime import datetime

from norda_common.errors import Conflict
from norda_common.states import State

from .event import Event, EventStatus


def require_draft(event: Event) -> None:
    """Raises Conflict unless the event is still a draft."""
    if event.status is not EventStatus.DRAFT:
        raise Conflict(
            "Die Veranstaltung ist kein Entwurf mehr.",
            "The event is no draft any more.",
            code="not_a_draft",
        )


def require_not_cancelled(event: Event) -> None:
    """Raises Conflict when the event was cancelled."""
    if event.status is EventStatus.CANCELLED:
        raise Conflict("Die Veranstaltung ist abgesagt.", "The event is cancelled.", code="event_cancelled")


def require_changeable(event: Event, *, now: datetime) -> None:
    """Raises Conflict when the event was cancelled, or was published and is over."""
    require_not_cancelled(event)
    if event.status is EventStatus.PUBLISHED and event.ends_at <= now:
        raise Conflict("Die Veranstaltung ist vorbei.", "The event is over.", code="event_over")


def require_announced(event: Event) -> None:
    """Raises Conflict for a draft and for a cancelled event; one that is over was announced all the same."""
    if event.status is EventStatus.DRAFT:
        raise Conflict(
            "Die Veranstaltung ist noch nicht veröffentlicht.",
            "The event is not published yet.",
            code="not_published",
        )
    require_not_cancelled(event)


def require_published(event: Event, *, now: datetime) -> None:
    """Raises Conflict unless the event is announced and not yet over."""
    require_announced(event)
    require_changeable(event, now=now)


def require_open(event: Event, *, now: datetime) -> None:
    """Raises Conflict unless one may register and withdraw: published and not begun."""
    require_published(event, now=now)
    if event.starts_at <= now:
        raise Conflict("Die Veranstaltung hat begonnen.", "The event has begun.", code="event_begun")


def missing_agreements(event: Event) -> tuple[State, ...]:
    """The hosting states that have not agreed; the lead agrees by drafting."""
    return tuple(
        host.state
        for host in event.hosts
        if host.state is not None and host.state is not event.responsible_state and host.agreed_at is None
    )


def require_agreements(event: Event) -> None:
    """Raises Conflict naming the hosting states whose agreement is missing."""
    missing = missing_agreements(event)
    if missing:
        names = ", ".join(state.label for state in missing)
        raise Conflict(
            f"Die Zustimmung fehlt noch: {names}.",
            f"The agreement is still missing: {names}.",
            code="agreement_missing",
            missing=[state.value for state in missing],
        )


def what_they_agreed_to(event: Event) -> tuple[object, ...]:
    """What a hosting state's agreement is about; when it changes in a draft, agreements have to be given again."""
    return (
        event.starts_at,
        event.ends_at,
        event.time_zone,
        event.capacity,
        event.quota_release_at,
        tuple(sorted((quota.state, quota.seats) for quota in event.quotas)),
        frozenset(host.same_as for host in event.hosts),
    )
