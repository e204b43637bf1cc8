"""One row of an import against what is stored: what the organisation becomes, and under which column a fault stands.

An import adds and corrects; it ends no membership and turns no relocation back. What a row does not say stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common.contracts.registry import Activity, Address, Membership, Organisation
from norda_common.errors import FieldError

from .cell_values import Draft
from .classifications import check_register_fits, form_of_name
from .code_lists import legal_forms
from .fields import address, onto
from .figures import Figure, said_by
from .findings import Findings, Refused
from .identity import said_of, spelled_alike
from .import_further import same_text, with_certificates, with_memberships, with_site
from .profile import ACTIVE, DISSOLVED, Identifier, check_whole, entry_key, identifiers, past_entry
from .size_class import Figures, SizeClass, size_class

_COLUMNS = {
    "register_entry.court": "register_court", "register_entry.type": "register_type",
    "register_entry.number": "register_number", "register_entry.suffix": "register_suffix",
    "register_entry": "register_number", "seat.place": "place", "seat.postal_code": "plz", "seat.state": "state",
    "seat.ags": "ags5", "seat.nuts": "nuts3", "own_id": "id",
    "cluster_code": "id",
}  # fmt: skip
_OWN_NAMES = frozenset({"own_id", "cluster_code"})


def column_of(name: str) -> str:
    """The column of a table with fixed names in which a field of an organisation stands."""
    if name.startswith("activities."):
        return "wz2025"
    return _COLUMNS.get(name) or re.sub(r"\.\d+.*$", "", name)


def by_column(found: FieldError) -> FieldError:
    """The finding under the column's name."""
    return FieldError(field=column_of(found.field), code=found.code, text=found.text, row=found.row)


def field_of(name: str) -> str:
    """The field of a mapped table (import_fields.py) which a finding means."""
    if name.startswith("seat."):
        return name.removeprefix("seat.")
    if name.startswith("sites."):
        return "site_postal_code" if name.endswith(".postal_code") else "site_place"
    return name if name in _OWN_NAMES else column_of(name)


