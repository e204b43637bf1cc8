"""Who acts, and whether this instance may write for the state concerned."""

from __future__ import annotations

from dataclasses import dataclass

from norda_common.auth import Caller
from norda_common.errors import Conflict, Forbidden
from norda_common.rights import Right
from norda_common.states import State

from ..rules.event import Event
from ..rules.rights import PLAN, REGISTER


@dataclass(frozen=True, slots=True)
class Office:
    """The calling office, and the states this instance serves (`NORDA_STATES`)."""

    caller: Caller
    served: frozenset[State]

    @property
    def state(self) -> State | None:
        """The state whose office acts; None for whoever works in none, also when their token names a state."""
        return self.caller.state if self.caller.may(PLAN) else None

    def drafting_state(self) -> State:
        """The state an event is drafted for: the caller's own. Raises Forbidden, or Conflict where it is not served."""
        return self.caller.require_served(PLAN, self.served)

    def require_lead(self, event: Event, *, right: Right = PLAN) -> None:
        """Raises Forbidden unless the caller is the office of the lead state."""
        self.caller.require(right, event.responsible_state)
        self._require_served(event.responsible_state)

    def require_lead_or(self, event: Event, state: State) -> None:
        """Raises Forbidden unless the caller is the lead's office or that state's."""
        self.caller.require(PLAN, state if self.caller.state is state else event.responsible_state)
        self._require_served(event.responsible_state)

    def require_host(self, event: Event) -> State:
        """The caller's state, which leads or hosts. Raises Forbidden otherwise."""
        state = self.caller.require_own_state(REGISTER)
        if not self._takes_part(event):
            raise Forbidden(
                f"{state.label} richtet diese Veranstaltung nicht mit aus.",
                f"{state.label} is no host of this event.",
                code="no_host",
            )
        self._require_served(event.responsible_state)
        return state

    def require_desk_for(self, event: Event, participant_state: str | None) -> None:
        """Raises Forbidden unless the caller may write for participants of that state.

        The lead's office may for all, another hosting state's office for its own.
        """
        state = self.require_host(event)
        if state is not event.responsible_state and participant_state != state.value:
            raise Forbidden(
                f"{state.label} darf nur Teilnehmende aus {state.label} an- und abmelden.",
                f"{state.label} may register and withdraw participants from {state.label} only.",
                code="foreign_participant",
            )

    def may_see(self, event: Event) -> bool:
        """Drafts are shown to their lead and hosting states' offices only."""
        return event.sequence > 0 or self._takes_part(event)

    def may_see_person(self, event: Event, participant_state: str | None) -> bool:
        """Names are for the lead's office and for the hosting office of the participant's own state."""
        state = self.state
        if state is None or not self._takes_part(event):
            return False
        return state is event.responsible_state or participant_state == state.value

    def _takes_part(self, event: Event) -> bool:
        state = self.state
        return state is not None and (state is event.responsible_state or state in event.hosting_states)

    def _require_served(self, state: State) -> None:
        if state not in self.served:
            raise Conflict(
                f"Diese Instanz schreibt nicht für {state.label}.",
                f"This instance does not write for {state.label}.",
                code="state_not_served",
            )
