"""A cell of the matrix: a route, a record of a state, and what is answered to whom.

An answer is a status, or a problem's code. Whether somebody has the right at all is not said here: that is the rights'
own table. Requests carry what a use case needs to be reached, and where there are versions one that is past: who
is let in gets 412 and leaves the record as it was; what has none can be done again and again, or gets a fresh record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from norda_common.rights import STAFF, Right, Role

from ..records.base import NEXT, PLACES

Answer = int | str | Mapping[Role, int | str]

PHRASES = {
    "foreign_state": ("Zuständig ist", "Keine der beiden gehört zu"),
    "role_missing": ("keine Ihrer Rollen",),
    "no_state": ("Sie handeln für kein Land",),
    "no_host": ("richtet diese Veranstaltung nicht mit aus",),
    "foreign_participant": ("darf nur Teilnehmende aus",),
    "not_own": ("hat jemand anderes gespeichert",),
}
"""What a page says for these codes, one of these; all of them are refusals with 403."""
STALE = {"if-match": '"0"'}
PAST = {"version": "0"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A route and a record of a state, by its name in `Records`. `host` is for the state that has a part in it, too:
    that hosts an event, is offered an organisation, or keeps the other one of two; else it is answered as `foreign`.

    `body` goes as JSON or as a form; in its texts `{state}`, `{host}`, ... stand for the record's, and so do names of
    the record's own ids.
    """

    record: str
    own: Answer
    foreign: Answer = "foreign_state"
    host: Answer | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    """Whoever is let in uses the record up."""
    kept: str = ""
    """A member of the answer that only the own state's staff gets."""


def expected(cell: Cell, right: Right, role: Role, state: str | None, *, whose: str) -> int | str:
    """What somebody of that role and state is answered about a record of the state `whose`."""
    if not right.public:
        if role not in right.roles:
            return "role_missing"
        if right.own_state and state is None:
            return "no_state"
    if state == whose and (role in STAFF or right.public):
        answer = cell.own
    elif state is not None and state == NEXT[whose] and role in STAFF and cell.host is not None:
        answer = cell.host
    else:
        answer = cell.foreign
        if isinstance(answer, str) and role not in STAFF:
            # Who works in no office is told that before whose record it is.
            return "role_missing"
        if isinstance(answer, str) and state is None:
            return "no_state"
    return answer[role] if isinstance(answer, Mapping) else answer


def everybody(record: str, status: int = 200, **more: Any) -> Cell:
    """Who has the right may, whosever record it is."""
    return Cell(record=record, own=status, foreign=status, **more)


def own_only(record: str, own: Answer, foreign: Answer = "foreign_state", **more: Any) -> tuple[Cell, ...]:
    """Only the record's own state may."""
    return (Cell(record=record, own=own, foreign=foreign, **more),)


def filled(value: Any, whose: str, ids: Mapping[str, str]) -> Any:
    """A body with what its texts say of the record: its ids, and its state."""
    if isinstance(value, Mapping):
        return {name: filled(item, whose, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, whose, ids) for item in value]
    if not isinstance(value, str):
        return value
    place, court = PLACES[whose]
    number = f"88000{list(NEXT).index(whose)}"
    words = {**ids, "state": whose, "host": NEXT[whose], "place": place, "court": court, "number": number}
    return value.format(**words, iso=f"DE-{whose.upper()}")
