"""Which ports, states and servers of the user's own a stack uses.

Order of precedence: environment variables, `.norda/config.toml`, defaults. `up` writes what it used to
`run/stack.json` (mode 600, it may hold passwords), so that `status` and the other commands look at the stack that
runs, also from a shell with other variables.

    # .norda/config.toml
    [ports]
    base = 8101        # registry, events, notifications, mail, tracing, otlp, postgres, kafka, controller, smtp follow,
                       # then registry-2, events-2, notifications-2, registry-3, ... (for replicas), issuer
    kafka = 19092      # or one by one
"""

import json
import os
import secrets
import socket
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from norda_local.errors import StackError
from norda_local.folders import Home

DEFAULT_PORT_BASE = 8101
FREE_PORT_BASES = range(20_000, 32_000, 20)
MAX_REPLICAS = 3
PORT_NAMES = (
    "registry",
    "events",
    "notifications",
    "mail",
    "tracing",
    "otlp",
    "postgres",
    "kafka",
    "controller",
    "smtp",
    *(f"{name}-{number}" for number in range(2, MAX_REPLICAS + 1) for name in ("registry", "events", "notifications")),
    "issuer",
)
OWN_SERVER_VARIABLES = {
    "postgres": "NORDA_DATABASE_URL",
    "kafka": "NORDA_KAFKA_BOOTSTRAP_SERVERS",
    "tracing": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "mail": "NORDA_SMTP_URL",
}


@dataclass(frozen=True)
class StackSettings:
    """What tells one stack from another. `own_servers` maps a part's name to the address of the user's server.

    `replicas` is how many processes each service has; with `keycloak` a real Keycloak signs people in.
    """

    ports: Mapping[str, int]
    states: str = "hb,hh,ni"
    own_servers: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1
    keycloak: bool = False


def settings_for_start(
    home: Home,
    environment: Mapping[str, str] = os.environ,
    *,
    replicas: int | None = None,
    keycloak: bool | None = None,
) -> StackSettings:
    """What the next `up` is to use; `replicas` and `keycloak` None mean as the last `up`, or one and no Keycloak.

    Raises:
        StackError: a port, the replicas or `.norda/config.toml` cannot be read.
    """
    if replicas is not None and not 1 <= replicas <= MAX_REPLICAS:
        raise StackError(f"{replicas} replicas cannot be", f"give a number from 1 to {MAX_REPLICAS}")
    last = _remembered(home)
    return StackSettings(
        ports=_ports(home, environment),
        states=environment.get("NORDA_STATES", "hb,hh,ni"),
        own_servers={
            part: environment[variable] for part, variable in OWN_SERVER_VARIABLES.items() if environment.get(variable)
        },
        replicas=replicas or (last.replicas if last else 1),
        keycloak=keycloak if keycloak is not None else bool(last and last.keycloak),
    )


def settings_in_use(home: Home, environment: Mapping[str, str] = os.environ) -> StackSettings:
    """What the last `up` used, or what the next one would use when the stack was never started."""
    return _remembered(home) or settings_for_start(home, environment)


def _remembered(home: Home) -> StackSettings | None:
    try:
        return StackSettings(**json.loads((home.run / "stack.json").read_text()))
    except FileNotFoundError:
        return None


def remember(home: Home, settings: StackSettings) -> None:
    """Write what `up` uses for the commands that follow."""
    scratch = home.run / f"stack.json.{os.getpid()}.new"
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps({**asdict(settings), "ports": dict(settings.ports)}))
    scratch.replace(home.run / "stack.json")


def consecutive_ports(base: int) -> dict[str, int]:
    """The parts' ports from `base` on, in the order of PORT_NAMES."""
    return {name: base + offset for offset, name in enumerate(PORT_NAMES)}


def free_ports() -> dict[str, int]:
    """Ports that nobody uses now; for stacks that run beside others.

    They lie below the range from which systems take the ports of outgoing connections, so none is taken meanwhile.
    """
    while True:
        ports = consecutive_ports(secrets.choice(FREE_PORT_BASES))
        with ExitStack() as held:
            try:
                for port in ports.values():
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return ports


def _ports(home: Home, environment: Mapping[str, str]) -> dict[str, int]:
    path = home.path / "config.toml"
    try:
        configured = tomllib.loads(path.read_text()).get("ports", {}) if path.exists() else {}
        configured_base = configured.pop("base", DEFAULT_PORT_BASE)
        base = int(environment.get("NORDA_PORT_BASE") or configured_base)
        ports = consecutive_ports(base) | {name: int(port) for name, port in configured.items()}
    except (tomllib.TOMLDecodeError, ValueError, TypeError) as error:
        raise StackError(
            f"the ports cannot be read: {error}", f"correct NORDA_PORT_BASE or [ports] in {path}"
        ) from error
    unknown = set(ports) - set(PORT_NAMES)
    if unknown or not all(1024 <= port <= 65535 for port in ports.values()):
        raise StackError(
            f"unusable ports: {', '.join(sorted(unknown)) or 'all must be between 1024 and 65535'}",
            f"the names are {', '.join(PORT_NAMES)}",
        )
    return ports
