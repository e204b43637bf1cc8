"""One organisation becomes part of another: what the kept one may take over, and how all that is taken back. Pure.

A `merger` is one of companies (Verschmelzung): the other company ends, and its names and numbers stay its own. A
`duplicate` is one company that was entered twice: what was known of it in either place belongs together.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from norda_common.contracts.registry import FormerName, Membership, Organisation, RegisterEntry

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
    "register_entries", "former_names", "sites", "activities", "competences", "memberships", "roles", "certificates",
    "indicators", "links",
)  # fmt: skip
"""Fields with several values: the other's are taken beside the own ones."""
_IDENTITY = frozenset(
    {"legal_name", "legal_form", "own_id", "seat", "vat_id", "widnr", "lei", "register_entries", "former_names"}
)
_ASKED_FOR = frozenset({"memberships", "links", "indicators"})
"""What does not go over by law when companies merge: it is taken only where somebody says so."""


class MergerKind(StrEnum):
    """Why two become one."""

    MERGER = "merger"
    DUPLICATE = "duplicate"


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


def absorbing(
    kept: Organisation, merged: Organisation, taken: Collection[str], kind: MergerKind, *, on: date
) -> Organisation:
    """The kept one with what it takes over, and with everybody who became part of the other."""
    fields: dict[str, Any] = {name: getattr(merged, name) for name in SINGLE if name in taken}
    fields |= {name: _joined(kept, merged, name, on) for name in SEVERAL if name in taken}
    if kind is MergerKind.DUPLICATE:
        fields["former_names"] = _names(kept, merged, fields)
    new = [key for key in (merged.organisation_id, *merged.absorbed) if key not in kept.absorbed]
    return kept.model_copy(update=fields | {"absorbed": (*kept.absorbed, *new)})


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
    for name in (*SINGLE, *SEVERAL, "absorbed"):
        old, new, now = (getattr(version, name) for version in (before, after, current))
        if old == new:
            continue
        if now == new:
            fields[name] = old
        elif name in SINGLE:
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
