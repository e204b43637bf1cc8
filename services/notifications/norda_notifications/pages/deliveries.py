"""What became of each delivery, for operators; addresses are masked by the database."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.errors import NotFound, Text
from norda_common.operations.views import traced
from norda_common.requests import Cursor
from norda_common.web.pages import Page, page_for

from ..api.paging import last_seen, next_cursor
from ..rules.rights import DELIVERIES
from ..store import deliveries
from .labels import CHANNELS, NOTICES, STATES, STATUSES, named, options
from .listing import ROWS, ChosenState, Direction, code_of, listing, wanted_state

router = APIRouter(prefix="/notifications/deliveries")
PATH = "/notifications/deliveries"
TITLE = Text("Zustellungen", "Deliveries")
Operator = Annotated[Page, page_for(DELIVERIES)]


@router.get("")
async def list_deliveries(
    page: Operator,
    status: Literal["due", "delivered", "failed", "dropped", ""] = "",
    channel: Literal["email", "inbox", ""] = "",
    state: ChosenState | None = None,
    notice: UUID | Literal[""] = "",
    sort: Literal["created", ""] = "created",
    direction: Direction = "desc",
    cursor: Cursor = None,
) -> Response:
    """By the time they came to be; of one notice where it is named."""
    wanted = wanted_state(page, state)
    async with page.read() as connection:
        rows = await deliveries.newest(
            connection,
            status=status or None,
            channel=channel or None,
            notice_id=notice or None,
            last=last_seen(cursor),
            limit=ROWS + 1,
            state=code_of(wanted),
            oldest_first=direction == "asc",
        )
    filters = {"status": status, "channel": channel, "state": wanted, "notice": str(notice)}
    return page.show(
        "deliveries.html.jinja",
        title=TITLE,
        filters=filters,
        statuses=[(code, text.in_language(page.language)) for code, (text, _) in STATUSES.items()],
        channels=options(CHANNELS, page.language),
        states=options(STATES, page.language),
        deliveries=[_shown(row, page) for row in rows[:ROWS]],
        listing=listing(
            page,
            filters,
            cursor=cursor,
            next_cursor=next_cursor(rows, limit=ROWS),
            sort=sort or "created",
            direction=direction,
        ),
    )


@router.get("/{delivery_id}")
async def delivery(page: Operator, delivery_id: UUID) -> Response:
    """One delivery, with the trace of the change that gave rise to it."""
    async with page.read() as connection:
        row = await deliveries.fate(connection, delivery_id)
    if row is None:
        raise NotFound("Diese Zustellung gibt es nicht.", "There is no such delivery.")
    title = Text(f"Zustellung {str(delivery_id)[-12:]}", f"Delivery {str(delivery_id)[-12:]}")
    return page.show("delivery.html.jinja", title=title, crumbs=[(TITLE, PATH), (title, None)], it=_shown(row, page))


def _shown(row: Record, page: Page) -> dict[str, Any]:
    text, badge = STATUSES[row["status"]]
    return {
        **row,
        "kind": named(NOTICES, row["kind"], page.language),
        "channel": named(CHANNELS, row["channel"], page.language),
        "status": text.in_language(page.language),
        "badge": badge,
        "waits": row["status"] == "due",
        **traced(row["traceparent"], page.runtime.settings),
    }
