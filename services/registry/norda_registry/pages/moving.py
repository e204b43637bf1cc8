"""What happens to an organisation: its seat moves, it is deactivated, sites and memberships come and go.

Each is a page of its own with a form; what cannot be undone is asked first.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.requests import refused
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CHANGE
from ..usecases import sites
from ..usecases.commands import AddSite, Deactivate, EndMembership, JoinCluster, RelocateSeat
from ..usecases.organisations import deactivate_organisation, local_day
from ..usecases.relocation import relocate_seat
from . import texts
from .actions import Action, own, read_own
from .entering import active_clusters, apply, done, version_of
from .organisations import Shown

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]


RELOCATE = Action("relocate.html.jinja", Text("Sitz verlegen", "Move the seat"), "relocate")
DEACTIVATE = Action("deactivate.html.jinja", Text("Deaktivieren", "Deactivate"), "deactivate")
ADD_SITE = Action("site_form.html.jinja", Text("Standort hinzufügen", "Add a site"), "sites/new")
JOIN = Action("membership_form.html.jinja", Text("Mitgliedschaft eintragen", "Enter a membership"), "memberships/new")


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


@router.get("/sites/new")
async def new_site(page: Changer, organisation_id: UUID) -> Response:
    """The form for a site."""
    shown = await read_own(page, organisation_id)
    values = {"address.state": shown.organisation.seat.state}
    return ADD_SITE.show(page, shown, Form.of(values, language=page.language))


@router.post("/sites/new")
async def add_site(page: Changer, organisation_id: UUID) -> Response:
    """Add the site."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(AddSite)
        outcome = await apply(page, organisation_id, sites.add_site, command, version=version_of(form))
    except NordaError as error:
        return ADD_SITE.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    return await done(page, organisation_id, Text("Der Standort ist eingetragen.", "The site is entered."), outcome)


@router.get("/sites/{site_id}/remove")
async def site_removal(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """The question before it."""
    return _ask_about_site(page, await read_own(page, organisation_id), site_id)


@router.post("/sites/{site_id}/remove")
async def remove_site(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """Take the site out."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        outcome = await apply(page, organisation_id, sites.remove_site, site_id, version=version_of(form))
    except StaleVersion as error:
        return _ask_about_site(page, await read_own(page, organisation_id), site_id, form.refuse(error), error)
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
    await read_own(page, organisation_id)
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
        shown = await own(connection, page, organisation_id)
        clusters = await active_clusters(connection)
    return JOIN.show(page, shown, form, error, clusters=clusters)


@router.get("/memberships/{cluster_id}/end")
async def membership_end(page: Changer, organisation_id: UUID, cluster_id: UUID) -> Response:
    """The form for the end."""
    values = {"valid_to": local_day(page.now).isoformat()}
    shown = await read_own(page, organisation_id)
    return _ask_about_membership(page, shown, cluster_id, Form.of(values, language=page.language))


@router.post("/memberships/{cluster_id}/end")
async def end_membership(page: Changer, organisation_id: UUID, cluster_id: UUID) -> Response:
    """End the membership."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(EndMembership)
        version = version_of(form)
        outcome = await apply(page, organisation_id, sites.end_membership, cluster_id, command, version=version)
    except NordaError as error:
        return _ask_about_membership(page, await read_own(page, organisation_id), cluster_id, form.refuse(error), error)
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
