"""The issuer's tokens: ID tokens, access tokens, logout tokens, all signed with the stack's key.

Invariants: a token says by `aud` and `typ` what it is for, so that none is taken for another kind; the key is read for
each signature, so that an exchanged key is used at once.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from norda_local.folders import Home
from norda_local.issuer.clients import Client
from norda_local.issuer.sessions import Grant
from norda_local.tokens import AUDIENCE, public_keys, signing_key

ALGORITHM = "ES256"
ID_TOKEN_SECONDS = 600
ACCESS_TOKEN_SECONDS = 3600
LOGOUT_TOKEN_SECONDS = 120
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True)
class Signer:
    """Signs for the issuer of that address, with the key in that home."""

    home: Home
    issuer: str

    def id_token(self, grant: Grant) -> str:
        """Who signed in, for the client that asked (OpenID Connect Core 1.0, section 2)."""
        session = grant.session
        further = {"nonce": grant.nonce} if grant.nonce else {}
        return self._signed(
            "JWT",
            {"aud": grant.client_id, "auth_time": session.began, "sid": session.sid, **session.person.claims()}
            | further,
            ID_TOKEN_SECONDS,
        )

    def person_token(self, grant: Grant) -> str:
        """An access token with which a client may call the APIs for the person."""
        return self._access_token({"client_id": grant.client_id, **grant.session.person.claims()})

    def program_token(self, client: Client, subject: str) -> str:
        """An access token of a program's own."""
        return self._access_token({"client_id": client.id, "sub": subject, "name": client.id, "roles": [client.role]})

    def logout_token(self, client: Client, *, sid: str, subject: str) -> str:
        """What tells a client that a session is over (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
        claims = {"aud": client.id, "sub": subject, "sid": sid, "events": {LOGOUT_EVENT: {}}}
        return self._signed("logout+jwt", claims, LOGOUT_TOKEN_SECONDS)

    def hinted(self, id_token: str) -> dict[str, Any] | None:
        """The claims of an ID token that we gave out, also when it has expired meanwhile; None for anything else."""
        try:
            token = jwt.decode(id_token, KeySet.import_key_set(self.key_set()), algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            return None
        ours = token.header.get("typ") == "JWT" and token.claims.get("iss") == self.issuer
        return dict(token.claims) if ours and {"sid", "sub", "aud"} <= set(token.claims) else None

    def key_set(self) -> Any:
        """The public keys, as the document at `jwks_uri`."""
        return {"keys": public_keys(self.home)}

    def _access_token(self, claims: dict[str, Any]) -> str:
        return self._signed("at+jwt", {"aud": AUDIENCE, **claims}, ACCESS_TOKEN_SECONDS)

    def _signed(self, kind: str, claims: dict[str, Any], seconds: int) -> str:
        key, now = signing_key(self.home), int(time.time())
        common = {"iss": self.issuer, "iat": now, "exp": now + seconds, "jti": secrets.token_urlsafe(12)}
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": kind}, common | claims, key)
