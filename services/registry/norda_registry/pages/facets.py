"""Facets as a list's page shows them: names and values in words, counts, what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from norda_common.errors import Text

from ..rules.activities import title_of
from ..rules.districts import districts
from ..rules.facets import (
    ACTIVITY,
    CLUSTER,
    COMPETENCE,
    DISTRICT,
    FACETS,
    KIND,
    ROLE,
    SIZE,
    STATE,
    STATUS,
    UNKNOWN,
    Choice,
    Facet,
    is_broader,
)
from ..usecases.searching import Counted
from . import texts
from .texts import KINDS, ROLES, SIZES, STATUSES, named

MOST_SHOWN = 12
"""So many values of a facet stand on the page, those of most organisations, and all that are chosen."""
NAMES: Mapping[str, Text] = {
    STATE.name: Text("Land", "State"),
    DISTRICT.name: Text("Kreis", "District"),
    ACTIVITY.name: Text("Wirtschaftszweig", "Economic activity"),
    COMPETENCE.name: Text("Kompetenz", "Competence"),
    CLUSTER.name: Text("Cluster", "Cluster"),
    SIZE.name: Text("Größenklasse", "Size class"),
    ROLE.name: Text("Rolle", "Role"),
    KIND.name: Text("Art", "Kind"),
    STATUS.name: Text("Status", "Status"),
}
_NOT_KNOWN = Text("nicht bekannt", "not known")


@dataclass(frozen=True, slots=True)
class Value:
    """One value: `count` in words, a number or `mehr als` one."""

    value: str
    label: str
    count: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A facet: the values on the page, how many are chosen, and how many more there are."""

    name: str
    label: str
    values: Sequence[Value]
    chosen: int
    more: int


def shown(
    counts: Mapping[str, Mapping[str, Counted]], choice: Choice, *, language: str, number: Callable[[int], str]
) -> list[Shown]:
    """All facets of which there is something to choose."""
    found = [_facet(facet, counts.get(facet.name, {}), choice, language, number) for facet in FACETS]
    return [facet for facet in found if facet.values]


def _facet(
    facet: Facet, counts: Mapping[str, Counted], choice: Choice, language: str, number: Callable[[int], str]
) -> Shown:
    chosen = choice.get(facet.name, ())
    ordered = sorted(counts, key=lambda value: (-counts[value].number, value))
    kept = [value for place, value in enumerate(ordered) if place < MOST_SHOWN or value in chosen]
    return Shown(
        name=facet.name,
        label=NAMES[facet.name].in_language(language),
        values=[
            Value(value, label(facet, value, language), in_words(counts[value], language, number), value in chosen)
            for value in kept
        ],
        chosen=len(chosen),
        more=len(ordered) - len(kept),
    )


def in_words(counted: Counted, language: str, number: Callable[[int], str]) -> str:
    """A count as it may be said: exactly, or more than so many; of nothing counted nothing is said."""
    if counted.exact:
        return number(counted.number)
    more = Text("mehr als", "more than").in_language(language)
    return f"{more} {number(counted.number - 1)}" if counted.number > 1 else "?"


def label(facet: Facet, value: str, language: str) -> str:
    """A value in words; a code that nobody here knows stands for itself."""
    if value == UNKNOWN:
        return _NOT_KNOWN.in_language(language)
    if facet == DISTRICT:
        district = districts().get(value)
        return district.label if district else f"AGS {value}"
    if facet == ACTIVITY:
        return _activity(value)
    if facet == COMPETENCE:
        return texts.competence_label(value, language)
    known = {STATE: None, KIND: KINDS, SIZE: SIZES, STATUS: STATUSES, ROLE: ROLES}.get(facet)
    if facet == STATE:
        return texts.STATES.get(value, value)
    return named(known, value, language) if known else value


@cache
def _activity(value: str) -> str:
    """`29.3 Herstellung von Teilen ... (WZ2025)`; titles are German, as their publisher has them."""
    edition, _, code = value.partition(":")
    title = title_of(edition, code)
    if not title:
        return value
    return f"{code if is_broader(value) else f'– {code}'} {title} ({edition})"
