"""How complete a profile is, and what is missing: the weights stand here, by kind of organisation.

PostgreSQL counts the same by `completeness_of` (migrations/0017_profile.sql), so that an office can list its profiles
by it; `tests/registry/test_profiles.py` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from norda_common.contracts.registry import Organisation

from .activities import NEW
from .profile import current_entry

_COMPANY = {
    "legal_form": 5, "register_entry": 10, "vat_id": 5, "address": 5, "ags": 5, "nuts": 3, "activities": 10,
    "competences": 12, "roles": 8, "value_chain": 5, "size_class": 7, "website": 7, "profile": 6, "name_en": 3,
    "profile_en": 6, "certificates": 3,
}  # fmt: skip
_BODY = {
    "legal_form": 10, "address": 10, "ags": 10, "nuts": 5, "roles": 10, "website": 20, "profile": 15, "name_en": 10,
    "profile_en": 10,
}  # fmt: skip
WEIGHTS: Mapping[str, Mapping[str, int]] = {
    "company": _COMPANY,
    "research": {**_BODY, "competences": 20, "activities": 5},
    "cluster": {**_BODY, "indicators": 20, "register_entry": 5},
    "association": {**_BODY, "indicators": 10, "register_entry": 5},
    "public_body": {name: weight for name, weight in _BODY.items() if name != "legal_form"},
}
"""What each part of a profile counts; the sum of a kind is its hundred per cent."""
_THERE: Mapping[str, Callable[[Organisation], bool]] = {
    "legal_form": lambda it: it.legal_form is not None,
    "register_entry": lambda it: current_entry(it) is not None,
    "vat_id": lambda it: it.vat_id is not None,
    "address": lambda it: None not in {it.seat.place, it.seat.postal_code, it.seat.street},
    "ags": lambda it: it.seat.ags is not None,
    "nuts": lambda it: it.seat.nuts is not None,
    "activities": lambda it: any(item.edition == NEW for item in it.activities),
    "competences": lambda it: bool(it.competences),
    "roles": lambda it: bool(it.roles),
    "value_chain": lambda it: it.value_chain is not None,
    "size_class": lambda it: it.size_class is not None,
    "website": lambda it: it.website is not None,
    "profile": lambda it: it.profile is not None,
    "name_en": lambda it: it.name_en is not None,
    "profile_en": lambda it: it.profile_en is not None,
    "certificates": lambda it: bool(it.certificates),
    "indicators": lambda it: bool(it.indicators),
}


@dataclass(frozen=True, slots=True)
class Completeness:
    """`percent` from 0 to 100; `missing` are the parts not there, the weightiest first, with what each would add."""

    percent: int
    missing: tuple[tuple[str, int], ...]


def weights_of(kind: str) -> Mapping[str, int]:
    """The weights of a kind; of one nobody knows here those of a public body."""
    return WEIGHTS.get(kind, WEIGHTS["public_body"])


def completeness(organisation: Organisation) -> Completeness:
    """How complete the organisation's profile is."""
    weights = weights_of(organisation.kind)
    whole = sum(weights.values())
    missing = [(name, weight) for name, weight in weights.items() if not _THERE[name](organisation)]
    there = whole - sum(weight for _, weight in missing)
    shown = sorted(missing, key=lambda item: (-item[1], item[0]))
    return Completeness(there * 100 // whole, tuple((name, weight * 100 // whole) for name, weight in shown))
