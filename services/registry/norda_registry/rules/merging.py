"""One organisation becomes part of another: what the kept one may take over, and how all that is taken back. Pure.

A `merger` is one of companies (Verschmelzung): the other company ends, and its names and numbers stay its own. A
`duplicate` is one company that was entered twice: what was known of it in either place belongs together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from norda_common.contracts.registry import FormerName, Membership, Organisation, RegisterEntry, Since

from .figures import Figure, FigureKind, holding
from .names import fold
from .profile import current_entry
from .register_entries import register_key

MERGED = "merged"
UNDO_WITHIN = timedelta(days=30)
SOURCE = "Zusammenführung"
"""Where a name is known from that the other entry of the same company had."""
SINGLE = (
    "legal_name", "legal_form", "own_id", "seat", "vat_id", "widnr", "lei", "size_class", "value_chain", "website",
    "name_en", "profile", "profile_en",
)  # fmt: skip
"""Fields with one value: the other's is taken instead of the own one."""
SEVERAL = (
    "register_entries", "former_names", "former_legal_forms", "former_seats", "sites", "activities", "competences",
    "memberships", "roles", "certificates", "indicators", "links",
)  # fmt: skip
"""Fields with several values: the other's are taken beside the own ones."""
FIGURES = {
    "employees": FigureKind.EMPLOYEES,
    "turnover_eur": FigureKind.TURNOVER,
    "balance_eur": FigureKind.BALANCE,
}
"""Rows of dated figures: the other's are taken beside the own ones, and of all the newest holds."""
ADDRESS = "contact_email"
BESIDE = (*FIGURES, ADDRESS)
"""What stands beside the document, for the office alone whose organisation it is: offered where it keeps both."""
_IDENTITY = frozenset(
    {"legal_name", "legal_form", "own_id", "seat", "vat_id", "widnr", "lei", "register_entries", "former_names",
     "former_legal_forms", "former_seats"}
)  # fmt: skip
_SINCE = ("legal_name", "legal_form", "seat")
_ASKED_FOR = frozenset({"memberships", "links", "indicators"})
"""What does not go over by law when companies merge: it is taken only where somebody says so."""


class MergerKind(StrEnum):
    """Why two become one."""

    MERGER = "merger"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Beside:
    """What an office keeps of an organisation beside the document."""

    figures: Sequence[Figure] = ()
    address: str | None = None

    def holding(self, name: str) -> list[Figure]:
        """The rows of the field that were not corrected, the newest first."""
        return [row for row in holding(self.figures) if row.kind is FIGURES[name]]


def offered(kind: MergerKind) -> tuple[str, ...]:
    """The fields that may be taken over."""
    fields = (*SINGLE, *SEVERAL)
    return fields if kind is MergerKind.DUPLICATE else tuple(name for name in fields if name not in _IDENTITY)


def proposed(kept: Organisation, merged: Organisation, kind: MergerKind) -> tuple[str, ...]:
    """What is taken over unless somebody chooses otherwise: what the kept one lacks."""
    wanted = [name for name in offered(kind) if kind is MergerKind.DUPLICATE or name not in _ASKED_FOR]
    return tuple(
        name
        for name in wanted
        if getattr(merged, name)
        and (
            not getattr(kept, name) if name in SINGLE else _joined(kept, merged, name, date.max) != getattr(kept, name)
        )
    )


def carried(kept: Beside, merged: Beside, taken: Collection[str]) -> list[Figure]:
    """The other one's rows of figures that come beside the own ones, as they were recorded; corrected ones do not."""
    known = {(row.kind, row.on, row.source, row.value) for row in kept.figures}
    rows = [row for name in FIGURES if name in taken for row in merged.holding(name)]
    return sorted(
        (row for row in rows if (row.kind, row.on, row.source, row.value) not in known),
        key=lambda row: row.recorded_at,
    )


def differing_beside(kept: Beside, merged: Beside) -> tuple[str, ...]:
    """Of what stands beside the document the fields that may be taken over and differ."""
    found = [name for name in FIGURES if carried(kept, merged, [name])]
    return (*found, *([ADDRESS] if merged.address and merged.address != kept.address else []))


def proposed_beside(kept: Beside, merged: Beside, kind: MergerKind) -> tuple[str, ...]:
    """Of it what is taken over unless somebody chooses otherwise: of the same company, what the kept one lacks.

    Another company's figures and address are not the kept one's: they are taken only where somebody says so.
    """
    if kind is not MergerKind.DUPLICATE:
        return ()
    return tuple(
        name
        for name in differing_beside(kept, merged)
        if (kept.address is None if name == ADDRESS else not any(row.value is not None for row in kept.holding(name)))
    )


def absorbing(
    kept: Organisation, merged: Organisation, taken: Collection[str], kind: MergerKind, *, on: date
) -> Organisation:
    """The kept one with what it takes over, and with everybody who became part of the other."""
    fields: dict[str, Any] = {name: getattr(merged, name) for name in SINGLE if name in taken}
    fields |= {name: _joined(kept, merged, name, on) for name in SEVERAL if name in taken}
    if kind is MergerKind.DUPLICATE:
        fields["former_names"] = _names(kept, merged, fields)
        fields["since"] = _since(kept, merged, taken)
    new = [key for key in (merged.organisation_id, *merged.absorbed) if key not in kept.absorbed]
    return kept.model_copy(update=fields | {"absorbed": (*kept.absorbed, *new)})


