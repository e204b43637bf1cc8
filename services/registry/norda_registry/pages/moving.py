"""What happens to an organisation: its seat moves, it is deactivated.

Each is a page of its own with a form; what cannot be undone is asked first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CHANGE
from ..usecases.commands import Deactivate, RelocateSeat
from ..usecases.organisations import deactivate_organisation, local_day
from ..usecases.relocation import relocate_seat
from . import texts
from .entering import apply, context, done, path_of, version_of
from .organisations import LIST, TITLE, Shown, find

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]


@dataclass(frozen=True, slots=True)
class Action:
    """One of the pages: its template, what it is called, and where its form leads below the organisation."""

    template: str
    title: Text
    path: str

    def show(self, page: Page, shown: Shown, form: Form, error: NordaError | None = None, **more: Any) -> Response:
        """The page with its form, and what is wrong with it."""
        organisation = shown.organisation
        path = path_of(organisation.organisation_id)
        name = Text(organisation.legal_name, organisation.legal_name)
        return page.show(
            self.template,
            title=Text(f"{organisation.legal_name}: {self.title.de}", f"{organisation.legal_name}: {self.title.en}"),
            status=error.status if error else 200,
            crumbs=[
                (Text("Übersicht", "Overview"), "/registry/"),
                (TITLE, LIST),
                (name, path),
                (self.title, None),
            ],
            it=organisation,
            action=f"{path}/{self.path}",
            back=path,
            # After a stale version the person has seen the new one: the form is for it from then on.
            version=shown.version,
            stale=isinstance(error, StaleVersion),
            **context(page, form),
            **more,
        )


RELOCATE = Action("relocate.html.jinja", Text("Sitz verlegen", "Move the seat"), "relocate")
DEACTIVATE = Action("deactivate.html.jinja", Text("Deaktivieren", "Deactivate"), "deactivate")


async def own(connection: Connection, page: Page, organisation_id: UUID) -> Shown:
    """The organisation. Raises NotFound, and Forbidden when it is another state's."""
    shown = await find(connection, organisation_id)
    page.caller.require(CHANGE, State(shown.organisation.responsible_state))
    return shown


async def read_own(page: Page, organisation_id: UUID) -> Shown:
    """The same, with a connection of its own."""
    async with page.read() as connection:
        return await own(connection, page, organisation_id)


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
    """Move the seat."""
    form = await page.form()
    shown = await read_own(page, organisation_id)
    try:
        command = form.command(RelocateSeat)
        outcome = await apply(page, organisation_id, relocate_seat, command, version=version_of(form))
    except NordaError as error:
        return RELOCATE.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    target = outcome.stored.organisation.responsible_state
    moved = target != shown.organisation.responsible_state
    told = (
        Text(
            f"Der Sitz ist verlegt; zuständig ist jetzt {texts.STATES[target]}.",
            f"The seat has moved; {texts.STATES[target]} is responsible now.",
        )
        if moved
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
