"""The first page: what comes next, what waits for whom, and how seats are taken."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.web.pages import Page, page_for

from ..rules.event import Event, EventStatus
from ..rules.lifecycle import missing_agreements
from ..rules.rights import PLAN, READ
from ..store import events, overview, registrations
from .edge import office_of, state_asked_for, title_of
from .words import event_row, span

router = APIRouter(prefix="/events")

ROWS = 8
DRAFTS = 50
MOST_COUNTED = 1_000


@router.get("/")
async def home(page: Annotated[Page, page_for(READ)]) -> Response:
    """The overview, for the state of the switch; drafts are those of the person's own state."""
    own, shown = office_of(page).state, state_asked_for(page, None)
    wanted = events.EventFilter(seen_by=own, state=shown, status=EventStatus.PUBLISHED, ends_after=page.now)
    now, most = page.now, MOST_COUNTED + 1
    async with page.read() as connection:
        coming = await events.page(connection, wanted, after=None, limit=ROWS)
        led = await overview.drafts_led(connection, own, limit=DRAFTS) if own else []
        asked = await overview.drafts_asked(connection, own, limit=DRAFTS) if own else []
        waiting = await overview.with_waiting(connection, state=shown, now=now, limit=ROWS)
        counts = await registrations.counts(connection, [event.id for event in (*coming, *waiting)])
        # What was listed whole is counted already.
        totals = {"coming": len(coming), "waiting": len(waiting), "led": len(led), "asked": len(asked)}
        if len(coming) == ROWS:
            totals["coming"] = await events.count(connection, wanted, most=most)
        if len(waiting) == ROWS:
            totals["waiting"] = await overview.count_with_waiting(connection, state=shown, now=now, most=most)
        if own and DRAFTS in {len(led), len(asked)}:
            totals["led"], totals["asked"] = await overview.count_drafts(connection, own, most=most)
    rows = [event_row(event, counts[event.id], page.language) for event in coming]
    return page.show(
        "home.html.jinja",
        title=Text("Übersicht", "Overview"),
        coming=rows,
        totals=totals,
        most=MOST_COUNTED,
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
