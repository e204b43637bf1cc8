"""The local signing key and the bearer tokens made with it, at their places in the stack's folder.

Stands in for the sign-in of a real installation: whoever can read `.norda/secrets/` can be anybody, on this machine
only. Invariant: the private key never leaves `secrets/` (mode 600); services see the public key set.
"""

from pathlib import Path

from joserfc.jwk import ECKey
from norda_common.signing_key import (
    AUDIENCE,
    DEFAULT_LIFETIME_SECONDS,
    ISSUER,
    bearer_token,
    read_or_make_key,
    write_public_keys,
)

from norda_local.folders import Home

__all__ = ["AUDIENCE", "ISSUER", "issue_token", "public_keys_file", "signing_key"]


def signing_key(home: Home) -> ECKey:
    """The stack's private key, made at the first call."""
    return read_or_make_key(home.secrets / "signing-key.json")


def public_keys_file(home: Home) -> Path:
    """The JWK set with which services check tokens. Idempotent."""
    home.create()
    path = home.run / "jwks.json"
    write_public_keys(signing_key(home), path)
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
    """A bearer token for somebody of an office; see `norda_common.signing_key.bearer_token`."""
    return bearer_token(
        signing_key(home), state=state, role=role, name=name, subject=subject, lifetime_seconds=lifetime_seconds
    )
