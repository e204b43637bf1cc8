"""The relay sends everything, in order per key, and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition
from norda_common import outbox, relay_lease
from norda_common.contracts.envelope import decode
from norda_common.contracts.topics import Topic
from norda_common.database import SYSTEM, Database
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_common.topic_admin import ensure_topics
from support.waiting import eventually, soon

from .conftest import THING, Probe, thing

Wait = Callable[..., Awaitable[None]]


async def read(
    probe: Probe,
    minimum: int,
    state: State = State.BREMEN,
    within: float = 20,
    *,
    topic: Topic = THING,
    wait: Wait = eventually,
) -> list[Any]:
    consumer = AIOKafkaConsumer(bootstrap_servers=probe.servers.kafka)
    await consumer.start()
    try:
        await consumer.topics()
        parts = [TopicPartition(topic.name(state, prefix=probe.prefix), p) for p in range(topic.partitions)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        records: list[Any] = []

        async def enough() -> None:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
            assert len(records) >= minimum, f"{len(records)} of {minimum}"

        await wait(enough, within)
        return records
    finally:
        await consumer.stop()


async def append(probe: Probe, *events: Any) -> None:
    database = Database(probe.settings.database_url.get_secret_value(), schema="probe", application="test")
    await database.start()
    try:
        async with database.transaction(SYSTEM) as connection:
            await outbox.append(connection, *events)
    finally:
        await database.stop()


async def limit_batches(probe: Probe, size: int) -> None:
    """Let the broker refuse larger batches for the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.servers.kafka)
    await admin.start()
    resource = ConfigResource(ConfigResourceType.TOPIC, probe.topic(), {"max.message.bytes": str(size)})
    await admin.alter_configs([resource])
    await admin.close()


async def outbox_rows(probe: Probe) -> list[Any]:
    connection = await probe.connect()
    try:
        return await connection.fetch("select * from outbox order by id")
    finally:
        await connection.close()


async def is_empty(probe: Probe) -> None:
    assert await outbox_rows(probe) == []


async def has_rows(probe: Probe, count: int) -> None:
    assert len(await outbox_rows(probe)) == count


async def test_a_backlog_arrives_whole_and_in_order_per_key(probe: Probe) -> None:
    keys = [new_id() for _ in range(50)]
    events = [thing(key, sequence) for sequence in range(1, 101) for key in keys]
    await append(probe, *events)
    async with probe.running():
        records = await read(probe, len(events))
        await eventually(lambda: is_empty(probe))
    assert len(records) == len(events)
    per_key: dict[bytes, list[int]] = defaultdict(list)
    partition_of: dict[bytes, set[int]] = defaultdict(set)
    for record in records:
        received = decode(THING, key=record.key, value=record.value, headers=record.headers)
        per_key[record.key].append(received.sequence)
        partition_of[record.key].add(record.partition)
    assert all(sequences == list(range(1, 101)) for sequences in per_key.values())
    assert len(per_key) == 50
    assert all(len(partitions) == 1 for partitions in partition_of.values())


async def test_what_is_rolled_back_is_never_sent(probe: Probe) -> None:
    async with probe.running() as runtime:
        kept, lost = new_id(), new_id()
        try:
            async with runtime.database.transaction(SYSTEM) as connection:
                await outbox.append(connection, thing(lost, 1))
                raise ValueError("changed my mind")
        except ValueError:
            pass
        async with runtime.database.transaction(SYSTEM) as connection:
            await outbox.append(connection, thing(kept, 1))
        records = await read(probe, 1)
    assert [record.key for record in records] == [str(kept).encode()]


async def test_a_row_committed_late_is_sent_although_later_ids_went_out_before(probe: Probe) -> None:
    async with probe.running() as runtime:
        late, early = new_id(), new_id()
        async with runtime.database.transaction(SYSTEM) as slow:
            await outbox.append(slow, thing(late, 1))
            async with runtime.database.transaction(SYSTEM) as quick:
                await outbox.append(quick, thing(early, 1))
            assert [record.key for record in await read(probe, 1)] == [str(early).encode()]
        records = await read(probe, 2)
    assert {record.key for record in records} == {str(late).encode(), str(early).encode()}


async def test_a_row_too_large_blocks_its_own_key_only(probe: Probe) -> None:
    stuck, free = new_id(), new_id()
    await append(probe, thing(stuck, 1), thing(stuck, 2), thing(stuck, 3), thing(free, 1))
    connection = await probe.connect()
    await connection.execute("update outbox set value = $1 where sequence = 2", b"x" * 1_500_000)
    async with probe.running() as runtime:
        records = await read(probe, 2)
        await append(probe, thing(free, 2), thing(stuck, 4))
        records = await read(probe, 3)
        assert {(r.key, dict(r.headers)["ce_sequence"]) for r in records} == {
            (str(stuck).encode(), b"1"),
            (str(free).encode(), b"1"),
            (str(free).encode(), b"2"),
        }

        async def visible() -> None:
            assert runtime.relay.status.blocked == 1

        await eventually(visible)
        # The operator mends the row: the key goes on where it stopped.
        await connection.execute(
            "update outbox set value = '{}'::bytea, blocked_at = '-infinity' where blocked_at is not null"
        )
        records = await read(probe, 6)
        await eventually(lambda: is_empty(probe))
    await connection.close()
    of_stuck = [dict(r.headers)["ce_sequence"] for r in records if r.key == str(stuck).encode()]
    assert of_stuck == [b"1", b"2", b"3", b"4"]


