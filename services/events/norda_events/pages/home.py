"""The first page: what comes next, what waits for whom, and how seats are taken."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.web.pages import Page, page_for

from ..rules.event import Event, EventStatus
from ..rules.lifecycle import missing_agreements
from ..rules.rights import PLAN, READ
from ..store import events, registrations
from .edge import office_of, state_asked_for, title_of
from .words import event_row, span

router = APIRouter(prefix="/events")

ROWS = 8
DRAFTS = 50


@router.get("/")
async def home(page: Annotated[Page, page_for(READ)]) -> Response:
    """The overview, for the state of the switch; drafts are those of the person's own state."""
    own, shown = office_of(page).state, state_asked_for(page, None)
    wanted = events.EventFilter(seen_by=own, state=shown, status=EventStatus.PUBLISHED, ends_after=page.now)
    async with page.read() as connection:
        coming = await events.page(connection, wanted, after=None, limit=ROWS)
        drafts = await events.drafts_of(connection, own, limit=DRAFTS) if own else []
        waiting = await events.with_waiting(connection, state=shown, now=page.now, limit=ROWS)
        counts = await registrations.counts(connection, [event.id for event in (*coming, *waiting)])
    asked = [event for event in drafts if own in missing_agreements(event)]
    led = [event for event in drafts if event.responsible_state is own]
    rows = [event_row(event, counts[event.id], page.language) for event in coming]
    return page.show(
        "home.html.jinja",
        title=Text("Übersicht", "Overview"),
        coming=rows,
        bars=[(row.title, row.taken) for row in rows],
        asked=[_draft(event, page) for event in asked],
        led=[_draft(event, page) for event in led],
        waiting=[event_row(event, counts[event.id], page.language) for event in waiting],
        may_plan=page.caller.may(PLAN),
        shown_label=shown.label if shown else None,
    )


def _draft(event: Event, page: Page) -> dict[str, object]:
    """A draft, and whose agreement is missing."""
    return {
        "id": event.id,
        "title": title_of(event, page.language),
        "when": span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        "state": event.responsible_state.value,
        "missing": [state.value for state in missing_agreements(event)],
    }
