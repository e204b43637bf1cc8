"""A cluster's list of members against the register: who joins, who leaves, whom nobody knows. Pure.

A row means an organisation by a number of it, else by its name and place, by the narrow rule of `duplicates`: `Lloyd +
Co KG` is `Lloyd GmbH & Co. KG`. A list that is not clear about somebody changes nothing for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from norda_common.contracts.registry import Membership, Organisation

from .duplicates import Candidate, RuleClass, candidate_of, judge, name_hashes
from .names import fold

MEMBERSHIP_KINDS = ("full", "associated", "sponsor", "honorary")
_KIND_SPELLINGS = {
    "vollmitglied": "full", "ordentliches mitglied": "full", "mitglied": "full", "assoziiert": "associated",
    "assoziiertes mitglied": "associated", "foerdermitglied": "sponsor", "foerderer": "sponsor",
    "sponsor": "sponsor", "ehrenmitglied": "honorary",
}  # fmt: skip
COLUMNS: Mapping[str, frozenset[str]] = {
    "name": frozenset({"name", "firma", "unternehmen", "mitglied", "organisation", "company", "legal name", "member"}),
    "place": frozenset({"ort", "stadt", "sitz", "place", "city", "town", "seat"}),
    "number": frozenset(
        {"nummer", "kennung", "number", "id", "euid", "ust idnr", "ustidnr", "vat id", "widnr", "w idnr", "lei",
         "registernummer", "register number", "handelsregisternummer"}
    ),
    "kind": frozenset({"art", "typ", "mitgliedsart", "kind", "type", "membership"}),
}  # fmt: skip
"""What the columns of such a list are called, folded."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row of a list; `row` as a spreadsheet counts it."""

    row: int
    name: str
    place: str = ""
    number: str = ""
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """What a row means: one organisation, or none, or several that it fits equally. `by` says what decided."""

    row: ListRow
    organisations: tuple[Organisation, ...] = ()
    by: str = ""

    @property
    def sole(self) -> Organisation | None:
        """The organisation, when it is clear."""
        return self.organisations[0] if len(self.organisations) == 1 else None


class Named:
    """Organisations by their names, whatever the spelling; former names count, too."""

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        self._found: dict[int, dict[UUID, tuple[Organisation, Candidate]]] = {}
        for item in organisations:
            candidate = candidate_of(item)
            for key in name_hashes(candidate):
                self._found.setdefault(key, {})[item.organisation_id] = (item, candidate)

    def meant_by(self, row: ListRow) -> tuple[Organisation, ...]:
        """Whom a row's name and place mean: who is written just so, else who is certainly the same. A place that one of
        the two does not say fits every place.
        """
        known = self._found.get(name_hashes(Candidate(name=row.name))[0], {}).values()
        same = [
            item
            for item, _ in known
            if fold(item.legal_name) == fold(row.name) and same_place(row.place, item.seat.place)
        ]
        return tuple(same or (item for item, candidate in known if _is_certain(row, candidate)))


def _is_certain(row: ListRow, known: Candidate) -> bool:
    place = row.place or known.place or "?"
    said = Candidate(name=row.name, kind=known.kind, place=place)
    return judge(said, replace(known, place=known.place or place)).rule is RuleClass.NARROW


@dataclass(slots=True)
class Reconciled:
    """What a list says, compared with the members known now."""

    joins: list[Matched] = field(default_factory=list)
    stays: list[Matched] = field(default_factory=list)
    leaves: list[Organisation] = field(default_factory=list)
    unknown: list[Matched] = field(default_factory=list)
    ambiguous: list[Matched] = field(default_factory=list)
    repeated: list[Matched] = field(default_factory=list)

    @property
    def members(self) -> int:
        """How many members the list names."""
        return sum(map(len, (self.joins, self.stays, self.unknown, self.ambiguous)))


def columns_of(header: Sequence[str]) -> dict[str, list[str]]:
    """Which columns of a header hold what."""
    found: dict[str, list[str]] = {}
    for column in header:
        folded = fold(column)
        for name, spellings in COLUMNS.items():
            if folded in spellings:
                found.setdefault(name, []).append(column)
    return found


def membership_kind(text: str) -> str | None:
    """The kind of membership a cell names; None for what names none."""
    code = fold(text)
    return code if code in MEMBERSHIP_KINDS else _KIND_SPELLINGS.get(code)


def reconcile(matched: Iterable[Matched], members: Sequence[Organisation], *, cluster_id: UUID) -> Reconciled:
    """Sort what the rows mean by what they change; `members` are those of the cluster now."""
    result = Reconciled()
    present = {member.organisation_id for member in members}
    seen: set[UUID] = set()
    possible: set[UUID] = set()
    for item in matched:
        sole = item.sole
        if sole is None:
            possible.update(each.organisation_id for each in item.organisations)
            (result.ambiguous if item.organisations else result.unknown).append(item)
        elif sole.organisation_id in seen:
            result.repeated.append(item)
        else:
            seen.add(sole.organisation_id)
            stays = sole.organisation_id in present or is_member(sole, cluster_id)
            (result.stays if stays else result.joins).append(item)
    # Whom an unclear row may mean has perhaps not left.
    result.leaves = [each for each in members if each.organisation_id not in seen | possible]
    return result


def is_member(organisation: Organisation, cluster_id: UUID) -> bool:
    """Whether a membership in the cluster has no end."""
    return any(item.cluster_id == cluster_id and item.valid_to is None for item in organisation.memberships)


def membership_of(memberships: Sequence[Membership], cluster_id: UUID) -> Membership | None:
    """The membership in the cluster that holds, else the one that ended last."""
    mine = [item for item in memberships if item.cluster_id == cluster_id]
    return max(
        mine,
        key=lambda item: (item.valid_to is None, item.valid_to or date.min, item.valid_from or date.min),
        default=None,
    )


def same_place(one: str | None, other: str | None) -> bool:
    """Whether two names of a place may mean the same: `Oldenburg (Oldb)` is Oldenburg; nothing said fits all."""
    first, second = (_bare_place(text) for text in (one or "", other or ""))
    return not first or not second or first == second


def _bare_place(text: str) -> str:
    return fold(re.sub(r"\(.*?\)|,.*", "", text))
