"""Registering an organisation and changing one; nothing is overwritten unseen.

A change is made of what differs from what is stored, so that a field nobody touched is not asked for. When somebody
else changed the organisation meanwhile, both versions are shown side by side, and the person chooses group by group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.states import State
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for

from ..rules.code_lists import courts
from ..rules.profile import current_entry
from ..rules.register_entries import court_entered
from ..rules.rights import CHANGE
from ..rules.size_class import Figures
from ..store import organisations
from ..usecases.commands import ChangeOrganisation, RegisterOrganisation
from ..usecases.organisations import change_organisation, register_organisation
from . import texts
from .entering import (
    CHOICE,
    active_clusters,
    apply,
    chosen,
    context,
    done,
    group_of,
    grouped,
    path_of,
    plain_number,
    shown_number,
    version_of,
)
from .organisations import LIST, TITLE, Shown, find

router = APIRouter(prefix="/registry/organisations")
NEW = Text("Organisation anlegen", "Register an organisation")
GROUPS = (
    "legal_name", "legal_form", "own_id", "seat", "register_entry", "euid", "vat_id", "widnr", "lei", "activities",
    "competences", "size_class", "employees", "turnover_eur", "balance_eur", "contact_email",
)  # fmt: skip
"""What can be changed, each as a whole."""
_TOLD = ("on", "source", "correction")
"""What is said of a change, and is no part of what is stored."""
_NUMBERS = ("employees", "turnover_eur", "balance_eur")
_PARTS = {
    "seat": ("street", "postal_code", "place", "state", "ags", "nuts"),
    "register_entry": ("court", "court_name", "type", "number", "suffix", "former_court"),
}
"""The order in which a group's fields are read."""
_LISTS = frozenset({"activities", "competences"})
ACTIVITY_ROWS = 3
IGNORE = "ignore_duplicates"
"""The button of whoever has looked at the suspects."""


@router.get("/new")
async def new(page: Annotated[Page, page_for(CHANGE)]) -> Response:
    """The empty form."""
    state = page.caller.require_own_state(CHANGE)
    values = {"kind": "company", "seat.state": state.iso, "activities.0.edition": texts.EDITIONS[0]}
    return await _new_form(page, Form.of(values, language=page.language))


@router.post("/new")
async def register(page: Annotated[Page, page_for(CHANGE)]) -> Response:
    """Register it, or show what is wrong with everything that was typed."""
    form = await page.form()
    seen = form.value(IGNORE) == "yes"
    form = Form({name: several for name, several in form.values.items() if name != IGNORE}, form.language)
    try:
        command = _prepared(form).command(RegisterOrganisation, lists=("competences", "clusters"))
        async with page.transaction() as connection:
            outcome = await register_organisation(
                connection,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
                ignore_duplicates=seen,
            )
    except NordaError as error:
        return await _new_form(page, form.refuse(error), error)
    organisation = outcome.stored.organisation
    told = Text(f"„{organisation.legal_name}“ ist angelegt.", f"“{organisation.legal_name}” is registered.")
    return await done(page, organisation.organisation_id, told, outcome)


async def _new_form(page: Page, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        clusters = await active_clusters(connection)
    return page.show(
        "organisation_form.html.jinja",
        title=NEW,
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (NEW, None)],
        new=True,
        action=f"{LIST}/new",
        cancel=LIST,
        taken=error.extra.get("organisation_id") if error else None,
        suspects=error.extra.get("suspects", []) if error else [],
        clusters=clusters,
        version=None,
        base=None,
        activity_rows=_activity_rows(form),
        **context(page, form),
    )


@router.get("/{organisation_id}/edit")
async def edit(page: Annotated[Page, page_for(CHANGE)], organisation_id: UUID) -> Response:
    """The form with what is stored."""
    async with page.read() as connection:
        shown, stored = await _stored_form(connection, page, organisation_id)
    return _edit_form(page, shown, stored, base=stored.packed())


