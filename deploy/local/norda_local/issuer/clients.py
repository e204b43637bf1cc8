"""Who may ask the issuer: the services, for the people who use their pages, and programs that call the APIs.

Invariants: an address is accepted only if it is registered, letter by letter; a secret is known to the issuer and its
client alone and travels by environment, never in a command line.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from norda_local.folders import Home
from norda_local.secrets_store import password

VARIABLE = "NORDA_ISSUER_CLIENTS"
PROGRAMS = {"norda-integrator": "integrator"}
"""API clients and the role each acts in."""


@dataclass(frozen=True)
class Client:
    """A registered client. Without a redirect URI it is a program with a `role` of its own: nobody signs in to it."""

    id: str
    secret: str
    redirect_uri: str = ""
    post_logout_redirect_uri: str = ""
    back_channel_logout_uri: str = ""
    role: str = ""

    def knows(self, secret: str) -> bool:
        """Whether that is the client's secret."""
        return secrets.compare_digest(self.secret.encode(), secret.encode())


def client_id(service: str) -> str:
    """Under which id a service is registered."""
    return f"norda-{service}"


def client_secret(home: Home, client: str) -> str:
    """The client's secret, made at the first call."""
    return password(home, f"oidc-{client}")


def service_client(service: str, *, base: str, secret: str) -> Client:
    """A service's registration; `base` is its public address without a path."""
    pages = f"{base.rstrip('/')}/{service}"
    return Client(
        client_id(service),
        secret,
        redirect_uri=f"{pages}/sign-in/callback",
        post_logout_redirect_uri=f"{pages}/signed-out",
        back_channel_logout_uri=f"{pages}/back-channel-logout",
    )


def clients_of(home: Home, bases: Mapping[str, str]) -> list[Client]:
    """The clients of a stack; `bases` are the services' public addresses by name."""
    services = [
        service_client(name, base=base, secret=client_secret(home, client_id(name))) for name, base in bases.items()
    ]
    return services + [Client(name, client_secret(home, name), role=role) for name, role in PROGRAMS.items()]


def written(clients: Iterable[Client]) -> str:
    """The clients as the value of NORDA_ISSUER_CLIENTS."""
    return json.dumps([asdict(client) for client in clients])


def read(text: str) -> dict[str, Client]:
    """The clients of such a value, by id."""
    return {entry["id"]: Client(**entry) for entry in json.loads(text)}
