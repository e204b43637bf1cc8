"""The local issuer as a part of the stack."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from norda_local.folders import Home
from norda_local.issuer.clients import VARIABLE, Client, written
from norda_local.parts import Part
from norda_local.tokens import foreign_keys_file, public_keys_file
from norda_local.tracing import probe_http


def issuer_url(port: int) -> str:
    """The identifier of a local issuer on that port."""
    return f"http://127.0.0.1:{port}"


def issuer_part(home: Home, *, port: int, clients: Sequence[Client]) -> Part:
    """Describe the provider; its identifier is `issuer_url(port)`."""
    issuer = issuer_url(port)

    def prepare() -> None:
        # What a Keycloak of an earlier start signed does not count any more.
        foreign_keys_file(home).unlink(missing_ok=True)
        public_keys_file(home)

    return Part(
        name="issuer",
        title="Sign-in",
        command=(
            *(sys.executable, "-m", "norda_local.issuer"),
            *(f"--port={port}", f"--issuer={issuer}", f"--home={home.path}"),
        ),
        environment={VARIABLE: written(clients)},
        probe=lambda: probe_http(f"{issuer}/.well-known/openid-configuration"),
        ports=(port,),
        link=f"{issuer}/",
        prepare=prepare,
        stop_seconds=5,
    )
