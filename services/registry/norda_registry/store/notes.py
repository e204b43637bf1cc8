"""Notes of offices on organisations. Policies pass over those the caller may not know of, in lists and locks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.states import State

from ..rules.notes import NoteKind, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note as stored; `author` is a pseudonymous subject."""

    id: UUID
    organisation_id: UUID
    state: State
    kind: NoteKind
    visibility: Visibility
    text: str
    author: str
    created_at: datetime
    changed_at: datetime
    version: int


_COLUMNS = "id, organisation_id, state, kind, visibility, text, author, created_at, changed_at, version"
_ONE = f"select {_COLUMNS} from note where id = $1 and organisation_id = $2"  # noqa: S608 - constants
_NEWEST = f"""
select {_COLUMNS} from note
 where organisation_id = any(array[$1::uuid] || $4::uuid[]) and ($2::uuid is null or id < $2) order by id desc limit $3
"""  # noqa: S608
_FOUND = f"""
select {_COLUMNS} from note where id = any (array(select notes_about($1, $2))) order by id desc
"""  # noqa: S608


async def newest(
    connection: Connection,
    organisation_id: UUID,
    *,
    absorbed: Sequence[UUID] = (),
    before: object = None,
    limit: int,
) -> Sequence[Note]:
    """Notes on the organisation and on those that became part of it, newest first; `before` is a note's id, or None."""
    rows = await connection.fetch(_NEWEST, organisation_id, before, limit, list(absorbed))
    return [_note(row) for row in rows]


async def found(connection: Connection, typed: str, *, limit: int) -> Sequence[Note]:
    """The newest notes that have these words, or their beginnings."""
    return [_note(row) for row in await connection.fetch(_FOUND, typed, limit)]


async def get(connection: Connection, organisation_id: UUID, note_id: UUID) -> Note | None:
    """The note on that organisation."""
    row = await connection.fetchrow(_ONE, note_id, organisation_id)
    return _note(row) if row else None


async def lock(connection: Connection, organisation_id: UUID, note_id: UUID) -> Note | None:
    """The same, its row locked until the transaction ends; None where the caller may not write it, either."""
    row = await connection.fetchrow(f"{_ONE} for update", note_id, organisation_id)
    return _note(row) if row else None


async def add(connection: Connection, notes: Sequence[Note]) -> None:
    """Store new notes."""
    await connection.execute(
        f"""insert into note ({_COLUMNS})
            select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                                 $8::timestamptz[], $9::timestamptz[], $10::bigint[])""",  # noqa: S608
        *([getattr(note, name) for note in notes] for name in _COLUMNS.split(", ")),
    )


async def present(connection: Connection, state: State, texts: Sequence[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Which of these texts that state's office has as notes on these organisations, of those the caller may know of."""
    rows = await connection.fetch(
        """select distinct organisation_id, text from unnest($2::uuid[], $3::text[]) as wanted(id, said)
             join note on organisation_id = wanted.id and text = wanted.said where state = $1""",
        state,
        [key for key, _ in texts],
        [text for _, text in texts],
    )
    return {(row["organisation_id"], row["text"]) for row in rows}


async def remove_untouched(connection: Connection, keys: Sequence[UUID]) -> list[Note]:
    """Delete those of these notes that are as they were added; they are given once more."""
    rows = await connection.fetch(
        f"delete from note where id = any($1) and version = 1 returning {_COLUMNS}",  # noqa: S608
        list(keys),
    )
    return [_note(row) for row in rows]


async def change(connection: Connection, note: Note) -> None:
    """Store what the note says now. The caller holds its lock."""
    await connection.execute(
        "update note set kind = $2, visibility = $3, text = $4, changed_at = $5, version = $6 where id = $1",
        note.id,
        note.kind,
        note.visibility,
        note.text,
        note.changed_at,
        note.version,
    )


async def remove(connection: Connection, note_id: UUID) -> bool:
    """Delete the note; whether there was one."""
    return affected(await connection.execute("delete from note where id = $1", note_id)) > 0


def _note(row: Record) -> Note:
    fields = dict(row)
    return Note(
        **fields
        | {
            "state": State(row["state"]),
            "kind": NoteKind(row["kind"]),
            "visibility": Visibility(row["visibility"]),
        }
    )
