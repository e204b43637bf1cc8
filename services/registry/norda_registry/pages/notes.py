"""Notes of offices on an organisation: added, changed and deleted on pages of their own."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.states import State
from norda_common.web.forms import BASE, Compared, Form
from norda_common.web.pages import Page, page_for

from ..rules.notes import Visibility
from ..rules.rights import NOTE_WRITE, reads_note
from ..store import notes as store
from ..store.notes import Note
from ..usecases import notes
from ..usecases.commands import AddNote, ChangeNote
from . import texts
from .actions import Action
from .entering import chosen, path_of, version_of
from .organisations import Shown, find

router = APIRouter(prefix="/registry/organisations/{organisation_id}/notes")
Writer = Annotated[Page, page_for(NOTE_WRITE)]
ADD = Action("note_form.html.jinja", Text("Vermerk schreiben", "Write a note"), "notes/new")
FIELDS = ("kind", "visibility", "text")


@router.get("/new")
async def new_note(page: Writer, organisation_id: UUID) -> Response:
    """The empty form."""
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
    values = {"kind": "note", "visibility": Visibility.OFFICE.value}
    return _form(page, shown, Form.of(values, language=page.language))


@router.post("/new")
async def add_note(page: Writer, organisation_id: UUID) -> Response:
    """Add the note."""
    form = await page.form()
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
    try:
        command = form.command(AddNote)
        async with page.transaction() as connection:
            await notes.add_note(
                connection,
                organisation_id,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        return _form(page, shown, form.refuse(error), error=error)
    return await page.go(_notes_of(organisation_id), Text("Der Vermerk ist gespeichert.", "The note is stored."))


@router.get("/{note_id}/edit")
async def edit_note(page: Writer, organisation_id: UUID, note_id: UUID) -> Response:
    """The form with what the note says."""
    shown, note = await _note(page, organisation_id, note_id)
    return _form(page, shown, _form_of(page, note), note=note)


@router.post("/{note_id}/edit")
async def change_note(page: Writer, organisation_id: UUID, note_id: UUID) -> Response:
    """Store what was changed; on a version that is no longer current, show both."""
    form = await page.form()
    shown, note = await _note(page, organisation_id, note_id)
    form = chosen(form, _form_of(page, note))
    try:
        command = Form({name: form.values.get(name, ()) for name in FIELDS}, page.language).command(
            ChangeNote, text=form.value("text")
        )
        async with page.transaction() as connection:
            await notes.change_note(
                connection,
                organisation_id,
                note_id,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
                expected_version=version_of(form),
            )
    except StaleVersion:
        return await _conflict(page, organisation_id, note_id, form)
    except NordaError as error:
        return _form(page, shown, form.refuse(error), note=note, error=error)
    return await page.go(_notes_of(organisation_id), Text("Der Vermerk ist geändert.", "The note is changed."))


@router.get("/{note_id}/remove")
async def note_removal(page: Writer, organisation_id: UUID, note_id: UUID) -> Response:
    """The question before it."""
    shown, note = await _note(page, organisation_id, note_id)
    return _ask(page, shown, note)


@router.post("/{note_id}/remove")
async def remove_note(page: Writer, organisation_id: UUID, note_id: UUID) -> Response:
    """Delete the note for good."""
    form = await page.form()
    try:
        async with page.transaction() as connection:
            await notes.remove_note(
                connection,
                organisation_id,
                note_id,
                caller=page.caller,
                served=page.runtime.settings.states,
                expected_version=version_of(form),
            )
    except StaleVersion as error:
        shown, note = await _note(page, organisation_id, note_id)
        return _ask(page, shown, note, form.refuse(error), error)
    return await page.go(_notes_of(organisation_id), Text("Der Vermerk ist gelöscht.", "The note is deleted."))


async def _note(page: Page, organisation_id: UUID, note_id: UUID) -> tuple[Shown, Note]:
    """The note and its organisation. Raises NotFound for one the person may not know of, Forbidden for others'."""
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        note = await store.get(connection, organisation_id, note_id)
    if note is None or not reads_note(page.caller, note.state, note.visibility, note.author):
        raise NotFound("Diesen Vermerk gibt es nicht.", "There is no such note.")
    page.caller.require(NOTE_WRITE, State(note.state))
    return shown, note


def _form_of(page: Page, note: Note) -> Form:
    return Form.of({name: getattr(note, name) for name in FIELDS}, language=page.language)


def _form(
    page: Page, shown: Shown, form: Form, *, note: Note | None = None, error: NordaError | None = None
) -> Response:
    language = page.language
    title = Text("Vermerk ändern", "Change a note")
    action = Action("note_form.html.jinja", title, f"notes/{note.id}/edit") if note else ADD
    return action.show(
        page,
        shown,
        form,
        error,
        note_version=(form.value("version") or note.version) if note else None,
        base=form.value(BASE) or form.packed(),
        note_kinds=[(code, text.in_language(language)) for code, text in texts.NOTE_KINDS.items()],
        visibilities=[
            (code, f"{text.in_language(language)}: {texts.VISIBILITY_MEANS[code].in_language(language)}")
            for code, text in texts.VISIBILITIES.items()
        ],
    )


async def _conflict(page: Page, organisation_id: UUID, note_id: UUID, form: Form) -> Response:
    shown, note = await _note(page, organisation_id, note_id)
    stored, base = _form_of(page, note), form.base()
    words = {"kind": texts.NOTE_KINDS, "visibility": texts.VISIBILITIES, "text": {}}
    name = Text(shown.organisation.legal_name, shown.organisation.legal_name)
    return page.show(
        "conflict.html.jinja",
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=StaleVersion.status,
        crumbs=[(name, path_of(organisation_id)), (Text("Vermerk ändern", "Change a note"), None)],
        what=page.t("diesen Vermerk", "this note"),
        rows=[
            Compared(
                field,
                texts.field_label(field, page.language),
                texts.named(words[field], form.value(field), page.language),
                texts.named(words[field], stored.value(field), page.language),
                texts.named(words[field], base.value(field), page.language) if base else None,
            )
            for field in FIELDS
        ],
        action=f"{path_of(organisation_id)}/notes/{note_id}/edit",
        back=_notes_of(organisation_id),
        version=note.version,
        base=stored.packed(),
        when=note.changed_at,
        kept=[(field, form.value(field)) for field in FIELDS],
    )


def _ask(page: Page, shown: Shown, note: Note, form: Form | None = None, error: NordaError | None = None) -> Response:
    action = Action("remove_note.html.jinja", Text("Vermerk löschen", "Delete a note"), f"notes/{note.id}/remove")
    return action.show(page, shown, form or Form.of({}, language=page.language), error, note=note)


def _notes_of(organisation_id: UUID) -> str:
    return f"{path_of(organisation_id)}#vermerke"
