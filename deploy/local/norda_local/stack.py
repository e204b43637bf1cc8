"""The stack: which parts it has, in which order they start, how they are looked at and taken down.

Invariants: `up` starts only what is not healthy, so running it twice is harmless; parts whose needs are met start
side by side; a failure names its part and leaves the others and all data as they are; `down` leaves no process.
"""

import shutil
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from norda_local import artifacts, kafka, keycloak, mail, postgres, processes, tracing
from norda_local.errors import DiskFullError
from norda_local.folders import Home, cache_folder
from norda_local.issuer.clients import clients_of
from norda_local.issuer.part import issuer_part, issuer_url
from norda_local.lifecycle import Report, last_words, problem_of, silent, start_all, stop_part
from norda_local.parts import Figures, OwnServer, Part, UnhealthyError
from norda_local.services import SERVICES, Servers, replica_names, service_part
from norda_local.settings import MAX_REPLICAS, StackSettings, remember

SERVER_NAMES = ("postgres", "kafka", "tracing", "otlp", "mail", "issuer")
PART_NAMES = (*SERVER_NAMES, *SERVICES)
MIN_FREE_BYTES = 300 << 20
NOT_STARTED = "not started"


def part_names(replicas: int) -> list[str]:
    """All parts of a stack with so many replicas of each service."""
    return [*SERVER_NAMES, *(part for name in SERVICES for part in replica_names(name, replicas))]