async def test_a_record_the_broker_refuses_blocks_its_own_key_only(probe: Probe) -> None:
    await limit_batches(probe, 100_000)
    stuck, keys = new_id(), [new_id() for _ in range(40)]
    await append(
        probe,
        *(thing(key, 1) for key in keys),
        thing(stuck, 1, "x" * 200_000),
        thing(stuck, 2),
        *(thing(key, 2) for key in keys),
    )
    async with probe.running() as runtime:
        records = await read(probe, 80, within=30)
        await eventually(lambda: has_rows(probe, 2))
        assert runtime.relay.careful is False, "one refused record must not slow the rest down for ever"
    per_key: dict[bytes, list[bytes]] = defaultdict(list)
    for record in records:
        per_key[record.key].append(dict(record.headers)["ce_sequence"])
    assert set(per_key) == {str(key).encode() for key in keys}
    assert all(list(dict.fromkeys(sequences)) == [b"1", b"2"] for sequences in per_key.values())


async def test_nothing_overtakes_a_batch_the_broker_refuses(probe: Probe) -> None:
    """The first batch of the page is half a megabyte and too large for the topic, the second would not be."""
    await limit_batches(probe, 300_000)
    key = new_id()
    await append(probe, *(thing(key, sequence, "x" * 10_000) for sequence in range(1, 61)))
    async with probe.running():
        records = await read(probe, 60, within=30)
        await eventually(lambda: is_empty(probe))
    sequences = [int(dict(record.headers)["ce_sequence"]) for record in records]
    assert list(dict.fromkeys(sequences)) == list(range(1, 61))


@pytest.mark.parametrize("headers", [b"\xff\xff\xff", b"\x12", b"\x16ce_id"], ids=bytes.hex)
async def test_a_row_whose_headers_are_spoilt_blocks_its_own_key_only(probe: Probe, headers: bytes) -> None:
    stuck, other = new_id(), new_id()
    await append(probe, thing(stuck, 1), thing(other, 1))
    connection = await probe.connect()
    await connection.execute("update outbox set headers = $1 where key = $2", headers, stuck)
    async with probe.running():
        await append(probe, thing(stuck, 2), thing(other, 2))
        records = await read(probe, 2)

        async def the_others_are_sent() -> None:
            rows = await connection.fetch("select key, blocked_reason from outbox order by id")
            assert [tuple(row) for row in rows] == [(stuck, "unreadable_headers"), (stuck, None)]

        await eventually(the_others_are_sent)
        await connection.close()
    assert {record.key for record in records} == {str(other).encode()}


async def test_a_topic_that_does_not_exist_blocks_nothing_else(probe: Probe) -> None:
    nowhere, somewhere = new_id(), new_id()
    await append(probe, thing(nowhere, 1), thing(somewhere, 1))
    connection = await probe.connect()
    await connection.execute("update outbox set topic = 'hb.probe.unheard.v1' where key = $1", nowhere)
    await connection.close()
    async with probe.running():
        records = await read(probe, 1)
        await eventually(lambda: has_rows(probe, 1))
    assert [record.key for record in records] == [str(somewhere).encode()]
    (row,) = await outbox_rows(probe)
    assert row["blocked_reason"] == "unknown_topic"


async def test_many_keys_of_a_missing_topic_hold_nobody_up(probe: Probe) -> None:
    missing, somewhere = [new_id() for _ in range(200)], new_id()
    await append(probe, *(thing(key, 1) for key in missing), thing(somewhere, 1))
    connection = await probe.connect()
    await connection.execute("update outbox set topic = 'hb.probe.unheard.v1' where key = any($1)", missing)
    await connection.close()
    async with probe.running():
        records = await read(probe, 1, within=8, wait=soon)
        assert [record.key for record in records] == [str(somewhere).encode()]
        await eventually(lambda: has_rows(probe, 200))