def natural_keys(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers by which a row is recognised, the strongest first: EUID, USt-IdNr, W-IdNr."""
    keys = [entry_key(entry) for entry in fields.get("register_entries", ())[:1]]
    for name, kind in (("vat_id", "vat"), ("widnr", "widnr")):
        if fields.get(name):
            keys.append((kind, fields[name]))
    return keys


def claimed_numbers(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers a row claims that may be nobody else's."""
    claimed = natural_keys(fields)
    for name, kind in (("lei", "lei"), ("cluster_code", "cluster")):
        if fields.get(name):
            claimed.append((kind, fields[name]))
    return claimed


@dataclass(frozen=True, slots=True)
class Current:
    """What is stored of the organisation a row means."""

    organisation: Organisation
    figures: Figures
    email: str | None
    known: Sequence[Figure] = ()
    """Its dated figures."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a row makes of an organisation; `said` are the figures of other days it adds."""

    organisation: Organisation
    figures: Figures
    email: str | None
    public_change: bool
    private_change: bool
    said: Sequence[Figure] = ()


def plan(
    draft: Draft,
    alone: Mapping[str, Any],
    current: Current | None,
    *,
    new_id: UUID,
    state: str,
    memberships: tuple[Membership, ...],
    now: datetime,
    today: date,
    source: str = "",
) -> Planned | None:
    """What the row makes of what is stored, or a new organisation; None when it is refused.

    `alone` are the row's fields by themselves, as `fields.normalised` made them. `source` is whose list it is, which
    dates its figures; a table without one says what holds today.
    """
    findings = draft.findings
    before = current.organisation if current else None
    if before is None:
        fields = dict(alone)
        _require(fields, draft)
    else:
        given = _without_relocation_turned_back(before, alone, draft)
        if "legal_name" in given and spelled_alike(before.legal_name, given["legal_name"]):
            # Else two lists would write it now this way and now the other.
            given = {name: value for name, value in given.items() if name != "legal_name"}
        fields = onto(before, given, findings, today=today)
    if findings.errors:
        return None
    figures, said = _figures(draft, current, source=source, today=today, now=now)
    fields["size_class"] = _size(figures, fields, current, draft)
    if before is None:
        organisation = _new(fields, draft, new_id=new_id, state=state, memberships=memberships, now=now)
    else:
        organisation = before.model_copy(update=_kept_in_order(before, fields, memberships, findings))
    organisation = _with_further(organisation, draft)
    check_whole(organisation, findings)
    if findings.errors:
        return None
    earlier = current.email if current else None
    email = draft.email or (None if "email" in draft.cleared else earlier)
    return Planned(
        organisation,
        figures,
        email,
        public_change=organisation != before,
        private_change=current is None or figures != current.figures or email != earlier or bool(said),
        said=said,
    )


def take_form_of_name(fields: dict[str, Any], findings: Findings) -> None:
    """Give a new organisation the legal form its name shows, where the row says none and nothing speaks against it."""
    if "legal_form" in fields or any(found.field == "legal_form" for found in findings.warnings):
        return
    code = form_of_name(fields.get("legal_name", ""))
    if code is None:
        return
    try:
        for entry in fields.get("register_entries", ()):
            check_register_fits(code, entry)
    except Refused:
        return
    fields["legal_form"], label = code, legal_forms()[code].label
    findings.warn(
        "legal_form",
        "legal_form_of_name",
        f"fehlt und ist aus dem Namen übernommen: {label}",
        f"is missing and taken from the name: {label}",
    )


def held_numbers(organisation: Organisation) -> list[Identifier]:
    """Numbers that must be nobody else's."""
    return [item for item in identifiers(organisation) if item.current] if organisation.status == ACTIVE else []


def _require(fields: dict[str, Any], draft: Draft) -> None:
    """What a new organisation cannot be without; a row with fixed columns has been asked already."""
    findings = draft.findings
    if "legal_name" not in fields and not any(found.field in {"legal_name", "name"} for found in findings.errors):
        findings.refuse(
            "legal_name", "missing", "fehlt für eine neue Organisation", "is missing for a new organisation"
        )
    fields.setdefault("kind", "company")
    if "seat" in fields or not draft.seat:
        if draft.seat == {} and "seat" not in fields and fields["kind"] == "company":
            _refuse_place(findings)
        return
    if draft.seat.get("place"):
        fields["seat"] = address(draft.seat | {"state": draft.seat.get("state") or next(iter(draft.states), "")})
    elif fields["kind"] == "company":
        _refuse_place(findings)


def _refuse_place(findings: Findings) -> None:
    if not any(found.field == "place" for found in findings.errors):
        findings.refuse("place", "missing", "fehlt für ein neues Unternehmen", "is missing for a new company")


def _new(
    fields: dict[str, Any],
    draft: Draft,
    *,
    new_id: UUID,
    state: str,
    memberships: tuple[Membership, ...],
    now: datetime,
) -> Organisation:
    fields.setdefault("seat", Address(state=f"DE-{state.upper()}"))
    return Organisation(
        organisation_id=new_id,
        responsible_state=state,
        status=ACTIVE,
        memberships=memberships,
        former_names=draft.former_names,
        changed_at=now,
        **fields,
    )


def _with_further(organisation: Organisation, draft: Draft) -> Organisation:
    """The organisation with the certificates and the site that the row names."""
    further: dict[str, Any] = {}
    if draft.certificates:
        further["certificates"] = with_certificates(organisation.certificates, draft.certificates, draft.findings)
    if draft.site:
        further["sites"] = with_site(organisation, draft.site, draft.findings)
    return organisation.model_copy(update=further) if further else organisation


def _kept_in_order(
    before: Organisation, fields: dict[str, Any], memberships: tuple[Membership, ...], findings: Findings
) -> dict[str, Any]:
    """The fields that change, with what the row does not say, and nothing changed that is only written otherwise."""
    fields["memberships"] = with_memberships(before.memberships, memberships, findings)
    for name in ("profile", "profile_en"):
        if name in fields and same_text(getattr(before, name), fields[name]):
            del fields[name]
    fields["former_names"] = fields.get("former_names") or before.former_names
    if "activities" in fields:
        fields["activities"] = _activities(before.activities, fields["activities"])
    for name in ("competences", "roles"):
        if name in fields and set(fields[name]) == set(getattr(before, name)):
            del fields[name]
    return fields


def _activities(current: tuple[Activity, ...], given: Sequence[Activity]) -> tuple[Activity, ...]:
    """Of an edition the row names no code of, the codes stay."""
    editions = {item.edition for item in given}
    if not editions:
        return ()
    wanted = (*(item for item in current if item.edition not in editions), *given)
    return current if set(wanted) == set(current) else wanted


def _without_relocation_turned_back(before: Organisation, alone: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """What the row gives, but for seat and register when it is from before a relocation."""
    # What an organisation is was said when it was entered; a table of companies does not make a research body one.
    fields = {name: value for name, value in alone.items() if name not in {"kind", "cluster_code"}}
    entry = next(iter(alone.get("register_entries", ())), None)
    if entry is None or not past_entry(before, entry):
        if "seat" in fields:
            fields["seat"] = _seat(before.seat, fields["seat"])
        elif draft.seat and not draft.findings.errors:
            fields["seat"] = _seat_of_parts(before, draft)
        return fields
    draft.findings.warn(
        "register_entry.number",
        "register_entry_outdated",
        "ist ein früherer Registereintrag; Sitz und Register bleiben, wie sie sind",
        "is a former register entry; seat and register stay as they are",
    )
    draft.seat = {}
    return {name: value for name, value in fields.items() if name not in {"register_entries", "seat"}}


def _figures(
    draft: Draft, current: Current | None, *, source: str, today: date, now: datetime
) -> tuple[Figures, Sequence[Figure]]:
    todays = _todays(draft, current.figures if current else Figures())
    if not (source and draft.figures_on):
        return todays, ()
    return said_by(
        draft.figures,
        draft.figures_on,
        todays=todays,
        known=current.known if current else (),
        source=source,
        today=today,
        now=now,
    )


def _todays(draft: Draft, current: Figures) -> Figures:
    given, cleared = draft.figures, draft.cleared

    def either(value: int | None, stored: int | None, name: str) -> int | None:
        return value if value is not None or name in cleared else stored

    return Figures(
        employees=either(given.employees, current.employees, "employees"),
        turnover_cents=either(given.turnover_cents, current.turnover_cents, "turnover"),
        balance_cents=either(given.balance_cents, current.balance_cents, "balance"),
    )


def _size(figures: Figures, fields: Mapping[str, Any], current: Current | None, draft: Draft) -> str | None:
    computed, declared = size_class(figures), fields.get("size_class")
    if computed is None:
        return declared if current is None or "size_class" in fields else current.organisation.size_class
    if current is not None:
        # It may count linked enterprises and earlier years: figures that stay are no reason to compute it anew, and for
        # others more must be known than the row.
        return declared if figures != current.figures and declared else current.organisation.size_class
    if declared is not None and declared != computed:
        draft.findings.warn(
            "size_class",
            "size_class_differs",
            f"die Zahlen ergeben {computed.value}, angegeben ist {SizeClass(declared).value}",
            f"the figures make {computed.value}, {SizeClass(declared).value} was given",
        )
    return computed.value


def _seat(current: Address, given: Address) -> Address:
    """What the row leaves out stays, as long as the place is the same."""
    if (current.place, current.state) != (given.place, given.state):
        return given
    filled = {name: value for name, value in given if value is not None}
    return current.model_copy(update=filled)


def _seat_of_parts(before: Organisation, draft: Draft) -> Address:
    """The seat with the parts the row gives; those of another place are not those of this one."""
    current, parts = before.seat, draft.seat
    place, state = parts.get("place") or current.place, parts.get("state") or current.state
    if state != current.state:
        draft.findings.refuse(
            "seat.state",
            "relocation",
            f"ist nicht {current.state}; ein Sitz zieht nicht durch einen Import in ein anderes Land um",
            f"is not {current.state}; no seat moves to another state by an import",
        )
        return current
    if place != current.place and current.place is not None:
        return address(parts | {"place": place, "state": state})
    return current.model_copy(update={name: value for name, value in parts.items() if name != "state"})


def leave_alone(organisation: Organisation, findings: Findings, *, merged: bool = False) -> None:
    """Say why the row changes nothing; `merged`: it means one that has become part of this organisation, whose name,
    numbers and figures are others.
    """
    if merged:
        name = organisation.legal_name[:120]
        findings.warn(
            "row",
            "merged",
            f"ist in „{name}“ aufgegangen und ändert dort nichts",
            f"has become part of “{name}” and changes nothing there",
        )
    elif organisation.status == DISSOLVED:
        findings.warn("row", "dissolved", "ist aufgelöst und bleibt es", "is dissolved and stays so")
    elif organisation.status != ACTIVE:
        findings.warn("row", "deactivated", "ist deaktiviert und bleibt es", "is deactivated and stays so")
    else:
        findings.warn(
            "row",
            "relocation_offered",
            "ist einem anderen Land angeboten und bleibt bis zur Antwort unverändert",
            "is offered to another state and stays unchanged until that is answered",
        )


def said_of_row(before: Organisation, after: Organisation) -> str:
    """The event of a row that changes something. A file corrects addresses by the thousand: none of them is told as a
    relocation, of which offices get mails.
    """
    said = said_of(before, after)
    return "changed" if said == "seat_relocated" else said
