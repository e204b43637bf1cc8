"""Taking along what a list of organisations holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from norda_common.web.pages import Page, page_for

from ..api.exports import ExportFormat, organisations
from ..rules.rights import READ
from ..store.searches import Order
from .organisations import ALL, Asked, asked

router = APIRouter(prefix="/registry/export")


@router.get("")
async def export(
    page: Annotated[Page, page_for(READ)],
    wanted: Annotated[Asked, Depends(asked)],
    format: ExportFormat = ExportFormat.CSV,  # noqa: A002
) -> Response:
    """What the list with the same address holds, as a file."""
    return organisations(
        page.runtime,
        page.caller,
        wanted.filters(wanted.state or page.shown_state or ALL),
        kind=format,
        language=page.language,
        order=Order(wanted.sort),
        descending=wanted.direction == "desc",
    )
