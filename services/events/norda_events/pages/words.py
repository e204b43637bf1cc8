"""How events and registrations are told to people: times, places, seats, statuses, in the page's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, get_day_names
from norda_common.contracts.competences import competences
from norda_common.errors import Text
from norda_common.web.site import BERLIN

from ..api.views import Counts, SeatsView, event_view
from ..rules.event import Event, EventStatus
from ..rules.registration import RegistrationStatus
from .edge import title_of

STATUSES: dict[EventStatus, tuple[Text, str]] = {
    EventStatus.DRAFT: (Text("Entwurf", "Draft"), "warning"),
    EventStatus.PUBLISHED: (Text("Veröffentlicht", "Published"), "success"),
    EventStatus.CANCELLED: (Text("Abgesagt", "Cancelled"), "danger"),
}
"""Each status' name and the kind of its badge."""
REGISTRATION_STATUSES: dict[RegistrationStatus, tuple[Text, str]] = {
    RegistrationStatus.CONFIRMED: (Text("Bestätigt", "Confirmed"), "success"),
    RegistrationStatus.WAITLISTED: (Text("Warteliste", "Waiting list"), "warning"),
    RegistrationStatus.WITHDRAWN: (Text("Abgemeldet", "Withdrawn"), "neutral"),
    RegistrationStatus.EVENT_CANCELLED: (Text("Veranstaltung abgesagt", "Event cancelled"), "danger"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event as lists show it."""

    id: UUID
    title: str
    status: str
    kind: str
    state: str
    hosts: tuple[str, ...]
    when: str
    where: str
    seats: str
    taken: int
    waiting: int
    changed_at: datetime
    cancelled: bool


def event_row(event: Event, counts: Counts, language: str) -> EventRow:
    """The event as lists show it."""
    label, kind = STATUSES[event.status]
    seats = event_view(event, counts).seats
    return EventRow(
        id=event.id,
        title=title_of(event, language),
        status=label.in_language(language),
        kind=kind,
        state=event.responsible_state.value,
        hosts=tuple(state.value for state in event.hosting_states if state is not event.responsible_state),
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=language),
        where=place(event, language),
        seats=seats_text(event.capacity, seats, language),
        taken=seats.confirmed,
        waiting=seats.waitlisted,
        changed_at=event.changed_at,
        cancelled=event.status is EventStatus.CANCELLED,
    )


def span(starts_at: datetime, ends_at: datetime, *, zone: str, language: str) -> str:
    """From when to when, in local time: `Mi., 10.02.2027, 10:00–16:00 MEZ`."""
    there = ZoneInfo(zone)
    starts, ends = starts_at.astimezone(there), ends_at.astimezone(there)
    if starts.date() == ends.date() and starts.utcoffset() == ends.utcoffset():
        return f"{_form(starts, _day(language), language)}, {starts:%H:%M}–{_form(ends, 'HH:mm z', language)}"
    pattern = f"{_day(language)}, HH:mm z"
    return f"{_form(starts, pattern, language)} – {_form(ends, pattern, language)}"


def span_in_berlin(event: Event, language: str) -> str | None:
    """The same in Europe/Berlin; None where clocks show the same."""
    there = ZoneInfo(event.time_zone)
    moments = (event.starts_at, event.ends_at)
    if all(m.astimezone(there).utcoffset() == m.astimezone(BERLIN).utcoffset() for m in moments):
        return None
    return span(event.starts_at, event.ends_at, zone=BERLIN.key, language=language)


def duration(starts_at: datetime, ends_at: datetime, language: str) -> str:
    """Real time between the two, clock changes included: `25 Std.`, `1 Std. 30 Min.`, `3 Tage`."""
    minutes = int((ends_at - starts_at).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60) if minutes >= 2 * 24 * 60 else (0, minutes)
    hours, rest = divmod(rest, 60)
    german = ((days, "Tage"), (hours, "Std."), (rest, "Min."))
    english = ((days, "days"), (hours, "h"), (rest, "min"))
    return " ".join(f"{count} {unit}" for count, unit in (english if language == "en" else german) if count)


def place(event: Event, language: str) -> str:
    """Where it takes place; empty when nothing is known."""
    online = "online"
    if event.venue and event.online:
        return f"{event.venue} {'and' if language == 'en' else 'und'} {online}"
    return event.venue or (online if event.online else "")


def seats_text(capacity: int | None, seats: SeatsView, language: str) -> str:
    """`12 von 40 belegt, 28 frei, 3 warten`."""
    taken, waiting = _count(language, seats.confirmed), _count(language, seats.waitlisted)
    english = language == "en"
    if capacity is None or seats.free is None:
        text = f"{taken} taken, unlimited" if english else f"{taken} belegt, unbegrenzt"
    else:
        all_, free = _count(language, capacity), _count(language, seats.free)
        text = f"{taken} of {all_} taken, {free} free" if english else f"{taken} von {all_} belegt, {free} frei"
    if seats.waitlisted:
        text += f", {waiting} waiting" if english else f", {waiting} auf der Warteliste"
    return text


def competence_labels(codes: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """Codes with their labels."""
    known = competences()
    return [(code, known[code].label.in_language(language) if code in known else "") for code in codes]


def competence_options(language: str, *, chosen: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """All codes to choose from, deprecated ones only where they are chosen already."""
    return [
        (item.code, f"{item.code} {item.label.in_language(language)}")
        for item in competences().values()
        if item.active or item.code in chosen
    ]


def month_name(day: date, language: str) -> str:
    """`Februar 2027`."""
    return format_date(day, "MMMM yyyy", locale=_locale(language))


def long_day(day: date, language: str) -> str:
    """`Mittwoch, 10. Februar`."""
    return format_date(day, "EEEE, d MMMM" if language == "en" else "EEEE, d. MMMM", locale=_locale(language))


def weekday_names(language: str) -> list[tuple[str, str]]:
    """Monday to Sunday: short and whole."""
    short, whole = (get_day_names(width, locale=_locale(language)) for width in ("abbreviated", "wide"))
    return [(str(short[day]), str(whole[day])) for day in range(7)]


def _count(language: str, number: int) -> str:
    """1.234 and 1,234; Babel takes ten times as long, which a list of many rows feels."""
    text = f"{number:,}"
    return text if language == "en" else text.replace(",", ".")


def _day(language: str) -> str:
    return "EEE, d MMM yyyy" if language == "en" else "EEE, dd.MM.yyyy"


def _form(moment: datetime, pattern: str, language: str) -> str:
    return format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=_locale(language))


def _locale(language: str) -> str:
    return "en_GB" if language == "en" else "de_DE"
