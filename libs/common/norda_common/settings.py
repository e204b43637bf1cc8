"""Settings from the environment, and from nowhere else; a wrong one stops the process with a line that names it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .states import ALL_STATES, State


class ServiceSettings(BaseSettings):
    """What every service reads. Variables are prefixed `NORDA_`, but for OpenTelemetry's own."""

    model_config = SettingsConfigDict(env_prefix="NORDA_", extra="ignore", frozen=True)

    states: Annotated[tuple[State, ...], NoDecode] = ALL_STATES
    """States this instance may write for (`hb,hh,ni`); it reads all."""
    database_url: SecretStr
    """DSN of the service's own role."""
    admin_database_url: SecretStr | None = None
    """DSN of a role that may create roles and schemas; read by `setup` alone."""
    database_pool_size: int = Field(default=10, ge=2, le=100)
    kafka_bootstrap_servers: str
    kafka_topic_prefix: str = Field(default="", pattern=r"^[a-z0-9._-]*$")
    kafka_replication: int = Field(default=1, ge=1, le=9)
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=1, le=65535)
    public_url: str = ""
    """Base of links handed out; empty means the address the service listens on."""
    trace_page: str = Field(default="", pattern=r"^(https?://\S*\{trace_id\}\S*)?$")
    """Where a person sees a trace, with `{trace_id}` in it; empty means that operators get no links."""
    token_jwks_file: Path | None = None
    """The issuer's public keys, where they come as a file; else they are fetched from NORDA_OIDC_ISSUER."""
    token_issuer: str = ""
    """Who signs tokens; empty means NORDA_OIDC_ISSUER."""
    token_audience: str = "norda"  # noqa: S105 - a name, not a secret
    oidc_issuer: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """The OpenID provider people sign in at; without one there are no pages to sign in to, only the API."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    session_hours: float = Field(default=10, gt=0, le=24)
    """How long one sign-in lasts at most: a working day."""
    session_idle_minutes: float = Field(default=60, gt=0, le=720)
    """After so long without a page a person signs in again."""
    registry_url: str = ""
    events_url: str = ""
    notifications_url: str = ""
    """Where the pages of each service are, for the links between them; empty means this service's own host."""
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    anybody_per_minute: int = Field(default=120, ge=0)
    """So much may one address ask in a minute without signing in, where that is a search; 0 for no limit."""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    """How many proxies of the installation's own are before the process, each adding to X-Forwarded-For; with 0 nobody
    reads that header.
    """
    body_limit_bytes: int = Field(default=256 * 1024, ge=1024)
    """Largest request body; routes that take files name their own."""
    otlp_endpoint: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Base of the OTLP/HTTP server (traces, metrics, logs); empty means that nothing is exported."""
    metrics_exporter: str = Field(default="otlp", pattern="^(otlp|none)$", validation_alias="OTEL_METRICS_EXPORTER")
    """`none` where the server takes no metrics, as Jaeger does not."""
    logs_exporter: str = Field(default="otlp", pattern="^(otlp|none)$", validation_alias="OTEL_LOGS_EXPORTER")

    @field_validator("token_jwks_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("states", mode="before")
    @classmethod
    def _split_states(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        codes = [part.strip().lower() for part in value.split(",") if part.strip()]
        if not codes:
            raise ValueError("name at least one of hb, hh, ni")
        return tuple(State(code) for code in sorted(set(codes)))

    @model_validator(mode="after")
    def _keys_from_somewhere(self) -> Self:
        if self.token_jwks_file is None and not self.oidc_issuer:
            raise ValueError("NORDA_OIDC_ISSUER or NORDA_TOKEN_JWKS_FILE is needed to check who calls")
        return self

    @property
    def issuer(self) -> str:
        """Who signs tokens."""
        return self.token_issuer or self.oidc_issuer

    def address_of(self, service: str) -> str:
        """Base of a service's pages, without a trailing slash."""
        base: str = getattr(self, f"{service}_url")
        return (base or self.base_url).rstrip("/")

    @property
    def instance(self) -> str:
        """The instance's name, made of its states: sets consumer groups of one-state instances apart."""
        return "-".join(state.value for state in self.states)

    @property
    def base_url(self) -> str:
        """Base of links, without a trailing slash."""
        return (self.public_url or f"http://{self.http_host}:{self.http_port}").rstrip("/")

    def trace_link(self, trace_id: str | None) -> str | None:
        """The address of a trace's page; None without a trace or a page."""
        return self.trace_page.replace("{trace_id}", trace_id) if trace_id and self.trace_page else None


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S]) -> S:
    """Read the settings, or exit with one line per wrong or missing variable (no values, they may be secret)."""
    try:
        return settings()
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            name = str(fault["loc"][0]) if fault["loc"] else "?"
            variable = name if name.startswith("OTEL_") else f"NORDA_{name.upper()}"
            print(f"norda: {variable}: {fault['msg']}. Set it in the environment.", file=sys.stderr)
        raise SystemExit(2) from None


@cache
def served_states() -> tuple[State, ...]:
    """The states this process may write for, read once: consumers are handed a connection and a record, no runtime."""
    return load(ServiceSettings).states
