"""The first page: what waits, and how much there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.rights import SIGNED_IN
from norda_common.web.pages import Page, page_for

router = APIRouter(prefix="/notifications")


@router.get("/")
async def home(page: Annotated[Page, page_for(SIGNED_IN)]) -> Response:
    """The overview."""
    return page.show("home.html.jinja", title=Text("Übersicht", "Overview"))
