"""Reconciliation (W3C community group, Reconciliation Service API v0.2): types, properties, scores. Pure.

A candidate found by a number that is nobody else's is certain. Others are scored by their names, and by what else was
asked; one of them is said to match when it is nearly the same and no other one comes near.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Organisation
from norda_common.errors import Text

from .code_lists import legal_forms
from .company_names import CompanyName, company_name
from .names import fold
from .profile import current_clusters, current_entry
from .search import similarity

ANY_TYPE = "organisation"
TYPES: Mapping[str, Text] = {
    ANY_TYPE: Text("Organisation", "Organisation"),
    "company": Text("Unternehmen", "Company"),
    "cluster": Text("Cluster", "Cluster"),
    "research": Text("Forschungseinrichtung", "Research institution"),
    "association": Text("Verband", "Association"),
    "public_body": Text("Öffentliche Stelle", "Public body"),
}
CERTAIN = 100.0
NUMBER_OF_SEVERAL = 80.0
MATCHES_FROM = 90.0
AHEAD_BY = 8.0
WEIGHT_OF_NAME = 0.75
"""Of the score where other properties were asked, too."""
FORMER_NAME_COUNTS = 0.95
LEAST_SCORE = 35.0
MOST_CANDIDATES = 25

Values = Callable[[Organisation], Iterable[str | None]]


@dataclass(frozen=True, slots=True)
class Property:
    """What can be asked and fetched. `identifies`: a number, by which the organisation is looked up."""

    id: str
    label: Text
    values: Values
    identifies: bool = False


def _entries(organisation: Organisation) -> Iterable[str]:
    for entry in organisation.register_entries:
        former = f" (früher {entry.former_court})" if entry.former_court else ""
        suffix = f" {entry.suffix}" if entry.suffix else ""
        yield f"{entry.court} {entry.type} {entry.number}{suffix}{former}"


def _euids(organisation: Organisation) -> Iterable[str | None]:
    entry = current_entry(organisation)
    return [entry.euid] if entry else []


def _form(organisation: Organisation) -> Iterable[str | None]:
    form = legal_forms().get(organisation.legal_form or "")
    return [form.label if form else organisation.legal_form]


def _competences(organisation: Organisation) -> Iterable[str]:
    for code in organisation.competences:
        known = competences().get(code)
        yield f"{known.label.de} ({code})" if known else code


PROPERTIES: Mapping[str, Property] = {
    item.id: item
    for item in (
        Property("place", Text("Ort", "Place"), lambda it: [it.seat.place]),
        Property("postal_code", Text("Postleitzahl", "Postal code"), lambda it: [it.seat.postal_code]),
        Property("street", Text("Straße", "Street"), lambda it: [it.seat.street]),
        Property("state", Text("Bundesland (ISO 3166-2)", "Federal state (ISO 3166-2)"), lambda it: [it.seat.state]),
        Property("ags", Text("Gemeindeschlüssel", "Municipality key"), lambda it: [it.seat.ags]),
        Property("vat_id", Text("USt-IdNr.", "VAT number"), lambda it: [it.vat_id], identifies=True),
        Property("widnr", Text("W-IdNr.", "Business id (W-IdNr)"), lambda it: [it.widnr], identifies=True),
        Property("lei", Text("LEI", "LEI"), lambda it: [it.lei], identifies=True),
        Property("euid", Text("EUID", "EUID"), _euids, identifies=True),
        Property("register_entry", Text("Registereintrag", "Register entry"), _entries, identifies=True),
        Property("own_id", Text("Eigene Kennung", "Own id"), lambda it: [it.own_id], identifies=True),
        Property("legal_form", Text("Rechtsform", "Legal form"), _form),
        Property(
            "former_name", Text("Früherer Name", "Former name"), lambda it: [n.legal_name for n in it.former_names]
        ),
        Property("name_en", Text("Englischer Name", "English name"), lambda it: [it.name_en]),
        Property("kind", Text("Art", "Kind"), lambda it: [it.kind]),
        Property("role", Text("Rolle", "Role"), lambda it: it.roles),
        Property("status", Text("Status", "Status"), lambda it: [it.status]),
        Property("size_class", Text("Größenklasse", "Size class"), lambda it: [it.size_class]),
        Property(
            "activity",
            Text("Wirtschaftszweig", "Economic activity"),
            lambda it: [f"{a.edition} {a.code}" for a in it.activities],
        ),
        Property("competence", Text("Kompetenz", "Competence"), _competences),
        Property("cluster", Text("Cluster", "Cluster"), lambda it: current_clusters(it.memberships)),
        Property("website", Text("Website", "Website"), lambda it: [it.website]),
    )
}
"""By id; the ids are published."""


def values_of(property_id: str, organisation: Organisation) -> list[str]:
    """A property's values; of one that nobody knows none."""
    known = PROPERTIES.get(property_id)
    return [value for value in known.values(organisation) if value] if known else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: a name, types of which one has to fit, and property values by their ids."""

    name: str = ""
    types: Sequence[str] = ()
    limit: int = 5
    properties: Sequence[tuple[str, tuple[str, ...]]] = ()

    @property
    def numbers(self) -> list[str]:
        """What may identify an organisation: numbers among the properties, and the name, should it be one."""
        found = [
            value
            for key, values in self.properties
            if key in PROPERTIES and PROPERTIES[key].identifies
            for value in values
        ]
        return [value for value in (*found, self.name) if value.strip()]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An organisation that may be meant, with its score (0 to 100) and what it is made of."""

    organisation: Organisation
    score: float
    match: bool
    features: Mapping[str, float | bool]


