"""What rows of an import change and add, in words, and what can be decided about many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from norda_common.errors import Text
from norda_common.web.site import day_in, money_in, number_in

from ..usecases.imports.rows import Outcome
from ..usecases.imports.showing import ShownRow
from . import texts
from .organisation_words import differences, said_of_new
from .people_words import labels

PERSON = Text("Ansprechperson", "Contact person")
NOTE = Text("Vermerk", "Note")
NOTE_SHOWN = 200
_FIGURES = {"employees": "employees", "turnover": "turnover_cents", "balance": "balance_cents"}


def changes(row: ShownRow, language: str) -> list[tuple[str, str | None, str | None]]:
    """What the row changes and adds, in words: (field, before, after)."""
    return [*_differences(row, language), *_further(row, language)]


def _further(row: ShownRow, language: str) -> list[tuple[str, str | None, str | None]]:
    """What it adds beside the record: dated figures, a contact person, a note."""
    found: list[tuple[str, str | None, str | None]] = []
    for kind, on, value in row.further.figures:
        name, money = _FIGURES[kind], kind != "employees"
        label = texts.named(texts.FIELDS, "employees" if not money else f"{kind}_eur", language)
        old, new = getattr(row.old_figures, name), getattr(row.figures, name)
        before = _figure(old, language, money=money) if row.before and old != new else None
        said = _figure(value, language, money=money) or Text("unbekannt", "unknown").in_language(language)
        found.append((f"{label} ({day_in(language, date.fromisoformat(on))})", before, said))
    if person := row.further.person:
        parts = [person.name, labels("roles", person.roles, language), person.email, person.phone]
        found.append((PERSON.in_language(language), None, ", ".join(filter(None, parts))))
    if note := row.further.note:
        found.append((NOTE.in_language(language), None, note if len(note) <= NOTE_SHOWN else f"{note[:NOTE_SHOWN]}…"))
    return found


def _differences(row: ShownRow, language: str) -> list[tuple[str, str | None, str | None]]:
    if row.after is None or (row.before is None and row.outcome != Outcome.CREATE):
        return []
    found: list[tuple[str, str | None, str | None]]
    if row.before is None:
        found = [(label, None, value) for label, value in said_of_new(row.after, language)]
    else:
        found = differences(row.before, row.after, language)
    dated = {_FIGURES[kind] for kind, _, _ in row.further.figures}
    for kind, name in _FIGURES.items():
        old, new = getattr(row.old_figures, name), getattr(row.figures, name)
        if old != new and name not in dated:
            label = texts.named(texts.FIELDS, kind if kind == "employees" else f"{kind}_eur", language)
            shown = [_figure(value, language, money=kind != "employees") for value in (old, new)]
            found.append((label, shown[0], shown[1]))
    if row.email:
        new = Text("eine Adresse", "an address"), Text("andere Adresse", "another address")
        changed = new[row.before is not None].in_language(language)
        found.append((texts.named(texts.FIELDS, "contact_email", language), None, changed))
    return found


def _figure(value: int | None, language: str, *, money: bool) -> str | None:
    if value is None:
        return None
    return money_in(language, value) if money else number_in(language, value)


def bulk(rows: Sequence[ShownRow], outcomes: Mapping[str, int], only: str, *, number: int | None) -> dict[str, Any]:
    """What can be decided at once: of undecided suspects that are shown, of all of them, of all narrowed to."""
    return {
        "shown": [row.row for row in rows if row.outcome == Outcome.DUPLICATE and not row.left_out],
        "duplicates": outcomes.get("duplicate", 0),
        "only": only if only in {"create", "change"} else "",
        "narrowed": number or 0,
        "left_out": outcomes.get("left_out", 0),
        "faulty": any(row.spares_cells for row in rows),
    }