@router.post("/{organisation_id}/edit")
async def change(page: Annotated[Page, page_for(CHANGE)], organisation_id: UUID) -> Response:
    """Store what was changed; on a version that is no longer current, show both."""
    form = await page.form()
    async with page.read() as connection:
        shown, stored = await _stored_form(connection, page, organisation_id)
    form = chosen(form, stored)
    version = version_of(form)
    try:
        if version != shown.version:
            raise StaleVersion("Inzwischen geändert.", "Changed meanwhile.")
        command = change_command(form, stored)
        outcome = await apply(page, organisation_id, change_organisation, command, version=version)
    except StaleVersion:
        return await _conflict(page, organisation_id, form)
    except NordaError as error:
        return _edit_form(page, shown, form.refuse(error), error, base=form.value(BASE))
    return await done(
        page, organisation_id, Text("Die Änderungen sind gespeichert.", "The changes are stored."), outcome
    )


def _edit_form(page: Page, shown: Shown, form: Form, error: NordaError | None = None, *, base: str) -> Response:
    organisation = shown.organisation
    path = path_of(organisation.organisation_id)
    title = Text(f"{organisation.legal_name} bearbeiten", f"Edit {organisation.legal_name}")
    return page.show(
        "organisation_form.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=_crumbs(organisation, Text("Bearbeiten", "Edit")),
        new=False,
        action=f"{path}/edit",
        cancel=path,
        taken=error.extra.get("organisation_id") if error else None,
        suspects=[],
        clusters=[],
        version=form.value("version") or shown.version,
        base=base,
        activity_rows=_activity_rows(form),
        **context(page, form),
    )


async def _conflict(page: Page, organisation_id: UUID, form: Form) -> Response:
    """What the person typed beside what is stored now, to choose from."""
    async with page.read() as connection:
        shown, stored = await _stored_form(connection, page, organisation_id)
        last = await organisations.versions(connection, organisation_id, before=None, limit=1)
    from_what = form.base()
    mine, theirs = grouped(_prepared(form).values), grouped(_prepared(stored).values)
    base = grouped(_prepared(from_what).values) if from_what else None
    rows = [
        Compared(
            group,
            texts.field_label(group, page.language),
            _group_text(group, mine.get(group, {}), page.language),
            _group_text(group, theirs.get(group, {}), page.language),
            None if base is None else _group_text(group, base.get(group, {}), page.language),
        )
        for group in GROUPS
    ]
    return page.show(
        "conflict.html.jinja",
        what=page.t("diese Organisation", "this organisation"),
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=StaleVersion.status,
        crumbs=_crumbs(shown.organisation, Text("Bearbeiten", "Edit")),
        rows=[row for row in rows if row.mine or row.theirs],
        action=f"{path_of(organisation_id)}/edit",
        back=path_of(organisation_id),
        version=shown.version,
        base=stored.packed(),
        when=last[0]["changed_at"] if last else None,
        kept=[
            (name, text)
            for name, several in form.values.items()
            for text in several
            if group_of(name) in (*GROUPS, *_TOLD)
        ],
    )


def _crumbs(organisation: Organisation, last: Text) -> list[tuple[Text, str | None]]:
    name = Text(organisation.legal_name, organisation.legal_name)
    return [
        (Text("Übersicht", "Overview"), "/registry/"),
        (TITLE, LIST),
        (name, path_of(organisation.organisation_id)),
        (last, None),
    ]


async def _stored_form(connection: Connection, page: Page, organisation_id: UUID) -> tuple[Shown, Form]:
    """The organisation and the form that shows it. Raises NotFound, and Forbidden when it is another state's."""
    shown = await find(connection, organisation_id)
    page.caller.require(CHANGE, State(shown.organisation.responsible_state))
    emails = await organisations.contacts(connection, [organisation_id])
    figures = shown.stored.figures if shown.stored else Figures()
    values = form_values(shown.organisation, figures, emails.get(organisation_id), page.language)
    return shown, Form.of(values, language=page.language)


