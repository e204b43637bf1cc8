"""`/api/v1/unsubscribe/{token}`: the link in every subscription mail, without sign-in (RFC 8058).

GET changes nothing, because mail programs and scanners open links; POST ends the subscriptions behind the mail,
whatever its body (mail programs send `List-Unsubscribe=One-Click`, the page's button sends nothing).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from asyncpg import Record
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from norda_common.database import SYSTEM
from norda_common.web import RuntimeDep, language_of, public
from pydantic import BaseModel

from ..rules.topics import label_of
from ..usecases.object import subscriptions_behind, unsubscribe

router = APIRouter(prefix="/api/v1", tags=["unsubscribe"], dependencies=[public])

Token = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
_PAGES = Environment(loader=PackageLoader("norda_notifications.api"), undefined=StrictUndefined, autoescape=True)


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
async def show(token: Token, request: Request, runtime: RuntimeDep) -> Response:
    """A page with one button for browsers, JSON for programs."""
    async with runtime.database.read(SYSTEM) as connection:
        row = await subscriptions_behind(connection, token)
    return _answer(request, row, unsubscribed=not row["running"])


@router.post(
    "/unsubscribe/{token}",
    summary="End the subscriptions behind the mail (one click)",
    response_model=UnsubscribeView,
    responses={200: {"content": {"text/html": {}}}},
)
async def unsubscribe_by_link(token: Token, request: Request, runtime: RuntimeDep) -> Response:
    """Idempotent. Other subscriptions of the same person go on."""
    async with runtime.database.transaction(SYSTEM) as connection:
        row = await unsubscribe(connection, token, now=datetime.now(UTC))
    return _answer(request, row, unsubscribed=True)


def _answer(request: Request, row: Record, *, unsubscribed: bool) -> Response:
    html = "text/html" in request.headers.get("accept", "")
    # The page speaks the mail's language unless the browser asks for another one.
    language = language_of(request) if "accept-language" in request.headers else row["language"] or "de"
    reasons = json.loads(row["reasons"])
    topics = [label_of(reason["kind"], reason["value"]).in_language(language) for reason in reasons]
    view = UnsubscribeView(topics=topics, unsubscribed=unsubscribed)
    if not html:
        return JSONResponse(view.model_dump(mode="json"))
    return HTMLResponse(_PAGES.get_template("unsubscribe.html.jinja").render(view=view, language=language))
