"""What everybody may see without signing in: events released for the public, as pages and as calendars.

No person, no seat plan and no draft stands in any of it; what was cancelled after its release stays, as cancelled.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NotFound, Text
from norda_common.requests import read_cursor, write_cursor
from norda_common.rights import PUBLIC
from norda_common.web.forms import Form
from norda_common.web.legal import TENANTS
from norda_common.web.pages import Page, page_for
from norda_common.web.site import BERLIN

from ..rules.event import Event, EventStatus
from ..rules.times import local_text
from ..store import events
from .calendar import MOST_EVENTS, Month, first_day, following, month_context
from .calendar_file import calendar_file
from .edge import Blank, PageCursor, Words, title_of
from .listing import start_of
from .words import STATUSES, competence_labels, duration, place, span, span_in_berlin

router = APIRouter(prefix="/events/public")
Anybody = Annotated[Page, page_for(PUBLIC, spared=True)]

TITLE = Text("Öffentliche Veranstaltungen", "Public events")
PATH = "/events/public"
ROWS = 25
FEED_EVENTS = 250
FEED_DAYS = 31
"""How long after its end an event stays in the feed, so that a late cancellation still reaches calendars."""
ICALENDAR = "text/calendar; charset=utf-8; method=PUBLISH"


@router.get("")
async def public_events(
    page: Anybody,
    q: Words = None,
    past: Annotated[Literal["yes"] | None, Blank] = None,
    month: Month = None,
    cursor: PageCursor = None,
) -> Response:
    """Released events to come; where `past` ones are asked for too, the last one first.

    With `month` those of a month, as a calendar, which knows no words.
    """
    today = page.now.astimezone(BERLIN).date()
    first = first_day(month, today=today)
    after = cast("tuple[datetime, UUID]", read_cursor(cursor, datetime, UUID)) if cursor else None
    wanted = (
        events.EventFilter(
            seen_by=None, released=True, ends_after=start_of(first), starts_before=start_of(following(first))
        )
        if month
        else events.EventFilter(seen_by=None, released=True, ends_after=None if past else page.now, words=q)
    )
    query = [(name, value) for name, value in (("q", q), ("past", past)) if value]
    form = Form.of({"q": q, "past": past}, language=page.language)
    limit = MOST_EVENTS if month else ROWS
    order = events.EventOrder("starts_at", descending=bool(past) and not month)
    async with page.read() as connection:
        found = await events.page(connection, wanted, after=after, limit=limit + 1, order=order)
    shown = found[:limit]
    return page.show(
        "public_list.html.jinja",
        title=TITLE,
        crumbs=[(TITLE, None)],
        rows=[_row(event, page) for event in shown],
        words=form.field("q", page.t("Titel, Beschreibung oder Ort", "Title, description or place")),
        past=form.field("past", page.t("auch vergangene", "past ones too")),
        narrowed=bool(query),
        calendar=month_context(first, shown, page, path=PATH, query="") if month else None,
        this_month=f"{today:%Y-%m}",
        feed=f"{base_of(page)}/events/public.ics",
        address=f"{base_of(page)}/events/public",
        listing={
            "path": PATH,
            "query": query,
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(shown[-1].starts_at, shown[-1].id)
            if not month and len(found) > limit
            else None,
        },
    )


@router.get(".ics")
async def feed(page: Anybody) -> Response:
    """Released events as a calendar to subscribe to (RFC 5545): those to come and of the last month."""
    wanted = events.EventFilter(seen_by=None, released=True, ends_after=page.now - timedelta(days=FEED_DAYS))
    async with page.read() as connection:
        found = await events.page(connection, wanted, after=None, limit=FEED_EVENTS)
    body = calendar_file(
        found, base=base_of(page), language=page.language, now=page.now, name=page.t(TITLE.de, TITLE.en)
    )
    return Response(body, headers={"content-disposition": 'inline; filename="norda.ics"'}, media_type=ICALENDAR)


@router.get("/{event_id:uuid}.ics")
async def event_file(page: Anybody, event_id: UUID) -> Response:
    """One released event for a calendar. Raises NotFound."""
    event = await _released(page, event_id)
    body = calendar_file([event], base=base_of(page), language=page.language, now=page.now)
    disposition = f'attachment; filename="{event.id}.ics"'
    return Response(body, headers={"content-disposition": disposition}, media_type=ICALENDAR)


@router.get("/{event_id:uuid}")
async def public_event(page: Anybody, event_id: UUID) -> Response:
    """One released event. Raises NotFound for every other, also for who has signed in."""
    event = await _released(page, event_id)
    address = f"{base_of(page)}/events/public/{event.id}"
    return page.show(
        "public_event.html.jinja",
        title=Text(title_of(event, "de"), title_of(event, "en")),
        crumbs=[(TITLE, "/events/public"), (Text(title_of(event, "de"), title_of(event, "en")), None)],
        event=event,
        it=_row(event, page),
        when_in_berlin=span_in_berlin(event, page.language),
        duration=duration(event.starts_at, event.ends_at, page.language),
        offices=[TENANTS[state].office for state in event.hosting_states or (event.responsible_state,)],
        competences=competence_labels(event.competences, page.language),
        address=address,
        summary=_summary(event, page),
        json_ld=json_ld(event, address=address, language=page.language),
        seen_inside=page.session is not None,
    )


def json_ld(event: Event, *, address: str, language: str) -> dict[str, Any]:
    """The event in the words of schema.org/Event."""
    cancelled = event.status is EventStatus.CANCELLED
    places: list[dict[str, str]] = []
    if event.venue:
        places.append({"@type": "Place", "name": event.venue, "address": event.venue})
    if event.online:
        places.append({"@type": "VirtualLocation", "url": address})
    mode = "Mixed" if len(places) > 1 else "Online" if event.online else "Offline"
    document: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "@id": address,
        "url": address,
        "identifier": str(event.id),
        "name": title_of(event, language),
        "inLanguage": "de",
        "startDate": local_text(event.starts_at, zone=event.time_zone),
        "endDate": local_text(event.ends_at, zone=event.time_zone),
        "eventStatus": f"https://schema.org/Event{'Cancelled' if cancelled else 'Scheduled'}",
        "eventAttendanceMode": f"https://schema.org/{mode}EventAttendanceMode",
        "location": places[0] if len(places) == 1 else places,
        "description": event.description,
        "maximumAttendeeCapacity": event.capacity,
        "organizer": [
            {"@type": "GovernmentOrganization", "name": TENANTS[state].office, "email": TENANTS[state].email}
            for state in event.hosting_states or (event.responsible_state,)
        ],
    }
    return {name: value for name, value in document.items() if value not in (None, [])}


def base_of(page: Page) -> str:
    """Where the pages of events are for everybody."""
    return page.runtime.settings.address_of("events")


async def _released(page: Page, event_id: UUID) -> Event:
    async with page.read() as connection:
        event = await events.get(connection, event_id)
    if event is None or event.released_at is None:
        raise NotFound("Diese Veranstaltung gibt es hier nicht.", "There is no such event here.")
    return event


def _row(event: Event, page: Page) -> dict[str, Any]:
    label, kind = STATUSES[event.status]
    return {
        "id": event.id,
        "title": title_of(event, page.language),
        "when": span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        "where": place(event, page.language),
        "state": event.responsible_state.value,
        "cancelled": event.status is EventStatus.CANCELLED,
        "status": label.in_language(page.language),
        "status_kind": kind,
    }


def _summary(event: Event, page: Page) -> str:
    """Time and place in a line, for previews of links."""
    row = _row(event, page)
    cancelled = f"{row['status']}: " if row["cancelled"] else ""
    return cancelled + ", ".join(filter(None, (row["when"], row["where"])))
