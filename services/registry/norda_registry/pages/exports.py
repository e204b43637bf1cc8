"""Taking along what a list of organisations holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from norda_common.web.pages import Page, page_for

from ..api.asking import Search, Values
from ..api.exports import ExportFormat, organisations
from ..rules.rights import READ
from .finding import as_shown, asked

router = APIRouter(prefix="/registry/export")


@router.get("")
async def export(
    page: Annotated[Page, page_for(READ)],
    wanted: Annotated[Search, Depends(asked)],
    state: Annotated[Values, Query()] = [],  # noqa: B006 - FastAPI copies it
    format: ExportFormat = ExportFormat.CSV,  # noqa: A002
) -> Response:
    """What the list with the same address holds, as a file."""
    narrowed = as_shown(page, wanted, state).asked()
    return await organisations(page.runtime, page.caller, narrowed, kind=format, language=page.language)
