"""Codes of WZ 2008 for which a person is to confirm those of WZ 2025: one organisation's, and the office's list."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, Text
from norda_common.requests import Cursor, read_cursor, write_cursor
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.activity_mapping import proposals
from ..rules.rights import CHANGE
from ..store import profiles
from ..usecases.mapping import decide_code
from ..usecases.profile_commands import DecideCode
from .actions import Action, read_own
from .entering import apply, done, version_of
from .organisations import find

router = APIRouter(prefix="/registry")
Changer = Annotated[Page, page_for(CHANGE)]
TITLE = Text("Wirtschaftszweige zuordnen", "Confirm activities")
CODES = Action("codes.html.jinja", TITLE, "codes")
ROWS = 25


@router.get("/organisations/{organisation_id}/codes")
async def show(page: Changer, organisation_id: UUID) -> Response:
    """What is proposed for each code nobody has decided about, with both meanings."""
    return await _show(page, organisation_id, Form(language=page.language))


@router.post("/organisations/{organisation_id}/codes")
async def decide(page: Changer, organisation_id: UUID) -> Response:
    """Enter what was chosen for one code; nothing chosen is a decision, too."""
    form = await page.form()
    place = form.value("place")
    further = form.value(f"further-{place}").replace(",", " ").split()
    chosen = (*(text for text in form.values.get(f"chosen-{place}", ()) if text), *further)
    try:
        command = Form({"code": form.values.get("code", ()), "chosen": chosen}, page.language).command(
            DecideCode, lists=("chosen",)
        )
        outcome = await apply(page, organisation_id, decide_code, command, version=version_of(form))
    except NordaError as error:
        return await _show(page, organisation_id, form.refuse(error), error)
    return await done(page, organisation_id, Text("Die Zuordnung ist gespeichert.", "The choice is stored."), outcome)


async def _show(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    await read_own(page, organisation_id)
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        decided = await profiles.decided_codes(connection, [organisation_id])
    found = proposals(shown.organisation, decided=decided.get(organisation_id, set()))
    return CODES.show(page, shown, form, error, proposals=found)


@router.get("/codes")
async def show_list(page: Changer, cursor: Cursor = None) -> Response:
    """Own organisations with codes nobody has decided about."""
    state = page.caller.require_own_state(CHANGE)
    after = UUID(str(read_cursor(cursor, UUID)[0])) if cursor else None
    async with page.read() as connection:
        found = await profiles.with_undecided_codes(connection, state, after=after, limit=ROWS + 1)
        decided = await profiles.decided_codes(connection, [item.organisation_id for item in found])
    return page.show(
        "codes_list.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        items=[(item, proposals(item, decided=decided.get(item.organisation_id, set()))) for item in found[:ROWS]],
        listing={
            "path": "/registry/codes",
            "query": [],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(found[ROWS - 1].organisation_id) if len(found) > ROWS else None,
        },
    )
