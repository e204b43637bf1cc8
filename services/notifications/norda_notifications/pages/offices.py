"""How the offices are reached; each writes its own contact, never over a newer one without seeing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.errors import InvalidInput, StaleVersion, Text
from norda_common.requests import refused
from norda_common.states import ALL_STATES, State
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for

from ..rules.rights import CONTACT, READ
from ..store import recipients
from ..usecases.offices import SetContact, set_contact
from .history import contact_entry
from .labels import LANGUAGES, named, options

router = APIRouter(prefix="/notifications/offices")
PATH = "/notifications/offices"
TITLE = Text("Dienststellen", "Offices")
FIELDS = ("name", "email", "language")
HISTORY = 20


@router.get("")
async def offices(page: Annotated[Page, page_for(READ)]) -> Response:
    """All three; the own one can be changed by who may, and its office sees who changed it."""
    own = page.caller.state
    async with page.read() as connection:
        rows = await recipients.offices(connection)
        history = await recipients.office_history(connection, own, limit=HISTORY) if own else []
    by_state = {row["state"]: row for row in rows}
    return page.show(
        "offices.html.jinja",
        title=TITLE,
        offices=[
            {
                **_values(by_state[state.value]),
                "state": state.value,
                "label": state.label,
                "language": named(LANGUAGES, by_state[state.value]["language"], page.language),
                "changed_at": by_state[state.value]["changed_at"],
                "own": page.caller.may(CONTACT, state),
            }
            for state in ALL_STATES
            if state.value in by_state
        ],
        history=[contact_entry(item, page) for item in history],
        own_label=own.label if own else "",
    )


@router.get("/{state}/edit")
async def edit(page: Annotated[Page, page_for(CONTACT)], state: State) -> Response:
    """The form, with the version it shows."""
    page.caller.require(CONTACT, state)
    async with page.read() as connection:
        row = await recipients.office(connection, state)
    values = _values(row) | {"version": row["version"]}
    return _form(page, state, Form.of(values, language=page.language))


@router.post("/{state}/edit")
async def save(page: Annotated[Page, page_for(CONTACT)], state: State) -> Response:
    """Write it. When somebody else was quicker, both versions are shown and the person chooses field by field."""
    page.caller.require(CONTACT, state)
    form = await page.form()
    try:
        version = version_of(form)
        async with page.transaction() as connection:
            if any(name.startswith("choice-") for name in form.values):
                form = _chosen(form, _values(await recipients.office(connection, state)))
            # An empty field takes the address away; the API says null.
            given: dict[str, Any] = {} if form.value("email").strip() else {"email": None}
            await set_contact(
                connection,
                state,
                form.command(SetContact, lists=(), **given),
                caller=page.caller,
                served=frozenset(page.runtime.settings.states),
                expected_version=version,
                now=page.now,
            )
    except InvalidInput as error:
        return _form(page, state, form, refusal=error)
    except StaleVersion:
        return await _conflict(page, state, form)
    return await page.go(PATH, Text("Der Kontakt ist gespeichert.", "The contact is stored."))


async def _conflict(page: Page, state: State, form: Form) -> Response:
    async with page.read() as connection:
        row = await recipients.office(connection, state)
    stored, base = Form.of(_values(row), language=page.language), form.base()
    labels = _labels(page)
    return page.show(
        "office_conflict.html.jinja",
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=409,
        crumbs=[(TITLE, PATH), (Text(state.label, state.label), None)],
        state=state.value,
        version=row["version"],
        base=stored.packed(),
        mine={name: form.value(name) for name in FIELDS},
        rows=[
            Compared(
                name,
                labels[name],
                _readable(name, form.value(name), page),
                _readable(name, stored.value(name), page),
                _readable(name, base.value(name), page) if base else None,
            )
            for name in FIELDS
        ],
    )


def _form(page: Page, state: State, form: Form, *, refusal: InvalidInput | None = None) -> Response:
    if refusal is not None:
        form.refuse(refusal)
    labels = _labels(page)
    without_mail = page.t(
        "Ohne Adresse kommt alles nur in den Eingang.", "Without an address everything comes to the inbox only."
    )
    return page.show(
        "office_edit.html.jinja",
        title=Text(f"Kontakt von {state.label}", f"Contact of {state.label}"),
        status=422 if refusal else 200,
        crumbs=[(TITLE, PATH), (Text(state.label, state.label), None)],
        state=state.value,
        form=form,
        version=form.value("version"),
        base=form.value(BASE) or form.packed(),
        fields={
            "name": form.field("name", labels["name"], required=True, autocomplete="organization"),
            "email": form.field("email", labels["email"], hint=without_mail, autocomplete="email"),
            "language": form.field(
                "language", labels["language"], required=True, options=options(LANGUAGES, page.language)
            ),
        },
    )


def _labels(page: Page) -> dict[str, str]:
    return {
        "name": page.t("Name der Dienststelle", "Name of the office"),
        "email": page.t("E-Mail-Adresse", "E-mail address"),
        "language": page.t("Sprache der Nachrichten", "Language of the messages"),
    }


def _values(row: Record) -> dict[str, Any]:
    return {"name": row["name"], "email": row["address"], "language": row["language"]}


def _chosen(form: Form, stored: Mapping[str, Any]) -> Form:
    """What the person chose of both versions, field by field."""
    values = dict(form.values)
    for name in FIELDS:
        if form.value(f"choice-{name}") == "theirs":
            values[name] = ("" if stored[name] is None else str(stored[name]),)
        values.pop(f"choice-{name}", None)
    return Form(values, form.language)


def _readable(name: str, value: str, page: Page) -> str:
    return named(LANGUAGES, value, page.language) if name == "language" else value


def version_of(form: Form) -> int:
    """The version a form was filled in for. Raises InvalidInput: without one it could overwrite unseen changes."""
    text = form.value("version")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise refused("version", "fehlt; bitte laden Sie die Seite neu", "is missing; please load the page again")
    return int(text)
