"""A row of an import on its way from cells to a plan, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from norda_common.states import State

from ...rules.cell_values import Draft
from ...rules.classifications import legal_form
from ...rules.fields import normalised
from ...rules.figures import Figure
from ...rules.findings import Refused
from ...rules.import_cells import PROFILE
from ...rules.import_people import PersonSaid
from ...rules.import_rows import Planned, claimed_numbers, natural_keys
from ...store.import_rows import Cells
from ...store.imports import Import
from ...store.matches import Match
from ...store.organisations import Stored

Number = tuple[str, str]


class Outcome(StrEnum):
    """What a row would do."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    """It seems to be an organisation that is known; a person decides."""
    FOREIGN = "foreign"
    """Another state's."""
    SKIPPED = "skipped"
    """Not wanted: only new ones, or only known ones, were asked for."""
    ERROR = "error"


class Decision(StrEnum):
    """What a person said about a row."""

    LEAVE_OUT = "leave_out"
    SAME = "same"
    """It is the organisation it seems to be."""
    OTHER = "other"
    """It is another one."""
    WITHOUT = "without"
    """It is taken without the cells that are at fault: these are kept (`Row.without`), beside what else is said."""


class Mode(StrEnum):
    """Which rows are wanted."""

    BOTH = "both"
    CREATE = "create"
    UPDATE = "update"


@dataclass(slots=True)
class Row:
    """A row with its keys, and what it was matched to."""

    draft: Draft
    fields: dict[str, Any] = field(default_factory=dict)
    keys: list[Number] = field(default_factory=list)
    claimed: list[Number] = field(default_factory=list)
    outcome: Outcome | None = None
    match: Match | None = None
    before: Stored | None = None
    email: str | None = None
    planned: Planned | None = None
    suspected: UUID | None = None
    doubted: Match | None = None
    """Who has its own id, and quite another name."""
    known: Sequence[Figure] = ()
    """The dated figures of `before`, where the row says other ones."""
    person: PersonSaid | None = None
    note: str | None = None
    """The contact person and the note that are to be entered."""
    new_id: UUID | None = None
    """Of a new organisation, where it has been planned before: the id that was shown."""
    without: Collection[str] = ()
    """The fields whose cells are at fault and left out, because somebody said so."""
    name_hash: int | None = None
    key: bytes | None = None
    """By what it is known the next time, for a row that no number recognises."""

    @property
    def numbers(self) -> list[Number]:
        """The numbers by which it is recognised, the strongest first."""
        own_id = self.draft.given.get("own_id")
        return [*self.keys, *([("own", own_id)] if own_id else [])]


def row_of(draft: Draft) -> Row:
    """The row with its fields in their normal form; faults are in its findings. Pure."""
    _leave_out_unknown_form(draft)
    fields = normalised(draft.given, draft.findings)
    fields |= {name: draft.given[name] for name in PROFILE if name in draft.given}
    return Row(draft, fields, natural_keys(fields), claimed_numbers(fields))


def _leave_out_unknown_form(draft: Draft) -> None:
    """A legal form that nobody knows keeps no row from being taken: it is said, and the field stays as it is."""
    text = draft.given.get("legal_form")
    if text is None:
        return
    try:
        legal_form(text)
    except Refused as refusal:
        del draft.given["legal_form"]
        draft.findings.warn(
            "legal_form",
            refusal.code,
            f"„{text[:60]}“ ist keine bekannte Rechtsform; das Feld bleibt, wie es ist",
            f"“{text[:60]}” is no known legal form; the field stays as it is",
        )


@dataclass(slots=True)
class Desk:
    """For whom and when an import is planned, and what it has seen so far."""

    state: State
    now: datetime
    today: date
    staged: bool = False
    """Rows need no number, and somebody decides about those that seem to be known by name."""
    mode: Mode = Mode.BOTH
    source: str = ""
    """Whose list it is."""
    remembers: bool = True
    """Whether anything is known of the source's rows."""
    by: str = ""
    """Who planned it."""
    suspecting: bool = False
    """Rows that no number recognises are looked for by name."""
    with_persons: bool = False
    """Whether somebody said why its contact persons are kept."""
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    without: Mapping[int, Collection[str]] = field(default_factory=dict)
    """By row the fields whose cells are left out."""
    found: Import | None = None
    read: Callable[[Sequence[Cells], Import], list[Row]] = lambda *_: []
    """Reads rows of the import once more."""
    seen: dict[int, int] = field(default_factory=dict)
    """Hash of a number to the row that had it first: a hundred thousand rows take some forty megabytes."""
