"""One service that consumes, on a database of its own: started, watched from outside, and stopped.

Owns how a round is measured: from the first acknowledged batch to the last, by what the group has committed in Kafka,
which costs the service nothing to be asked; where all is acknowledged at once, from the look before that. CPU and
memory are the service's process's alone, PostgreSQL's CPU stands beside them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from norda_common.contracts.registry import ORGANISATION

from norda_local.bench.organisations import topic_names
from norda_local.bench.services import ServiceUnderTest, cpu_seconds
from norda_local.errors import StackError
from norda_local.stack import Stack

SAMPLE_SECONDS = 0.05
PATIENCE_SECONDS = 120.0
"""How long nothing may move before a round is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one round of one contestant has found."""

    events: float
    seconds: float
    cpu_seconds: float
    rss_mb: float
    postgres_cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_per_event(self) -> float:
        """Microseconds of CPU per event, of the process."""
        return self.cpu_seconds / self.events * 1e6

    @property
    def postgres_cpu_per_event(self) -> float:
        """Microseconds of CPU per event, of PostgreSQL's processes."""
        return self.postgres_cpu_seconds / self.events * 1e6

    def as_json(self) -> dict[str, float]:
        """For the report's rounds."""
        return asdict(self) | {"per_second": self.per_second}


@dataclass(frozen=True, slots=True)
class _Sample:
    """How far a group is at a moment."""

    at: float
    handled: int
    cpu_seconds: float
    postgres_cpu_seconds: float


class Database:
    """A copy of the stack's database as the services' setups have left it; made in 50 ms, ends with the servers."""

    def __init__(self, stack: Stack) -> None:
        self._admin = urlsplit(stack.endpoints()["database"])
        self._name = f"bench_{secrets.token_hex(4)}"
        self._maintain(f"create database {self._name} template {self._admin.path[1:]}")

    def url(self, of: str | None = None) -> str:
        """Its address with the credentials that another address has; without one, the privileged ones."""
        return urlunsplit((urlsplit(of) if of else self._admin)._replace(path=f"/{self._name}"))

    def drop(self) -> None:
        """Delete it."""
        self._maintain(f"drop database {self._name} with (force)")

    def _maintain(self, statement: str) -> None:
        # A database somebody is connected to can be no template.
        asyncio.run(_execute(urlunsplit(self._admin._replace(path="/postgres")), statement))


@dataclass(frozen=True, slots=True)
class Subject:
    """A service's consumer on a database."""

    service: ServiceUnderTest
    consumer: str
    database: Database

    def consume(self, prefix: str, expected: int) -> Outcome:
        """Start the service on the topics below the prefix, and stop it when `expected` records are acknowledged."""
        own_role = self.service.database_url
        here = {"NORDA_DATABASE_URL": self.database.url(own_role), "NORDA_KAFKA_TOPIC_PREFIX": prefix}
        return asyncio.run(self._consume(self.service.elsewhere(here), prefix, expected))

    async def _consume(self, service: ServiceUnderTest, prefix: str, expected: int) -> Outcome:
        bootstrap = service.stack.endpoints()["kafka"]
        group = f"{prefix}norda.{service.part.name}.hb-hh-ni.{self.consumer}"
        await _rewind(bootstrap, group, _partitions(prefix))
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        service.launch()
        try:
            return await _watch(service, admin, group, expected)
        finally:
            service.stop()
            await admin.close()


async def _watch(service: ServiceUnderTest, admin: AIOKafkaAdminClient, group: str, expected: int) -> Outcome:
    process, rss, moved = service.process, 0, time.monotonic()
    coordinator = await admin.find_coordinator(group)
    began = last = _Sample(moved, 0, 0.0, 0.0)
    while last.handled < expected:
        await asyncio.sleep(SAMPLE_SECONDS)
        places = await admin.list_consumer_group_offsets(group, coordinator)
        handled = sum(place.offset for place in places.values())
        used = cpu_seconds(service.stack, (service.part.name, "postgres"))
        rss = max(rss, process.memory_info().rss)
        before, last = last, _Sample(time.monotonic(), handled, *used.values())
        if last.handled > before.handled:
            moved = last.at
        if not began.handled:
            began = last if last.handled < expected else before
        if last.at - moved > PATIENCE_SECONDS or not process.is_running():
            raise StackError(f"{service.part.name} does not go on: {last} of {expected}", "see its log")
    return Outcome(
        last.handled - began.handled,
        last.at - began.at,
        last.cpu_seconds - began.cpu_seconds,
        rss / (1 << 20),
        last.postgres_cpu_seconds - began.postgres_cpu_seconds,
    )


async def _rewind(bootstrap: str, group: str, partitions: Sequence[TopicPartition]) -> None:
    """Let the consumer's group begin at the beginning, whatever an earlier round has acknowledged."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as reader:
        reader.assign(partitions)
        await reader.commit(dict.fromkeys(partitions, 0))


def _partitions(prefix: str) -> Sequence[TopicPartition]:
    return [TopicPartition(name, number) for name in topic_names(prefix) for number in range(ORGANISATION.partitions)]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
