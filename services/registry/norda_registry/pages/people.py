"""Contact persons: on the organisation's page, entered, changed, removed, searched; and who may be invited."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import InvalidInput, NordaError, StaleVersion, Text
from norda_common.requests import Cursor, write_cursor
from norda_common.states import State
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for

from ..api.people import place
from ..rules.people import person_words
from ..rules.rights import PERSON_INVITE, PERSON_KEEP
from ..store.people import Person
from ..usecases import people
from ..usecases.people_commands import ChangePerson, EnterPerson, FindInvited
from . import people_words as words
from .entering import chosen, path_of, version_of
from .organisations import LIST, TITLE, find
from .people_words import CODES, FIELDS, HINTS, LISTS, PEOPLE
from .texts import named

router = APIRouter(prefix="/registry")
Keeper = Annotated[Page, page_for(PERSON_KEEP)]
Inviting = Annotated[Page, page_for(PERSON_INVITE)]
SEARCH = "/registry/people"
INVITATIONS = "/registry/invitations"
TO_INVITE = Text("Einladungen", "Invitations")
ENTER = Text("Ansprechperson eintragen", "Enter a contact person")
CHANGE = Text("Ansprechperson ändern", "Change a contact person")
REMOVE = Text("Ansprechperson löschen", "Delete a contact person")
ROWS = 25
NEEDED = frozenset({"name", "source", "purposes", "legal_basis", "retain_until", "language"})


@router.get("/people")
async def show_list(page: Keeper, cursor: Cursor = None) -> Response:
    """The own office's contact persons by name."""
    return await _people(page, Form(language=page.language), cursor=cursor)


@router.post("/people")
async def search(page: Keeper) -> Response:
    """Those that have the words, which may be somebody's name: no address of a page holds them."""
    form = await page.form()
    try:
        return await _people(page, form, q=_words_of(form), cursor=form.value("cursor"))
    except InvalidInput as error:
        return await _people(page, form.refuse(error), status=error.status)


async def _people(page: Page, form: Form, *, q: str = "", cursor: str | None = None, status: int = 200) -> Response:
    async with page.read() as connection:
        found = await people.find_people(
            connection, person_words(q), caller=page.caller, after=place(cursor), limit=ROWS + 1
        )
    return page.show(
        "people.html.jinja",
        title=PEOPLE,
        status=status,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (PEOPLE, None)],
        items=[words.shown(person, page.language, name) for person, name in found[:ROWS]],
        listing=_listing(SEARCH, q, cursor, write_cursor(found[ROWS - 1][0].id) if len(found) > ROWS else None),
        errors=form.summary,
        q=form.field("q", page.t("Name, E-Mail-Adresse oder Telefon", "Name, e-mail address or phone")),
    )


@router.get("/invitations")
async def invitations(page: Inviting, cursor: Cursor = None) -> Response:
    """Who agreed to be invited."""
    return await _invited(page, Form(language=page.language), cursor=cursor)


@router.post("/invitations")
async def search_invited(page: Inviting) -> Response:
    """Of them those that have the words."""
    form = await page.form()
    try:
        return await _invited(page, form, q=_words_of(form), cursor=form.value("cursor"))
    except InvalidInput as error:
        return await _invited(page, form.refuse(error), status=error.status)


async def _invited(page: Page, form: Form, *, q: str = "", cursor: str | None = None, status: int = 200) -> Response:
    async with page.read() as connection:
        found = await people.people_to_invite(
            connection, person_words(q), caller=page.caller, after=place(cursor), limit=ROWS + 1
        )
    return page.show(
        "people_to_invite.html.jinja",
        title=TO_INVITE,
        status=status,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TO_INVITE, None)],
        items=found[:ROWS],
        roles=lambda codes: words.labels("roles", codes, page.language),
        language_label=lambda code: named(words.LANGUAGES, code, page.language),
        listing=_listing(INVITATIONS, q, cursor, write_cursor(found[ROWS - 1].id) if len(found) > ROWS else None),
        errors=form.summary,
        q=form.field("q", page.t("Name oder E-Mail-Adresse", "Name or e-mail address")),
    )


def _words_of(form: Form) -> str:
    return Form({"q": form.values.get("q", ())}, form.language).command(FindInvited).q


def _listing(path: str, q: str, cursor: str | None, following: str | None) -> dict[str, Any]:
    return {
        "path": path,
        "query": [("q", q)] if q else [],
        "posted": bool(q),
        "total": None,
        "cursor": cursor,
        "next_cursor": following,
    }


@router.get("/organisations/{organisation_id}/people/new")
async def new(page: Keeper, organisation_id: UUID) -> Response:
    """The empty form."""
    return await _new_form(page, organisation_id, Form.of({"language": "de"}, language=page.language))


