"""Settings of the registry: the platform's, and the key its links are signed with."""

from __future__ import annotations

from norda_common.errors import Conflict
from norda_common.settings import ServiceSettings
from pydantic import SecretStr, field_validator

from .rules.signed_links import SHORTEST_KEY


class RegistrySettings(ServiceSettings):
    """`NORDA_LINK_KEY`: signs the links by which organisations confirm their profiles. Changed, all of them end."""

    link_key: SecretStr = SecretStr("")
    """At least 24 characters; without it no links can be sent, nor are any taken."""

    @field_validator("link_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"needs at least {SHORTEST_KEY} characters")
        return value


def has_link_key(settings: ServiceSettings) -> bool:
    """Whether links can be sent and taken here."""
    return isinstance(settings, RegistrySettings) and bool(settings.link_key.get_secret_value())


def link_key(settings: ServiceSettings) -> bytes:
    """The key as bytes. Raises Conflict where the operator has set none."""
    key = settings.link_key.get_secret_value() if isinstance(settings, RegistrySettings) else ""
    if not key:
        raise Conflict(
            "Links sind in dieser Installation nicht eingerichtet (NORDA_LINK_KEY fehlt).",
            "Links are not set up in this installation (NORDA_LINK_KEY is missing).",
            code="links_not_set_up",
        )
    return key.encode()
