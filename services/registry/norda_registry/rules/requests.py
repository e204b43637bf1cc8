"""Requests of persons: who has to answer, when that is late, and how long what remains of a request is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from norda_common.contracts.privacy import ANSWERS
from norda_common.errors import Text
from norda_common.privacy import RequestKind
from norda_common.states import ALL_STATES, State

KINDS: Mapping[str, Text] = {
    RequestKind.ACCESS: Text("Auskunft und Datenkopie (Art. 15, 20)", "Access and portability (Art. 15, 20)"),
    RequestKind.ERASURE: Text("Löschung (Art. 17)", "Erasure (Art. 17)"),
    RequestKind.RESTRICTION: Text("Einschränkung (Art. 18)", "Restriction (Art. 18)"),
    RequestKind.LIFTING: Text("Ende der Einschränkung (Art. 18 Abs. 3)", "End of a restriction (Art. 18 (3))"),
    RequestKind.OBJECTION: Text("Widerspruch gegen Werbung (Art. 21)", "Objection to advertising (Art. 21)"),
}
ANSWERERS: tuple[tuple[str, State], ...] = tuple((service, state) for service in ANSWERS for state in ALL_STATES)
"""Each service answers for each state: the three offices are joint controllers (Art. 26)."""
LATE_AFTER = timedelta(minutes=15)
"""Services answer within a second. Who has not by then is away, and somebody has to look."""
REPORT_DAYS = 30
"""How long an access report can be read: it holds what was found of the person, and is a copy."""
PROOF_YEARS = 3
"""How long it is kept that a request was met: claims become time-barred after three years (section 195 BGB)."""


def missing(answered: Collection[tuple[str, State]]) -> list[tuple[str, State]]:
    """Who has not answered yet."""
    return [answerer for answerer in ANSWERERS if answerer not in answered]


def is_late(asked_at: datetime, *, now: datetime) -> bool:
    """Whether all should have answered by now."""
    return now - asked_at > LATE_AFTER


def to_be_met_by(asked_at: datetime) -> date:
    """The day by which the person must have been told: a month after the request (Art. 12 (3))."""
    day = asked_at.date()
    year, month = divmod(day.year * 12 + day.month, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
