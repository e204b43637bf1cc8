"""Who is calling, and what they may do: people by their session, programs by bearer tokens (JWT, RFC 7519).

A token says subject, name, state and roles. Signature, issuer, audience and expiry are checked; the keys are those of
the issuer at this moment (`signin/keys.py`), so they can be rotated without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from .errors import Conflict, Forbidden, Unauthenticated
from .rights import Right, Role
from .signin.keys import ALGORITHMS, Keys
from .states import State

CLOCK_SKEW_SECONDS = 30
_CACHE_SIZE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller. `state` is the office's state; None for platform-wide people and programs."""

    subject: str
    name: str
    roles: frozenset[Role]
    state: State | None

    def may(self, right: Right, state: State | None = None) -> bool:
        """Whether the caller has the right, for that state's records when one is given."""
        if right.public:
            return True
        if not self.roles & right.roles:
            return False
        return not right.own_state or (self.state is not None and state in {None, self.state})

    def require(self, right: Right, state: State | None = None) -> None:
        """Raises Forbidden unless the caller has the right, for that state's records when one is given."""
        if self.may(right, state):
            return
        if not self.roles & right.roles:
            named = ", ".join(sorted(self.roles)) or "-"
            raise Forbidden(
                f"Das erlaubt keine Ihrer Rollen ({named}).",
                f"None of your roles ({named}) allows that.",
                code="role_missing",
            )
        if self.state is None:
            raise Forbidden("Sie handeln für kein Land.", "You act for no state.", code="no_state")
        assert state is not None  # noqa: S101 - else the right would be given
        raise Forbidden(
            f"Zuständig ist {state.label}; Sie handeln für {self.state.label}.",
            f"{state.label} is responsible; you act for {self.state.label}.",
            code="foreign_state",
        )

    def require_own_state(self, right: Right) -> State:
        """The state the caller acts for. Raises Forbidden without the right or a state."""
        self.require(right)
        if self.state is None:
            raise Forbidden("Sie handeln für kein Land.", "You act for no state.", code="no_state")
        return self.state

    def require_served(self, right: Right, served: Collection[State]) -> State:
        """The state the caller writes for. Raises Forbidden without the right or a state, Conflict when another
        instance serves it.
        """
        state = self.require_own_state(right)
        if state not in served:
            raise Conflict(
                f"Diese Instanz schreibt nicht für {state.label}.",
                f"This instance does not write for {state.label}.",
                code="state_not_served",
            )
        return state


class TokenVerifier:
    """Checks bearer tokens; verified ones are remembered until they expire or the keys change."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._generation = -1
        self._verified: dict[str, tuple[float, Caller]] = {}

    async def verify(self, token: str) -> Caller:
        """The caller a token speaks for. Raises Unauthenticated with the reason, Unavailable when there are no keys."""
        keys = await self._keys.for_token(token)
        if self._keys.generation != self._generation:
            self._generation = self._keys.generation
            self._verified.clear()
        known = self._verified.get(token)
        if known and known[0] > time.time():
            return known[1]
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise invalid_token(error) from error
        caller = caller_of(decoded.claims)
        if len(self._verified) >= _CACHE_SIZE:
            self._verified.clear()
        self._verified[token] = (float(decoded.claims["exp"]), caller)
        return caller


def invalid_token(error: Exception) -> Unauthenticated:
    """The refusal of a token, with the library's reason, which holds nothing of the token."""
    reason = getattr(error, "description", "") or type(error).__name__
    return Unauthenticated(f"Das Token gilt nicht: {reason}", f"The token is not valid: {reason}", code="invalid_token")


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller that claims of a token speak of; roles nobody knows here give no right.

    Raises Unauthenticated for an unknown state, or when no role is named at all.
    """
    state, named = claims.get("state"), claims.get("roles", claims.get("role"))
    try:
        known_state = State(state) if state is not None else None
    except ValueError as error:
        raise Unauthenticated("Das Token nennt ein unbekanntes Land.", "The token names an unknown state.") from error
    listed = [named] if isinstance(named, str) else named
    if not isinstance(listed, list) or not any(isinstance(role, str) and role for role in listed):
        raise Unauthenticated("Das Token nennt keine Rolle.", "The token names no role.")
    roles = frozenset(Role(role) for role in listed if role in set(Role))
    name = claims.get("name")
    subject = str(claims["sub"])
    return Caller(
        subject=subject, name=name if isinstance(name, str) and name else subject, roles=roles, state=known_state
    )
