"""What was told, and to how many; for everybody signed in, since a notice names no recipient."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NotFound, Text
from norda_common.operations.views import traced
from norda_common.requests import Cursor, QueryText
from norda_common.web.pages import Page, page_for

from ..api.paging import last_seen, next_cursor
from ..mail.letters import compose
from ..rules.rights import READ
from ..store import notices
from .home import row_of
from .labels import NOTICES, STATES, named, options, outcomes, subject_address
from .listing import ROWS, ChosenState, Direction, code_of, listing, wanted_state

router = APIRouter(prefix="/notifications/notices")
PATH = "/notifications/notices"
TITLE = Text("Mitteilungen", "Notices")
MOST_WORDS = 8
Reader = Annotated[Page, page_for(READ)]


@router.get("")
async def list_notices(
    page: Reader,
    q: QueryText = "",
    kind: QueryText = "",
    state: ChosenState | None = None,
    sort: Literal["told", ""] = "told",
    direction: Direction = "desc",
    cursor: Cursor = None,
) -> Response:
    """By the time they were told; `q` finds words of the title."""
    wanted = wanted_state(page, state)
    async with page.read() as connection:
        rows = await notices.newest(
            connection,
            last=last_seen(cursor),
            kind=kind or None,
            subject_id=None,
            limit=ROWS + 1,
            state=code_of(wanted),
            words=title_words(q),
            oldest_first=direction == "asc",
        )
    filters = {"q": q, "kind": kind, "state": wanted}
    return page.show(
        "notices.html.jinja",
        title=TITLE,
        filters=filters,
        kinds=options(NOTICES, page.language),
        states=options(STATES, page.language),
        notices=[row_of(row, page.language) for row in rows[:ROWS]],
        listing=listing(
            page,
            filters,
            cursor=cursor,
            next_cursor=next_cursor(rows, limit=ROWS),
            sort=sort or "told",
            direction=direction,
        ),
    )


def title_words(typed: str) -> list[str]:
    """The words somebody typed, as titles are searched for them; a bounded number of them."""
    return re.findall(r"[^\W_]+", typed.lower())[:MOST_WORDS]


@router.get("/{notice_id}")
async def notice(page: Reader, notice_id: UUID) -> Response:
    """What was said, in the page's language, and how many of its deliveries stand where."""
    async with page.read() as connection:
        row = await notices.get(connection, notice_id)
    if row is None:
        raise NotFound("Diese Mitteilung gibt es nicht.", "There is no such notice.")
    letter = compose(row["kind"], json.loads(row["content"]), language=page.language, name=None)
    counted = json.loads(row["deliveries"])
    return page.show(
        "notice.html.jinja",
        title=Text(letter.subject, letter.subject),
        crumbs=[(TITLE, PATH), (Text(letter.subject, letter.subject), None)],
        letter=letter,
        notice=row,
        kind=named(NOTICES, row["kind"], page.language),
        outcomes=outcomes(counted, page.language),
        total=sum(counted.values()),
        subject_address=subject_address(page.runtime.settings, row["kind"], row["subject_id"]),
        trace=traced(row["traceparent"], page.runtime.settings),
    )