async def test_a_topic_made_after_its_rows_lets_them_go_within_seconds_and_in_order(probe: Probe) -> None:
    late = dataclasses.replace(THING, aggregate="late")
    first, second, stuck = new_id(), new_id(), new_id()
    await append(probe, thing(first, 1), thing(first, 2), thing(second, 1), thing(stuck, 1))
    connection = await probe.connect()

    async def is_late() -> None:
        await connection.execute(
            "update outbox set topic = $1 where key <> $2 and topic <> $1", late.name(State.BREMEN), stuck
        )

    await is_late()
    await connection.execute("update outbox set value = $1 where key = $2", b"x" * 1_500_000, stuck)
    async with probe.running() as runtime:

        async def three_are_blocked() -> None:
            # Of a key the first row, which holds back the next.
            assert runtime.relay.status.blocked == 3

        await eventually(three_are_blocked)
        async with connection.transaction():
            await outbox.append(connection, thing(first, 3))
            await is_late()
        await ensure_topics(probe.servers.kafka, [late], [State.BREMEN], replication=1, prefix=probe.prefix)
        await soon(lambda: has_rows(probe, 1), 5)
        records = await read(probe, 4, topic=late)
    await connection.close()
    sequences = [int(dict(record.headers)["ce_sequence"]) for record in records if record.key == str(first).encode()]
    assert sequences == [1, 2, 3]
    (row,) = await outbox_rows(probe)
    assert row["blocked_reason"] == "too_large"


async def test_large_rows_are_read_in_bounded_portions_and_in_order(probe: Probe) -> None:
    keys = [new_id() for _ in range(5)]
    events = [thing(key, sequence, "x" * 400_000) for sequence in range(1, 13) for key in keys]
    await append(probe, *events)
    async with probe.running():
        records = await read(probe, len(events))
        await eventually(lambda: is_empty(probe))
    per_key: dict[bytes, list[bytes]] = defaultdict(list)
    for record in records:
        per_key[record.key].append(dict(record.headers)["ce_sequence"])
    assert all(sequences == [str(n).encode() for n in range(1, 13)] for sequences in per_key.values())


async def test_two_replicas_have_one_active_relay_and_the_other_takes_over(probe: Probe) -> None:
    first, second = probe.runtime(), probe.runtime()
    await first.start()
    await eventually(_active(first))
    await second.start()
    await asyncio.sleep(1.2)
    assert not second.relay.status.active
    connection = await probe.connect()
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'norda-probe-relay' "
        "and datname = current_database() and pid in (select pid from pg_locks where locktype = 'advisory' and granted)"
    )
    await connection.close()
    key = new_id()
    await append(probe, thing(key, 1))
    assert len(await read(probe, 1, within=5, wait=soon)) == 1
    await first.stop()
    await soon(_active(second), within=3)
    await append(probe, thing(key, 2))
    assert len(await read(probe, 2)) == 2
    await second.stop()


async def test_a_holder_that_is_silent_for_long_loses_the_lease(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that is frozen: its connection stays, but nobody uses it any more."""
    monkeypatch.setattr(relay_lease, "FROZEN_SECONDS", 1.5)
    frozen = await probe.connect("norda_probe")
    assert await relay_lease.take(frozen)
    key = new_id()
    await append(probe, thing(key, 1))
    async with probe.running() as runtime:

        async def seen_by_the_standby() -> None:
            assert runtime.relay.status.backlog == 1
            assert not runtime.relay.status.active

        await eventually(seen_by_the_standby, within=5)
        assert len(await read(probe, 1, within=10, wait=soon)) == 1
        await eventually(_active(runtime))
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await frozen.execute("select 1")


async def test_a_holder_in_use_keeps_the_lease(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_lease, "FROZEN_SECONDS", 1.5)
    first, second = probe.runtime(), probe.runtime()
    await first.start()
    await eventually(_active(first))
    await second.start()
    await asyncio.sleep(4)
    assert first.relay.status.active
    assert not second.relay.status.active
    await second.stop()
    await first.stop()


def _active(runtime: Any) -> Any:
    async def check() -> None:
        assert runtime.relay.status.active

    return check


async def test_a_record_carries_the_envelope_of_the_contract(probe: Probe) -> None:
    key = new_id()
    event = thing(key, 7, "Größe")
    async with probe.running():
        await append(probe, event)
        (record,) = await read(probe, 1)
    headers = {name: value.decode() for name, value in record.headers}
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": str(event.event_id),
        "ce_source": "/hb/probe",
        "ce_type": "norda.probe.thing.changed.v1",
        "ce_subject": str(key),
        "ce_time": "2026-11-23T15:00:00Z",
        "ce_dataschema": "urn:norda:schema:probe.thing.v1",
        "ce_sequence": "7",
        "content-type": "application/json",
    }
    assert '"text":"Größe"' in record.value.decode()


async def test_a_tombstone_has_a_null_value(probe: Probe) -> None:
    key = new_id()
    event = THING.event("erased", None, state=State.BREMEN, key=key, sequence=2, time=THING.example.changed_at)  # type: ignore[attr-defined]
    async with probe.running():
        await append(probe, event)
        (record,) = await read(probe, 1)
    assert record.value is None
    assert decode(THING, key=record.key, value=record.value, headers=record.headers).data is None
