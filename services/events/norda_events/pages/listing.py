"""The list of events: narrowed, sorted and paged by its address, from today on unless asked otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Query, Response
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for
from norda_common.web.site import BERLIN

from ..api.edge import Day
from ..rules.event import EventStatus
from ..rules.rights import PLAN, READ
from ..store import events, registrations
from .edge import LISTED, Blank, office_of, state_asked_for, state_options
from .words import STATUSES, competence_options, event_row

router = APIRouter(prefix="/events")

ROWS = 25


@router.get("/list")
async def list_events(
    page: Annotated[Page, page_for(READ)],
    q: Annotated[QueryText | None, Blank] = None,
    state: Annotated[Literal["all", "hb", "hh", "ni"] | None, Blank] = None,
    status: Annotated[EventStatus | None, Blank] = None,
    competence: Annotated[QueryText | None, Blank] = None,
    cluster: Annotated[QueryText | None, Blank] = None,
    from_: Annotated[Day | None, Blank, Query(alias="from")] = None,
    to: Annotated[Day | None, Blank] = None,
    past: Annotated[Literal["yes"] | None, Blank] = None,
    sort: Literal["start", "changed"] = "start",
    direction: Literal["asc", "desc"] | None = None,
    cursor: Cursor = None,
) -> Response:
    """Events of all statuses. Without `from` they begin today, unless `past` or `to` asks for more."""
    descending = (direction or ("desc" if sort == "changed" else "asc")) == "desc"
    shown_state = state_asked_for(page, state)
    first = from_ or (None if past or to else page.now.astimezone(BERLIN).date())
    wanted = events.EventFilter(
        seen_by=office_of(page).state,
        state=shown_state,
        status=status,
        competence=competence,
        cluster=cluster,
        ends_after=start_of(first) if first else None,
        starts_before=start_of(to + timedelta(days=1)) if to else None,
        words=q,
    )
    order = events.EventOrder("changed_at" if sort == "changed" else "starts_at", descending)
    after = cast("tuple[datetime, UUID]", read_cursor(cursor, datetime, UUID)) if cursor else None
    async with page.read() as connection:
        found = await events.page(connection, wanted, after=after, limit=ROWS + 1, order=order)
        counts = await registrations.counts(connection, [event.id for event in found[:ROWS]])
    last = found[ROWS - 1] if len(found) > ROWS else None
    given = {
        "q": q,
        "state": state or (shown_state.value if shown_state else "all"),
        "status": status,
        "competence": competence,
        "cluster": cluster,
        "from": from_,
        "to": to,
        "past": past,
    }
    form = Form.of(given, language=page.language)
    return page.show(
        "list.html.jinja",
        title=LISTED,
        crumbs=[(LISTED, None)],
        fields=_fields(form, page),
        listing={
            "path": "/events/list",
            "query": [(name, str(value)) for name, value in given.items() if value],
            "total": None,
            "sort": sort,
            "direction": "desc" if descending else "asc",
            "cursor": cursor,
            "next_cursor": write_cursor(last.changed_at if sort == "changed" else last.starts_at, last.id)
            if last
            else None,
        },
        rows=[event_row(event, counts[event.id], page.language) for event in found[:ROWS]],
        may_draft=page.caller.may(PLAN),
        narrowed=any((q, status, competence, cluster, from_, to, past)) or shown_state is not None,
    )


def start_of(day: date) -> datetime:
    """When a day begins in Europe/Berlin, where the three states count their days."""
    return datetime.combine(day, time(), BERLIN).astimezone(UTC)


def _fields(form: Form, page: Page) -> dict[str, object]:
    t = page.t
    return {
        "q": form.field("q", t("Wörter", "Words")),
        "state": form.field("state", t("Beteiligtes Land", "State taking part")),
        "states": state_options(page),
        "status": form.field("status", t("Status", "Status")),
        "statuses": [(status.value, label.in_language(page.language)) for status, (label, _) in STATUSES.items()],
        "competence": form.field("competence", t("Kompetenz", "Competence")),
        "competences": competence_options(page.language),
        "cluster": form.field("cluster", t("Cluster", "Cluster")),
        "from": form.field("from", t("Von (leer: ab heute)", "From (empty: from today)")),
        "to": form.field("to", t("Bis", "To")),
        "past": form.field("past", t("auch Vergangenes", "past ones too")),
    }
