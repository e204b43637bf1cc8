"""Size classes of enterprises by Commission Recommendation 2003/361/EC.

Headcount decides together with turnover or balance sheet total, whichever is more favourable. Linked enterprises
count by that text; the office enters figures that include them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_EUR = 100
_MILLION = 1_000_000 * _EUR


class SizeClass(StrEnum):
    """Unternehmensgröße."""

    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the size class is computed from; kept by the responsible office, never published. Money in euro cents."""

    employees: int | None = None
    turnover_cents: int | None = None
    balance_cents: int | None = None


_LIMITS = (
    (SizeClass.MICRO, 10, 2 * _MILLION, 2 * _MILLION),
    (SizeClass.SMALL, 50, 10 * _MILLION, 10 * _MILLION),
    (SizeClass.MEDIUM, 250, 50 * _MILLION, 43 * _MILLION),
)


def size_class(figures: Figures) -> SizeClass | None:
    """The class the figures make; None when headcount or both sums of money are unknown."""
    if figures.employees is None or (figures.turnover_cents is None and figures.balance_cents is None):
        return None
    for found, employees, turnover, balance in _LIMITS:
        if figures.employees < employees and (
            (figures.turnover_cents is not None and figures.turnover_cents <= turnover)
            or (figures.balance_cents is not None and figures.balance_cents <= balance)
        ):
            return found
    return SizeClass.LARGE
