"""Events as an iCalendar file (RFC 5545, RFC 5546 `PUBLISH`): times in UTC, changes by SEQUENCE, cancelled ones too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from icalendar import Calendar, vCalAddress, vText
from icalendar import Event as Entry
from norda_common.web.legal import TENANTS

from ..rules.event import Event, EventStatus
from .edge import title_of
from .words import place

PRODUCT = "-//Norda//events//DE"
ASK_AGAIN = timedelta(hours=1)
"""How often a subscribed calendar should look again."""


def calendar_file(
    events: Sequence[Event], *, base: str, language: str, now: datetime, name: str | None = None
) -> bytes:
    """The file. `base` begins the addresses of the events' pages; `name` is what a subscribed calendar is called."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if name is not None:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", ASK_AGAIN)
    for event in events:
        calendar.add_component(_entry(event, base=base, language=language, now=now))
    body: bytes = calendar.to_ical()
    return body


def _entry(event: Event, *, base: str, language: str, now: datetime) -> Entry:
    office = TENANTS[event.responsible_state]
    organizer = vCalAddress(f"mailto:{office.email}")
    organizer.params["CN"] = vText(office.office)
    entry = Entry()
    entry.add("uid", str(event.id))
    entry.add("dtstamp", now)
    entry.add("dtstart", event.starts_at)
    entry.add("dtend", event.ends_at)
    entry.add("sequence", event.sequence)
    entry.add("status", "CANCELLED" if event.status is EventStatus.CANCELLED else "CONFIRMED")
    entry.add("summary", title_of(event, language))
    entry.add("organizer", organizer)
    entry.add("url", f"{base}/events/public/{event.id}")
    entry.add("created", event.created_at)
    entry.add("last-modified", event.changed_at)
    if event.description:
        entry.add("description", event.description)
    where = place(event, language)
    if where:
        entry.add("location", where)
    if event.clusters:
        entry.add("categories", list(event.clusters))
    return entry
