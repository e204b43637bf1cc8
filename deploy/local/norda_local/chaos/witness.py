"""The harness's own view of the truth: what was committed, what is stored, what is on the topics, what mail arrived.

A trigger on every outbox copies each row into a table of the harness's, in the transaction of the row: so what was
committed is known exactly, and what was rolled back is not there. Everything is read directly, past the proxies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from norda_common.contracts.envelope import header_text
from norda_common.contracts.model import rfc3339

from norda_local.chaos.invariants import Committed, Copies, Mailed, Said, Subscribed
from norda_local.mail import list_mails
from norda_local.services import SERVICES

_TABLES = """
create schema if not exists chaos;
create table if not exists chaos.committed (
    position bigint generated always as identity primary key, schema text not null, outbox_id bigint not null,
    topic text not null, key uuid not null, event_id uuid not null, type text not null, sequence bigint not null,
    value bytea, source text not null, time timestamptz not null, data_schema text not null,
    at timestamptz not null default clock_timestamp());
create or replace function chaos.copy() returns trigger language plpgsql security definer as $$
begin
    insert into chaos.committed
        (schema, outbox_id, topic, key, event_id, type, sequence, value, source, time, data_schema)
    values (tg_table_schema, new.id, new.topic, new.key, new.event_id, new.type, new.sequence, new.value, new.source,
            new.time, new.data_schema);
    return null;
end $$;
"""
_TRIGGER = """
create or replace trigger chaos_copy after insert on {schema}.outbox for each row execute function chaos.copy()
"""
_COMMITTED = """
select schema, outbox_id, topic, key::text, event_id::text, type, sequence, value,
       extract(epoch from at)::float8 as at, source, time, data_schema
from chaos.committed order by schema, outbox_id
"""
AWAY_SECONDS = 60.0
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What a connection ends with when the server is restarted under it."""
COPIES = {
    "registry.directory": (
        """select organisation_id::text as id, sequence, responsible_state, kind, status, legal_name, cluster_code,
                  array(select unnest(competences) as code order by code),
                  array(select unnest(clusters) as code order by code), data
           from registry.directory""",
        # Every broader competence's code is the beginning of the narrower ones' (tests/chaos/test_collectors.py).
        """select id::text, version, responsible_state, kind, status, legal_name, cluster_code,
                  array(select code from jsonb_array_elements_text(coalesce(data -> 'competences', '[]')) as code
                        union select split_part(code, '-', 1)
                        from jsonb_array_elements_text(coalesce(data -> 'competences', '[]')) as code order by code),
                  array(select distinct membership ->> 'cluster_code' as code
                        from jsonb_array_elements(coalesce(data -> 'memberships', '[]')) as membership
                        where membership ->> 'valid_to' is null order by code), data
           from registry.organisation""",
    ),
    "registry.directory_number": (
        """select organisation_id::text as id, array_agg(array[kind, value, held::text] order by kind, value)
           from registry.directory_number group by organisation_id""",
        """select organisation_id::text, array_agg(array[kind, value, held::text] order by kind, value)
           from registry.identifier group by organisation_id""",
    ),
    "events.organisation": (
        """select id::text, state, name, status, kind, competences, sequence
           from events.organisation where status <> 'erased'""",
        """select id::text, responsible_state, legal_name, status, kind,
                  array(select jsonb_array_elements_text(coalesce(data -> 'competences', '[]'))), version
           from registry.organisation""",
    ),
    "registry.participation": (
        """select registration_id::text as id, sequence, organisation_id, event_id, responsible_state,
                  participant_state, status, registered_at, changed_at from registry.participation""",
        """select r.id::text, r.version, r.organisation_id, r.event_id, e.responsible_state, r.participant_state,
                  r.status, r.registered_at, r.changed_at
           from events.registration r join events.event e on e.id = r.event_id
           where r.organisation_id is not null and r.erased_at is null""",
    ),
}
"""Each read model with the query of its rows, and that of what they must be."""
_STORED = {
    "organisation": "select id::text, version, version as sequence from registry.organisation",
    "event": "select id::text, version, sequence from events.event",
    "registration": "select id::text, version, version as sequence from events.registration",
    "subscription": "select id::text, version, 0 as sequence from notifications.subscription",
}
_UNSENT = """
select (select count(*) from registry.outbox) + (select count(*) from events.outbox)
       + (select count(*) from notifications.outbox) as waiting
"""
_SUBSCRIBED = """
select s.id::text, r.address_key, s.topic_kind, s.topic_value, extract(epoch from s.created_at)::float8 as created_at
from notifications.subscription s join notifications.recipient r on r.id = s.recipient_id
"""
_CAUSED = """
select d.id::text, n.kind, n.source, n.caused_by::text
from notifications.delivery d join notifications.notice n on n.id = d.notice_id
"""
_OFFICES = "select state, address_key from notifications.recipient where kind = 'office' and address_key is not null"
_DEAD = 'select topic, partition, "offset", count(*) from {schema}.dead_letter group by 1, 2, 3'


