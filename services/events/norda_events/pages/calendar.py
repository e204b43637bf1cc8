"""A month of events: which day has which, in Europe/Berlin. One table, which narrow screens show as a list of days."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from norda_common.errors import Text
from norda_common.requests import FIRST_YEAR, LAST_YEAR
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for
from norda_common.web.site import BERLIN

from ..rules.event import Event, EventStatus
from ..rules.rights import READ
from ..store import events
from .edge import Blank, office_of, state_asked_for, state_options, title_of
from .listing import start_of
from .words import STATUSES, long_day, month_name, weekday_names

router = APIRouter(prefix="/events")

CALENDAR = Text("Kalender", "Calendar")
MOST_EVENTS = 500
Month = Annotated[str | None, Blank, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="`2027-02`")]


@router.get("/calendar")
async def calendar(
    page: Annotated[Page, page_for(READ)],
    month: Month = None,
    state: Annotated[Literal["all", "hb", "hh", "ni"] | None, Blank] = None,
) -> Response:
    """The month asked for, else this one."""
    first = first_day(month, today=page.now.astimezone(BERLIN).date())
    shown = state_asked_for(page, state)
    wanted = events.EventFilter(
        seen_by=office_of(page).state,
        state=shown,
        ends_after=start_of(first),
        starts_before=start_of(following(first)),
    )
    async with page.read() as connection:
        found = await events.page(connection, wanted, after=None, limit=MOST_EVENTS + 1)
    form = Form.of({"state": state or (shown.value if shown else "all")}, language=page.language)
    query = f"&state={state}" if state else ""
    return page.show(
        "calendar.html.jinja",
        title=Text(f"{CALENDAR.de}: {month_name(first, 'de')}", f"{CALENDAR.en}: {month_name(first, 'en')}"),
        crumbs=[(CALENDAR, None)],
        **month_context(first, found[:MOST_EVENTS], page, path="/events/calendar", query=query),
        more=len(found) > MOST_EVENTS,
        state=form.field("state", page.t("Beteiligtes Land", "State taking part")),
        states=state_options(page),
        month=f"{first:%Y-%m}",
    )


def first_day(month: str | None, *, today: date) -> date:
    """The first day of a month as addresses write it, within the years there are; of today's without one."""
    if month is None:
        return today.replace(day=1)
    year, number = (int(part) for part in month.split("-"))
    return date(min(max(year, FIRST_YEAR + 1), LAST_YEAR - 1), number, 1)


def following(first: date) -> date:
    """The first day of the next month."""
    return (first + timedelta(days=31)).replace(day=1)


def month_context(first: date, found: Sequence[Event], page: Page, *, path: str, query: str) -> dict[str, Any]:
    """What the template needs of a month: its weeks, the names of days, and where the months beside it are."""
    language = page.language
    by_day: dict[date, list[dict[str, Any]]] = {}
    for event in found:
        starts, ends = event.starts_at.astimezone(BERLIN), (event.ends_at - timedelta(seconds=1)).astimezone(BERLIN)
        day = max(starts.date(), first)
        while day <= ends.date() and day < following(first):
            by_day.setdefault(day, []).append(
                {
                    "id": event.id,
                    "title": title_of(event, language),
                    "time": f"{starts:%H:%M}" if day == starts.date() else "",
                    "state": event.responsible_state.value,
                    "status": STATUSES[event.status][0].in_language(language),
                    "status_kind": STATUSES[event.status][1],
                    "usual": event.status is EventStatus.PUBLISHED,
                }
            )
            day += timedelta(days=1)
    before = (first - timedelta(days=1)).replace(day=1)
    today = page.now.astimezone(BERLIN).date()
    return {
        "month_name": month_name(first, language),
        "weekdays": weekday_names(language),
        "weeks": [
            [
                {
                    "number": day.day,
                    "name": long_day(day, language),
                    "inside": day.month == first.month,
                    "today": day == today,
                    "events": by_day.get(day, []) if day.month == first.month else [],
                }
                for day in week
            ]
            for week in Calendar().monthdatescalendar(first.year, first.month)
        ],
        "any": bool(by_day),
        "path": path,
        "previous": (month_name(before, language), f"{path}?month={before:%Y-%m}{query}"),
        "next": (month_name(following(first), language), f"{path}?month={following(first):%Y-%m}{query}"),
    }
