"""What becomes of an organisation: another name, another legal form, a part split off, its end, and being active again.

Each is a page of its own; what cannot be undone is asked first.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import NordaError, Text
from norda_common.requests import refused
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CHANGE
from ..usecases.commands import ChangeOrganisation, Dissolve, SplitOff
from ..usecases.identity import dissolve_organisation, reopen_organisation, split_organisation
from ..usecases.organisations import change_organisation, local_day
from . import texts
from .actions import Action, read_own
from .entering import apply, done, version_of

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]

RENAME = Action("rename.html.jinja", Text("Umfirmieren", "Rename"), "rename")
CONVERT = Action("convert.html.jinja", Text("Rechtsform wechseln", "Change the legal form"), "convert")
SPLIT = Action("split.html.jinja", Text("Teil abspalten", "Split a part off"), "split")
DISSOLVE = Action("dissolve.html.jinja", Text("Auflösen", "Dissolve"), "dissolve")
REOPEN = Action("reopen.html.jinja", Text("Wieder öffnen", "Reopen"), "reopen")


def _today(page: Page) -> str:
    return local_day(page.now).isoformat()


@router.get("/rename")
async def renaming(page: Changer, organisation_id: UUID) -> Response:
    """The form for a new name."""
    shown = await read_own(page, organisation_id)
    values = {"legal_name": shown.organisation.legal_name, "on": _today(page)}
    return RENAME.show(page, shown, Form.of(values, language=page.language))


@router.post("/rename")
async def rename(page: Changer, organisation_id: UUID) -> Response:
    """Keep the old name in the history, and bear the new one."""
    told = Text("Der neue Name ist eingetragen.", "The name is entered.")
    return await _change(page, organisation_id, RENAME, told, needed="legal_name")


@router.get("/convert")
async def conversion(page: Changer, organisation_id: UUID) -> Response:
    """The form for another legal form."""
    shown = await read_own(page, organisation_id)
    organisation = shown.organisation
    values = {
        "legal_form": organisation.legal_form,
        "legal_name": organisation.legal_name,
        "on": _today(page),
    }
    return CONVERT.show(page, shown, Form.of(values, language=page.language))


@router.post("/convert")
async def convert(page: Changer, organisation_id: UUID) -> Response:
    """Change the legal form, and with it perhaps the name and the register entry."""
    told = Text("Die neue Rechtsform ist eingetragen.", "The new legal form is entered.")
    return await _change(page, organisation_id, CONVERT, told, needed="legal_form")


async def _change(page: Page, organisation_id: UUID, action: Action, told: Text, *, needed: str) -> Response:
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        if not form.value(needed).strip():
            raise refused(needed, "fehlt", "is missing")
        command = form.command(ChangeOrganisation)
        outcome = await apply(page, organisation_id, change_organisation, command, version=version_of(form))
    except NordaError as error:
        return action.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    return await done(page, organisation_id, told, outcome)


@router.get("/split")
async def splitting(page: Changer, organisation_id: UUID) -> Response:
    """The form for the part."""
    shown = await read_own(page, organisation_id)
    values = {"seat.state": shown.organisation.seat.state, "on": _today(page)}
    return SPLIT.show(page, shown, Form.of(values, language=page.language), sites=_sites(shown.organisation))


@router.post("/split")
async def split(page: Changer, organisation_id: UUID) -> Response:
    """Make the part an organisation of its own; leads to it."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(SplitOff, lists=("sites",))
        outcome = await apply(page, organisation_id, split_organisation, command, version=version_of(form))
    except NordaError as error:
        shown = await read_own(page, organisation_id)
        return SPLIT.show(page, shown, form.refuse(error), error, sites=_sites(shown.organisation))
    part = outcome.stored.organisation
    told = Text(f"„{part.legal_name}“ ist abgespalten.", f"“{part.legal_name}” is split off.")
    return await done(page, part.organisation_id, told, outcome)


def _sites(organisation: Organisation) -> list[tuple[str, str]]:
    return [(str(site.site_id), f"{site.name}: {texts.address_line(site.address)}") for site in organisation.sites]


@router.get("/dissolve")
async def dissolution(page: Changer, organisation_id: UUID) -> Response:
    """The question before it."""
    values = {"date": _today(page)}
    return DISSOLVE.show(page, await read_own(page, organisation_id), Form.of(values, language=page.language))


@router.post("/dissolve")
async def dissolve(page: Changer, organisation_id: UUID) -> Response:
    """Dissolve the organisation."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(Dissolve)
        outcome = await apply(page, organisation_id, dissolve_organisation, command, version=version_of(form))
    except NordaError as error:
        return DISSOLVE.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    return await done(
        page, organisation_id, Text("Die Organisation ist aufgelöst.", "The organisation is dissolved."), outcome
    )


@router.get("/reopen")
async def reopening(page: Changer, organisation_id: UUID) -> Response:
    """The question before it."""
    return REOPEN.show(page, await read_own(page, organisation_id), Form.of({}, language=page.language))


@router.post("/reopen")
async def reopen(page: Changer, organisation_id: UUID) -> Response:
    """Make it active again."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        outcome = await apply(page, organisation_id, reopen_organisation, version=version_of(form))
    except NordaError as error:
        shown = await read_own(page, organisation_id)
        taken = error.extra.get("organisation_id")
        return REOPEN.show(page, shown, form.refuse(error), error, taken=taken)
    return await done(
        page, organisation_id, Text("Die Organisation ist wieder aktiv.", "The organisation is active again."), outcome
    )
