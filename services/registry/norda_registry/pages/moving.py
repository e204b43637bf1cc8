"""What happens to an organisation: its seat moves, it is deactivated.

Each is a page of its own with a form; what cannot be undone is asked first.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, Text
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CHANGE
from ..usecases.commands import Deactivate, RelocateSeat
from ..usecases.organisations import deactivate_organisation, local_day
from ..usecases.relocation import relocate_seat
from . import texts
from .actions import Action, read_own
from .entering import apply, done, version_of

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]


RELOCATE = Action("relocate.html.jinja", Text("Sitz verlegen", "Move the seat"), "relocate")
DEACTIVATE = Action("deactivate.html.jinja", Text("Deaktivieren", "Deactivate"), "deactivate")


@router.get("/relocate")
async def relocation(page: Changer, organisation_id: UUID) -> Response:
    """The form for a move."""
    shown = await read_own(page, organisation_id)
    values = {
        "responsible_state": shown.organisation.responsible_state,
        "seat.state": shown.organisation.seat.state,
        "date": local_day(page.now).isoformat(),
    }
    return RELOCATE.show(page, shown, Form.of(values, language=page.language))


@router.post("/relocate")
async def relocate(page: Changer, organisation_id: UUID) -> Response:
    """Move the seat, or offer it to another state's office."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(RelocateSeat)
        outcome = await apply(page, organisation_id, relocate_seat, command, version=version_of(form))
    except NordaError as error:
        return RELOCATE.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    offer = outcome.stored.organisation.handover
    told = (
        Text(
            f"Die Verlegung ist {texts.STATES[offer.to_state]} angeboten; bis zur Antwort bleiben Sie zuständig.",
            f"The relocation is offered to {texts.STATES[offer.to_state]}; you stay responsible until it is answered.",
        )
        if offer is not None
        else Text("Der Sitz ist verlegt.", "The seat has moved.")
    )
    return await done(page, organisation_id, told, outcome)


@router.get("/deactivate")
async def deactivation(page: Changer, organisation_id: UUID) -> Response:
    """The question before it."""
    values = {"date": local_day(page.now).isoformat()}
    return DEACTIVATE.show(page, await read_own(page, organisation_id), Form.of(values, language=page.language))


@router.post("/deactivate")
async def deactivate(page: Changer, organisation_id: UUID) -> Response:
    """Deactivate the organisation."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(Deactivate)
        outcome = await apply(page, organisation_id, deactivate_organisation, command, version=version_of(form))
    except NordaError as error:
        return DEACTIVATE.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    told = Text("Die Organisation ist deaktiviert.", "The organisation is deactivated.")
    return await done(page, organisation_id, told, outcome)
