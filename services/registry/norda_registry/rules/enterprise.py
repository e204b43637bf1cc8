"""The size class of an enterprise with its partners and linked enterprises, over years (2003/361/EC, annex).

Article 6: a linked enterprise counts whole, with those linked to it; a partner by its share, with those linked to the
partner; partners of partners do not count. Article 4(2): a class changes when two consecutive years say so. What is not
known is said; the class is given where what is not known cannot change it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from .size_class import Figures, SizeClass, size_class

K = TypeVar("K")
ORDER = (SizeClass.MICRO, SizeClass.SMALL, SizeClass.MEDIUM, SizeClass.LARGE)
LINKED, PARTNER = "linked", "partner"


@dataclass(frozen=True, slots=True)
class Member:
    """An enterprise of the group: its own figures, and who it is linked with or has a partner in.

    `figures` None: nothing of it is known here. `partners` are the shares in percent, None where it is not known.
    """

    figures: Figures | None
    linked: Collection[str] = ()
    partners: Mapping[str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What counts together. Money in cents; a sum is None when a part of it is not known.

    `unknown` are members whose figures or share are missing, `cycles` those who are named by whom they name: each is
    counted once. `least` are the sums of what is known.
    """

    figures: Figures
    least: Figures
    counted: int
    unknown: tuple[str, ...] = ()
    cycles: tuple[str, ...] = ()

    @property
    def size(self) -> SizeClass | None:
        """The class these figures make, also where what is missing could not change it."""
        found = size_class(self.figures)
        if found is not None or not self.unknown:
            return found
        # What is missing can only add. Nothing is above the largest class.
        least = size_class(self.least)
        return least if least is SizeClass.LARGE else None


def total(start: str, members: Mapping[str, Member]) -> Total:
    """What counts for `start`; those who are not among `members` are unknown."""
    unknown: dict[str, None] = {}
    group = _linked_with(start, members)
    parts: list[tuple[Figures | None, Fraction]] = [(_figures(each, members, unknown), Fraction(1)) for each in group]
    counted = set(group)
    for owner in group:
        for partner, share in (members[owner].partners or {}).items() if owner in members else ():
            if partner in counted:
                continue
            together = [each for each in _linked_with(partner, members) if each not in counted]
            counted.update(together)
            if share is None:
                unknown[partner] = None
                parts.append((None, Fraction(0)))
                continue
            weight = Fraction(share, 100)
            parts += [(_figures(each, members, unknown), weight) for each in together]
    return Total(
        Figures(*(_sum(name, parts, whole=True) for name in _NAMES)),
        Figures(*(_sum(name, parts, whole=False) for name in _NAMES)),
        len(counted),
        tuple(unknown),
        tuple(sorted(each for each in counted if _named_back(each, members))),
    )


def class_over_years(years: Sequence[tuple[int, SizeClass | None]]) -> tuple[SizeClass | None, SizeClass | None]:
    """The class that holds after these years (earliest first), and the one the last year alone would make.

    The first year that says one begins; a class is left when this year and the one before both lie above it, or both
    below it, and then for the nearer of the two. A year of which nothing is known breaks the sequence.
    """
    held: SizeClass | None = None
    before: tuple[int, SizeClass] | None = None
    for year, found in years:
        if found is None:
            before = None
            continue
        if held is None:
            held = found
        elif before is not None and before[0] == year - 1:
            held = _moved(held, before[1], found)
        before = (year, found)
    return held, years[-1][1] if years else None


_NAMES = ("employees", "turnover_cents", "balance_cents")


def _moved(held: SizeClass, one: SizeClass, two: SizeClass) -> SizeClass:
    at, first, second = ORDER.index(held), ORDER.index(one), ORDER.index(two)
    if min(first, second) > at:
        return ORDER[min(first, second)]
    if max(first, second) < at:
        return ORDER[max(first, second)]
    return held


def _linked_with(start: str, members: Mapping[str, Member]) -> list[str]:
    """An enterprise and all that are linked with it, directly or through others, each once."""
    found = {start: None}
    waiting = [start]
    while waiting:
        for other in members[each].linked if (each := waiting.pop()) in members else ():
            if other not in found:
                found[other] = None
                waiting.append(other)
    return list(found)


def _named_back(name: str, members: Mapping[str, Member]) -> bool:
    """Whether links lead from an enterprise back to itself."""
    seen: set[str] = set()
    waiting = list(_names_of(name, members))
    while waiting:
        each = waiting.pop()
        if each == name:
            return True
        if each not in seen:
            seen.add(each)
            waiting.extend(_names_of(each, members))
    return False


def _names_of(name: str, members: Mapping[str, Member]) -> list[str]:
    member = members.get(name)
    return [*member.linked, *(member.partners or {})] if member else []


def _figures(name: str, members: Mapping[str, Member], unknown: dict[str, None]) -> Figures | None:
    member = members.get(name)
    figures = member.figures if member else None
    if (
        figures is None
        or figures.employees is None
        or (figures.turnover_cents is None and figures.balance_cents is None)
    ):
        unknown[name] = None
    return figures


def _sum(name: str, parts: Sequence[tuple[Figures | None, Fraction]], *, whole: bool) -> int | None:
    """The weighted sum, rounded down; None when a part is missing and the `whole` is wanted, or all are missing."""
    values = [(None if figures is None else getattr(figures, name), weight) for figures, weight in parts]
    known = [value * weight for value, weight in values if value is not None]
    if not known or (whole and len(known) < len(values)):
        return None
    return int(sum(known, Fraction(0)))
