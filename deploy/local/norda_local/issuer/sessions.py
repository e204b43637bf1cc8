"""What the issuer remembers while it runs: who is signed in where, and codes that were not exchanged yet.

Kept in memory: a restart signs nobody out of a service, which has its own session; it costs a click at the next
service. Invariants: a code is good once, for 60 seconds; a session knows every client it was used for.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from norda_local.issuer.people import Person

SESSION_SECONDS = 10 * 3600
CODE_SECONDS = 60
MAX_KEPT = 10_000


@dataclass
class Session:
    """A signed-in browser. `sid` is told to clients, the cookie's value is not. `began` is in seconds since 1970."""

    person: Person
    began: int
    sid: str = field(default_factory=lambda: str(uuid.uuid4()))
    clients: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Grant:
    """What a code stands for: the request it answered and the session that allowed it."""

    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str
    session: Session
    expires: float


class Memory:
    """Sessions by cookie and grants by code."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._grants: dict[str, Grant] = {}

    def begin(self, person: Person) -> tuple[str, Session]:
        """Sign somebody in; returns the cookie's value and the session."""
        self._forget_what_expired()
        cookie, session = secrets.token_urlsafe(32), Session(person, int(self._clock()))
        self._sessions[cookie] = session
        return cookie, session

    def session(self, cookie: str | None) -> Session | None:
        """The living session of a cookie."""
        found = self._sessions.get(cookie or "")
        return found if found and found.began + SESSION_SECONDS > self._clock() else None

    def end(self, sid: str) -> Session | None:
        """Forget the session with that id, and codes given in it; returns what it was."""
        cookie = next((key for key, session in self._sessions.items() if session.sid == sid), None)
        self._grants = {code: grant for code, grant in self._grants.items() if grant.session.sid != sid}
        return self._sessions.pop(cookie) if cookie else None

    def grant(self, session: Session, *, client_id: str, redirect_uri: str, challenge: str, nonce: str) -> str:
        """A new code for that client."""
        self._forget_what_expired()
        code = secrets.token_urlsafe(32)
        expires = self._clock() + CODE_SECONDS
        self._grants[code] = Grant(client_id, redirect_uri, challenge, nonce, session, expires)
        return code

    def redeem(self, code: str) -> Grant | None:
        """What a code stands for; it is spent by asking, whatever comes of it."""
        grant = self._grants.pop(code, None)
        return grant if grant and grant.expires > self._clock() else None

    def _forget_what_expired(self) -> None:
        now = self._clock()
        self._grants = {code: grant for code, grant in self._grants.items() if grant.expires > now}
        living = [(key, each) for key, each in self._sessions.items() if each.began + SESSION_SECONDS > now]
        self._sessions = dict(living[-MAX_KEPT:])
