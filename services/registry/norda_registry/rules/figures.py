"""Figures of an organisation as dated, sourced rows: employees, turnover, balance sheet total.

A row is never overwritten: what is known better is a further row, and of the same day and source the one recorded last
holds. The newest of each kind are the organisation's figures now. Money is in euro cents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum

from .size_class import Figures


class FigureKind(StrEnum):
    """What is counted."""

    EMPLOYEES = "employees"
    TURNOVER = "turnover"
    BALANCE = "balance"


FIELDS = {
    FigureKind.EMPLOYEES: "employees",
    FigureKind.TURNOVER: "turnover_cents",
    FigureKind.BALANCE: "balance_cents",
}
assert set(FIELDS.values()) == {each.name for each in fields(Figures)}  # noqa: S101 - a kind of figure is none of these
EARLIEST_YEAR = 1900
OFFICE = "office"
"""The source of a figure that an office entered without naming one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row; `value` is a head count or euro cents, None says that it is not known any more."""

    kind: FigureKind
    on: date
    source: str
    value: int | None
    recorded_at: datetime
    recorded_by: str = ""


def holding(rows: Iterable[Figure]) -> list[Figure]:
    """Rows without those that were corrected, the newest first: of each kind, day and source the last recorded."""
    kept: dict[tuple[FigureKind, date, str], Figure] = {}
    for row in rows:
        key = (row.kind, row.on, row.source)
        known = kept.get(key)
        if known is None or known.recorded_at <= row.recorded_at:
            kept[key] = row
    return sorted(kept.values(), key=lambda row: (row.on, row.recorded_at), reverse=True)


def newest(rows: Iterable[Figure]) -> Figures:
    """The figures as they are now: of each kind the newest day's, of two sources the one recorded last."""
    return _of_each_kind(holding(rows))


def said_by(
    given: Figures,
    on: Mapping[str, date],
    *,
    todays: Figures,
    known: Sequence[Figure],
    source: str,
    today: date,
    now: datetime,
) -> tuple[Figures, tuple[Figure, ...]]:
    """The figures that hold after a source said some of other days, and the rows by which it did.

    `on` are the days by kind, `todays` the figures if all were of today, `known` the rows so far. What is older than
    what is known changes nothing of today. A day ahead, as a year's last one, means today.
    """
    values, said = {name: getattr(todays, name) for name in FIELDS.values()}, []
    for kind, name in FIELDS.items():
        value, day = getattr(given, name), on.get(kind)
        if value is None or day is None or day >= today:
            continue
        figure = Figure(kind=kind, on=day, source=source, value=value, recorded_at=now)
        before = [row for row in known if row.kind is kind]
        if not any(_says(row, figure) for row in holding(before)):
            said.append(figure)
            before = [*before, figure]
        values[name] = getattr(newest(before), name)
    return Figures(**values), tuple(said)


def _says(row: Figure, figure: Figure) -> bool:
    return (row.kind, row.on, row.source, row.value) == (figure.kind, figure.on, figure.source, figure.value)


def by_year(rows: Iterable[Figure]) -> list[tuple[int, Figures]]:
    """The figures at each year's end, for years of which something is known, the earliest first.

    What a year says nothing of is as it was last said.
    """
    kept = holding(rows)
    years = sorted({row.on.year for row in kept})
    return [(year, _of_each_kind([row for row in kept if row.on.year <= year])) for year in years]


def _of_each_kind(newest_first: Sequence[Figure]) -> Figures:
    found: dict[str, int | None] = {}
    for row in newest_first:
        found.setdefault(FIELDS[row.kind], row.value)
    return Figures(**found)
