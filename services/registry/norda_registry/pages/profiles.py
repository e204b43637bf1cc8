"""What an office has to do about profiles: the least complete ones, and certificates that end."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import Text
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.web.pages import Page, page_for

from ..rules.completeness import completeness
from ..rules.descriptions import ENDS_SOON_DAYS, ending_certificates
from ..rules.rights import CHANGE
from ..store import profiles
from ..store.profiles import Work
from ..usecases.confirming import YEAR
from ..usecases.days import local_day
from . import texts

router = APIRouter(prefix="/registry")
Changer = Annotated[Page, page_for(CHANGE)]
LIST = "/registry/profiles"
CERTIFICATES = "/registry/certificates"
TITLE = Text("Profile", "Profiles")
ROWS = 25
MOST_COUNTED = 1_000
COMPLETE_FROM = 70
"""From so many per cent on the overview does not count a profile as one to complete."""
STEPS = (30, 50, COMPLETE_FROM, 100)
MOST_MISSING = 4


@router.get("/profiles")
async def show_list(page: Changer, below: QueryText = "", cursor: Cursor = None) -> Response:
    """Own active organisations, the least complete first, and what else is to be done."""
    state = page.caller.require_own_state(CHANGE)
    limit = int(below) if below in {str(step) for step in STEPS} else COMPLETE_FROM
    after = read_cursor(cursor, int, UUID) if cursor else None
    async with page.read() as connection:
        rows = await profiles.incomplete(connection, state, below=limit, after=after, limit=ROWS + 1)  # type: ignore[arg-type]
        work = await _work(page, connection)
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    found = [Organisation.model_validate_json(row["data"]) for row in rows[:ROWS]]
    return page.show(
        "profiles.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        items=[_item(page, item) for item in found],
        work=work,
        most_work=MOST_COUNTED,
        below=str(limit),
        steps=[(str(step), page.t(f"unter {step} %", f"below {step} %")) for step in STEPS],
        listing={
            "path": LIST,
            "query": [("below", str(limit))],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(last["completeness"], last["id"]) if last else None,
        },
    )


@router.get("/certificates")
async def show_certificates(page: Changer, cursor: Cursor = None) -> Response:
    """Own organisations with certificates that end within 90 days or have ended, by the first day on which one does."""
    state = page.caller.require_own_state(CHANGE)
    today = local_day(page.now)
    after = read_cursor(cursor, str, UUID) if cursor else None
    async with page.read() as connection:
        found = await profiles.with_ending_certificates(
            connection,
            state,
            until=today + timedelta(days=ENDS_SOON_DAYS),
            after=after,  # type: ignore[arg-type]
            limit=ROWS + 1,
        )
    last = found[ROWS - 1] if len(found) > ROWS else None
    title = Text("Auslaufende Zertifikate", "Certificates that end")
    return page.show(
        "certificates.html.jinja",
        title=title,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (title, None)],
        items=[
            (it, [(item, item.valid_to < today) for item in ending_certificates(it, today=today) if item.valid_to])
            for _, it in found[:ROWS]
        ],
        days=ENDS_SOON_DAYS,
        listing={
            "path": CERTIFICATES,
            "query": [],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(last[0], last[1].organisation_id) if last else None,
        },
    )


async def home_context(page: Page, connection: Any) -> dict[str, Any]:
    """What the overview shows of the profiles of the person's own state; part of that page's context."""
    works = page.caller.may(CHANGE) and page.caller.state is not None
    return {"work": await _work(page, connection) if works else None, "most_work": MOST_COUNTED}


async def _work(page: Page, connection: Any) -> Work:
    state = page.caller.require_own_state(CHANGE)
    return await profiles.work(
        connection,
        state,
        below=COMPLETE_FROM,
        until=local_day(page.now) + timedelta(days=ENDS_SOON_DAYS),
        confirmed_before=page.now - YEAR,
        most=MOST_COUNTED + 1,
    )


def _item(page: Page, it: Organisation) -> dict[str, Any]:
    found = completeness(it)
    return {
        "id": it.organisation_id,
        "name": it.legal_name,
        "kind": texts.named(texts.KINDS, it.kind, page.language),
        "percent": found.percent,
        "missing": [texts.named(texts.FIELDS, name, page.language) for name, _ in found.missing[:MOST_MISSING]],
        "more": max(0, len(found.missing) - MOST_MISSING),
    }