def form_values(organisation: Organisation, figures: Figures, email: str | None, language: str) -> dict[str, object]:
    """An organisation as the values of its form."""
    entry, seat = current_entry(organisation), organisation.seat
    values: dict[str, object] = {
        "legal_name": organisation.legal_name,
        "legal_form": organisation.legal_form,
        "own_id": organisation.own_id,
        **{f"seat.{name}": value for name, value in seat.model_dump().items()},
        "vat_id": organisation.vat_id,
        "widnr": organisation.widnr,
        "lei": organisation.lei,
        "competences": organisation.competences,
        "size_class": organisation.size_class,
        "employees": shown_number(figures.employees, language),
        "turnover_eur": shown_number(_euros(figures.turnover_cents), language),
        "balance_eur": shown_number(_euros(figures.balance_cents), language),
        "contact_email": email,
    }
    if entry is not None:
        known = entry.court_code in courts()
        values |= {
            "register_entry.court": courts()[entry.court_code].name if known else court_entered(entry),
            "register_entry.type": entry.type,
            "register_entry.number": entry.number,
            "register_entry.suffix": entry.suffix,
            "register_entry.former_court": entry.former_court,
            "register_entry.court_name": "" if known or not entry.court_code else entry.court,
        }
    for place, item in enumerate(organisation.activities):
        values |= {f"activities.{place}.edition": item.edition, f"activities.{place}.code": item.code}
    return values


def _euros(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100


def _activity_rows(form: Form) -> int:
    """So many rows for activities: those that are filled, and one more to fill."""
    filled = [int(name.split(".")[1]) for name in form.values if name.startswith("activities.") and form.value(name)]
    return max(ACTIVITY_ROWS, max(filled, default=-1) + 2)


def _prepared(form: Form) -> Form:
    """The form as a command reads it: numbers plain, rows without a code gone."""
    values = {name: several for name, several in form.values.items() if not name.startswith((CHOICE, "activities."))}
    for name in _NUMBERS:
        if name in values:
            values[name] = (plain_number(form.value(name), form.language),)
    rows = sorted({int(name.split(".")[1]) for name in form.values if name.startswith("activities.")})
    coded = [row for row in rows if form.value(f"activities.{row}.code").strip()]
    for place, row in enumerate(coded):
        for part in ("edition", "code"):
            values[f"activities.{place}.{part}"] = (form.value(f"activities.{row}.{part}"),)
    return Form(values, form.language)


def change_command(form: Form, stored: Form) -> ChangeOrganisation:
    """The groups in which a form differs from what is stored; what was emptied is null. Raises InvalidInput."""
    typed = _prepared(form)
    mine, theirs = grouped(typed.values), grouped(_prepared(stored).values)
    changed = {group for group in GROUPS if _comparable(mine.get(group)) != _comparable(theirs.get(group))}
    emptied: dict[str, object] = {group: [] if group in _LISTS else None for group in changed if group not in mine}
    chosen = {name: several for name, several in typed.values.items() if group_of(name) in changed - emptied.keys()}
    chosen |= {name: typed.values[name] for name in _TOLD if name in typed.values}
    return Form(chosen, form.language).command(ChangeOrganisation, lists=("competences",), **emptied)


def _comparable(fields: Mapping[str, tuple[str, ...]] | None) -> dict[str, list[str]] | None:
    """A group's fields without the order in which several values were ticked, which says nothing."""
    return {name: sorted(several) for name, several in fields.items()} if fields else None


def _group_text(group: str, fields: Mapping[str, tuple[str, ...]], language: str) -> str:
    """A group's values in one line."""
    values = {name.rpartition(".")[2]: several for name, several in fields.items()}
    if group == "activities":
        codes = [name for name in fields if name.endswith(".code")]
        return ", ".join(f"{fields[name][0]} ({fields[name.replace('.code', '.edition')][0]})" for name in codes)
    if group in _PARTS:
        parts = [values[name][0] for name in _PARTS[group] if name in values]
        return " ".join(texts.FEDERAL.get(part, part) for part in parts)
    in_words: Mapping[str, Callable[[str], str]] = {
        "competences": lambda code: texts.competence_label(code, language),
        "legal_form": texts.legal_form_label,
        "size_class": lambda code: texts.named(texts.SIZES, code, language),
    }
    say = in_words.get(group, str)
    return ", ".join(say(value) for value in sorted(values.get(group, ())))
