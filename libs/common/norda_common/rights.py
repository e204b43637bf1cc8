"""Roles, and rights as a service declares them: one table per service says who may do what (`rules/rights.py`).

A right is asked for twice before anything happens: at the edge, where each route names the one it needs, and in the use
case, which also knows whose record it is. Row-level security in PostgreSQL stands behind both
(docs/decisions/0081-rights-twice.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the platform; one person may be several."""

    OFFICE = "office"
    """Case work of a state's office."""
    LEAD = "lead"
    """Head of an office: all that an office may, and confidential records."""
    PR = "pr"
    """Public relations: events, subscriptions, what is released for the public."""
    OPERATOR = "operator"
    """Runs the platform, for no state: backlogs, dead letters."""
    AUDITOR = "auditor"
    """Reads, and reads who did what; changes nothing."""
    INTEGRATOR = "integrator"
    """A program: reads what all states may see."""


EVERYBODY = frozenset(Role)
OFFICES = frozenset({Role.OFFICE, Role.LEAD})
STAFF = OFFICES | {Role.PR}


@dataclass(frozen=True, slots=True)
class Right:
    """What one may do. `own_state`: only for the state the caller acts for; `public`: also without signing in."""

    name: str
    roles: frozenset[Role] = frozenset()
    own_state: bool = False
    public: bool = False


PUBLIC = Right("public", public=True)
"""For everybody, signed in or not."""
SIGNED_IN = Right("signed_in", EVERYBODY)
OPERATE = Right("operate", frozenset({Role.OPERATOR}))
"""Backlogs, dead letters, blocked events."""
READ_AUDIT = Right("audit.read", frozenset({Role.AUDITOR}))
