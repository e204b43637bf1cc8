"""An installation of one's own: a database cloned from a template, topics below a prefix, real service processes.

The template holds the three services' schemas as `setup` makes them; cloning it takes some 50 ms.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from norda_common.contracts.envelope import Received, decode, encode_headers, encode_value
from norda_common.contracts.topics import Event, Topic
from norda_common.migrate import read_migrations, set_up_schema
from norda_common.service import Service
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics

from .processes import ServiceProcess
from .servers import Servers
from .waiting import PATIENCE, eventually

SERVICES = tuple(
    name for name in ("registry", "events", "notifications") if importlib.util.find_spec(f"norda_{name}.service")
)
PASSWORD = "norda-test"
LINK_KEY = "norda-test-key-of-the-links-of-the-registry"
TEMPLATE = "norda_template"
START_SECONDS = 60


def service_of(name: str) -> Service:
    """The declared service of that name."""
    service = importlib.import_module(f"norda_{name}.service").SERVICE
    assert isinstance(service, Service)
    return service


def dsn_for(admin: str, *, database: str, role: str | None = None) -> str:
    """The admin DSN with another database, and for a service with its role."""
    parts = urlsplit(admin)
    credentials = f"{role}:{PASSWORD}" if role else parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}", path=f"/{database}"))


async def make_template(admin: str, *, database: str = TEMPLATE) -> None:
    """Make the template once per run of the servers, whichever worker comes first."""
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute("select pg_advisory_lock(42)")
        fingerprint = _fingerprint()
        comment = await connection.fetchval(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = $1", database
        )
        if comment == fingerprint:
            return
        await connection.execute(f'drop database if exists "{database}" with (force)')
        await connection.execute(f'create database "{database}"')
        for name in SERVICES:
            service = service_of(name)
            await set_up_schema(
                admin_dsn=dsn_for(admin, database=database),
                service_dsn=dsn_for(admin, database=database, role=f"norda_{name}"),
                schema=name,
                migrations=read_migrations(name, service.migrations),
                extensions=service.extensions,
            )
        await connection.execute(f"comment on database \"{database}\" is '{fingerprint}'")
    finally:
        await connection.close()


def _fingerprint() -> str:
    return "-".join(m.checksum[:6] for name in SERVICES for m in read_migrations(name, service_of(name).migrations))


def in_thread(work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end whether or not a loop runs in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """A service process of an installation."""

    name: str
    url: str
    process: ServiceProcess
    log: Path
    installation: Installation
    database_url: str

    def client(self, state: str | None = "hb", role: str = "office", **options: Any) -> httpx2.AsyncClient:
        """An HTTP client that calls as somebody of that state and role; `state=None` for operators."""
        token = self.installation.token(state=state, role=role)
        headers = {"authorization": f"Bearer {token}"} | options.pop("headers", {})
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=60, **options)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Stop the process and wait; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(15 * PATIENCE)

    def wait_ready(self) -> None:
        """Wait until `/readyz` says ready; on failure show the end of the log."""
        deadline = time.monotonic() + START_SECONDS * PATIENCE
        last = "no answer"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                document = httpx2.get(f"{self.url}/readyz", timeout=5).json()
                last = json.dumps(document.get("checks"))
                if document["status"] == "ready":
                    return
            except (httpx2.HTTPError, ValueError) as error:
                last = repr(error)
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready: {last}\n{self.log.read_text()[-4000:]}")


@dataclass
class Installation:
    """What one test or module has of its own; made by the fixtures `installation` and `module_installation`."""

    servers: Servers
    folder: Path
    prefix: str
    database: str
    key: ECKey
    running: list[Running] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)

    def token(self, *, state: str | None, role: str = "office", **claims: Any) -> str:
        """A token of the local issuer; `claims` overwrite single ones."""
        now = int(time.time())
        content = {
            "iss": "norda-local",
            "aud": "norda",
            "sub": f"{role}-{state or 'all'}",
            "name": f"Test {role}",
            "iat": now,
            "exp": now + 3600,
            "role": role,
        }
        if state is not None:
            content["state"] = state
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, content | claims, self.key, algorithms=["ES256"])

    def dsn(self, service: str, *, database: str | None = None) -> str:
        """The DSN of a service's role in this installation's database."""
        return dsn_for(self.servers.postgres, database=database or self.database, role=f"norda_{service}")

    def environment(self, service: str, *, states: str, port: int, database: str) -> dict[str, str]:
        """The variables a service process gets."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NORDA_", "OTEL_"))},
            "NORDA_STATES": states,
            "NORDA_DATABASE_URL": self.dsn(service, database=database),
            "NORDA_ADMIN_DATABASE_URL": dsn_for(self.servers.postgres, database=database),
            "NORDA_KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "NORDA_KAFKA_TOPIC_PREFIX": self.prefix,
            "NORDA_HTTP_PORT": str(port),
            "NORDA_TOKEN_JWKS_FILE": str(self.folder / "jwks.json"),
            "NORDA_TOKEN_ISSUER": "norda-local",
            "NORDA_SMTP_URL": self.servers.smtp,
            "NORDA_LINK_KEY": LINK_KEY,
            # All tests come from one address.
            "NORDA_ANYBODY_PER_MINUTE": "0",
            "NORDA_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.servers.otlp,
        }

    def start(
        self,
        service: str,
        *,
        states: str = "hb,hh,ni",
        database: str | None = None,
        environment: dict[str, str] | None = None,
        wait: bool = True,
        port: int | None = None,
    ) -> Running:
        """Start a real service process; its topics are made first. It is stopped when the test ends."""
        chosen = database or self.database
        in_thread(self.make_topics(states))
        port = port or free_port()
        log = self.folder / f"{service}-{port}.log"
        variables = self.environment(service, states=states, port=port, database=chosen) | (environment or {})
        process = ServiceProcess(service, environment=variables, log=log)
        started = Running(service, f"http://127.0.0.1:{port}", process, log, self, self.dsn(service, database=chosen))
        self.running.append(started)
        if wait:
            started.wait_ready()
        return started

    async def make_topics(self, states: str = "hb,hh,ni") -> None:
        """Create all services' topics for these states below this installation's prefix; idempotent."""
        # Two partitions show order and sharing as six do, and are made and dropped sooner.
        topics = [dataclasses.replace(topic, partitions=2) for name in SERVICES for topic in service_of(name).topics]
        chosen = [State(code) for code in states.split(",")]
        await ensure_topics(self.servers.kafka, topics, chosen, replication=1, prefix=self.prefix)

    async def connect(
        self, *, role: str | None = None, database: str | None = None, system: bool = True
    ) -> asyncpg.Connection[Any]:
        """A connection as the superuser, or with a service's role, e.g. `norda_registry`, for the service itself; with
        `system=False` for nobody, until somebody is named.
        """
        return await asyncpg.connect(
            dsn_for(self.servers.postgres, database=database or self.database, role=role),
            server_settings={"timezone": "UTC"} | ({"norda.roles": "system"} if role and system else {}),
        )

    async def new_database(self) -> str:
        """One more database with all schemas, for an instance that shares nothing but topics."""
        name = f"norda_t{secrets.token_hex(5)}"
        await clone(self.servers.postgres, name)
        self.databases.append(name)
        return name

    async def read_topic(
        self, topic: Topic, state: State, *, key: str | None = None, minimum: int = 1, within: float = 15.0
    ) -> list[Received]:
        """All records of the topic so far, or those of one key, in partition order; waits until there are `minimum`."""
        name = topic.name(state, prefix=self.prefix)

        async def enough() -> tuple[list[Received]]:
            records = await self.read_raw(name, minimum=0 if key else minimum, within=within)
            read = [decode(topic, key=record.key, value=record.value, headers=record.headers) for record in records]
            mine = [record for record in read if key is None or str(record.key) == key]
            assert len(mine) >= minimum, f"{name}: {len(mine)} records of {key or 'all keys'}, expected {minimum}"
            return (mine,)

        (found,) = await eventually(enough, within=within)
        return found

    async def read_raw(self, name: str, *, minimum: int = 1, within: float = 15.0) -> list[Any]:
        """Raw records of a topic, from the beginning to its present end (and at least `minimum`)."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.servers.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            # A consumer learns of a topic it does not subscribe to only when its client is told to ask for it;
            # `topics()` asks too, but forgets the answer.
            await consumer._client.add_topic(name)
            partitions = [TopicPartition(name, p) for p in consumer.partitions_for_topic(name) or ()]
            assert partitions, f"no topic {name}"
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            records: list[Any] = []
            limit = within * PATIENCE
            deadline = time.monotonic() + limit
            while True:
                ends = await consumer.end_offsets(partitions)
                behind = any([await consumer.position(p) < ends[p] for p in partitions])
                if not behind and len(records) >= minimum:
                    return records
                if time.monotonic() > deadline:
                    raise AssertionError(f"{name}: {len(records)} records within {limit:g} s, expected {minimum}")
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records.extend(batch)
        finally:
            await consumer.stop()

    async def produce(
        self,
        name: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        partition: int | None = None,
    ) -> None:
        """Put raw bytes on a topic, as a broken producer would. `name` is given without the prefix."""
        async with AIOKafkaProducer(bootstrap_servers=self.servers.kafka, acks="all") as producer:
            await producer.send_and_wait(
                self.prefix + name, key=key, value=value, headers=list(headers), partition=partition
            )

    async def publish(self, *events: Event, traceparent: str | None = None) -> None:
        """Put well-formed events on their topics, as another service's relay would."""
        async with AIOKafkaProducer(bootstrap_servers=self.servers.kafka, acks="all") as producer:
            for event in events:
                await producer.send_and_wait(
                    event.topic.name(event.state, prefix=self.prefix),
                    key=str(event.key).encode(),
                    value=encode_value(event),
                    headers=encode_headers(event, traceparent=traceparent),
                )

    def stop(self) -> None:
        """Stop every process, hard if need be."""
        for item in self.running:
            if item.process.poll() is None:
                item.process.terminate()
        for item in self.running:
            try:
                item.process.wait(12)
            except subprocess.TimeoutExpired:
                item.process.kill()
                item.process.wait(5)


