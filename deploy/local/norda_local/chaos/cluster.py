"""What a chaos run runs: PostgreSQL, three Kafka brokers, a mail server, two replicas of every service, and proxies.

Services reach their servers through proxies only; the harness reaches them directly. Invariant: PostgreSQL writes
durably, and every topic has three replicas of which two must have a record before it counts.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from norda_local import artifacts, kafka
from norda_local.chaos import clocks
from norda_local.chaos.members import Member, prepared
from norda_local.chaos.proxy import Proxy
from norda_local.folders import Home
from norda_local.services import SERVICES, Servers, service_database_url, service_part
from norda_local.settings import free_ports
from norda_local.stack import Stack
from norda_local.tokens import issue_token

STATES = ("hb", "hh", "ni")
BROKERS = 3
REPLICAS = 2
MAIL_SECONDS = 10
"""For one mail; a killed worker's mails wait three times as long, which the end of a run waits for."""


class Cluster:
    """The members by name, the proxies by the server they lead to, and the addresses of the harness's own."""

    def __init__(self, stack: Stack) -> None:
        self.home: Home = stack.home
        endpoints = stack.endpoints()
        self.database = endpoints["database"]
        self.mail = endpoints["mail"]
        self.issuer = endpoints["issuer"]
        self.faketime = clocks.library()
        ports = iter(_ports(stack, 4))
        nodes = [kafka.Node(number, *(next(ports) for _ in range(4))) for number in range(1, BROKERS + 1)]
        self.bootstrap = ",".join(f"127.0.0.1:{node.direct_port}" for node in nodes)
        postgres_port = stack.settings.ports["postgres"]
        self.proxies = {
            "postgres": Proxy("postgres", port=next(ports), target=postgres_port),
            "smtp": Proxy("smtp", port=next(ports), target=stack.settings.ports["smtp"]),
        } | {node.name: Proxy(node.name, port=node.advertised_port, target=node.port) for node in nodes}
        lock = artifacts.read_lock()
        parts = [
            *stack.parts(),
            *kafka.kafka_nodes(self.home, nodes, artifacts=lock["kafka"], cache=stack.jars),
        ]
        self.servers = {part.name: Member(self.home, part) for part in parts}
        self.urls: dict[str, str] = {}
        self.replicas = self._replicas(
            Servers(
                database=_with_port(self.database, self.proxies["postgres"].port),
                kafka=",".join(f"127.0.0.1:{node.advertised_port}" for node in nodes),
                otlp="",
                smtp=f"smtp://127.0.0.1:{self.proxies['smtp'].port}",
                issuer=self.issuer,
                kafka_replication=BROKERS,
            ),
            ports=[next(ports) for _ in range(REPLICAS * len(SERVICES))],
        )
        self._tokens: dict[str, str] = {}

    def _replicas(self, servers: Servers, *, ports: list[int]) -> dict[str, Member]:
        members: dict[str, Member] = {}
        taken = iter(ports)
        for service in SERVICES:
            for number in range(1, REPLICAS + 1):
                port, name = next(taken), f"{service}-{number}"
                part = service_part(self.home, service, port=port, states=",".join(STATES), servers=servers, needs=())
                further = {"NORDA_MAIL_TIMEOUT_SECONDS": str(MAIL_SECONDS), "NORDA_LOG_FORMAT": "json"}
                part = replace(part, environment={**part.environment, **further}, stop_signal=signal.SIGTERM)
                # The first replica's start runs the setup, which must not run twice at once.
                first = number == 1
                members[name] = Member(self.home, replace(part, name=name) if first else prepared(part, name))
                self.urls[name] = f"http://127.0.0.1:{port}"
        return members

    @property
    def brokers(self) -> list[Member]:
        """The Kafka brokers."""
        return [member for name, member in self.servers.items() if name.startswith("kafka-")]

    @property
    def kafka_proxies(self) -> list[Proxy]:
        """The proxies before the brokers."""
        return [proxy for name, proxy in self.proxies.items() if name.startswith("kafka-")]

    def replicas_of(self, service: str) -> list[Member]:
        """Both replicas of a service."""
        return [member for name, member in self.replicas.items() if name.rpartition("-")[0] == service]

    def clock_of(self, replica: str) -> Path:
        """The file that says how far this replica's clock is off."""
        return self.home.run / f"{replica}.clock"

    def token(self, state: str) -> str:
        """A bearer token of that state's office, valid for the whole run."""
        if state not in self._tokens:
            self._tokens[state] = issue_token(self.home, issuer=self.issuer, state=state, lifetime_seconds=24 * 3600)
        return self._tokens[state]

    def service_dsn(self, service: str) -> str:
        """The direct address with which the service's own role signs in."""
        return service_database_url(self.home, service, admin_url=self.database)

    async def up(self) -> None:
        """Start servers, proxies and services, and return when all are ready.

        Raises:
            StackError: one of them did not start.
        """
        await asyncio.gather(*(member.start() for member in self.servers.values()))
        await asyncio.to_thread(self.servers["postgres"].part.settle)
        for proxy in self.proxies.values():
            await proxy.open()
        await asyncio.gather(*(self.replicas[f"{service}-1"].start() for service in SERVICES))
        for member in self.replicas.values():
            member.part = prepared(member.part, member.name)
        await asyncio.gather(*(member.start() for member in self.replicas.values()))

    async def down(self) -> None:
        """Stop everything, services first; what hangs is killed."""
        for group in (self.replicas, self.servers):
            for member in group.values():
                member.thaw()
            await asyncio.gather(*(member.stop(within=12) for member in group.values()))
        for proxy in self.proxies.values():
            await proxy.close()


def _ports(stack: Stack, blocks: int) -> list[int]:
    """Free ports, in blocks apart from the stack's own."""
    taken: dict[int, None] = {}
    own = set(stack.settings.ports.values())
    while len(taken) < blocks * len(own):
        taken |= dict.fromkeys(port for port in free_ports().values() if port not in own)
    return list(taken)


def _with_port(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))
