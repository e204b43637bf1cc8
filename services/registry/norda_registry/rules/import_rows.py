"""One row of an import against what is stored: what the organisation becomes, and under which column a fault stands.

An import adds and corrects; it ends no membership and turns no relocation back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common.contracts.registry import Address, Membership, Organisation
from norda_common.errors import FieldError

from .csv_formats import Draft
from .fields import onto
from .profile import ACTIVE, Identifier, check_whole, entry_key, identifiers, past_entry
from .size_class import Figures, SizeClass, size_class

_COLUMNS = {
    "register_entry.court": "register_court", "register_entry.type": "register_type",
    "register_entry.number": "register_number", "register_entry.suffix": "register_suffix",
    "register_entry": "register_number", "seat.place": "place", "seat.postal_code": "plz", "seat.state": "state",
    "seat.ags": "ags5", "seat.nuts": "nuts3", "own_id": "id",
    "cluster_code": "id",
}  # fmt: skip


def column_of(name: str) -> str:
    """The column in which a field of an organisation stands."""
    if name.startswith("activities."):
        return "wz2025"
    return _COLUMNS.get(name) or re.sub(r"\.\d+.*$", "", name)


def by_column(found: FieldError) -> FieldError:
    """The finding under the column's name."""
    return FieldError(field=column_of(found.field), code=found.code, text=found.text, row=found.row)


def natural_keys(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers by which a row is recognised, the strongest first: EUID, USt-IdNr, W-IdNr."""
    keys = [entry_key(entry) for entry in fields.get("register_entries", ())[:1]]
    for name, kind in (("vat_id", "vat"), ("widnr", "widnr")):
        if fields.get(name):
            keys.append((kind, fields[name]))
    return keys


@dataclass(frozen=True, slots=True)
class Current:
    """What is stored of the organisation a row means."""

    organisation: Organisation
    figures: Figures
    email: str | None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a row makes of an organisation."""

    organisation: Organisation
    figures: Figures
    email: str | None
    public_change: bool
    private_change: bool


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
) -> Planned | None:
    """What the row makes of what is stored, or a new organisation; None when it is refused.

    `alone` are the row's fields by themselves, as `fields.normalised` made them.
    """
    findings = draft.findings
    before = current.organisation if current else None
    if before is None:
        fields = dict(alone)
    else:
        fields = onto(before, _without_relocation_turned_back(before, alone, draft), today=today)
    figures = _figures(draft.figures, current.figures if current else Figures())
    same = current is not None and figures == current.figures
    fields["size_class"] = _size(figures, fields.get("size_class"), before, draft, same=same)
    if before is None:
        organisation = _new(fields, draft, new_id=new_id, state=state, memberships=memberships, now=now)
    else:
        fields["memberships"] = _joined(before.memberships, memberships)
        fields["former_names"] = fields.get("former_names") or before.former_names
        if "seat" in fields:
            fields["seat"] = _seat(before.seat, fields["seat"])
        organisation = before.model_copy(update=fields)
    check_whole(organisation, findings)
    if findings.errors:
        return None
    email = draft.email or (current.email if current else None)
    return Planned(
        organisation,
        figures,
        email,
        public_change=organisation != before,
        private_change=current is None or figures != current.figures or email != current.email,
    )


def held_numbers(organisation: Organisation) -> list[Identifier]:
    """Numbers that must be nobody else's."""
    return [item for item in identifiers(organisation) if item.current] if organisation.status == ACTIVE else []


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


def _without_relocation_turned_back(before: Organisation, alone: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """What the row gives, but for seat and register when it is from before a relocation."""
    # What an organisation is was said when it was entered; a table of companies does not make a research body one.
    fields = {name: value for name, value in alone.items() if name not in {"kind", "cluster_code"}}
    entry = next(iter(alone.get("register_entries", ())), None)
    if entry is None or not past_entry(before, entry):
        return fields
    draft.findings.warn(
        "register_entry.number",
        "register_entry_outdated",
        "ist ein früherer Registereintrag; Sitz und Register bleiben, wie sie sind",
        "is a former register entry; seat and register stay as they are",
    )
    return {name: value for name, value in fields.items() if name not in {"register_entries", "seat"}}


def _figures(given: Figures, current: Figures) -> Figures:
    return Figures(
        employees=current.employees if given.employees is None else given.employees,
        turnover_cents=current.turnover_cents if given.turnover_cents is None else given.turnover_cents,
        balance_cents=current.balance_cents if given.balance_cents is None else given.balance_cents,
    )


def _size(
    figures: Figures, declared: str | None, before: Organisation | None, draft: Draft, *, same: bool
) -> str | None:
    """The class the figures make; where they are the `same` as before, the class stays: it also counts others in."""
    computed = size_class(figures)
    if same and computed is not None and before is not None and before.size_class is not None:
        computed = SizeClass(before.size_class)
    if computed is None:
        return declared or (before.size_class if before else None)
    if declared is not None and declared != computed:
        draft.findings.warn(
            "size_class",
            "size_class_differs",
            f"die Zahlen ergeben {computed.value}, angegeben ist {SizeClass(declared).value}",
            f"the figures make {computed.value}, {SizeClass(declared).value} was given",
        )
    return computed.value


def _joined(current: tuple[Membership, ...], added: tuple[Membership, ...]) -> tuple[Membership, ...]:
    """Add memberships in clusters the organisation has never been in; an ended one is not begun anew by a file."""
    known = {item.cluster_id for item in current}
    return (*current, *(item for item in added if item.cluster_id not in known))


def _seat(current: Address, given: Address) -> Address:
    """What the row leaves out stays, as long as the place is the same."""
    if (current.place, current.state) != (given.place, given.state):
        return given
    filled = {name: value for name, value in given if value is not None}
    return current.model_copy(update=filled)