async def remove(servers: Servers, *, databases: Sequence[str], prefix: str) -> None:
    """Drop what a test had of its own: servers that keep what a thousand tests had get slower with every test."""
    connection = await asyncpg.connect(servers.postgres)
    try:
        for name in databases:
            await connection.execute(f'drop database if exists "{name}" with (force)')
    finally:
        await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    try:
        if topics := [name for name in await admin.list_topics() if name.startswith(prefix)]:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


async def clone(admin: str, database: str) -> None:
    """Make a database from the template."""
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute("select pg_advisory_lock(42)")
        await connection.execute(f'create database "{database}" template "{TEMPLATE}"')
    finally:
        await connection.close()


@contextmanager
def new_installation(servers: Servers, folder: Path) -> Iterator[Installation]:
    """An installation that is taken down at the end, with its databases and topics; its logs stay in `folder`."""
    name = secrets.token_hex(4)
    in_thread(clone(servers.postgres, f"norda_i{name}"))
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    (folder / "jwks.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    installation = Installation(servers, folder, f"t{name}.", f"norda_i{name}", key)
    try:
        yield installation
    finally:
        installation.stop()
        databases = [installation.database, *installation.databases]
        in_thread(remove(servers, databases=databases, prefix=installation.prefix))


ALL_CODES = ",".join(state.value for state in ALL_STATES)
