"""The local signing key and the bearer tokens made with it.

Stands in for the sign-in of a real installation: whoever can read `.norda/secrets/` can be anybody, on this machine
only. Invariants: ES256; the private key never leaves `secrets/` (mode 600); services see the public key set.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from norda_local.folders import Home
from norda_local.secrets_store import write_private

ISSUER = "norda-local"
AUDIENCE = "norda"
DEFAULT_LIFETIME_SECONDS = 8 * 3600


def signing_key(home: Home) -> ECKey:
    """The stack's private key, made at the first call together with the public key set."""
    path = home.secrets / "signing-key.json"
    if not path.exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
        with suppress(FileExistsError):
            write_private(path, json.dumps(key.as_dict(private=True)))
    return ECKey.import_key(json.loads(path.read_text()))


def public_keys_file(home: Home) -> Path:
    """The JWK set with which services check tokens. Idempotent."""
    path = home.run / "jwks.json"
    text = json.dumps({"keys": [signing_key(home).as_dict(private=False)]})
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path


def issue_token(
    home: Home,
    *,
    state: str,
    role: str = "office",
    name: str = "",
    subject: str = "",
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """A bearer token for somebody of an office.

    `state` is hb, hh or ni; `role` is office, lead, operator, ...; `name` is shown in histories and `subject` is the
    person's stable id, both with a default made of state and role.
    """
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject or f"{role}-{state}",
        "iat": now,
        "exp": now + lifetime_seconds,
        "state": state,
        "role": role,
        "name": name or f"{role} {state.upper()}",
    }
    key = signing_key(home)
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