@dataclass(frozen=True)
class PartStatus:
    """How one part is: `state` is healthy, unhealthy, down or own (a healthy server of the user's).

    `figures` say what waits in a service, `problem` what is wrong with a part.
    """

    name: str
    title: str
    state: str
    link: str
    pid: int | None = None
    rss_bytes: int = 0
    problem: str = ""
    figures: Figures = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether the part does its work."""
        return self.state in {"healthy", "own"}

    def as_json(self) -> dict[str, Any]:
        """For `norda status --json`."""
        return {**asdict(self), "healthy": self.healthy}


class Stack:
    """One set of servers and services below one home.

    `only` restricts it to some parts (what they need is not added); `durable=False` makes PostgreSQL fast and
    forgetful, for tests; `postgres_settings` are further settings of that server.
    """

    def __init__(
        self,
        home: Home,
        settings: StackSettings,
        *,
        only: Iterable[str] | None = None,
        durable: bool = True,
        ahead: bool | None = None,
        cache: Path | None = None,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.settings = settings
        self.durable = durable
        self.ahead = durable if ahead is None else ahead
        self.jars = (cache or cache_folder()) / "jars"
        self.only = set(only) if only is not None else None
        self.postgres_settings = dict(postgres_settings or {})

    def fetch(self, *, progress: artifacts.Progress = artifacts.silent) -> None:
        """Download the archives that are not in the cache yet; `progress(file, bytes)` is called by several threads.

        Raises:
            StackError: no network, a wrong checksum, a full disk.
        """
        self.home.create()
        self._check_room()
        artifacts.fetch(self.wanted_artifacts(), self.jars, progress=progress)

    def up(self, *, report: Report = silent) -> None:
        """Bring every part to health. Idempotent; `fetch` must have run once.

        `report(part, text)` is called from several threads as parts change.

        Raises:
            StackError: what is wrong and what to do; other parts go on starting.
        """
        self.home.create()
        self._check_room()
        with self.home.exclusively(lambda: report("norda", "another command starts or stops parts, waiting for it")):
            remember(self.home, self.settings)
            self._stop(self._surplus(), report)
            start_all(self.home, self.parts(), report)

    def down(self, *, report: Report = silent) -> None:
        """Stop every part, services first, and whatever else of this stack still runs. Idempotent."""
        self.home.create()
        with self.home.exclusively(lambda: report("norda", "another command starts or stops parts, waiting for it")):
            # Services first: they end properly while their servers are there.
            servers = [part for part in self.parts() if part.name in SERVER_NAMES]
            self._stop([part for part in self.parts() if part.name not in SERVER_NAMES], report)
            self._stop(servers, report)
            if self.only is None:
                for process in processes.orphans(self.home):
                    report("orphan", f"stopped pid {process.pid}")
                    processes.stop(process, stop_signal=signal.SIGTERM, seconds=5)

    def status(self) -> list[PartStatus]:
        """How every part is, probed side by side."""
        described: list[Part | OwnServer] = [*self.own_servers(), *self.parts()]
        with ThreadPoolExecutor(max(1, len(described))) as pool:
            return list(pool.map(self._status_of, described))

    def endpoints(self) -> dict[str, str]:
        """Addresses by name; `kafka` is host:port, `database` a privileged DSN, the others are http addresses."""
        ports, own = self.settings.ports, self.settings.own_servers
        return {
            **{
                part: f"http://127.0.0.1:{ports[part]}"
                for name in SERVICES
                for part in replica_names(name, self.settings.replicas)
            },
            "kafka": own.get("kafka", f"127.0.0.1:{ports['kafka']}"),
            "database": own.get("postgres") or postgres.database_url(self.home, port=ports["postgres"]),
            "tracing": own.get("tracing", f"http://127.0.0.1:{ports['tracing']}"),
            "mail": own.get("mail", f"http://127.0.0.1:{ports['mail']}"),
            "smtp": own.get("mail", f"smtp://127.0.0.1:{ports['smtp']}"),
            "otlp": own.get("tracing", f"http://127.0.0.1:{ports['otlp']}"),
            "issuer": (keycloak.issuer_url if self.settings.keycloak else issuer_url)(ports["issuer"]),
        }

    def parts(self) -> list[Part]:
        """The parts this stack runs itself, in no particular order."""
        return [part for part in self._embedded_parts() if self._selected(part.name)]

    def own_servers(self) -> list[OwnServer]:
        """The user's servers that stand in for embedded ones."""
        own = self.settings.own_servers
        probes: dict[str, tuple[str, Callable[[str], None]]] = {
            "postgres": ("PostgreSQL (own)", postgres.probe),
            "kafka": ("Kafka (own)", kafka.probe),
            "tracing": ("Tracing (own)", _probe_port),
            "mail": ("Mail (own)", lambda url: mail.probe_smtp(*_host_and_port(url, 25))),
        }
        return [
            OwnServer(name, title, lambda probe=probe, url=own[name]: probe(url), link=_without_password(own[name]))  # type: ignore[misc]
            for name, (title, probe) in probes.items()
            if name in own and self._selected(name)
        ]

    def wanted_artifacts(self) -> list[artifacts.Artifact]:
        """The jars this stack's parts need on this machine."""
        lock, own = artifacts.read_lock(), self.settings.own_servers
        groups = {"postgres": f"postgres-{artifacts.platform_key()}", "kafka": "kafka", "tracing": "zipkin"}
        groups |= {"issuer": "keycloak"} if self.settings.keycloak else {}
        return [
            item for part, group in groups.items() if part not in own and self._selected(part) for item in lock[group]
        ]

    def missing_artifacts(self) -> list[artifacts.Artifact]:
        """Those of them that `fetch` would download."""
        return artifacts.missing(self.wanted_artifacts(), self.jars)

    def postgres_artifact(self) -> artifacts.Artifact:
        """The archive of this machine's PostgreSQL."""
        (archive,) = artifacts.read_lock()[f"postgres-{artifacts.platform_key()}"]
        return archive

    def _embedded_parts(self) -> list[Part]:
        return [*self._server_parts(), *self._service_parts(self.settings.replicas)]

    def _surplus(self) -> list[Part]:
        """Replicas of an earlier start that this one is not to have."""
        wanted = part_names(self.settings.replicas)
        return [
            part
            for part in self._service_parts(MAX_REPLICAS)
            if part.name not in wanted and processes.record_of(self.home, part.name) is not None
        ]

    def _server_parts(self) -> list[Part]:
        lock, ports, own = artifacts.read_lock(), self.settings.ports, self.settings.own_servers
        parts: list[Part] = []
        if "postgres" not in own and self._selected("postgres"):
            parts.append(
                postgres.postgres_part(
                    self.home,
                    port=ports["postgres"],
                    artifact=self.postgres_artifact(),
                    cache=self.jars,
                    durable=self.durable,
                    further_settings=self.postgres_settings,
                )
            )
        if "kafka" not in own:
            parts.append(
                kafka.kafka_part(
                    self.home,
                    port=ports["kafka"],
                    controller_port=ports["controller"],
                    artifacts=lock["kafka"],
                    cache=self.jars,
                    ahead=self.ahead,
                )
            )
        if "tracing" not in own:
            (jar,) = lock["zipkin"]
            parts.append(
                tracing.zipkin_part(self.home, port=ports["tracing"], artifact=jar, cache=self.jars, ahead=self.ahead)
            )
            parts.append(tracing.bridge_part(self.home, port=ports["otlp"], zipkin_port=ports["tracing"]))
        if "mail" not in own:
            parts.append(mail.mail_part(self.home, smtp_port=ports["smtp"], http_port=ports["mail"]))
        if self._selected("issuer"):
            parts.append(self._issuer_part(lock))
        return parts

    def _issuer_part(self, lock: Mapping[str, list[artifacts.Artifact]]) -> Part:
        port, bases = self.settings.ports["issuer"], self._service_addresses()
        if not self.settings.keycloak:
            return issuer_part(self.home, port=port, clients=clients_of(self.home, bases))
        (archive,) = lock["keycloak"]
        return keycloak.keycloak_part(self.home, port=port, bases=bases, artifact=archive, cache=self.jars)

    def _service_addresses(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{self.settings.ports[name]}" for name in SERVICES}

    def _service_parts(self, replicas: int) -> list[Part]:
        endpoints, own = self.endpoints(), self.settings.own_servers
        servers = Servers(
            database=endpoints["database"],
            kafka=endpoints["kafka"],
            otlp=endpoints["otlp"],
            smtp=endpoints["smtp"],
            issuer=endpoints["issuer"],
            services=self._service_addresses(),
            trace_page="" if "tracing" in own else tracing.trace_page(endpoints["tracing"], "{trace_id}"),
            embedded=not {"postgres", "kafka"} & set(own),
        )
        return [self._service_part(name, part, servers) for name in SERVICES for part in replica_names(name, replicas)]

    def _service_part(self, service: str, name: str, servers: Servers) -> Part:
        own, ports = self.settings.own_servers, self.settings.ports
        needs = tuple(need for need in ("postgres", "kafka", "issuer") if need not in own and self._selected(need))
        return service_part(
            self.home,
            name,
            port=ports[name],
            public_port=ports[service],
            states=self.settings.states,
            servers=servers,
            # A replica starts when the first has run the setup.
            needs=needs if name == service else (*needs, service),
        )

    def _stop(self, parts: list[Part], report: Report) -> None:
        with ThreadPoolExecutor(max(1, len(parts))) as pool:
            for job in [pool.submit(stop_part, self.home, part, report) for part in parts]:
                job.result()

    def _selected(self, name: str) -> bool:
        return self.only is None or name in self.only

    def _status_of(self, part: Part | OwnServer) -> PartStatus:
        if isinstance(part, OwnServer):
            problem = problem_of(part.probe)
            return PartStatus(part.name, part.title, "unhealthy" if problem else "own", part.link, problem=problem)
        process = processes.running(self.home, part.name)
        if process is None:
            stale = processes.record_of(self.home, part.name) is not None
            problem = f"ended by itself; {last_words(self.home, part.name)}" if stale else NOT_STARTED
            return PartStatus(part.name, part.title, "down", part.link, problem=problem)
        problem = problem_of(part.probe)
        state = "unhealthy" if problem else "healthy"
        memory, figures = _memory(process), part.figures()
        return PartStatus(part.name, part.title, state, part.link, process.pid, memory, problem, figures)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.home.path).free
        if free < MIN_FREE_BYTES:
            raise DiskFullError(
                f"only {free >> 20} MB are free where {self.home.path} lies",
                f"free {MIN_FREE_BYTES >> 20} MB or more and run again; nothing was changed",
            )


def _memory(process: psutil.Process) -> int:
    """Resident bytes of a process, and of its children what they do not share with it."""
    try:
        children = [child.memory_info() for child in process.children(recursive=True)]
        return int(process.memory_info().rss + sum(info.rss - getattr(info, "shared", 0) for info in children))
    except psutil.Error:
        return 0


def _probe_port(url: str) -> None:
    """Raise unless something listens at the address: OTLP has no request that asks for health."""
    host, port = _host_and_port(url, 4318)
    try:
        socket.create_connection((host, port), 3).close()
    except OSError as error:
        raise UnhealthyError(f"{url}: {error}") from error


def _host_and_port(url: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or default_port


def _without_password(address: str) -> str:
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
