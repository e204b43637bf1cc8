"""The real servers tests run against, named by environment variables that `./norda test` sets."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

VARIABLES = ("POSTGRES", "KAFKA", "SMTP", "MAIL", "OTLP", "TRACING")


@dataclass(frozen=True)
class Servers:
    """Addresses: admin DSN, host:port, smtp:// URL, mail page, OTLP endpoint, tracing page."""

    postgres: str
    kafka: str
    smtp: str
    mail: str
    otlp: str
    tracing: str

    @classmethod
    def from_environment(cls) -> Servers:
        """Read the addresses; a missing one fails the test, it never skips it."""
        missing = [f"NORDA_TEST_{name}" for name in VARIABLES if not os.environ.get(f"NORDA_TEST_{name}")]
        if missing:
            pytest.fail(f"no servers: {', '.join(missing)} not set. Run the tests by ./norda test.", pytrace=False)
        return cls(**{name.lower(): os.environ[f"NORDA_TEST_{name}"] for name in VARIABLES})
