"""The three services as parts of the stack, each once or in several replicas.

Owns how a service's process is told where its servers are (environment variables only), and when its one-shot
`setup` has to run again: after its code, its states or its servers changed.
"""

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from norda_local.errors import PartFailedError
from norda_local.folders import PROJECT_ROOT, Home
from norda_local.issuer.clients import client_id, client_secret
from norda_local.parts import Figures, Part
from norda_local.processes import inherited_environment
from norda_local.secrets_store import password
from norda_local.tokens import AUDIENCE, public_keys_file
from norda_local.tracing import probe_http

SERVICES = ("registry", "events", "notifications")
NEEDS = dict.fromkeys(SERVICES, ("postgres", "kafka", "issuer")) | {
    "notifications": ("postgres", "kafka", "issuer", "mail")
}
"""The servers without which a service cannot do its work; traces are for those who look."""
SETUP_SECONDS = 120
FIGURES_SECONDS = 2
SOURCE_SUFFIXES = frozenset(
    {".py", ".sql", ".csv", ".toml", ".jinja", ".html", ".json", ".css", ".js", ".svg", ".woff2", ".md", ".txt", ""}
)
"""Files a service reads from its folder or the library's; a test misses a kind that is not here."""


@dataclass(frozen=True)
class Servers:
    """Where the services find their servers; `database` is privileged, an empty `otlp` means no export.

    `issuer` signs people in and tokens; `trace_page` is the address of a trace's page with `{trace_id}` in it, or
    empty; `services` are the services' public addresses by name, with which their pages lead to each other.
    """

    database: str
    kafka: str
    otlp: str
    smtp: str
    issuer: str
    services: Mapping[str, str] = field(default_factory=dict)
    trace_page: str = ""
    # Only embedded servers tell us when their data is made anew, so with others each start runs the setups.
    embedded: bool = True
    kafka_replication: int = 1


def service_of(part: str) -> str:
    """The service a part runs: `registry` of `registry-2`."""
    return part.partition("-")[0]


def replica_names(service: str, replicas: int) -> list[str]:
    """The parts that run a service: `registry`, `registry-2`, ..."""
    return [service, *(f"{service}-{number}" for number in range(2, replicas + 1))]


def with_needs(parts: Iterable[str]) -> list[str]:
    """These parts, and the servers that the services among them need."""
    named = list(parts)
    return list(dict.fromkeys([*(need for part in named for need in NEEDS.get(service_of(part), ())), *named]))


def service_part(
    home: Home, name: str, *, port: int, states: str, servers: Servers, needs: tuple[str, ...], public_port: int = 0
) -> Part:
    """Describe one process of a service, listening on 127.0.0.1:port; its setup runs before the start when it is due.

    A replica (`registry-2`) is given the port of the first as `public_port`, so that links lead to the same place.
    """
    service, _, number = name.partition("-")
    environment = service_environment(home, service, port=port, public_port=public_port, states=states, servers=servers)
    title = {"registry": "Registry", "events": "Events", "notifications": "Notifications"}[service]

    return Part(
        name=name,
        title=f"{title} ({number})" if number else title,
        command=(sys.executable, "-m", f"norda_{service}", "serve"),
        environment=environment,
        probe=lambda: probe_http(f"http://127.0.0.1:{port}/readyz"),
        figures=lambda: figures(f"http://127.0.0.1:{port}/readyz"),
        ports=(port,),
        needs=needs,
        link=f"http://127.0.0.1:{port}/",
        prepare=lambda: run_setup_if_due(home, service, environment, servers),
        revision=lambda: code_digest(service),
        stop_seconds=15,
    )


def figures(url: str) -> Figures:
    """What waits in a service, as its `/readyz` says: counts, seconds, and under `attention` what is not well."""
    try:
        with urllib.request.urlopen(url, timeout=FIGURES_SECONDS) as response:  # noqa: S310  (our own addresses)
            document = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            document = _document(error.read())
    except (OSError, ValueError):
        return {}
    return _figures(document) if isinstance(document, dict) and "relay" in document else {}


