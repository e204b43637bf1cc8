"""What belongs to an organisation: sites and memberships in clusters, each entered, corrected and ended on a page."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Membership, Site
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.requests import QueryText, refused
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.reconciling import membership_of
from ..rules.rights import CHANGE
from ..usecases import memberships, sites
from ..usecases.commands import AddSite, EndMembership, JoinCluster
from ..usecases.days import local_day
from ..usecases.profile_commands import CorrectMembership
from . import texts
from .actions import Action, own, read_own
from .entering import active_clusters, apply, done, version_of
from .organisations import Shown

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]
ADD_SITE = Action("site_form.html.jinja", Text("Standort hinzufügen", "Add a site"), "sites/new")
JOIN = Action("membership_form.html.jinja", Text("Mitgliedschaft eintragen", "Enter a membership"), "memberships/new")


@router.get("/sites/new")
async def new_site(page: Changer, organisation_id: UUID) -> Response:
    """The form for a site."""
    shown = await read_own(page, organisation_id)
    values = {"address.state": shown.organisation.seat.state}
    return ADD_SITE.show(page, shown, Form.of(values, language=page.language), new=True)


@router.post("/sites/new")
async def add_site(page: Changer, organisation_id: UUID) -> Response:
    """Add the site."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        command = form.command(AddSite)
        outcome = await apply(page, organisation_id, sites.add_site, command, version=version_of(form))
    except NordaError as error:
        return ADD_SITE.show(page, await read_own(page, organisation_id), form.refuse(error), error, new=True)
    return await done(page, organisation_id, Text("Der Standort ist eingetragen.", "The site is entered."), outcome)


@router.get("/sites/{site_id}/edit")
async def edit_site(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """The form with what is stored of the site."""
    shown = await read_own(page, organisation_id)
    site = _site(shown, site_id)
    values = {"name": site.name} | {f"address.{name}": value for name, value in site.address.model_dump().items()}
    return _site_action(site_id).show(page, shown, Form.of(values, language=page.language), new=False)


@router.post("/sites/{site_id}/edit")
async def change_site(page: Changer, organisation_id: UUID, site_id: UUID) -> Response:
    """Correct the site."""
    form = await page.form()
    _site(await read_own(page, organisation_id), site_id)
    try:
        command = form.command(AddSite)
        version = version_of(form)
        outcome = await apply(page, organisation_id, sites.change_site, site_id, command, version=version)
    except NordaError as error:
        shown = await read_own(page, organisation_id)
        return _site_action(site_id).show(page, shown, form.refuse(error), error, new=False)
    return await done(page, organisation_id, Text("Der Standort ist berichtigt.", "The site is corrected."), outcome)


def _site_action(site_id: UUID) -> Action:
    return Action("site_form.html.jinja", Text("Standort berichtigen", "Correct a site"), f"sites/{site_id}/edit")


def _site(shown: Shown, site_id: UUID) -> Site:
    site = next((site for site in shown.organisation.sites if site.site_id == site_id), None)
    if site is None:
        raise sites.no_such_site()
    return site


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
    site = _site(shown, site_id)
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
        outcome = await apply(page, organisation_id, memberships.join_cluster, command, version=version_of(form))
    except NordaError as error:
        return await _join_form(page, organisation_id, form.refuse(error), error)
    told = Text("Die Mitgliedschaft ist eingetragen.", "The membership is entered.")
    return await done(page, organisation_id, told, outcome)


async def _join_form(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        shown = await own(connection, page, organisation_id)
        clusters = await active_clusters(connection)
    return JOIN.show(page, shown, form, error, clusters=clusters, kinds_of_membership=_kinds(page))


def _kinds(page: Page) -> list[tuple[str, str]]:
    return [(code, text.in_language(page.language)) for code, text in texts.MEMBERSHIPS.items()]


@router.get("/memberships/{cluster_id}/edit")
async def edit_membership(page: Changer, organisation_id: UUID, cluster_id: UUID, begins: QueryText = "") -> Response:
    """The form with what is stored of the membership; `begins` says which of several in the cluster."""
    shown = await read_own(page, organisation_id)
    membership = _membership(shown, cluster_id, begins)
    values = {
        "kind": membership.kind,
        "valid_from": membership.valid_from,
        "valid_to": membership.valid_to,
        "begins": membership.valid_from,
    }
    return _correction(page, shown, cluster_id, Form.of(values, language=page.language))


@router.post("/memberships/{cluster_id}/edit")
async def correct_membership(page: Changer, organisation_id: UUID, cluster_id: UUID) -> Response:
    """Correct the membership; an emptied day or kind is not known any more."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        fields = ("kind", "valid_from", "valid_to", "begins")
        emptied: dict[str, object] = {name: None for name in fields if not form.value(name).strip()}
        command = form.command(CorrectMembership, lists=(), **emptied)
        version = version_of(form)
        outcome = await apply(
            page, organisation_id, memberships.correct_membership, cluster_id, command, version=version
        )
    except NordaError as error:
        return _correction(page, await read_own(page, organisation_id), cluster_id, form.refuse(error), error)
    told = Text("Die Mitgliedschaft ist berichtigt.", "The membership is corrected.")
    return await done(page, organisation_id, told, outcome)


def _correction(page: Page, shown: Shown, cluster_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    membership = _membership(shown, cluster_id, form.value("begins"))
    title = Text("Mitgliedschaft berichtigen", "Correct a membership")
    action = Action("correct_membership.html.jinja", title, f"memberships/{cluster_id}/edit")
    return action.show(page, shown, form, error, membership=membership, kinds_of_membership=_kinds(page))


def _membership(shown: Shown, cluster_id: UUID, begins: str | None) -> Membership:
    """The membership in the cluster that began so; None: that holds, or ended last. Raises NotFound."""
    mine = [item for item in shown.organisation.memberships if item.cluster_id == cluster_id]
    if begins is not None:
        mine = [item for item in mine if (item.valid_from.isoformat() if item.valid_from else "") == begins] or mine
    found = membership_of(mine, cluster_id)
    if found is None:
        raise NotFound("Diese Mitgliedschaft gibt es nicht.", "There is no such membership.")
    return found


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
        outcome = await apply(page, organisation_id, memberships.end_membership, cluster_id, command, version=version)
    except NordaError as error:
        return _ask_about_membership(page, await read_own(page, organisation_id), cluster_id, form.refuse(error), error)
    return await done(
        page, organisation_id, Text("Die Mitgliedschaft ist beendet.", "The membership has ended."), outcome
    )


def _ask_about_membership(
    page: Page, shown: Shown, cluster_id: UUID, form: Form, error: NordaError | None = None
) -> Response:
    membership = _membership(shown, cluster_id, None)
    title = Text("Mitgliedschaft beenden", "End a membership")
    action = Action("end_membership.html.jinja", title, f"memberships/{cluster_id}/end")
    return action.show(page, shown, form, error, membership=membership)