@router.post("/organisations/{organisation_id}/people/new")
async def enter(page: Keeper, organisation_id: UUID) -> Response:
    """Enter the person, or show what is wrong with everything that was typed."""
    form = await page.form()
    try:
        command = form.command(EnterPerson, lists=LISTS)
        async with page.transaction() as connection:
            await people.enter_person(
                connection,
                organisation_id,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        return await _new_form(page, organisation_id, form.refuse(error), error)
    return await page.go(
        _people_of(organisation_id), Text("Die Ansprechperson ist eingetragen.", "The contact person is entered.")
    )


async def _new_form(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
    page.caller.require(PERSON_KEEP, State(shown.organisation.responsible_state))
    return _form(
        page, form, error, organisation_id=organisation_id, title=ENTER, action=f"{path_of(organisation_id)}/people/new"
    )


@router.get("/people/{key}/edit")
async def edit(page: Keeper, key: UUID) -> Response:
    """The form with what is stored."""
    person = await _person(page, key)
    return _edit_form(page, person, _form_of(page, person))


@router.post("/people/{key}/edit")
async def change(page: Keeper, key: UUID) -> Response:
    """Store what was changed; on a version that is no longer current, show both."""
    form = await page.form()
    person = await _person(page, key)
    form = chosen(form, _form_of(page, person))
    try:
        async with page.transaction() as connection:
            await people.change_person(
                connection,
                key,
                _command(form),
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
                expected_version=version_of(form),
            )
    except StaleVersion:
        return await _conflict(page, key, form)
    except NordaError as error:
        return _edit_form(page, person, form.refuse(error), error)
    return await page.go(
        _people_of(person.organisation_id), Text("Die Angaben sind geändert.", "The data are changed.")
    )


@router.get("/people/{key}/remove")
async def removal(page: Keeper, key: UUID) -> Response:
    """The question before it."""
    return _ask(page, await _person(page, key))


@router.post("/people/{key}/remove")
async def remove(page: Keeper, key: UUID) -> Response:
    """Delete the record for good."""
    form = await page.form()
    person = await _person(page, key)
    try:
        async with page.transaction() as connection:
            await people.remove_person(
                connection,
                key,
                caller=page.caller,
                served=page.runtime.settings.states,
                expected_version=version_of(form),
            )
    except NordaError as error:
        return _ask(page, await _person(page, key), form.refuse(error), error)
    return await page.go(
        _people_of(person.organisation_id), Text("Die Ansprechperson ist gelöscht.", "The contact person is deleted.")
    )


async def _person(page: Page, key: UUID) -> Person:
    async with page.read() as connection:
        return await people.own_person(connection, key, caller=page.caller)


def _form_of(page: Page, person: Person) -> Form:
    return Form.of({name: getattr(person, name) for name in FIELDS}, language=page.language)


def _command(form: Form) -> ChangePerson:
    """Every field of the form; what was emptied is null. Raises InvalidInput."""
    filled = {name: form.values[name] for name in FIELDS if any(text.strip() for text in form.values.get(name, ()))}
    emptied: dict[str, object] = {name: [] if name in LISTS else None for name in FIELDS if name not in filled}
    return Form(filled, form.language).command(ChangePerson, lists=LISTS, **emptied)


def _edit_form(page: Page, person: Person, form: Form, error: NordaError | None = None) -> Response:
    return _form(
        page,
        form,
        error,
        organisation_id=person.organisation_id,
        title=CHANGE,
        action=f"{SEARCH}/{person.id}/edit",
        person=person,
    )


def _form(
    page: Page,
    form: Form,
    error: NordaError | None,
    *,
    organisation_id: UUID,
    title: Text,
    action: str,
    person: Person | None = None,
) -> Response:
    language = page.language
    return page.show(
        "person_form.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=_crumbs(organisation_id, title),
        fields={name: _field(form, name, language) for name in FIELDS},
        errors=form.summary,
        action=action,
        back=_people_of(organisation_id),
        version=(form.value("version") or person.version) if person else None,
        base=form.value(BASE) or form.packed(),
        restricted=person is not None and person.restricted_at is not None,
        objected=person is not None and person.objected_at is not None,
    )


def _field(form: Form, name: str, language: str) -> Any:
    """A field for the macros; checkboxes take several values and the codes that are stored stay among the choices."""
    hint = HINTS[name].in_language(language) if name in HINTS else ""
    options = [(code, text.in_language(language)) for code, text in CODES.get(name, {}).items()]
    options += [
        (code, code) for code in form.values.get(name, ()) if name in CODES and code and code not in CODES[name]
    ]
    field = form.field(name, FIELDS[name].in_language(language), hint=hint, required=name in NEEDED, options=options)
    if name not in LISTS:
        return field
    return {
        "name": name,
        "label": field.label,
        "hint": hint,
        "error": field.error,
        "required": field.required,
        "value": list(field.values),
        "options": options,
    }


async def _conflict(page: Page, key: UUID, form: Form) -> Response:
    person = await _person(page, key)
    stored, base = _form_of(page, person), form.base()
    return page.show(
        "conflict.html.jinja",
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=StaleVersion.status,
        crumbs=_crumbs(person.organisation_id, CHANGE),
        what=page.t("diese Ansprechperson", "this contact person"),
        rows=[
            Compared(
                name,
                FIELDS[name].in_language(page.language),
                _in_words(form, name),
                _in_words(stored, name),
                _in_words(base, name) if base else None,
            )
            for name in FIELDS
        ],
        action=f"{SEARCH}/{key}/edit",
        back=_people_of(person.organisation_id),
        version=person.version,
        base=stored.packed(),
        when=person.changed_at,
        kept=[(name, text) for name in FIELDS for text in form.values.get(name, ())],
    )


def _in_words(form: Form, name: str) -> str:
    values = [text for text in form.values.get(name, ()) if text]
    return words.labels(name, values, form.language) if name in CODES else ", ".join(values)


def _ask(page: Page, person: Person, form: Form | None = None, error: NordaError | None = None) -> Response:
    return page.show(
        "remove_person.html.jinja",
        title=REMOVE,
        status=error.status if error else 200,
        crumbs=_crumbs(person.organisation_id, REMOVE),
        errors=form.summary if form else [],
        person=person,
        action=f"{SEARCH}/{person.id}/remove",
        back=_people_of(person.organisation_id),
    )


def _crumbs(organisation_id: UUID, last: Text) -> list[tuple[Text, str | None]]:
    return [
        (Text("Übersicht", "Overview"), "/registry/"),
        (TITLE, LIST),
        (PEOPLE, _people_of(organisation_id)),
        (last, None),
    ]


def _people_of(organisation_id: UUID) -> str:
    return f"{path_of(organisation_id)}#ansprechpersonen"
