"""How an organisation describes itself: the forms for description, links and indicators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.requests import refused
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for

from ..rules.descriptions import DESCRIBING
from ..rules.rights import CHANGE
from ..store import organisations
from ..usecases.days import local_day
from ..usecases.lookup import sole_holder
from ..usecases.profile_commands import AddIndicator, ChangeProfile, SetLink
from ..usecases.profiles import add_indicator, change_profile, remove_link, set_link
from . import texts
from .actions import Action, read_own
from .entering import apply, chosen, context, done, group_of, grouped, path_of, version_of
from .organisations import LIST, TITLE, Shown

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Changer = Annotated[Page, page_for(CHANGE)]
DESCRIBE = Text("Profil bearbeiten", "Edit the profile")
LINK = Action("link_form.html.jinja", Text("Verbindung eintragen", "Enter a link"), "links/new")
INDICATOR = Action("indicator_form.html.jinja", Text("Kennzahl eintragen", "Enter an indicator"), "indicators/new")
CERTIFICATE_ROWS = 2
CERTIFICATE_PARTS = ("name", "number", "valid_from", "valid_to")


@router.get("/profile")
async def edit(page: Changer, organisation_id: UUID) -> Response:
    """The form with what is stored."""
    shown = await read_own(page, organisation_id)
    stored = form_of(shown.organisation, page.language)
    return _form(page, shown, stored, base=stored.packed())


@router.post("/profile")
async def change(page: Changer, organisation_id: UUID) -> Response:
    """Store what was changed; on a version that is no longer current, show both."""
    form = await page.form()
    shown = await read_own(page, organisation_id)
    stored = form_of(shown.organisation, page.language)
    form = chosen(form, stored)
    version = version_of(form)
    try:
        if version != shown.version:
            raise StaleVersion("Inzwischen geändert.", "Changed meanwhile.")
        command = command_of(form, stored)
        outcome = await apply(page, organisation_id, change_profile, command, version=version)
    except StaleVersion:
        return await _conflict(page, organisation_id, form)
    except NordaError as error:
        return _form(page, shown, form.refuse(error), error, base=form.value(BASE))
    return await done(page, organisation_id, Text("Das Profil ist gespeichert.", "The profile is stored."), outcome)


def form_of(organisation: Organisation, language: str) -> Form:
    """The description as the values of its form."""
    values: dict[str, object] = {name: getattr(organisation, name) for name in DESCRIBING if name != "certificates"}
    for place, item in enumerate(organisation.certificates):
        values |= {f"certificates.{place}.{part}": getattr(item, part) for part in CERTIFICATE_PARTS}
    return Form.of(values, language=language)


def prepared(form: Form) -> Form:
    """The form as a command reads it: certificates without a name are gone."""
    values = {
        name: several for name, several in form.values.items() if group_of(name) in set(DESCRIBING) - {"certificates"}
    }
    rows = sorted({int(name.split(".")[1]) for name in form.values if _is_row(name)})
    named = [row for row in rows if form.value(f"certificates.{row}.name").strip()]
    for place, row in enumerate(named):
        for part in CERTIFICATE_PARTS:
            values[f"certificates.{place}.{part}"] = (form.value(f"certificates.{row}.{part}"),)
    return Form(values, form.language)


def command_of(form: Form, stored: Form) -> ChangeProfile:
    """The groups in which a form differs from what is stored; what was emptied is null. Raises InvalidInput."""
    typed = prepared(form)
    mine, theirs = grouped(typed.values), grouped(prepared(stored).values)
    changed = {group for group in DESCRIBING if mine.get(group) != theirs.get(group)}
    emptied: dict[str, object] = {
        group: [] if group in {"roles", "certificates"} else None for group in changed if group not in mine
    }
    kept = {name: several for name, several in typed.values.items() if group_of(name) in changed - emptied.keys()}
    return Form(kept, form.language).command(ChangeProfile, lists=("roles",) if "roles" in kept else (), **emptied)


def certificate_rows(form: Form) -> int:
    """So many rows: those that are filled, and some more to fill."""
    filled = [int(name.split(".")[1]) for name in form.values if _is_row(name) and form.value(name)]
    return max(CERTIFICATE_ROWS, max(filled, default=-1) + 2)


def group_text(group: str, form: Form, language: str) -> str:
    """A group's values in one line."""
    if group == "certificates":
        return "; ".join(
            " ".join(filter(None, (form.value(f"certificates.{row}.{part}") for part in CERTIFICATE_PARTS)))
            for row in range(certificate_rows(form))
            if form.value(f"certificates.{row}.name")
        )
    names: Mapping[str, Mapping[str, Text]] = {"roles": texts.ROLES, "value_chain": texts.VALUE_CHAIN}
    if group == "competences":
        return ", ".join(texts.competence_label(code, language) for code in form.values.get(group, ()) if code)
    return ", ".join(
        texts.named(names[group], text, language) if group in names else text
        for text in form.values.get(group, ())
        if text
    )


def choices(language: str) -> dict[str, Any]:
    """What a form for a description offers."""
    return {
        "all_roles": [(code, text.in_language(language)) for code, text in texts.ROLES.items()],
        "stages": [(code, text.in_language(language)) for code, text in texts.VALUE_CHAIN.items()],
    }


