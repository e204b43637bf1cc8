"""Sessions and sign-ins under way, in the service's own schema: all SQL about them.

Invariants: a cookie's secret is stored as its SHA-256 only; a sign-in is used once, by the browser that began it; an
ended session is deleted at once, wherever it was ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..auth import Caller
from ..database import Connection, affected
from ..rights import Role
from ..states import State

SIGN_IN_MINUTES = 10
SEEN_SECONDS = 60
"""How exact the time of the last use is: a write per minute, not per page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody signed in with a browser. `csrf` is the token their forms carry."""

    id_hash: bytes
    caller: Caller
    csrf: str
    id_token: str
    flash: tuple[tuple[str, str, str], ...] = ()
    """What the next page tells once: kind, German, English."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way."""

    nonce: str
    verifier: str
    return_to: str


def hashed(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


async def begin(
    connection: Connection, *, state: str, browser: str, nonce: str, verifier: str, return_to: str, now: datetime
) -> None:
    """Remember a sign-in for ten minutes; forgets those whose time is over."""
    await connection.execute("delete from sign_in where expires_at < $1", now)
    await connection.execute(
        """insert into sign_in (state_hash, browser_hash, nonce, verifier, return_to, expires_at)
           values ($1, $2, $3, $4, $5, $6)""",
        hashed(state),
        hashed(browser),
        nonce,
        verifier,
        return_to,
        now + timedelta(minutes=SIGN_IN_MINUTES),
    )


async def take(connection: Connection, *, state: str, browser: str, now: datetime) -> SignIn | None:
    """The sign-in, which is over with that; None for one that is unknown, late, or another browser's."""
    row = await connection.fetchrow(
        """delete from sign_in where state_hash = $1 and browser_hash = $2
           returning nonce, verifier, return_to, expires_at""",
        hashed(state),
        hashed(browser),
    )
    return SignIn(row["nonce"], row["verifier"], row["return_to"]) if row and row["expires_at"] > now else None


async def create(
    connection: Connection,
    *,
    secret: str,
    caller: Caller,
    provider_session: str | None,
    csrf: str,
    id_token: str,
    now: datetime,
    lifetime: timedelta,
) -> None:
    """A new session, and the person's name for histories; forgets sessions whose time is over."""
    await connection.execute("delete from session where expires_at < $1", now)
    await connection.execute(
        """insert into session (id_hash, subject, provider_session, name, roles, state, csrf, id_token, created_at,
                                seen_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)""",
        hashed(secret),
        caller.subject,
        provider_session,
        caller.name[:300],
        sorted(caller.roles),
        caller.state,
        csrf,
        id_token,
        now,
        now + lifetime,
    )
    await connection.execute(
        """insert into person (subject, name, seen_at) values ($1, $2, $3)
           on conflict (subject) do update set name = excluded.name, seen_at = excluded.seen_at""",
        caller.subject,
        caller.name[:300],
        now,
    )


async def find(connection: Connection, secret: str, *, now: datetime, idle: timedelta) -> Session | None:
    """The session of a cookie, taken as used now; None when it is unknown, ended, late, or was idle too long."""
    row = await connection.fetchrow(
        """select id_hash, subject, name, roles, state, csrf, id_token, flash, seen_at from session
            where id_hash = $1 and expires_at > $2 and seen_at > $3""",
        hashed(secret),
        now,
        now - idle,
    )
    if row is None:
        return None
    if now - row["seen_at"] > timedelta(seconds=SEEN_SECONDS):
        await connection.execute("update session set seen_at = $2 where id_hash = $1", row["id_hash"], now)
    caller = Caller(
        subject=row["subject"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
        state=State(row["state"]) if row["state"] else None,
    )
    flash = tuple((kind, de, en) for kind, de, en in json.loads(row["flash"]))
    return Session(id_hash=row["id_hash"], caller=caller, csrf=row["csrf"], id_token=row["id_token"], flash=flash)


async def tell(connection: Connection, session: Session, kind: str, de: str, en: str) -> None:
    """Let the next page tell something once."""
    await connection.execute(
        "update session set flash = flash || jsonb_build_array(jsonb_build_array($2::text, $3::text, $4::text)) "
        "where id_hash = $1",
        session.id_hash,
        kind,
        de,
        en,
    )


async def told(connection: Connection, session: Session) -> None:
    """What was to be told has been."""
    await connection.execute("update session set flash = '[]' where id_hash = $1", session.id_hash)


async def end(connection: Connection, session: Session) -> None:
    """End one session. Idempotent."""
    await connection.execute("delete from session where id_hash = $1", session.id_hash)


async def end_of(connection: Connection, *, provider_session: str | None, subject: str | None) -> int:
    """End the sessions that belong to a session at the provider, or all of a person; how many there were."""
    if provider_session is not None:
        return affected(await connection.execute("delete from session where provider_session = $1", provider_session))
    return affected(await connection.execute("delete from session where subject = $1", subject))


async def names(connection: Connection, subjects: Sequence[str]) -> dict[str, str]:
    """The names of those among these people who ever signed in here."""
    rows = await connection.fetch("select subject, name from person where subject = any($1)", list(set(subjects)))
    return {row["subject"]: row["name"] for row in rows}