def _figures(document: dict[str, Any]) -> Figures:
    relay = document["relay"]
    faults: dict[str, list[str]] = {}
    for name, text in document["checks"].items():
        # Blocked rows have a figure of their own.
        if text != "ok" and name != "outbox":
            faults.setdefault(text, []).append(name)
    return {
        "backlog": relay["backlog"],
        "oldest_age_seconds": relay["oldest_age_seconds"],
        "blocked": relay["blocked"],
        "consumer_lag": document["consumer_lag"],
        "dead_letters_open": document["dead_letters_open"],
        "attention": "; ".join(f"{', '.join(names)}: {text}" for text, names in faults.items()),
    }


def _document(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def service_database_url(home: Home, name: str, *, admin_url: str) -> str:
    """The address with which the service signs in: the same database, a role and password of its own."""
    parts = urlsplit(admin_url)
    location = parts.netloc.rpartition("@")[2]
    user = f"norda_{name}"
    return urlunsplit(parts._replace(netloc=f"{user}:{password(home, user)}@{location}"))


def run_setup_if_due(home: Home, name: str, environment: dict[str, str], servers: Servers) -> None:
    """Run the service's `setup` unless the one recorded had the same code, settings and servers.

    Raises:
        PartFailedError: the setup's own line about what is wrong.
    """
    stamp = home.setup_stamp(name)
    due = json.dumps([code_digest(name), environment["NORDA_STATES"], servers.database, servers.kafka])
    digest = hashlib.sha256(due.encode()).hexdigest()
    if servers.embedded and stamp.exists() and stamp.read_text() == digest:
        return
    result = subprocess.run(
        [sys.executable, "-m", f"norda_{name}", "setup"],
        env={**inherited_environment(home), **environment, "NORDA_ADMIN_DATABASE_URL": servers.database},
        cwd=home.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SETUP_SECONDS,
        check=False,
    )
    (home.logs / f"{name}-setup.log").write_text(result.stdout + result.stderr)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        reason = lines[-1].removeprefix("norda: ").removeprefix(f"{name}: ") if lines else f"exit {result.returncode}"
        raise PartFailedError(f"{name} setup failed: {reason}", f"see {home.logs / f'{name}-setup.log'}")
    stamp.write_text(digest)


def service_environment(
    home: Home, name: str, *, port: int, states: str, servers: Servers, public_port: int = 0
) -> dict[str, str]:
    """The variables a service's process is told everything by; `public_port` where links lead, if not to its own."""
    return {
        "NORDA_STATES": states,
        "NORDA_DATABASE_URL": service_database_url(home, name, admin_url=servers.database),
        "NORDA_KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
        "NORDA_KAFKA_REPLICATION": str(servers.kafka_replication),
        "NORDA_HTTP_HOST": "127.0.0.1",
        "NORDA_HTTP_PORT": str(port),
        "NORDA_PUBLIC_URL": f"http://127.0.0.1:{public_port or port}",
        "NORDA_TRACE_PAGE": servers.trace_page,
        "NORDA_TOKEN_JWKS_FILE": str(public_keys_file(home)),
        "NORDA_TOKEN_ISSUER": servers.issuer,
        "NORDA_TOKEN_AUDIENCE": AUDIENCE,
        "NORDA_OIDC_ISSUER": servers.issuer,
        "NORDA_OIDC_CLIENT_ID": client_id(name),
        "NORDA_OIDC_CLIENT_SECRET": client_secret(home, client_id(name)),
        **{f"NORDA_{service.upper()}_URL": address for service, address in servers.services.items()},
        "OTEL_EXPORTER_OTLP_ENDPOINT": servers.otlp,
        "NORDA_SMTP_URL": servers.smtp,
        "NORDA_MAIL_FROM": "Norda <norda@norda.example>",
        **({"NORDA_LINK_KEY": password(home, "registry-links")} if name == "registry" else {}),
    }


def code_digest(name: str) -> str:
    """Changes with the service's code or the library's; `up` then runs the setup and starts the service anew."""
    digest = hashlib.sha256()
    for folder in (PROJECT_ROOT / "services" / name, PROJECT_ROOT / "libs" / "common"):
        for path in sorted(_sources(folder)):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in SOURCE_SUFFIXES and path.is_file()]
