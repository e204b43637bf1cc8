"""What a row says that does not stand in the organisation's document: dated figures, a contact person, a note.

Persons and notes go the way of those that are entered by hand, so the same rules and the same erasure hold for them;
a plan keeps them as long as the rows themselves (forgetting.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.states import State

from ...rules.figures import Figure, FigureKind
from ...rules.import_people import PersonSaid
from ...rules.people import name_key, phone_key
from ...store import notes, people
from ...store.import_rows import Result
from ...store.imports import Import
from ..notes import add_notes, take_back_notes
from ..people import enter_people, take_back_people
from ..people_commands import EnterPerson, PersonTerms
from .rows import Desk, Row

Entered = dict[int, tuple[UUID | None, UUID | None]]
"""By row the contact person and the note it entered."""


@dataclass(frozen=True, slots=True)
class Further:
    """What a planned row says beside its document, of figures those of other days; `key` is what it is known by the
    next time, where no number recognises it.
    """

    figures: Sequence[tuple[str, str, int | None]] = ()
    """Kind, day and value."""
    person: PersonSaid | None = None
    note: str | None = None
    key: str | None = None
    without: Collection[str] = ()
    """The fields whose cells are left out."""

    def dated(self, found: Import, *, by: str, now: datetime) -> list[Figure]:
        """The figures as the import's source says them."""
        return [
            Figure(
                kind=FigureKind(kind),
                on=date.fromisoformat(on),
                source=found.source,
                value=value,
                recorded_at=now,
                recorded_by=by,
            )
            for kind, on, value in self.figures
        ]


NOTHING = Further()


def further_of(row: Row) -> Further:
    """What a row says beside its document."""
    said = row.planned.said if row.planned else ()
    if not (said or row.person or row.note or row.key or row.without):
        return NOTHING
    figures = [(figure.kind.value, figure.on.isoformat(), figure.value) for figure in said]
    return Further(figures, row.person, row.note, row.key.hex() if row.key else None, row.without)


def packed_further(further: Further) -> str | None:
    """As JSON; None for nothing."""
    if further is NOTHING:
        return None
    document: dict[str, Any] = {
        "figures": further.figures,
        "person": asdict(further.person) if further.person else None,
        "note": further.note,
        "key": further.key,
        "without": sorted(further.without),
    }
    said = {name: value for name, value in document.items() if value}
    return json.dumps(said, ensure_ascii=False) if said else None


def unpacked_further(text: str | None) -> Further:
    """What `packed_further` was given."""
    if not text:
        return NOTHING
    said = json.loads(text)
    person = said.get("person")
    return Further(
        [tuple(item) for item in said.get("figures", ())],
        PersonSaid(**person | {"roles": tuple(person["roles"])}) if person else None,
        said.get("note"),
        said.get("key"),
        said.get("without", ()),
    )


async def leave_out_known(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    """Note of the rows that are planned which contact person and note are new; what is there already stays as it is."""
    for row in rows:
        row.person = row.draft.person if desk.with_persons else None
        row.note = row.draft.note
    await _leave_out_persons(connection, [row for row in rows if row.person and row.before], desk)
    noted = [row for row in rows if row.note and row.before]
    if noted:
        there = await notes.present(connection, desk.state, [(_id(row), row.note or "") for row in noted])
        for row in noted:
            row.note = None if (_id(row), row.note or "") in there else row.note


async def _leave_out_persons(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    if not rows:
        return
    kept: dict[UUID, list[Any]] = {}
    for record in await people.known(connection, desk.state, [_id(row) for row in rows]):
        kept.setdefault(record["organisation_id"], []).append(record)
    for row in rows:
        person = row.person
        assert person is not None  # noqa: S101 - these rows name one
        phone = phone_key(person.phone) if person.phone else None
        for record in kept.get(_id(row), ()):
            # However name and number are written: next year's list writes them otherwise.
            same = (record["name_key"], record["phone_key"]) == (name_key(person.name), phone)
            if record["email_key"] == person.key if person.key else same:
                row.person = None
                if not same:
                    row.draft.findings.warn(
                        "person_name",
                        "person_known",
                        "ist mit dieser Adresse schon eingetragen und bleibt, wie sie ist",
                        "is entered with this address already and stays as they are",
                    )
                break


def _id(row: Row) -> UUID:
    assert row.before is not None  # noqa: S101 - the row means an organisation that is there
    return row.before.organisation.organisation_id


async def enter_further(
    connection: Connection,
    said: Sequence[tuple[int, UUID, Further]],
    found: Import,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Entered:
    """Enter contact persons and notes of rows (row, organisation): which came of each row."""
    persons = [(row, key, further.person) for row, key, further in said if further.person]
    noted = [(row, key, further.note) for row, key, further in said if further.note]
    entered: Entered = {}
    if persons and found.persons:
        terms = PersonTerms.model_validate_json(found.persons)
        commands = [(key, _command(person, terms, found.source)) for _, key, person in persons]
        made = await enter_people(connection, commands, caller=caller, served=served, now=now)
        entered |= {row: (one.id, None) for (row, _, _), one in zip(persons, made, strict=True) if one}
    if noted:
        texts = [(key, text) for _, key, text in noted]
        for (row, _, _), note in zip(
            noted, await add_notes(connection, texts, caller=caller, served=served, now=now), strict=True
        ):
            if note is not None:
                entered[row] = (entered.get(row, (None, None))[0], note.id)
    return entered


def _command(person: PersonSaid, terms: PersonTerms, source: str) -> EnterPerson:
    """As if somebody had typed it; what it holds has been checked."""
    return EnterPerson.model_construct(
        name=person.name, email=person.email, phone=person.phone, roles=person.roles, source=source, **dict(terms)
    )


async def take_back_further(connection: Connection, results: Sequence[Result], *, caller: Caller) -> None:
    """Delete the contact persons and notes that these rows entered, but for what somebody changed since."""
    await take_back_people(connection, [result.person for result in results if result.person], caller=caller)
    await take_back_notes(connection, [result.note for result in results if result.note], caller=caller)
