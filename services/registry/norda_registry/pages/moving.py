"""What happens to an organisation: its seat moves, it is deactivated, sites and memberships come and go.

Each is a page of its own with a form; what cannot be undone is asked first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.requests import refused
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CHANGE
from ..usecases import sites
from ..usecases.commands import AddSite, Deactivate, EndMembership, JoinCluster, RelocateSeat
from ..usecases.organisations import deactivate_organisation, local_day
from ..usecases.relocation import relocate_seat
from . import texts
from .entering import active_clusters, apply, context, done, path_of, version_of
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
ADD_SITE = Action("site_form.html.jinja", Text("Standort hinzufügen", "Add a site"), "sites/new")
JOIN = Action("membership_form.html.jinja", Text("Mitgliedschaft eintragen", "Enter a membership"), "memberships/new")


async def _own(connection: Connection, page: Page, organisation_id: UUID) -> Shown:
    """The organisation. Raises NotFound, and Forbidden when it is another state's."""
    shown = await find(connection, organisation_id)
    page.caller.require(CHANGE, State(shown.organisation.responsible_state))
    return shown


async def _read(page: Page, organisation_id: UUID) -> Shown:
    async with page.read() as connection:
        return await _own(connection, page, organisation_id)


@router.get("/relocate")
async def relocation(page: Changer, organisation_id: UUID) -> Response:
    """The form for a move."""
    shown = await _read(page, organisation_id)
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
    shown = await _read(page, organisation_id)
    try:
        command = form.command(RelocateSeat)
        outcome = await apply(page, organisation_id, relocate_seat, command, version=version_of(form))
    except NordaError as error:
        return RELOCATE.show(page, await _read(page, organisation_id), form.refuse(error), error)
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
    return DEACTIVATE.show(page, await _read(page, organisation_id), Form.of(values, language=page.language))


@router.post("/deactivate")
async def deactivate(page: Changer, organisation_id: UUID) -> Response:
    """Deactivate the organisation."""
    form = await page.form()
    await _read(page, organisation_id)
    try:
        command = form.command(Deactivate)
        outcome = await apply(page, organisation_id, deactivate_organisation, command, version=version_of(form))
    except NordaError as error:
        return DEACTIVATE.show(page, await _read(page, organisation_id), form.refuse(error), error)
    told = Text("Die Organisation ist deaktiviert.", "The organisation is deactivated.")
    return await done(page, organisation_id, told, outcome)


@router.get("/sites/new")
async def new_site(page: Changer, organisation_id: UUID) -> Response:
    """The form for a site."""
    shown = await _read(page, organisation_id)
    values = {"address.state": shown.organisation.seat.state}
    return ADD_SITE.show(page, shown, Form.of(values, language=page.language))


@router.post("/sites/new")
async def add_site(page: Changer, organisation_id: UUID) -> Response:
    """Add the site."""
    form = await page.form()
    await _read(page, organisation_id)
    try:
        command = form.command(AddSite)
        outcome = await apply(page, organisation_id, sites.add_site, command, version=version_of(form))
    except NordaError as error:
        return ADD_SITE.show(page, await _read(page, organisation_id), form.refuse(error), error)
    return await done(page, organisation_id, Text("Der Standort ist eingetragen.", "The site is entered."), outcome)


@router.get("/sites/{site_id}/remove")
async def site_removal(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """The question before it."""
    return _ask_about_site(page, await _read(page, organisation_id), site_id)


@router.post("/sites/{site_id}/remove")
async def remove_site(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """Take the site out."""
    form = await page.form()
    await _read(page, organisation_id)
    try:
        outcome = await apply(page, organisation_id, sites.remove_site, site_id, version=version_of(form))
    except StaleVersion as error:
        return _ask_about_site(page, await _read(page, organisation_id), site_id, form.refuse(error), error)
    return await done(page, organisation_id, Text("Der Standort ist entfernt.", "The site is removed."), outcome)


def _ask_about_site(
    page: Page, shown: Shown, site_id: UUID, form: Form | None = None, error: NordaError | None = None
) -> Response:
    site = next((site for site in shown.organisation.sites if site.site_id == site_id), None)
    if site is None:
        raise NotFound("Diesen Standort gibt es nicht.", "There is no such site.")
    action = Action("remove_site.html.jinja", Text("Standort entfernen", "Remove a site"), f"sites/{site_id}/remove")
    shown_form = form or Form.of({}, language=page.language)
    return action.show(page, shown, shown_form, error, site=site, address_line=texts.address_line)


@router.get("/memberships/new")
async def new_membership(page: Changer, organisation_id: UUID) -> Response:
    """The form for a membership."""
    values = {"valid_from": local_day(page.now).isoformat()}
    return await _join_form(page, organisation_id, Form.of(values, language=page.language))


@router.post("/memberships/new")
async def join_cluster(page: Changer, organisation_id: UUID) -> Response:
    """Enter the membership."""
    form = await page.form()
    await _read(page, organisation_id)
    try:
        if not form.value("cluster_code"):
            raise refused("cluster_code", "fehlt", "is missing")
        command = form.command(JoinCluster)
        outcome = await apply(page, organisation_id, sites.join_cluster, command, version=version_of(form))
    except NordaError as error:
        return await _join_form(page, organisation_id, form.refuse(error), error)
    told = Text("Die Mitgliedschaft ist eingetragen.", "The membership is entered.")
    return await done(page, organisation_id, told, outcome)


async def _join_form(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        shown = await _own(connection, page, organisation_id)
        clusters = await active_clusters(connection)
    return JOIN.show(page, shown, form, error, clusters=clusters)


@router.get("/memberships/{cluster_id}/end")
async def membership_end(page: Changer, organisation_id: UUID, cluster_id: UUID) -> Response:
    """The form for the end."""
    values = {"valid_to": local_day(page.now).isoformat()}
    shown = await _read(page, organisation_id)
    return _ask_about_membership(page, shown, cluster_id, Form.of(values, language=page.language))


@router.post("/memberships/{cluster_id}/end")
async def end_membership(page: Changer, organisation_id: UUID, cluster_id: UUID) -> Response:
    """End the membership."""
    form = await page.form()
    await _read(page, organisation_id)
    try:
        command = form.command(EndMembership)
        version = version_of(form)
        outcome = await apply(page, organisation_id, sites.end_membership, cluster_id, command, version=version)
    except NordaError as error:
        return _ask_about_membership(page, await _read(page, organisation_id), cluster_id, form.refuse(error), error)
    return await done(
        page, organisation_id, Text("Die Mitgliedschaft ist beendet.", "The membership has ended."), outcome
    )


def _ask_about_membership(
    page: Page, shown: Shown, cluster_id: UUID, form: Form, error: NordaError | None = None
) -> Response:
    membership = next((item for item in shown.organisation.memberships if item.cluster_id == cluster_id), None)
    if membership is None:
        raise NotFound("Diese Mitgliedschaft gibt es nicht.", "There is no such membership.")
    title = Text("Mitgliedschaft beenden", "End a membership")
    action = Action("end_membership.html.jinja", title, f"memberships/{cluster_id}/end")
    return action.show(page, shown, form, error, membership=membership)
