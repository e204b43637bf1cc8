"""`/api/v1/unsubscribe/{token}`: the link in every subscription mail, without sign-in (RFC 8058).

GET changes nothing, because mail programs and scanners open links; POST ends the subscriptions behind the mail,
whatever its body (mail programs send `List-Unsubscribe=One-Click`, the page's button sends nothing).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from asyncpg import Record
from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from norda_common.database import SYSTEM
from norda_common.errors import Text
from norda_common.rights import PUBLIC
from norda_common.web.pages import Page, page_for
from pydantic import BaseModel

from ..rules.topics import label_of
from ..usecases.object import subscriptions_behind, unsubscribe

router = APIRouter(prefix="/api/v1", tags=["unsubscribe"])

Token = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Anybody = Annotated[Page, page_for(PUBLIC)]


class UnsubscribeView(BaseModel):
    """What the link ends, and whether it has."""

    topics: list[str]
    unsubscribed: bool


@router.get(
    "/unsubscribe/{token}",
    summary="What this link would end; changes nothing",
    response_model=UnsubscribeView,
    responses={200: {"content": {"text/html": {}}}},
)
async def show(token: Token, page: Anybody) -> Response:
    """A page with one button for browsers, JSON for programs."""
    async with page.runtime.database.read(SYSTEM) as connection:
        row = await subscriptions_behind(connection, token)
    return _answer(page, row, unsubscribed=not row["running"])


@router.post(
    "/unsubscribe/{token}",
    summary="End the subscriptions behind the mail (one click)",
    response_model=UnsubscribeView,
    responses={200: {"content": {"text/html": {}}}},
)
async def unsubscribe_by_link(token: Token, page: Anybody) -> Response:
    """Idempotent. Other subscriptions of the same person go on."""
    # Whoever holds the link may, signed in or not: the service itself ends what lies behind it.
    async with page.runtime.database.transaction(SYSTEM) as connection:
        row = await unsubscribe(connection, token, now=datetime.now(UTC))
    return _answer(page, row, unsubscribed=True)


def _answer(page: Page, row: Record, *, unsubscribed: bool) -> Response:
    # The mail's language, unless the person or their browser asks for another one.
    page.otherwise = row["language"] or "de"
    reasons = json.loads(row["reasons"])
    topics = [label_of(reason["kind"], reason["value"]).in_language(page.language) for reason in reasons]
    view = UnsubscribeView(topics=topics, unsubscribed=unsubscribed)
    if "text/html" not in page.request.headers.get("accept", ""):
        return JSONResponse(view.model_dump(mode="json"))
    return page.show("unsubscribe.html.jinja", title=Text("Abbestellen", "Unsubscribe"), view=view)
