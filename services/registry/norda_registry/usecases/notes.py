"""Notes of offices on organisations of any state: who may know of one, who may change it.

What the caller may not know of is answered as if it were not there. Notes are never published, and the audit log says
their kind and for whom they are, before and after; of their text only that it was touched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Forbidden, NotFound, StaleVersion
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.notes import NoteKind, Visibility, check_note
from ..rules.rights import NOTE_READ, NOTE_WRITE, reads_note
from ..store import notes, searches
from ..store.notes import Note
from .commands import AddNote, ChangeNote
from .recording import no_such_organisation

ITEM = "note"
"""What the audit log calls a note."""
_ENTERED = ("kind", "visibility", "text")
_SAID = ("kind", "visibility", "version")


async def list_notes(
    connection: Connection, organisation_id: UUID, *, caller: Caller, before: object, limit: int
) -> Sequence[Note]:
    """The notes on an organisation that the caller may know of, newest first; `before` is a note's id, or None.

    Notes on those that became part of it are among them, and stay theirs: an undone merger leaves nothing behind.

    Raises Forbidden, and NotFound for an organisation that nobody has published.
    """
    caller.require_own_state(NOTE_READ)
    absorbed = await searches.absorbed_by(connection, organisation_id)
    if absorbed is None:
        raise no_such_organisation()
    found = await notes.newest(connection, organisation_id, absorbed=absorbed, before=before, limit=limit)
    return [note for note in found if _shown(caller, note)]


async def add_note(
    connection: Connection,
    organisation_id: UUID,
    command: AddNote,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Note:
    """Add a note of the caller's office. Raises NotFound, Forbidden, Conflict (state not served) and InvalidInput."""
    state = caller.require_served(NOTE_WRITE, served)
    if await searches.state_of(connection, organisation_id) is None:
        raise no_such_organisation()
    _check(command.kind, command.visibility)
    note = Note(
        id=new_id(),
        organisation_id=organisation_id,
        state=state,
        kind=command.kind,
        visibility=command.visibility,
        text=command.text,
        author=caller.subject,
        created_at=now,
        changed_at=now,
        version=1,
    )
    await notes.add(connection, [note])
    await audit.record(connection, caller, _entry("note.add", before=None, after=note))
    return note


async def add_notes(
    connection: Connection,
    texts: Sequence[tuple[UUID, str]],
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> list[Note | None]:
    """Add notes for the caller's own office on organisations that are known; None for what stands there already.

    Raises Forbidden and Conflict (state not served).
    """
    state = caller.require_served(NOTE_WRITE, served)
    there = await notes.present(connection, state, texts)
    added = [
        None
        if (organisation_id, text) in there
        else Note(
            id=new_id(),
            organisation_id=organisation_id,
            state=state,
            kind=NoteKind.NOTE,
            visibility=Visibility.OFFICE,
            text=text,
            author=caller.subject,
            created_at=now,
            changed_at=now,
            version=1,
        )
        for organisation_id, text in texts
    ]
    if new := [note for note in added if note is not None]:
        await notes.add(connection, new)
        await audit.record(connection, caller, *(_entry("note.add", before=None, after=note) for note in new))
    return added


async def take_back_notes(connection: Connection, keys: Sequence[UUID], *, caller: Caller) -> None:
    """Delete those of these notes that nobody has changed since they were added. Idempotent."""
    removed = await notes.remove_untouched(connection, keys) if keys else []
    await audit.record(connection, caller, *(_entry("note.remove", before=note, after=None) for note in removed))


async def change_note(
    connection: Connection,
    organisation_id: UUID,
    note_id: UUID,
    command: ChangeNote,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Note:
    """Change what the command gives; what changes nothing is no new version. Idempotent.

    Raises NotFound (also for what the caller may not know of), Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await _lock(
        connection, organisation_id, note_id, caller=caller, served=served, expected_version=expected_version
    )
    given = {name: value for name in _ENTERED if (value := getattr(command, name)) is not None}
    changed = replace(before, **given)
    if changed == before:
        return before
    _check(changed.kind, changed.visibility)
    if not _shown(caller, changed):
        raise Forbidden(
            "Vertraulich macht einen Vermerk nur, wer ihn geschrieben hat, oder die Leitung.",
            "Only its author and the head of office make a note confidential.",
            code="not_the_author",
        )
    changed = replace(changed, changed_at=now, version=before.version + 1)
    await notes.change(connection, changed)
    await audit.record(connection, caller, _entry("note.change", before=before, after=changed))
    return changed


async def remove_note(
    connection: Connection,
    organisation_id: UUID,
    note_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    expected_version: int | None = None,
) -> None:
    """Delete a note for good. Raises NotFound (also for what the caller may not know of), Forbidden, Conflict and
    StaleVersion.
    """
    note = await _lock(
        connection, organisation_id, note_id, caller=caller, served=served, expected_version=expected_version
    )
    await notes.remove(connection, note.id)
    await audit.record(connection, caller, _entry("note.remove", before=note, after=None))


async def _lock(
    connection: Connection,
    organisation_id: UUID,
    note_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    expected_version: int | None,
) -> Note:
    seen = await notes.get(connection, organisation_id, note_id)
    if seen is None or not _shown(caller, seen):
        raise _no_such_note()
    caller.require(NOTE_WRITE, seen.state)
    caller.require_served(NOTE_WRITE, served)
    note = await notes.lock(connection, organisation_id, note_id)
    if note is None or not _shown(caller, note):
        raise _no_such_note()
    if expected_version is not None and expected_version != note.version:
        raise StaleVersion(
            f"Inzwischen gilt Version {note.version}, Sie haben {expected_version} geändert.",
            f"Version {note.version} is current, you changed {expected_version}.",
            current_version=note.version,
        )
    return note


def _shown(caller: Caller, note: Note) -> bool:
    return reads_note(caller, note.state, note.visibility, note.author)


def _check(kind: NoteKind, visibility: Visibility) -> None:
    findings = Findings()
    check_note(kind, visibility, findings)
    findings.raise_errors()


def _entry(action: str, *, before: Note | None, after: Note | None) -> audit.Entry:
    """All that may be said of a new or a deleted note, else what differs."""
    note = after or before
    assert note is not None  # noqa: S101 - a note was added, changed or deleted
    old, new = (_said(side) if side else None for side in (before, after))
    if old is not None and new is not None:
        old, new = audit.difference(old, new)
    if before is None or after is None or before.text != after.text:
        new = (new or {}) | {"touched": ["text"]}
    return audit.Entry(action, ITEM, str(note.id), old, (new or {}) | {"organisation_id": str(note.organisation_id)})


def _said(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in _SAID}


def _no_such_note() -> NotFound:
    return NotFound("Diesen Vermerk gibt es nicht.", "There is no such note.")
