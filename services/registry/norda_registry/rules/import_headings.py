"""Finding a table's heading, also of several rows with merged cells, and proposing what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .csv_reading import clean, legible
from .import_fields import BY_NAME, IGNORED, PERSON, PERSON_NAMES, by_heading
from .import_units import figure_field, folded

LOOKED_AT = 30
"""So many rows may stand above a table: titles, the day it was made."""
LONGEST_HEADING = 100


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its first and last row as the spreadsheet counts them, and a text per column."""

    first: int
    last: int
    texts: tuple[str, ...]

    @property
    def first_row(self) -> int:
        """The first row below it that can hold data."""
        return self.last + 1


def find_heading(rows: Sequence[tuple[int, Sequence[str]]]) -> Heading | None:
    """The heading among a sheet's first rows: where most is recognised, else the first row of several cells.

    None for a sheet without any row.
    """
    looked = rows[:LOOKED_AT]
    if not looked:
        return None
    possible = [heading_at(looked, place) for place in range(len(looked))]
    best = max(possible, key=lambda heading: (_recognised(heading), -heading.last))
    if _recognised(best):
        return best
    wide = max(_filled(cells) for _, cells in looked)
    full = (heading for heading, (_, cells) in zip(possible, looked, strict=True) if _filled(cells) * 2 > wide)
    return next(full, possible[0])


def heading_at(rows: Sequence[tuple[int, Sequence[str]]], place: int) -> Heading:
    """The heading whose last row is that one; a row of merged cells right above belongs to it."""
    number, cells = rows[place]
    lower = [_legible(cell) for cell in cells]
    upper = _group_row(rows, place)
    width = max(len(lower), len(upper))
    lower += [""] * (width - len(lower))
    texts, group = list[str](), ""
    for column in range(width):
        own = upper[column] if column < len(upper) else ""
        group = own or group
        if upper and lower[column]:
            texts.append(f"{group} {lower[column]}".strip() if group != lower[column] else group)
        else:
            texts.append(own or lower[column])
    while texts and not texts[-1]:
        texts.pop()
    return Heading(number - 1 if upper else number, number, tuple(_distinct(texts)))


def _group_row(rows: Sequence[tuple[int, Sequence[str]]], place: int) -> list[str]:
    """The row right above when it groups columns: several cells, of which some are merged, none of them data."""
    if place == 0 or rows[place - 1][0] != rows[place][0] - 1:
        return []
    above = [_legible(cell) for cell in rows[place - 1][1]]
    below = rows[place][1]
    gaps = sum(1 for column, cell in enumerate(below) if cell and (column >= len(above) or not above[column]))
    return above if _filled(above) >= 2 and gaps >= 1 else []


def _distinct(texts: Sequence[str]) -> list[str]:
    """Short, and each once: `Ort`, `Ort (2)`."""
    seen: dict[str, int] = {}
    found = []
    for text in texts:
        short = text[:LONGEST_HEADING]
        seen[short] = seen.get(short, 0) + 1
        found.append(short if seen[short] == 1 or not short else f"{short} ({seen[short]})")
    return found


def _legible(cell: str) -> str:
    """A heading's text, whatever else is in its cell."""
    return legible(clean(cell))


def _filled(cells: Sequence[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


def _recognised(heading: Heading) -> int:
    return len(set(map(meaning_of, heading.texts)) - {IGNORED})


def meaning_of(heading: str) -> str:
    """What a heading means, by itself or below a merged one: `Sitz PLZ`, `Umsatz in Mio. Euro (2024)`."""
    known = by_heading()
    text = folded(heading)
    if text in known:
        return known[text]
    if (figure := figure_field(text)) is not None:
        return figure
    words = [word for word in text.split() if not (len(word) == 4 and word.isdigit())]
    for first in range(len(words)):
        if (rest := " ".join(words[first:])) in known:
            return known[rest]
    return known.get(" ".join(words), IGNORED)


def propose(headings: Sequence[str], remembered: Mapping[str, str] | None = None) -> list[str]:
    """What each column means, each field once: as remembered of that heading, else by its words; empty for unknown."""
    earlier = {folded(heading): name for heading, name in (remembered or {}).items()}
    exact = by_heading()
    taken: set[str] = set()
    found = [IGNORED] * len(headings)

    def take(column: int, name: str) -> None:
        if name in BY_NAME and name not in taken and not found[column]:
            found[column] = name
            taken.add(name)

    for column, heading in enumerate(headings):
        take(column, earlier.get(folded(heading), IGNORED))
    decided = {column for column, heading in enumerate(headings) if folded(heading) in earlier}
    for column, heading in enumerate(headings):
        if column not in decided:
            take(column, exact.get(folded(heading), IGNORED))
    for column, heading in enumerate(headings):
        if column not in decided:
            take(column, meaning_of(heading))
    if not PERSON_NAMES & set(found):
        # A phone number alone is the company's, of which nothing is kept.
        found = [IGNORED if name in PERSON and column not in decided else name for column, name in enumerate(found)]
    return found


def same_headings(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two headings are the same but for case, blanks and the spelling of umlauts."""
    return [folded(text) for text in one] == [folded(text) for text in other]
