"""Rows that bear an organisation's own id and another name: a column of row numbers, or a company that was renamed.

Own ids are an office's own and check nothing, so a number alone overwrites nobody: somebody says whether the row means
the organisation, and is not asked again by the source's next list (matching.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from norda_common.database import Connection
from norda_common.states import State

from ...rules.duplicates import Candidate, candidate_of, judge
from ...rules.names import fold
from ...store import imports
from ...store.matches import Match
from .rows import Outcome, Row


def is_doubtful(row: Row, match: Match) -> bool:
    """Whether the row names somebody else than who has its own id. One without a name, and one of what has become
    another, does not.
    """
    name = str(row.draft.given.get("legal_name") or "")
    if not name or match.merged or fold(name) == fold(match.legal_name):
        return False
    return judge(_called(name), _called(match.legal_name)).rule is None


def _called(name: str, *former: str) -> Candidate:
    """By its names alone: numbers and place may change with an own id that stays."""
    return Candidate(name=name, former_names=former)


async def trust_former_names(connection: Connection, rows: Sequence[Row]) -> None:
    """Take rows by their own ids that call the organisation what it was called before."""
    ids = [row.doubted.organisation_id for row in rows if row.doubted]
    stored = await imports.current(connection, ids)
    for row in rows:
        known = stored.get(row.doubted.organisation_id) if row.doubted else None
        if known is None:
            continue
        whole = candidate_of(known.organisation)
        if (
            judge(_called(str(row.draft.given["legal_name"])), _called(whole.name, *whole.former_names)).rule
            is not None
        ):
            row.match, row.doubted = row.doubted, None


def refuse_doubtful(rows: Sequence[Row]) -> None:
    """Where nobody can decide about single rows, they are faults."""
    for row in rows:
        if row.doubted is not None:
            de, en = _said(row.doubted)
            row.draft.findings.refuse(
                "own_id",
                "other_name",
                f"{de}; ein Import mit Vorschau fragt, ob sie gemeint ist",
                f"{en}; an import with a preview asks whether it is meant",
            )


def leave_to_somebody(row: Row, match: Match) -> None:
    """Let a person decide whether the row means who has its own id."""
    row.outcome, row.suspected = Outcome.DUPLICATE, match.organisation_id
    row.draft.findings.warn("own_id", "other_name", *_said(match))


def without_own_id(row: Row) -> None:
    """Leave out an own id that is somebody else's: two with one could not be told apart by it."""
    if row.doubted is None:
        return
    row.draft.given.pop("own_id", None)
    row.fields.pop("own_id", None)
    name = row.doubted.legal_name[:120]
    row.draft.findings.warn(
        "own_id", "other_name", f"hat schon {name} und bleibt weg", f"is {name}'s already and is left out"
    )
    row.doubted = None


def _said(match: Match) -> tuple[str, str]:
    who = f"{match.legal_name[:120]} ({State(match.responsible_state).label})"
    return f"ist die von {who}; der Name ist ein ganz anderer", f"is that of {who}; the name is quite another one"