def ranked(query: Query, found: Sequence[Organisation], identified: Sequence[Organisation]) -> list[Candidate]:
    """The candidates, the best first, at most as many as were asked for."""
    certain = {item.organisation_id for item in identified}
    several = len(certain) > 1
    scored: dict[object, Candidate] = {}
    for organisation in (*identified, *found):
        features = features_of(query, organisation)
        by_number = organisation.organisation_id in certain
        # A number that several have, a bare register number for example, leaves the name to decide.
        sure = by_number and not several
        score = CERTAIN if sure else max(score_of(query, features), NUMBER_OF_SEVERAL if by_number else 0.0)
        features = {**features, "number": by_number}
        scored.setdefault(organisation.organisation_id, Candidate(organisation, round(score, 1), False, features))
    ordered = sorted(
        (item for item in scored.values() if item.score >= LEAST_SCORE),
        key=lambda item: (-item.score, item.organisation.status != "active", fold(item.organisation.legal_name)),
    )
    if ordered and _stands_out(ordered) and not _contradicts(query, ordered[0]):
        first = ordered[0]
        ordered[0] = Candidate(first.organisation, first.score, True, first.features)
    return ordered[: query.limit]


def _stands_out(ordered: Sequence[Candidate]) -> bool:
    if ordered[0].score < MATCHES_FROM:
        return False
    return len(ordered) == 1 or ordered[0].score - ordered[1].score >= AHEAD_BY


def _contradicts(query: Query, candidate: Candidate) -> bool:
    """Whether the names tell two companies apart, however alike they look: `Logistik 1`, `Werft Nord`, `Weser AG`."""
    if candidate.score >= CERTAIN and candidate.features.get("number"):
        return False
    wanted, it = company_name(query.name), candidate.organisation
    known = [
        company_name(name) for name in (it.legal_name, it.name_en, *(old.legal_name for old in it.former_names)) if name
    ]
    return not any(_may_be(wanted, name) for name in known)


def _may_be(wanted: CompanyName, name: CompanyName) -> bool:
    same = (wanted.numbers, wanted.directions, wanted.letters) == (name.numbers, name.directions, name.letters)
    return same and (not wanted.form or not name.form or wanted.form == name.form)


def features_of(query: Query, organisation: Organisation) -> dict[str, float | bool]:
    """How alike the names are (0 to 1), and of each property whether one of its values is the same."""
    features: dict[str, float | bool] = {}
    if query.name:
        wanted = bare_name(query.name)
        former = [
            similarity(wanted, bare_name(old.legal_name)) * FORMER_NAME_COUNTS for old in organisation.former_names
        ]
        english = [similarity(wanted, bare_name(organisation.name_en))] if organisation.name_en else []
        features["name"] = round(max([similarity(wanted, bare_name(organisation.legal_name)), *former, *english]), 3)
    for key, values in query.properties:
        if key in PROPERTIES and values:
            features[key] = _agrees(key, values, organisation)
    return features


def _agrees(key: str, values: Sequence[str], organisation: Organisation) -> bool:
    known = {_plain(value) for value in values_of(key, organisation)}
    wanted = {_plain(value) for value in values}
    if key in {"competence", "activity", "register_entry", "place"}:
        # A code within its label, a number without its court, `Bremen` for `Bremen-Neustadt`.
        return any(one in other or other in one for one in wanted for other in known)
    return bool(known & wanted)


def _plain(value: str) -> str:
    return fold(value).replace(" ", "")


def score_of(query: Query, features: Mapping[str, float | bool]) -> float:
    """The score that features make."""
    others = [bool(value) for key, value in features.items() if key != "name"]
    name = float(features.get("name", 0.0))
    if not others:
        return 100 * name
    agreeing = sum(others) / len(others)
    return 100 * (WEIGHT_OF_NAME * name + (1 - WEIGHT_OF_NAME) * agreeing) if query.name else 70 * agreeing


def bare_name(name: str) -> str:
    """The folded name without its legal form, or all of it where nothing else is there."""
    words = fold(name).split()
    kept = [word for word in words if word not in form_words()]
    return " ".join(kept or words)


_NAMING = frozenset({
    "stiftung", "nicht", "privaten", "gemeinnuetzig", "gemeinnuetzige", "wirtschaftliche", "wirtschaftlicher",
    "interessenvereinigung", "gegenseitigkeit", "kraft", "verleihung", "einzelfirma", "rechtsfaehig", "rechtsfaehige",
    "rechtsfaehiger", "altrechtlich", "altrechtlicher",
})  # fmt: skip
"""Words of legal forms that may be all that tells an organisation from others."""


@cache
def form_words() -> frozenset[str]:
    """Words that legal forms are made of: `gmbh`, `co`, `kg`, `und`, ..."""
    spelled = " ".join(spelling for form in legal_forms().values() for spelling in (form.label, *form.spellings))
    return (
        frozenset(fold(spelled).split())
        | frozenset(fold(re.sub(r"[.\s]", "", spelled)).split())
        | {"mbh", "ev", "ek", "eg"}
    ) - _NAMING


def of_types(types: Sequence[str]) -> list[str] | None:
    """The kinds of organisations that types mean: none for any; None when no type is known here."""
    if not types or ANY_TYPE in types:
        return []
    known = [item for item in types if item in TYPES]
    return known or None


def described(organisation: Organisation) -> str:
    """What sets it apart from namesakes: its seat and register entry."""
    entry = current_entry(organisation)
    number = f"{entry.court} {entry.type} {entry.number} {entry.suffix}".strip() if entry else ""
    place = " ".join(part for part in (organisation.seat.postal_code, organisation.seat.place) if part)
    return ", ".join(part for part in (place, number) if part)