class Witness:
    """Reads everything; each method opens its own connection, so that no fault of before is in the way."""

    def __init__(self, database: str, *, bootstrap: str, mail_url: str, prefix: str = "") -> None:
        self._database = database
        self._bootstrap = bootstrap
        self._mail_url = mail_url
        self._prefix = prefix
        self._mails: list[Mailed] = []
        self._reading_mails = asyncio.Lock()
        self._last_mail = ""

    async def connect(self, dsn: str | None = None) -> asyncpg.Connection[asyncpg.Record]:
        """A privileged connection past the proxies, or one by this address; waits for a server that is just away."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return await asyncpg.connect(dsn or self._database, timeout=10, server_settings={"timezone": "UTC"})
            except LOST:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def install(self) -> None:
        """Put the triggers in place. Idempotent."""
        connection = await self.connect()
        try:
            await connection.execute(_TABLES)
            for schema in SERVICES:
                await connection.execute(_TRIGGER.format(schema=schema))
        finally:
            await connection.close()

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a query."""
        connection = await self.connect()
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def committed(self) -> list[Committed]:
        """Every event whose transaction committed, in the order of each outbox."""
        rows = await self.rows(_COMMITTED)
        return [
            Committed(**{**row, "topic": self._prefix + row["topic"], "time": rfc3339(row["time"])})
            for row in map(dict, rows)
        ]

    async def stored(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Version and sequence of every aggregate, by kind and id."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for kind, query in _STORED.items():
            found |= {(kind, row["id"]): (row["version"], row["sequence"]) for row in await self.rows(query)}
        return found

    async def copies(self) -> list[Copies]:
        """Every read model beside what it must be, from one snapshot."""
        connection = await self.connect()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [
                    Copies(
                        name, copy=_by_id(await connection.fetch(ours)), source=_by_id(await connection.fetch(truth))
                    )
                    for name, (ours, truth) in COPIES.items()
                ]
        finally:
            await connection.close()

    async def unsent(self) -> int:
        """Rows that wait in all outboxes."""
        return int((await self.rows(_UNSENT))[0]["waiting"])

    async def unsettled(self) -> int:
        """Mails that have still to be sent."""
        rows = await self.rows("select count(*) as due from notifications.delivery where status = 'due'")
        return int(rows[0]["due"])

    async def subscriptions(self) -> list[Subscribed]:
        """Everything that was subscribed to."""
        return [Subscribed(**dict(row)) for row in await self.rows(_SUBSCRIBED)]

    async def caused(self) -> dict[str, tuple[str, str, str]]:
        """Of every delivery by its id: its notice's kind, and source and id of the event that caused it."""
        return {row["id"]: (row["kind"], row["source"], row["caused_by"]) for row in await self.rows(_CAUSED)}

    async def offices(self) -> dict[str, str]:
        """The offices' addresses by state."""
        return {row["state"]: row["address_key"] for row in await self.rows(_OFFICES)}

    async def dead_letters(self, schema: str) -> dict[tuple[str, int, int], int]:
        """How often each place of a topic is among the service's dead letters."""
        rows = await self.rows(_DEAD.format(schema=schema))
        return {(row["topic"], row["partition"], row["offset"]): row["count"] for row in rows}

    async def mails(self) -> list[Mailed]:
        """Every mail the server took, in order. To be asked often: the mail server forgets the oldest of thousands."""
        # Two that ask at once would both note what has come since, and see each mail twice.
        async with self._reading_mails:
            listed = await asyncio.to_thread(list_mails, self._mail_url, after=self._last_mail)
            for mail in listed:
                self._last_mail = max(self._last_mail, mail.id)
                message_id = mail.headers.get("message-id", "")
                self._mails += [
                    Mailed(recipient, message_id, mail.subject, mail.received_at_unix) for recipient in mail.recipients
                ]
            return list(self._mails)

    async def leaderless(self) -> int:
        """How many partitions, of any topic, nobody leads at the moment."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            topics = await admin.describe_topics()
        finally:
            await admin.close()
        return sum(partition["leader"] < 0 for topic in topics for partition in topic["partitions"])

    async def said(self, topics: Sequence[str]) -> list[Said]:
        """Every record of these topics, partition by partition in order, up to their present ends."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            # A consumer learns of topics it does not subscribe to only when its client is told to ask for them.
            await consumer._client.set_topics(list(topics))
            places = [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            if not places:
                return []
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[Said] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(_said(record) for record in batch)
            return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
        finally:
            await consumer.stop()


def _said(record: Any) -> Said:
    sequence = header_text(record.headers, "ce_sequence") or ""
    return Said(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        event_id=header_text(record.headers, "ce_id") or "",
        sequence=int(sequence) if sequence.isdigit() else -1,
        type=header_text(record.headers, "ce_type") or "",
        value=record.value,
        source=header_text(record.headers, "ce_source") or "",
        time=header_text(record.headers, "ce_time") or "",
        data_schema=header_text(record.headers, "ce_dataschema") or "",
    )


def _by_id(rows: Sequence[asyncpg.Record]) -> dict[str, tuple[Any, ...]]:
    return {row[0]: tuple(row.values()) for row in rows}
