"""The first page: what waits, and how much there is."""

from __future__ import annotations

import json
from typing import Annotated, Any

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.rights import SIGNED_IN
from norda_common.web.pages import Page, page_for

from ..rules.rights import DELIVERIES, INBOX, SUBSCRIBE
from ..store import deliveries, notices, recipients, subscriptions
from .labels import NOTICES, STATUSES, TOPICS, named, outcomes

router = APIRouter(prefix="/notifications")
LATEST = 5


@router.get("/")
async def home(page: Annotated[Page, page_for(SIGNED_IN)]) -> Response:
    """The overview: of an office its inbox and subscriptions, of operators what waits and what failed."""
    caller, language = page.caller, page.language
    unread: int | None = None
    subscribed: dict[str, int] | None = None
    fates: dict[str, int] | None = None
    async with page.read() as connection:
        if caller.may(INBOX):
            inboxes = await recipients.inboxes(connection, caller.require_own_state(INBOX), caller.subject)
            unread = await deliveries.unread_count(connection, inboxes)
        if caller.may(SUBSCRIBE):
            subscribed = await subscriptions.counts(connection, caller.require_own_state(SUBSCRIBE))
        if caller.may(DELIVERIES):
            fates = await deliveries.counts(connection, list(STATUSES))
        latest = await notices.newest(connection, last=None, kind=None, subject_id=None, limit=LATEST)
    return page.show(
        "home.html.jinja",
        title=Text("Übersicht", "Overview"),
        state=caller.state,
        unread=unread,
        subscribed=subscribed and sum(subscribed.values()),
        topics=None
        if subscribed is None
        else [(text.in_language(language), subscribed.get(kind, 0)) for kind, text in TOPICS.items()],
        fates=None
        if fates is None
        else [(status, text.in_language(language), fates.get(status, 0)) for status, (text, _) in STATUSES.items()],
        most=deliveries.COUNTED_AT_MOST - 1,
        latest=[row_of(row, language) for row in latest],
    )


def row_of(row: Record, language: str) -> dict[str, Any]:
    """A notice as lists show it."""
    return {
        "id": row["id"],
        "kind": named(NOTICES, row["kind"], language),
        "title": row["title"],
        "state": row["state"],
        "occurred_at": row["occurred_at"],
        "outcomes": outcomes(json.loads(row["deliveries"]), language),
    }
