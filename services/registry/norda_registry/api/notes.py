"""Notes of offices on an organisation: what the caller may not know of is nowhere in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Response
from norda_common.auth import Caller
from norda_common.requests import Cursor, ExpectedVersion, Limit, etag, read_cursor, write_cursor
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.notes import NoteKind, Visibility
from ..rules.rights import NOTE_READ, NOTE_WRITE
from ..store.notes import Note
from ..usecases import notes
from ..usecases.commands import AddNote, ChangeNote

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}/notes", tags=["notes"])
Writer = Annotated[Caller, caller_with(NOTE_WRITE)]

_ADD = {
    "visit": {
        "summary": "A visit, for the alliance's staff",
        "value": {
            "kind": "visit",
            "visibility": "alliance",
            "text": "Werksbesuch: sucht Partner für Hochvoltspeicher.\nErwartet einen Vorschlag bis Ende Januar.",
        },
    },
    "settlement case": {
        "summary": "A settlement case, for the author and the head of office",
        "value": {
            "kind": "settlement_case",
            "visibility": "confidential",
            "text": "Prüft einen zweiten Standort mit 120 Arbeitsplätzen; Entscheidung im zweiten Quartal.",
        },
    },
}
_CHANGE = {
    "text": {"summary": "Other words", "value": {"text": "Werksbesuch: Partner gefunden, Vorschlag nicht mehr nötig."}},
    "visibility": {"summary": "For the own office alone", "value": {"visibility": "office"}},
}


class NoteView(BaseModel):
    """A note. `version` is the ETag; `author` is a pseudonymous subject of that state's office."""

    id: UUID
    organisation_id: UUID
    state: str
    kind: NoteKind
    visibility: Visibility
    text: str
    author: str
    created_at: datetime
    changed_at: datetime
    version: int


class NotePage(BaseModel):
    """Notes, newest first; `next_cursor` is absent on the last page."""

    items: list[NoteView]
    next_cursor: str | None = Field(default=None)


@router.get("", summary="Read the notes", response_model_exclude_none=True)
async def list_notes(
    organisation_id: UUID,
    caller: Annotated[Caller, caller_with(NOTE_READ)],
    runtime: RuntimeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> NotePage:
    """Notes of all states for the alliance, of the own office, and the own confidential ones; the head reads all."""
    before = read_cursor(cursor, UUID)[0] if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await notes.list_notes(connection, organisation_id, caller=caller, before=before, limit=limit + 1)
    return NotePage(
        items=[_view(note) for note in found[:limit]],
        next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@router.post("", status_code=201, summary="Add a note")
async def add_note(
    organisation_id: UUID,
    command: Annotated[AddNote, Body(openapi_examples=_ADD)],
    caller: Writer,
    runtime: RuntimeDep,
    response: Response,
) -> NoteView:
    """A note of the caller's office, on an organisation of any state. It stays with that office when it moves."""
    async with runtime.database.transaction(caller) as connection:
        note = await notes.add_note(
            connection,
            organisation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    response.headers["ETag"] = etag(note.version)
    return _view(note)


@router.patch("/{note_id}", summary="Change a note")
async def change_note(
    organisation_id: UUID,
    note_id: UUID,
    command: Annotated[ChangeNote, Body(openapi_examples=_CHANGE)],
    caller: Writer,
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> NoteView:
    """Change the given fields of a note of the own office. 412 for a stale `If-Match`, 404 for what one may not see."""
    async with runtime.database.transaction(caller) as connection:
        note = await notes.change_note(
            connection,
            organisation_id,
            note_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=expected_version,
        )
    response.headers["ETag"] = etag(note.version)
    return _view(note)


@router.delete("/{note_id}", status_code=204, summary="Remove a note")
async def remove_note(
    organisation_id: UUID,
    note_id: UUID,
    caller: Writer,
    runtime: RuntimeDep,
    expected_version: ExpectedVersion,
) -> None:
    """Delete a note of the own office for good. 412 for a stale `If-Match`, 404 for what one may not see."""
    async with runtime.database.transaction(caller) as connection:
        await notes.remove_note(
            connection,
            organisation_id,
            note_id,
            caller=caller,
            served=runtime.settings.states,
            expected_version=expected_version,
        )


def _view(note: Note) -> NoteView:
    return NoteView.model_validate(note, from_attributes=True)