def _since(kept: Organisation, merged: Organisation, taken: Collection[str]) -> Since | None:
    """Since when name, legal form and seat hold, by the record each is from, else by the other where both say it."""
    own, other = kept.since or Since(), merged.since or Since()
    fields: dict[str, Any] = {}
    for name in _SINCE:
        same = getattr(kept, name) == getattr(merged, name)
        theirs = getattr(own, name) is None if same else name in taken
        fields |= {each: getattr(other if theirs else own, each) for each in (name, f"{name}_source")}
    found = Since(**fields)
    return kept.since if found == own else found if found != Since() else None


def _names(kept: Organisation, merged: Organisation, fields: dict[str, Any]) -> tuple[FormerName, ...]:
    """Former names, and the names that are none now: whoever looks for them finds the company."""
    known: tuple[FormerName, ...] = fields.get("former_names", kept.former_names)
    said = {fold(fields.get("legal_name", kept.legal_name)), *(fold(former.legal_name) for former in known)}
    other = [name for name in (kept.legal_name, merged.legal_name) if fold(name) not in said]
    return (*known, *(FormerName(legal_name=name, source=SOURCE) for name in dict.fromkeys(other)))


def absorbed(merged: Organisation, kept_id: UUID, kind: MergerKind, *, on: date) -> Organisation:
    """The other one, which holds nothing any more; its memberships end, after a merger its register entry too."""
    entries = merged.register_entries
    if kind is MergerKind.MERGER:
        entries = tuple(_ended(entry, on) for entry in entries)
    memberships = tuple(
        item.model_copy(update={"valid_to": max(on, item.valid_from or on)}) if item.valid_to is None else item
        for item in merged.memberships
    )
    update = {
        "status": MERGED,
        "merged_into": kept_id,
        "register_entries": entries,
        "memberships": memberships,
        # An offer that was refused is over for good: nobody can put it away any more.
        "handover": None,
    }
    return merged.model_copy(update=update)


def separated(current: Organisation, before: Organisation, after: Organisation) -> tuple[Organisation, tuple[str, ...]]:
    """The kept one without what a merger brought, and the fields that were changed since and stay as they are.

    `before` and `after` are its versions around the merger. Of fields with several values the others' are taken out.
    """
    fields: dict[str, Any] = {}
    changed = list[str]()
    for name in (*SINGLE, "since", *SEVERAL, "absorbed"):
        old, new, now = (getattr(version, name) for version in (before, after, current))
        if old == new:
            continue
        if now == new:
            fields[name] = old
        elif name in SINGLE or name == "since":
            changed.append(name)
        else:
            fields[name] = tuple(item for item in now if item in old or item not in new)
    return current.model_copy(update=fields), tuple(changed)


def restored(current: Organisation, before: Organisation) -> Organisation:
    """The other one as it was: nobody can have changed it meanwhile."""
    return before.model_copy(update={"changed_at": current.changed_at})


def _joined(kept: Organisation, merged: Organisation, name: str, on: date) -> tuple[Any, ...]:
    own: tuple[Any, ...] = getattr(kept, name)
    other: tuple[Any, ...] = getattr(merged, name)
    if name == "register_entries":
        return _entries(kept, other, on)
    if name == "memberships":
        return (*own, *_memberships(own, other))
    if name == "sites":
        places = {(site.name, site.address) for site in own}
        return (*own, *(site for site in other if (site.name, site.address) not in places))
    if name == "links":
        ours = {kept.organisation_id, merged.organisation_id, *(link.organisation_id for link in own)}
        return (*own, *(link for link in other if link.organisation_id not in ours))
    return (*own, *(item for item in other if item not in own))


def _entries(kept: Organisation, other: tuple[RegisterEntry, ...], on: date) -> tuple[RegisterEntry, ...]:
    """All entries, of which one holds at most: the kept one's own, if it has one."""
    known = {register_key(entry) for entry in kept.register_entries}
    new = [entry for entry in other if register_key(entry) not in known]
    if current_entry(kept) is not None:
        new = [_ended(entry, on) for entry in new]
    # What holds comes last, as everywhere.
    past = [entry for entry in (*kept.register_entries, *new) if entry.valid_to is not None]
    return (*past, *(entry for entry in (*kept.register_entries, *new) if entry.valid_to is None))


def _ended(entry: RegisterEntry, on: date) -> RegisterEntry:
    return entry if entry.valid_to is not None else entry.model_copy(update={"valid_to": on})


def _memberships(own: tuple[Membership, ...], other: tuple[Membership, ...]) -> list[Membership]:
    running = {item.cluster_id for item in own if item.valid_to is None}
    return [item for item in other if item not in own and (item.valid_to is not None or item.cluster_id not in running)]
