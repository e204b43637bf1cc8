"""Facets: by what organisations are told apart in lists, and which values of them one has. Pure.

A value stands in the directory as a term, the facet's letter and the value (`s:hb`, `c:BAT-02`). A term once written
means the same in every release; a new facet gets a new letter, and rows written before are read anew (`EDITION`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from norda_common.contracts.registry import Organisation

from .classifications import with_broader
from .profile import current_clusters

EDITION = 1
"""Of what is written into `directory.facets`; a row of another edition is read anew."""
UNKNOWN = "none"
"""Stands for organisations of which a single value is not known: district, size."""
MOST_CHOSEN = 40
"""So many values of one facet may be chosen at once."""
_DISTRICT_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Facet:
    """One facet; `name` is its parameter in addresses and its key in answers."""

    name: str
    letter: str

    def term(self, value: str) -> str:
        """The term of one of its values."""
        return f"{self.letter}:{value}"


STATE = Facet("state", "s")
DISTRICT = Facet("district", "d")
ACTIVITY = Facet("activity", "a")
COMPETENCE = Facet("competence", "c")
CLUSTER = Facet("cluster", "m")
SIZE = Facet("size", "z")
ROLE = Facet("role", "r")
KIND = Facet("kind", "k")
STATUS = Facet("status", "t")
FACETS = (STATE, DISTRICT, ACTIVITY, COMPETENCE, CLUSTER, SIZE, ROLE, KIND, STATUS)
BY_NAME = MappingProxyType({facet.name: facet for facet in FACETS})
BY_LETTER = MappingProxyType({facet.letter: facet for facet in FACETS})

Choice = Mapping[str, Sequence[str]]
"""The values chosen by the name of their facet: any of them, in all of the facets; others are absent."""


def normal(facet: str, value: str) -> str:
    """A value as terms have it, however it was typed."""
    text = value.strip()
    if facet in {COMPETENCE.name, CLUSTER.name}:
        return text.upper()
    if facet == ACTIVITY.name:
        edition, _, code = text.rpartition(":")
        return f"{edition.upper() or 'WZ2025'}:{code}"
    return text.lower()


def chosen(given: Mapping[str, Sequence[str]]) -> Choice:
    """The choice of what stands in an address: normalised, each value once, without empty facets."""
    values = {
        name: tuple(dict.fromkeys(normal(name, value) for value in given.get(name, ()) if value.strip()))[:MOST_CHOSEN]
        for name in BY_NAME
    }
    return {name: found for name, found in values.items() if found}


def terms(choice: Choice) -> dict[str, list[str]]:
    """The terms of a choice, by facet."""
    return {name: [BY_NAME[name].term(value) for value in values] for name, values in choice.items()}


def matches(choice: Choice, of: Sequence[str]) -> bool:
    """Whether an organisation with these terms is among what was chosen."""
    return all(any(term in of for term in wanted) for wanted in terms(choice).values())


def facets_of(organisation: Organisation) -> list[str]:
    """The terms of an organisation, each once."""
    return list(dict.fromkeys(_terms_of(organisation)))


def _terms_of(organisation: Organisation) -> Iterator[str]:
    yield f"s:{organisation.responsible_state}"
    yield f"k:{organisation.kind}"
    yield f"t:{organisation.status}"
    yield f"d:{(organisation.seat.ags or '')[:_DISTRICT_DIGITS] or UNKNOWN}"
    yield f"z:{organisation.size_class or UNKNOWN}"
    for activity in organisation.activities:
        for level in levels(activity.code):
            yield f"a:{activity.edition}:{level}"
    for code in with_broader(organisation.competences):
        yield f"c:{code}"
    for code in current_clusters(organisation.memberships):
        yield f"m:{code}"
    for role in organisation.roles:
        yield f"r:{role}"


def levels(code: str) -> list[str]:
    """Division and group of a WZ code: `29` and `29.3` of `29.32.0`; a division has no group."""
    division, _, rest = code.partition(".")
    return [division, f"{division}.{rest[0]}"] if rest else [division]


def is_broader(value: str) -> bool:
    """Whether an activity's value is a division, of which groups are parts."""
    return "." not in value
