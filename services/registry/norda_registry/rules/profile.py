"""The whole of an organisation: what its fields say about each other, which numbers it holds, how its history is kept.

An `Organisation` of the contract is the one shape: stored, published and checked. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from norda_common.contracts.registry import Membership, Organisation, RegisterEntry

from .classifications import check_register_fits, in_no_register
from .findings import Findings
from .identifiers import check_widnr
from .places import check_address
from .register_entries import court_state, former_key, register_key

ACTIVE = "active"
DEACTIVATED = "deactivated"
DISSOLVED = "dissolved"


class Identifier(NamedTuple):
    """A number under which an organisation is found; `current` is False for those it no longer holds."""

    kind: str
    value: str
    current: bool


def current_entry(organisation: Organisation) -> RegisterEntry | None:
    """The register entry that holds now."""
    return next((entry for entry in organisation.register_entries if entry.valid_to is None), None)


def past_entry(organisation: Organisation, entry: RegisterEntry) -> bool:
    """Whether the organisation once had this entry and no longer has it."""
    key = register_key(entry)
    same = [old for old in organisation.register_entries if register_key(old) == key]
    return bool(same) and all(old.valid_to is not None for old in same)


def entry_key(entry: RegisterEntry) -> tuple[str, str]:
    """The number an entry claims for itself: its EUID, or all its parts where merged courts may share the EUID."""
    return ("register", register_key(entry)) if entry.former_court or not entry.euid else ("euid", entry.euid)


def identifiers(organisation: Organisation) -> list[Identifier]:
    """All numbers of an organisation, past ones too, each once."""
    return [Identifier(kind, value, current) for (kind, value), current in numbers_of(organisation).items()]


def numbers_of(organisation: Organisation) -> dict[tuple[str, str], bool]:
    """The same by kind and value: whether the organisation holds the number now."""
    found: dict[tuple[str, str], bool] = {}
    for kind, value, current in _numbers(organisation):
        found[kind, value] = found.get((kind, value), False) or current
    return found


def _numbers(organisation: Organisation) -> Iterator[tuple[str, str, bool]]:
    for entry in organisation.register_entries:
        holds = entry.valid_to is None
        if entry.euid:
            yield "euid", entry.euid, holds and not entry.former_court
        yield "register", register_key(entry), holds
        if former := former_key(entry):
            yield "former", former, False
        yield "number", f"{entry.type}{entry.number}{entry.suffix}", False
    for kind, value in (
        ("vat", organisation.vat_id),
        ("widnr", organisation.widnr),
        ("lei", organisation.lei),
        ("cluster", organisation.cluster_code),
    ):
        if value:
            yield kind, value, True
    if organisation.own_id:
        yield "own", organisation.own_id, False


def current_clusters(memberships: tuple[Membership, ...]) -> list[str]:
    """Codes of the clusters whose membership has no end."""
    return list(dict.fromkeys(item.cluster_code for item in memberships if item.valid_to is None))


def check_whole(organisation: Organisation, findings: Findings) -> None:
    """What the fields must not say against each other, and what is only unusual."""
    check_address(organisation.seat, "seat", findings)
    for place, site in enumerate(organisation.sites):
        check_address(site.address, f"sites.{place}.address", findings)
    entry = current_entry(organisation)
    if entry is not None:
        _check_entry(organisation, entry, findings)
    if organisation.widnr:
        check_widnr(organisation.widnr, organisation.vat_id, findings)
    if (organisation.kind == "cluster") != (organisation.cluster_code is not None):
        findings.refuse(
            "cluster_code",
            "cluster_code",
            "gehört genau zu den Clustern: jeder Cluster hat ein Kürzel, sonst niemand",
            "belongs to clusters exactly: every cluster has a code, nobody else does",
        )


def _check_entry(organisation: Organisation, entry: RegisterEntry, findings: Findings) -> None:
    if organisation.legal_form is not None:
        form = organisation.legal_form
        findings.checked("register_entry", entry, lambda value: check_register_fits(form, value))
        if in_no_register(form):
            findings.warn(
                "legal_form",
                "register_of_form",
                "steht sonst in keinem Register; bitte prüfen",
                "is usually in no register; please check",
            )
    if not entry.court_code:
        findings.warn(
            "register_entry.court",
            "court_unknown",
            f"Amtsgericht {entry.court} steht nicht in der Liste der Gerichte; der Eintrag hat keine EUID",
            f"Amtsgericht {entry.court} is not in the list of courts; the entry has no EUID",
        )
    state = court_state(entry)
    if state is not None and state != organisation.seat.state:
        findings.warn(
            "register_entry.court",
            "court_elsewhere",
            f"{entry.court} ist kein Gericht in {organisation.seat.state}; bitte prüfen",
            f"{entry.court} is no court in {organisation.seat.state}; please check",
        )