def _is_row(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "certificates" and parts[1].isascii() and parts[1].isdigit()


def _crumbs(organisation: Organisation, last: Text) -> list[tuple[Text, str | None]]:
    name = Text(organisation.legal_name, organisation.legal_name)
    overview = Text("Übersicht", "Overview")
    return [(overview, "/registry/"), (TITLE, LIST), (name, path_of(organisation.organisation_id)), (last, None)]


def _form(page: Page, shown: Shown, form: Form, error: NordaError | None = None, *, base: str) -> Response:
    path = path_of(shown.organisation.organisation_id)
    name = shown.organisation.legal_name
    return page.show(
        "profile_form.html.jinja",
        title=Text(f"{name}: {DESCRIBE.de}", f"{name}: {DESCRIBE.en}"),
        status=error.status if error else 200,
        crumbs=_crumbs(shown.organisation, DESCRIBE),
        action=f"{path}/profile",
        cancel=path,
        version=form.value("version") or shown.version,
        base=base,
        certificate_rows=certificate_rows(form),
        **choices(page.language),
        **context(page, form),
    )


async def _conflict(page: Page, organisation_id: UUID, form: Form) -> Response:
    """What the person typed beside what is stored now, to choose from."""
    shown = await read_own(page, organisation_id)
    stored, from_what = form_of(shown.organisation, page.language), form.base()
    async with page.read() as connection:
        last = await organisations.versions(connection, organisation_id, before=None, limit=1)
    rows = [
        Compared(
            group,
            texts.field_label(group, page.language),
            group_text(group, form, page.language),
            group_text(group, stored, page.language),
            group_text(group, from_what, page.language) if from_what else None,
        )
        for group in DESCRIBING
    ]
    return page.show(
        "conflict.html.jinja",
        what=page.t("dieses Profil", "this profile"),
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=StaleVersion.status,
        crumbs=_crumbs(shown.organisation, DESCRIBE),
        rows=[row for row in rows if row.mine or row.theirs],
        action=f"{path_of(organisation_id)}/profile",
        back=path_of(organisation_id),
        version=shown.version,
        base=stored.packed(),
        when=last[0]["changed_at"] if last else None,
        kept=[
            (name, text) for name, several in form.values.items() for text in several if group_of(name) in DESCRIBING
        ],
    )


@router.get("/links/new")
async def new_link(page: Changer, organisation_id: UUID) -> Response:
    """The form for a partner or linked enterprise."""
    return _link_form(page, await read_own(page, organisation_id), Form(language=page.language))


@router.post("/links/new")
async def enter_link(page: Changer, organisation_id: UUID) -> Response:
    """Enter it; the other organisation is named by any of its numbers, or by its address here."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        other = await _other(page, form.value("organisation_id"))
        command = Form({name: form.values.get(name, ()) for name in ("kind", "share_percent")}, page.language).command(
            SetLink
        )
        outcome = await apply(page, organisation_id, set_link, other, command, version=version_of(form))
    except NordaError as error:
        return _link_form(page, await read_own(page, organisation_id), form.refuse(error), error)
    return await done(page, organisation_id, Text("Die Verbindung ist eingetragen.", "The link is entered."), outcome)


@router.post("/links/{other_id}/remove")
async def take_link_out(page: Changer, organisation_id: UUID, other_id: UUID) -> Response:
    """Take it out; what it was stays in the history."""
    form = await page.form()
    outcome = await apply(page, organisation_id, remove_link, other_id, version=version_of(form))
    return await done(page, organisation_id, Text("Die Verbindung ist entfernt.", "The link is taken out."), outcome)


@router.get("/indicators/new")
async def new_indicator(page: Changer, organisation_id: UUID) -> Response:
    """The form for an indicator."""
    shown = await read_own(page, organisation_id)
    values = {"kind": "members", "on": local_day(page.now).isoformat()}
    return INDICATOR.show(page, shown, Form.of(values, language=page.language))


@router.post("/indicators/new")
async def enter_indicator(page: Changer, organisation_id: UUID) -> Response:
    """Enter it; none that is there is overwritten."""
    form = await page.form()
    try:
        command = form.command(AddIndicator)
        outcome = await apply(page, organisation_id, add_indicator, command, version=version_of(form))
    except NordaError as error:
        return INDICATOR.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    return await done(
        page, organisation_id, Text("Die Kennzahl ist eingetragen.", "The indicator is entered."), outcome
    )


def _link_form(page: Page, shown: Shown, form: Form, error: NordaError | None = None) -> Response:
    kinds = [(code, text.in_language(page.language)) for code, text in texts.LINKS.items()]
    return LINK.show(page, shown, form, error, link_kinds=kinds)


async def _other(page: Page, text: str) -> UUID:
    """The organisation somebody means by a number, an id or an address of this registry. Raises InvalidInput."""
    last = text.strip().rstrip("/").rpartition("/")[2]
    try:
        return UUID(last)
    except ValueError:
        async with page.read() as connection:
            found = await sole_holder(connection, text)
    if found is None:
        raise refused(
            "organisation_id",
            "führt zu keiner oder zu mehreren Organisationen",
            "leads to no organisation, or to several",
        )
    return found
