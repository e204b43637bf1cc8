"""Settings of the notifications service: the platform's, and where mail goes out."""

from __future__ import annotations

from email.utils import parseaddr
from functools import cache
from urllib.parse import urlsplit

from norda_common.settings import ServiceSettings, load
from norda_common.states import State
from pydantic import Field, SecretStr, field_validator

SCHEMES = ("smtp", "smtps")


class NotificationsSettings(ServiceSettings):
    """`NORDA_SMTP_URL`: `smtp://[user:password@]host[:port]` (STARTTLS when offered) or `smtps://...` (TLS at once)."""

    smtp_url: SecretStr
    mail_from: str = "Norda <norda@norda.example>"
    """Sender of all mail, with or without a display name; its domain also makes the Message-IDs."""
    mail_timeout_seconds: float = Field(default=30, gt=0, le=600)
    """For the server to agree to a mail's recipient, and again for its data. A claim is held three times as long: a
    killed worker's mails wait that long.
    """
    mail_parallel: int = Field(default=8, ge=1, le=50)
    """SMTP connections, hence mails under way at once."""
    mail_in_doubt: int = Field(default=1, ge=1, le=50)
    """Mails of a process whose data the server may have and whose outcome is not committed: what a kill can repeat."""
    mail_settle_seconds: float = Field(default=2, ge=0, le=60)
    """How long a subscriber's notice waits for the participant's notice of the same occasion, which goes first."""

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError("write it as smtp://host:port or smtps://host:port")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if any(not char.isprintable() for char in value) or "@" not in parseaddr(value)[1]:
            raise ValueError("write it as address or Name <address>")
        return value


@cache
def settings_of_process() -> NotificationsSettings:
    """The process's settings, read once: consumers are handed a connection and a record, and no runtime."""
    return load(NotificationsSettings)


def served_states() -> frozenset[State]:
    """The states this instance may write for."""
    return frozenset(settings_of_process().states)
