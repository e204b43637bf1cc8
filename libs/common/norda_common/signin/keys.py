"""The issuer's public keys (JWK set, RFC 7517): from a file, or from the address its discovery document names.

Keys are read again when the file changes, or when a token names one that is not known yet, so they can be rotated
without a restart. An unknown key makes no more than one request in ten seconds.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ..errors import Unavailable
from .provider import Provider

ALGORITHMS = ["ES256", "RS256"]
ASK_AGAIN_SECONDS = 10.0
"""How long an unknown key is believed to be unknown."""
KNOWN_SECONDS = 3_600.0
"""How long fetched keys hold: a key that was withdrawn is forgotten then."""


class Keys(Protocol):
    """Where keys come from. `generation` changes with the keys."""

    generation: int

    async def for_token(self, token: str) -> KeySet:
        """The keys now, asked for again if the token names one that is not among them. Raises Unavailable."""


class KeyFile:
    """Keys in a file that somebody else writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: KeySet | None = None
        self._mtime = 0.0
        self.generation = 0

    async def for_token(self, token: str) -> KeySet:  # noqa: ARG002 - a file is read whenever it has changed
        """The keys in the file. Raises Unavailable when it cannot be read."""
        try:
            mtime = self._path.stat().st_mtime
            if self._keys is None or mtime != self._mtime:
                self._keys = KeySet.import_key_set(json.loads(self._path.read_text()))
                self._mtime = mtime
                self.generation += 1
        except (OSError, ValueError, JoseError) as error:
            raise Unavailable(
                "Die Schlüssel der Anmeldung fehlen (NORDA_TOKEN_JWKS_FILE).",
                "The sign-in keys are missing (NORDA_TOKEN_JWKS_FILE).",
            ) from error
        return self._keys


class ProviderKeys:
    """Keys as the provider publishes them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._keys: KeySet | None = None
        self._asked_at = 0.0
        self._turn = asyncio.Lock()
        self.generation = 0

    async def for_token(self, token: str) -> KeySet:
        """The keys, fetched again for a token of a new key. Raises Unavailable when they cannot be had."""
        age = time.monotonic() - self._asked_at
        if self._keys is None or age > KNOWN_SECONDS or (age > ASK_AGAIN_SECONDS and not self._knows(token)):
            async with self._turn:
                if self._keys is None or time.monotonic() - self._asked_at > min(age, ASK_AGAIN_SECONDS):
                    await self._fetch()
        assert self._keys is not None  # noqa: S101 - fetched, or raised
        return self._keys

    async def _fetch(self) -> None:
        try:
            fetched = KeySet.import_key_set(await self._provider.key_set())
        except (ValueError, JoseError) as error:
            raise Unavailable(
                "Die Schlüssel der Anmeldung sind nicht lesbar.", "The sign-in keys cannot be read."
            ) from error
        self._asked_at = time.monotonic()
        if self._keys is None or fetched.as_dict(private=False) != self._keys.as_dict(private=False):
            self._keys = fetched
            self.generation += 1

    def _knows(self, token: str) -> bool:
        """Whether the token's key is among ours; one that names no key cannot tell."""
        try:
            named = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError):
            return True
        return named is None or (self._keys is not None and any(key.kid == named for key in self._keys.keys))
