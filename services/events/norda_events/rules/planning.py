"""Whether what an event says of itself holds together: times, seats, quotas, hosts, codes. Faults name their field."""

from __future__ import annotations

from datetime import datetime, timedelta

from norda_common.contracts.competences import competences
from norda_common.errors import FieldError, InvalidInput, Text

from .event import Event

LONGEST = timedelta(days=366)
"""Longer than any fair or delegation; a mistyped year is caught."""


def require_sound(event: Event, *, before: Event | None = None, now: datetime) -> None:
    """Raises InvalidInput with every fault of the event.

    That an instant lies in the past is a fault of a new value only: `before` is the event as it was stored, so a
    running event's title can still be corrected. None checks everything, as publication does.
    """
    new_times = before is None or before.starts_at != event.starts_at
    new_release = before is None or (before.quotas, before.quota_release_at) != (event.quotas, event.quota_release_at)
    found = [
        *_times(event, now=now if new_times else None),
        *_quotas(event),
        *_quota_release(event, now=now if new_release else None),
        *_hosts(event),
        *_codes(event),
    ]
    if found:
        raise InvalidInput.of(found)


def _times(event: Event, *, now: datetime | None) -> list[FieldError]:
    found: list[FieldError] = []
    if now is not None and event.starts_at <= now:
        found.append(_fault("starts", "in_the_past", "liegt in der Vergangenheit", "lies in the past"))
    if event.ends_at <= event.starts_at:
        found.append(_fault("ends", "ends_before_start", "liegt nicht nach dem Beginn", "is not after the start"))
    elif event.ends_at - event.starts_at > LONGEST:
        found.append(
            _fault("ends", "too_long_event", "mehr als ein Jahr nach dem Beginn", "more than a year after the start")
        )
    return found


def _quotas(event: Event) -> list[FieldError]:
    found: list[FieldError] = []
    total = sum(quota.seats for quota in event.quotas)
    if event.quotas and event.capacity is None:
        found.append(
            _fault(
                "quotas",
                "quota_without_capacity",
                "Kontingente brauchen eine begrenzte Platzzahl",
                "quotas need a limited capacity",
            )
        )
    elif event.capacity is not None and total > event.capacity:
        found.append(
            _fault(
                "quotas",
                "quotas_exceed_capacity",
                f"zusammen {total} Plätze, die Veranstaltung hat {event.capacity}",
                f"{total} seats in all, the event has {event.capacity}",
            )
        )
    return found


def _quota_release(event: Event, *, now: datetime | None) -> list[FieldError]:
    release = event.quota_release_at
    if release is None:
        return []
    if not event.quotas:
        return [_fault("quota_release_at", "release_without_quota", "es gibt keine Kontingente", "there are no quotas")]
    if release >= event.starts_at:
        return [
            _fault("quota_release_at", "release_after_start", "liegt nicht vor dem Beginn", "is not before the start")
        ]
    if now is not None and event.quotas_held and release <= now:
        return [_fault("quota_release_at", "in_the_past", "liegt in der Vergangenheit", "lies in the past")]
    return []


def _hosts(event: Event) -> list[FieldError]:
    same = [host.same_as for host in event.hosts]
    if len(set(same)) < len(same):
        return [_fault("hosts", "duplicate_host", "nennt jemanden zweimal", "names somebody twice")]
    if event.hosting_states and event.responsible_state not in event.hosting_states:
        label = event.responsible_state.label
        return [
            _fault(
                "hosts",
                "lead_is_no_host",
                f"richten Länder aus, so gehört das federführende dazu ({label})",
                f"where states are hosts, the lead is one of them ({label})",
            )
        ]
    return []


def _codes(event: Event) -> list[FieldError]:
    return [
        _fault(
            f"competences.{index}",
            "unknown_competence",
            "steht nicht in der Kompetenzliste",
            "is not in the list of competences",
        )
        for index, code in enumerate(event.competences)
        if code not in competences()
    ]


def _fault(field: str, code: str, de: str, en: str) -> FieldError:
    return FieldError(field=field, code=code, text=Text(de, en))
