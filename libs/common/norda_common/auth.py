"""Who is calling: bearer tokens (JWT, RFC 7519) signed by the platform's issuer, and what they allow.

A token says subject, name, state and role. Signature, issuer, audience and expiry are checked; keys come from a JWK set
(RFC 7517) that is read again when it changes, so keys can be rotated without a restart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from .errors import Conflict, Forbidden, Unauthenticated, Unavailable
from .states import State

ALGORITHMS = ["ES256", "RS256"]
WRITERS = frozenset({"office", "lead", "pr"})
CLOCK_SKEW_SECONDS = 30
_CACHE_SIZE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller. `state` is the office's state; None for platform operators and integrators."""

    subject: str
    name: str
    role: str
    state: State | None

    def require_writer(self) -> None:
        """Raises Forbidden unless the role may write at all."""
        if not self.may_write:
            raise Forbidden(
                f"Die Rolle {self.role!r} darf nichts ändern.",
                f"The role {self.role!r} may not change anything.",
            )

    def require_state(self, state: State) -> None:
        """Raises Forbidden unless the caller may write for this state."""
        self.require_writer()
        if self.state is not state:
            own = self.state.label if self.state else "-"
            raise Forbidden(
                f"Zuständig ist {state.label}; Sie handeln für {own}.",
                f"{state.label} is responsible; you act for {own}.",
                code="foreign_state",
            )

    def require_own_state(self) -> State:
        """The state the caller writes for. Raises Forbidden when there is none."""
        self.require_writer()
        if self.state is None:
            raise Forbidden("Das Token nennt kein Land.", "The token names no state.", code="no_state")
        return self.state

    def require_served(self, served: Collection[State]) -> State:
        """The state the caller writes for. Raises Forbidden without one, Conflict when another instance serves it."""
        state = self.require_own_state()
        if state not in served:
            raise Conflict(
                f"Diese Instanz schreibt nicht für {state.label}.",
                f"This instance does not write for {state.label}.",
                code="state_not_served",
            )
        return state

    @property
    def may_write(self) -> bool:
        """Whether the role may write at all."""
        return self.role in WRITERS

    def require_operator(self) -> None:
        """Raises Forbidden unless the caller is an operator."""
        if self.role != "operator":
            raise Forbidden("Das darf nur der Betrieb.", "Only operators may do this.")


class TokenVerifier:
    """Checks tokens against a JWK set file; verified tokens are remembered until they expire."""

    def __init__(self, jwks_file: Path, *, issuer: str, audience: str) -> None:
        self._file = jwks_file
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: KeySet | None = None
        self._read_at_mtime = 0.0
        self._verified: dict[str, tuple[float, Caller]] = {}

    def verify(self, token: str) -> Caller:
        """The caller a token speaks for. Raises Unauthenticated with the reason, Unavailable when there are no keys."""
        keys = self._current_keys()
        known = self._verified.get(token)
        if known and known[0] > time.time():
            return known[1]
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            reason = getattr(error, "description", "") or type(error).__name__
            raise Unauthenticated(
                f"Das Token gilt nicht: {reason}", f"The token is not valid: {reason}", code="invalid_token"
            ) from error
        caller = _caller(decoded.claims)
        if len(self._verified) >= _CACHE_SIZE:
            self._verified.clear()
        self._verified[token] = (float(decoded.claims["exp"]), caller)
        return caller

    def _current_keys(self) -> KeySet:
        try:
            mtime = self._file.stat().st_mtime
            if self._keys is None or mtime != self._read_at_mtime:
                self._keys = KeySet.import_key_set(json.loads(self._file.read_text()))
                self._read_at_mtime = mtime
                self._verified.clear()
        except (OSError, ValueError, JoseError) as error:
            raise Unavailable(
                "Die Schlüssel der Anmeldung fehlen (NORDA_TOKEN_JWKS_FILE).",
                "The sign-in keys are missing (NORDA_TOKEN_JWKS_FILE).",
            ) from error
        return self._keys


def _caller(claims: dict[str, Any]) -> Caller:
    state, role = claims.get("state"), claims.get("role")
    try:
        known_state = State(state) if state is not None else None
    except ValueError as error:
        raise Unauthenticated("Das Token nennt ein unbekanntes Land.", "The token names an unknown state.") from error
    if not isinstance(role, str) or not role:
        raise Unauthenticated("Das Token nennt keine Rolle.", "The token names no role.")
    return Caller(subject=str(claims["sub"]), name=str(claims.get("name", claims["sub"])), role=role, state=known_state)
