"""Which states this instance may write for (`NORDA_STATES`)."""

from __future__ import annotations

from norda_common.auth import Caller
from norda_common.errors import Conflict
from norda_common.states import State


def require_served(caller: Caller, served: frozenset[State]) -> State:
    """The state the caller writes for. Raises Forbidden without one, Conflict when another instance serves it."""
    state = caller.require_own_state()
    if state not in served:
        raise Conflict(
            f"Diese Instanz schreibt nicht für {state.label}.",
            f"This instance does not write for {state.label}.",
            code="state_not_served",
        )
    return state
