"""The OpenID provider, as a service uses it: discovery, the code flow with PKCE, logout.

Sources: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, Back-Channel Logout 1.0; RFC 7636 (PKCE) and
RFC 9700. Each answer of the provider is bounded in size and time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2

from ..errors import Unavailable

REQUEST_SECONDS = 5.0
DISCOVERED_SECONDS = 3_600.0
MOST_BYTES = 256 * 1024
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class RefusedByProvider(Exception):  # noqa: N818 - an outcome, not a fault of the program
    """The provider did not accept the code; its `error` is the message."""


class Provider:
    """One provider and this service's registration with it (`client_id`, `client_secret`)."""

    def __init__(self, issuer: str, *, client_id: str, client_secret: str) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._secret = client_secret
        self._document: Mapping[str, Any] = {}
        self._discovered_at = 0.0

    async def authorization_address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent to sign in. Raises Unavailable."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            # What more is told of a person, name, roles and state, the provider's client decides; a scope it does not
            # know is refused (deploy/keycloak/README.md).
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return _with_query((await self._discovered())["authorization_endpoint"], asked)

    async def redeem(self, code: str, *, redirect_uri: str, verifier: str) -> str:
        """The ID token for a code. Raises RefusedByProvider, Unavailable."""
        address = (await self._discovered())["token_endpoint"]
        answer = await _asked(
            "POST",
            address,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            auth=(self.client_id, self._secret),
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise RefusedByProvider(str(answer.get("error", "no id_token"))[:100])
        return token

    async def logout_address(self, *, id_token: str | None, back: str) -> str | None:
        """Where the browser is sent to sign out everywhere; None when the provider has no such place.

        Without a token of the session the provider asks the person first.
        """
        address = (await self._discovered()).get("end_session_endpoint")
        if address is None:
            return None
        hint = {"id_token_hint": id_token} if id_token else {}
        return _with_query(address, hint | {"post_logout_redirect_uri": back, "client_id": self.client_id})

    async def key_set(self) -> Any:
        """The provider's JWK set. Raises Unavailable."""
        return await _asked("GET", (await self._discovered())["jwks_uri"])

    async def _discovered(self) -> Mapping[str, Any]:
        if not self._document or time.monotonic() - self._discovered_at > DISCOVERED_SECONDS:
            document = await _asked("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if document.get("issuer") != self.issuer or not all(isinstance(document.get(it), str) for it in needed):
                raise _away("discovery")
            self._document, self._discovered_at = document, time.monotonic()
        return self._document


def new_secret() -> str:
    """256 random bits, as text that fits into an address."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _with_query(address: str, parameters: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


async def _asked(method: str, address: str, **options: Any) -> dict[str, Any]:
    """The provider's JSON object; of a refusal too (RFC 6749, 5.2). Raises Unavailable."""
    try:
        async with (
            httpx2.AsyncClient(timeout=REQUEST_SECONDS, follow_redirects=False) as client,
            client.stream(method, address, headers={"accept": "application/json"}, **options) as response,
        ):
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _away("too large an answer")
            if response.status_code >= 500:
                raise _away(f"status {response.status_code}")
            document = json.loads(body)
    except (httpx2.HTTPError, ValueError) as error:
        raise _away(type(error).__name__) from error
    if not isinstance(document, dict):
        raise _away("no JSON object")
    return document


def _away(reason: str) -> Unavailable:
    return Unavailable(
        f"Die Anmeldung ist gerade nicht erreichbar ({reason}). Bitte gleich noch einmal.",
        f"The sign-in cannot be reached ({reason}). Please try again shortly.",
        code="sign_in_unavailable",
    )
