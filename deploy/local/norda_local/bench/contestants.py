"""The relays that are measured, each with the same verbs: start, take part, step aside, stop.

One runs at a time: while another is measured ours is stopped by SIGSTOP, and Debezium's connector is ended (its process
stays warm), so that neither its decoding nor our polling disturbs the other.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Protocol, TypeAlias

import asyncpg
import psutil

from norda_local.bench.debezium import Connect
from norda_local.bench.rows import CREATE_DEBEZIUM, HEADER_FUNCTION
from norda_local.bench.services import ServiceUnderTest, start_services
from norda_local.stack import Stack

START_SECONDS = 60
_OF_NORDA = "select pid from pg_stat_activity where application_name = 'norda-registry-relay'"
_OF_DEBEZIUM = "select active_pid from pg_replication_slots where slot_name = 'debezium' and active"
Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Contestant(Protocol):
    """A relay under measurement. `kind` names its table in `rows`."""

    kind: str
    title: str
    topic: str

    async def start(self, admin: Admin) -> None:
        """Make its schema and start its process."""

    async def take_part(self) -> None:
        """Run, ready for events."""

    async def step_aside(self) -> None:
        """Do nothing at all until `take_part`."""

    async def processes(self, admin: Admin) -> list[psutil.Process]:
        """The relay's process, then its server process in PostgreSQL."""

    async def forget(self, admin: Admin) -> None:
        """Empty its outbox table, where the relay does not."""

    def stop(self) -> None:
        """End its process."""


class NordaRelay:
    """Our relay where it lives: inside a whole registry service."""

    kind, title, topic = "norda", "norda", "bench.relay.norda"

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._service: ServiceUnderTest | None = None

    async def start(self, admin: Admin) -> None:
        """Set the registry up and serve. Nothing is exported to a tracing server, as Debezium does not either."""
        await admin.execute(HEADER_FUNCTION)
        services = await asyncio.to_thread(start_services, self._stack, "registry")
        self._service = services["registry"]

    async def take_part(self) -> None:
        """Let the process run."""
        self._process.send_signal(signal.SIGCONT)

    async def step_aside(self) -> None:
        """Halt the process."""
        self._process.send_signal(signal.SIGSTOP)

    async def processes(self, admin: Admin) -> list[psutil.Process]:
        """The service, and the connection that holds the lease."""
        return [self._process, await _server_process(admin, _OF_NORDA)]

    async def forget(self, admin: Admin) -> None:
        """Nothing: the relay deletes what was acknowledged."""

    def stop(self) -> None:
        """End the service."""
        if self._service is not None:
            self._process.send_signal(signal.SIGCONT)
            self._service.stop()

    @property
    def _process(self) -> psutil.Process:
        if self._service is None:
            raise RuntimeError("the registry is not started")
        return self._service.process


class DebeziumRelay:
    """Debezium reading the write-ahead log of its own outbox table."""

    kind, title, topic = "debezium", "debezium", "bench.relay.debezium"

    def __init__(self, stack: Stack, connect: Connect) -> None:
        self._stack = stack
        self._connect = connect

    async def start(self, admin: Admin) -> None:
        """Make table and publication, start Kafka Connect with the connector."""
        await admin.execute(CREATE_DEBEZIUM)
        endpoints = self._stack.endpoints()
        self._connect.start(endpoints["kafka"], endpoints["database"], topic=self.topic)

    async def take_part(self) -> None:
        """Let the connector run."""
        self._connect.start_connector()

    async def step_aside(self) -> None:
        """End the connector, not the process."""
        self._connect.stop_connector()

    async def processes(self, admin: Admin) -> list[psutil.Process]:
        """The Java process, and the one that decodes the log for it."""
        return [self._connect.process, await _server_process(admin, _OF_DEBEZIUM)]

    async def forget(self, admin: Admin) -> None:
        """Empty the table, as nobody else does; the router has read the log, not the table."""
        await admin.execute("truncate debezium.outbox")

    def stop(self) -> None:
        """End Kafka Connect."""
        self._connect.stop()


async def _server_process(admin: Admin, query: str) -> psutil.Process:
    """The process of PostgreSQL that works for a relay, as soon as there is one."""
    async with asyncio.timeout(START_SECONDS):
        while not (pid := await admin.fetchval(query)):  # noqa: ASYNC110 - it is another process's event
            await asyncio.sleep(0.1)
    return psutil.Process(pid)
