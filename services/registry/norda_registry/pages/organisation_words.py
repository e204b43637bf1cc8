"""An organisation in words: its fields as a person reads them, and what changed from one version to the next."""

from __future__ import annotations

from norda_common.contracts.model import EventData
from norda_common.contracts.registry import Certificate, Indicator, Membership, Organisation
from norda_common.errors import Text
from norda_common.web.site import day_in, instant_in, number_in

from .texts import (
    FIELDS,
    INDICATORS,
    KINDS,
    LINKS,
    MEMBERSHIPS,
    ROLES,
    SIZES,
    STATES,
    STATUSES,
    VALUE_CHAIN,
    address_line,
    competence_label,
    entry_line,
    legal_form_label,
    named,
    span,
)

_SEVERAL = frozenset(
    {"sites", "register_entries", "activities", "competences", "memberships", "former_names", "former_legal_forms",
     "former_seats", "roles", "certificates", "links", "indicators"}
)  # fmt: skip
"""Fields of which an organisation may have several; each is added or removed by itself."""


def differences(before: Organisation, after: Organisation, language: str) -> list[tuple[str, str | None, str | None]]:
    """What changed from one version to the next: (field, before, after) in words."""
    old, new = _in_words(before, language), _in_words(after, language)
    found: list[tuple[str, str | None, str | None]] = []
    for name, values in new.items():
        label = named(FIELDS, name, language)
        if name in _SEVERAL:
            found += [(label, value, None) for value in old[name] if value not in values]
            found += [(label, None, value) for value in values if value not in old[name]]
        elif old[name] != values:
            found.append((label, next(iter(old[name]), None), next(iter(values), None)))
    return found


def said_of_new(organisation: Organisation, language: str) -> list[tuple[str, str]]:
    """What is said of an organisation that is to be entered, beside its name: (field, value) in words."""
    words = _in_words(organisation, language)
    taken = {"legal_name", "status"}
    return [
        (named(FIELDS, name, language), value)
        for name, several in words.items()
        for value in several
        if name not in taken
    ]


def in_words(organisation: Organisation, language: str) -> dict[str, list[str]]:
    """Each field's values as a person reads them, also of fields without words of their own; an empty one has none."""
    words = _in_words(organisation, language)
    for name, value in organisation:
        if name not in words and value:
            several = value if isinstance(value, tuple) else (value,)
            words[name] = [_plainly(item) for item in several]
    return words


def _plainly(value: object) -> str:
    if isinstance(value, EventData):
        return " ".join(str(part) for _, part in value if part is not None)
    return str(value)


def _in_words(organisation: Organisation, language: str) -> dict[str, list[str]]:
    """Each field's values as a person reads them; an empty field has none."""
    seat = organisation.seat
    codes = ", ".join(part for part in (seat.ags and f"AGS {seat.ags}", seat.nuts and f"NUTS {seat.nuts}") if part)
    single = {
        "legal_name": organisation.legal_name,
        "status": named(STATUSES, organisation.status, language),
        "kind": named(KINDS, organisation.kind, language),
        "responsible_state": STATES.get(organisation.responsible_state, organisation.responsible_state),
        "legal_form": legal_form_label(organisation.legal_form),
        "own_id": organisation.own_id,
        "cluster_code": organisation.cluster_code,
        "seat": "; ".join(part for part in (address_line(seat), codes) if part),
        "vat_id": organisation.vat_id,
        "widnr": organisation.widnr,
        "lei": organisation.lei,
        "size_class": named(SIZES, organisation.size_class, language),
        "handover": _handover(organisation, language),
        "dissolved_on": day_in(language, organisation.dissolved_on) if organisation.dissolved_on else None,
        "value_chain": named(VALUE_CHAIN, organisation.value_chain, language),
        "website": organisation.website,
        "name_en": organisation.name_en,
        "profile": organisation.profile,
        "profile_en": organisation.profile_en,
        "confirmed_at": instant_in(language, organisation.confirmed_at) if organisation.confirmed_at else None,
    }
    several = {
        "register_entries": [
            _dated(entry_line(entry, language), span(entry.valid_from, entry.valid_to, language))
            for entry in organisation.register_entries
        ],
        "sites": [f"{site.name}: {address_line(site.address)}" for site in organisation.sites],
        "activities": [f"{item.code} ({item.edition})" for item in organisation.activities],
        "competences": [competence_label(code, language) for code in organisation.competences],
        "memberships": [_membership(item, language) for item in organisation.memberships],
        "former_names": [item.legal_name for item in organisation.former_names],
        "former_legal_forms": [legal_form_label(item.legal_form) for item in organisation.former_legal_forms],
        "former_seats": [address_line(item.address) for item in organisation.former_seats],
        "roles": [named(ROLES, code, language) for code in organisation.roles],
        "certificates": [certificate_line(item, language) for item in organisation.certificates],
        "links": [f"{named(LINKS, item.kind, language)}: {item.organisation_id}" for item in organisation.links],
        "indicators": [indicator_line(item, language) for item in organisation.indicators],
    }
    return {name: [value] if value else [] for name, value in single.items()} | several


def _handover(organisation: Organisation, language: str) -> str | None:
    offer = organisation.handover
    if offer is None:
        return None
    label = STATES.get(offer.to_state, offer.to_state.upper())
    if offer.refused_at is not None:
        told = Text(f"von {label} abgelehnt: {offer.refusal}", f"refused by {label}: {offer.refusal}")
    elif offer.withdrawn_at is not None:
        told = Text(f"nach {label}, zurückgenommen", f"to {label}, taken back")
    else:
        told = Text(f"nach {label}: {address_line(offer.seat)}", f"to {label}: {address_line(offer.seat)}")
    return told.in_language(language)


def certificate_line(item: Certificate, language: str) -> str:
    """`IATF 16949, 123, ab 01.01.2025 bis 31.12.2027`."""
    name = ", ".join(part for part in (item.name, item.number) if part)
    return _dated(name, span(item.valid_from, item.valid_to, language))


def indicator_line(item: Indicator, language: str) -> str:
    """`Mitglieder: 200 (01.01.2026, Jahresbericht)`."""
    kind = named(INDICATORS, item.kind, language)
    return f"{kind}: {number_in(language, item.value)} ({day_in(language, item.on)}, {item.source})"


def _membership(item: Membership, language: str) -> str:
    kind = f" ({named(MEMBERSHIPS, item.kind, language)})" if item.kind else ""
    return _dated(f"{item.cluster_code}{kind}", span(item.valid_from, item.valid_to, language))


def _dated(text: str, when: str) -> str:
    return f"{text}, {when}" if when else text
