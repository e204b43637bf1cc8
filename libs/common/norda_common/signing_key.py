"""An installation's own signing key, where no identity provider signs: the key, its public set, bearer tokens.

Invariants: ES256 (RFC 7518); the private key is made once, in a file of mode 600; services are given the public JWK set
(RFC 7517) alone. Whoever can read the private key can be anybody (docs/decisions/0009-tokens-by-local-key.md).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from .private_files import write_private

ISSUER = "norda-local"
AUDIENCE = "norda"
DEFAULT_LIFETIME_SECONDS = 8 * 3600


def read_or_make_key(path: Path) -> ECKey:
    """The private key in that file, made at the first call. Idempotent, and safe beside another process."""
    if not path.exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
        with suppress(FileExistsError):
            write_private(path, json.dumps(key.as_dict(private=True)))
    return ECKey.import_key(json.loads(path.read_text()))


def write_public_keys(key: ECKey, path: Path, *, further: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the JWK set with which services check tokens; `further` are public keys (JWK) that count as well.

    Idempotent: a file that says the same is left alone. Atomic, because services read it while it is written.
    """
    text = json.dumps({"keys": [key.as_dict(private=False), *further]})
    if not path.exists() or path.read_text() != text:
        scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
        scratch.write_text(text)
        scratch.replace(path)


def bearer_token(
    key: ECKey,
    *,
    state: str,
    role: str = "office",
    name: str = "",
    subject: str = "",
    issuer: str = ISSUER,
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """A token for somebody of an office.

    `state` is hb, hh or ni; `role` is office, lead, operator, ...; `name` is shown in histories and `subject` is the
    person's stable id, both with a default made of state and role; `issuer` is who services expect to sign.
    """
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subject or f"{role}-{state}",
        "iat": now,
        "exp": now + lifetime_seconds,
        "state": state,
        "role": role,
        "name": name or f"{role} {state.upper()}",
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
