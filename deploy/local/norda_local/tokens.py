"""The local signing key, its exchange, and the bearer tokens made with it, at their places in the stack's folder.

The local issuer signs with the same key. Whoever can read `.norda/secrets/` can be anybody, on this machine only.
Invariants: private keys never leave `secrets/` (mode 600), and one that was exchanged is forgotten at once; services
see the public key set, in which its public half stays until what it signed has expired.
"""

import fcntl
import json
import time
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey
from norda_common.signing_key import (
    AUDIENCE,
    DEFAULT_LIFETIME_SECONDS,
    bearer_token,
    read_or_make_key,
    write_public_keys,
)

from norda_local.folders import Home
from norda_local.secrets_store import write_private

__all__ = [
    "AUDIENCE",
    "foreign_keys_file",
    "issue_token",
    "public_keys",
    "public_keys_file",
    "rotate_signing_key",
    "signing_key",
]

RETIRED_SECONDS = 24 * 3600
"""How long tokens of an exchanged key stay valid, at most: longer than any that is made without asking for more."""


def signing_key(home: Home) -> ECKey:
    """The stack's private key, made at the first call."""
    return read_or_make_key(_key_file(home))


def public_keys(home: Home) -> list[dict[str, Any]]:
    """The public keys (JWK) with which tokens of this stack can be checked; the one that signs now comes first."""
    return [dict(signing_key(home).as_dict(private=False)), *_retired(home)]


def public_keys_file(home: Home) -> Path:
    """The JWK set with which services check tokens; it also holds the keys of a Keycloak that signs people in.

    Idempotent.
    """
    home.create()
    path = home.run / "jwks.json"
    write_public_keys(signing_key(home), path, further=[*_retired(home), *_foreign(home)])
    return path


def foreign_keys_file(home: Home) -> Path:
    """Where the keys of another issuer lie (a JWK set) while it signs for this stack."""
    return home.run / "keycloak-jwks.json"


def rotate_signing_key(home: Home) -> str:
    """Sign with a new key from now on, and return its id; tokens of the last one stay valid for a day."""
    home.create()
    with (home.secrets / "rotation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        last = signing_key(home).as_dict(private=False)
        kept = [*_retired_entries(home), {"until": time.time() + RETIRED_SECONDS, "key": last}]
        # The public half is written first, so that at no moment a valid token lacks its key.
        _replace(home.secrets / "retired-keys.json", json.dumps(kept))
        scratch = home.secrets / "signing-key.json.new"
        scratch.unlink(missing_ok=True)
        read_or_make_key(scratch)
        scratch.replace(_key_file(home))
        public_keys_file(home)
    return str(signing_key(home).kid)


def issue_token(
    home: Home,
    *,
    issuer: str,
    state: str,
    role: str = "office",
    name: str = "",
    subject: str = "",
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """A bearer token for somebody of an office; see `norda_common.signing_key.bearer_token`.

    `issuer` is the stack's own (`endpoints.issuer`): services refuse tokens that name another.
    """
    return bearer_token(
        signing_key(home),
        state=state,
        role=role,
        name=name,
        subject=subject,
        issuer=issuer,
        lifetime_seconds=lifetime_seconds,
    )


def _key_file(home: Home) -> Path:
    return home.secrets / "signing-key.json"


def _retired(home: Home) -> list[dict[str, Any]]:
    return [entry["key"] for entry in _retired_entries(home)]


def _retired_entries(home: Home) -> list[dict[str, Any]]:
    """Exchanged keys whose tokens may still be valid."""
    path = home.secrets / "retired-keys.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return [entry for entry in entries if entry["until"] > time.time()]


def _foreign(home: Home) -> list[dict[str, Any]]:
    path = foreign_keys_file(home)
    keys: list[dict[str, Any]] = json.loads(path.read_text())["keys"] if path.exists() else []
    return [key for key in keys if key.get("use") == "sig"]


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    write_private(scratch, text)
    scratch.replace(path)
