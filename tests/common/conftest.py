"""A small service of the tests' own, `probe`: its schema, its topics, its running parts in this process."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from norda_common.consumer import Consumer
from norda_common.contracts.model import EventData, UtcInstant
from norda_common.contracts.topics import Event, Topic, TopicKind
from norda_common.migrate import Migration, read_migrations, set_up_schema
from norda_common.runtime import Runtime, Worker
from norda_common.settings import ServiceSettings
from norda_common.states import State
from norda_common.topic_admin import ensure_topics
from pydantic import SecretStr
from support.installation import dsn_for, remove
from support.servers import Servers

NOW = "2026-11-23T15:00:00Z"


class Thing(EventData):
    """The probe's aggregate."""

    thing_id: UUID
    text: str
    changed_at: UtcInstant


THING = Topic(
    service="probe",
    aggregate="thing",
    kind=TopicKind.STATE,
    data=Thing,
    description="Things.",
    example=Thing.model_validate({"thing_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f", "text": "x", "changed_at": NOW}),
    changes={"made": "A thing was made.", "changed": "A thing changed.", "erased": "A tombstone."},
    partitions=3,
)

SEEN = Migration(
    "probe",
    1,
    "seen",
    """create table seen (id bigint generated always as identity, thing_id uuid not null, sequence bigint not null,
                          text text, check (text <> 'poison'))""",
)


@dataclass
class Probe:
    """Where the probe lives: database, topics, settings."""

    servers: Servers
    database: str
    settings: ServiceSettings
    prefix: str

    def topic(self, state: State = State.BREMEN) -> str:
        return THING.name(state, prefix=self.prefix)

    async def connect(self, role: str | None = None) -> asyncpg.Connection[Any]:
        dsn = dsn_for(self.servers.postgres, database=self.database, role=role)
        return await asyncpg.connect(dsn, server_settings={"search_path": "probe,public", "timezone": "UTC"})

    def runtime(self, *, consumers: Sequence[Consumer] = (), workers: Sequence[Worker] = ()) -> Runtime:
        return Runtime("probe", self.settings, consumers=consumers, workers=workers)

    @asynccontextmanager
    async def running(self, **parts: Any) -> AsyncIterator[Runtime]:
        runtime = self.runtime(**parts)
        await runtime.start()
        try:
            yield runtime
        finally:
            await runtime.stop()

    async def send_raw(
        self,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, Any]] = (),
        partition: int | None = None,
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers.kafka, acks="all") as producer:
            await producer.send_and_wait(self.topic(), key=key, value=value, headers=list(headers), partition=partition)


def thing(key: UUID, sequence: int, text: str = "x", *, change: str = "changed", state: State = State.BREMEN) -> Event:
    """An event of the probe's topic."""
    data = Thing.model_validate({"thing_id": key, "text": text, "changed_at": NOW})
    return THING.event(change, data, state=state, key=key, sequence=sequence, time=data.changed_at)


@pytest.fixture
async def probe(servers: Servers, tmp_path: Path) -> AsyncIterator[Probe]:
    name = secrets.token_hex(4)
    database = f"norda_p{name}"
    admin = await asyncpg.connect(servers.postgres)
    await admin.execute(f'create database "{database}"')
    await admin.close()
    dsn = dsn_for(servers.postgres, database=database, role="norda_probe")
    await set_up_schema(
        admin_dsn=dsn_for(servers.postgres, database=database),
        service_dsn=dsn,
        schema="probe",
        migrations=[*read_migrations("common", tmp_path), SEEN],
        extensions=(),
    )
    prefix = f"p{name}."
    await ensure_topics(servers.kafka, [THING], list(State), replication=1, prefix=prefix)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": []}))
    settings = ServiceSettings(
        database_url=SecretStr(dsn),
        kafka_bootstrap_servers=servers.kafka,
        kafka_topic_prefix=prefix,
        http_port=1,
        token_jwks_file=tmp_path / "jwks.json",
        token_issuer="norda-local",
    )
    yield Probe(servers, database, settings, prefix)
    await remove(servers, databases=[database], prefix=prefix)


Handler = Callable[..., Awaitable[None]]
