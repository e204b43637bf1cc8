"""Whatever lies on a topic, the partition goes on; effects happen once; faults of the surroundings skip nothing."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition
from norda_common import outbox
from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received, encode_headers, encode_value
from norda_common.contracts.topics import Event
from norda_common.database import SYSTEM, Connection
from norda_common.errors import Conflict
from norda_common.identifiers import new_id
from norda_common.runtime import Runtime
from norda_common.states import State
from norda_common.topic_admin import ensure_topics
from support.waiting import eventually

from .conftest import NOW, THING, Probe, Thing, thing

INSERT = "insert into seen (thing_id, sequence, text) values ($1, $2, $3)"


async def see(connection: Connection, received: Received, _: datetime) -> None:
    text = received.data.text if isinstance(received.data, Thing) else None
    await connection.execute(INSERT, received.key, received.sequence, text)


async def see_all(connection: Connection, batch: Sequence[Received], now: datetime) -> None:
    for received in batch:
        await see(connection, received, now)


EACH = Consumer(name="each", topics=(THING,), each=see)
BATCH = Consumer(name="batch", topics=(THING,), batch=see_all)


async def seen(runtime: Runtime, key: UUID | None = None) -> list[Any]:
    async with runtime.database.read(SYSTEM) as connection:
        rows = await connection.fetch("select * from seen order by id")
    return [row for row in rows if key is None or row["thing_id"] == key]


async def dead(runtime: Runtime) -> list[Any]:
    async with runtime.database.read(SYSTEM) as connection:
        return await connection.fetch("select * from dead_letter order by failed_at, id")


async def send(probe: Probe, event: Any, **changes: Any) -> None:
    headers = encode_headers(event, traceparent=None)
    fields: dict[str, Any] = {"key": str(event.key).encode(), "value": encode_value(event), "headers": headers}
    await probe.send_raw(**fields | {"partition": 0} | changes)


def headers_with(event: Any, name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(key, value if key == name else old) for key, old in encode_headers(event, traceparent=None)]


BROKEN = {
    "null_header": lambda event: {"headers": headers_with(event, "ce_id", None)},
    "undecodable_header": lambda event: {"headers": headers_with(event, "ce_type", b"\xff\xfe")},
    "unknown_version": lambda event: {"headers": headers_with(event, "ce_type", b"norda.probe.thing.changed.v2")},
    "unexpected_type": lambda event: {"headers": headers_with(event, "ce_type", b"norda.other.thing.changed.v1")},
    "not_a_cloudevent": lambda _: {"headers": []},
    "key_mismatch": lambda _: {"key": str(new_id()).encode()},
    "invalid_data": lambda _: {"value": b"\x00\xff garbage"},
    "invalid_sequence": lambda event: {"headers": headers_with(event, "ce_sequence", b"-1")},
    "invalid_time": lambda event: {"headers": headers_with(event, "ce_time", b"2026-02-30T00:00:00Z")},
    "unknown_source": lambda event: {"headers": headers_with(event, "ce_source", b"/xx/probe")},
}


@pytest.mark.parametrize("consumer", [EACH, BATCH], ids=["each", "batch"])
async def test_every_kind_of_broken_record_becomes_a_dead_letter_and_the_partition_goes_on(
    probe: Probe, consumer: Consumer
) -> None:
    good = new_id()
    await send(probe, thing(good, 1))
    for change in BROKEN.values():
        event = thing(new_id(), 1)
        await send(probe, event, **change(event))
    await send(probe, thing(good, 2))
    async with probe.running(consumers=[consumer]) as runtime:

        async def done() -> None:
            assert [row["sequence"] for row in await seen(runtime, good)] == [1, 2]
            assert len(await dead(runtime)) == len(BROKEN)

        await eventually(done)
        letters = await dead(runtime)
        assert {row["reason"] for row in letters} == set(BROKEN)
        garbage = next(row for row in letters if row["reason"] == "invalid_data")
        assert garbage["value"] == b"\x00\xff garbage"
        assert await seen(runtime) == await seen(runtime, good)


ODD_HEADERS = [
    [("traceparent", b"00-\x00-1-01")],
    [("ce_traceparent", b"\x00" * 55)],
    [("na\x00me", b"x")],
    [("x" * 5000, None)],
]


@pytest.mark.parametrize("odd", ODD_HEADERS)
async def test_odd_headers_neither_stop_nor_lose_a_broken_record(probe: Probe, odd: list[Any]) -> None:
    good, event = new_id(), thing(new_id(), 1)
    await send(probe, event, value=b"garbage", headers=[*encode_headers(event, traceparent=None), *odd])
    await send(probe, thing(good, 1))
    async with probe.running(consumers=[EACH]) as runtime:

        async def done() -> None:
            assert len(await seen(runtime, good)) == 1
            assert [row["reason"] for row in await dead(runtime)] == ["invalid_data"]

        await eventually(done)


async def test_a_header_name_that_is_not_utf8_does_not_stop_the_partition(probe: Probe) -> None:
    first, odd, last = thing(new_id(), 1), thing(new_id(), 1), thing(new_id(), 1)
    await send(probe, first)
    await send_with_raw_header_name(probe, odd, b"\xff\xfe")
    await send(probe, last)
    async with probe.running(consumers=[EACH]) as runtime:

        async def done() -> None:
            assert [row["thing_id"] for row in await seen(runtime)] == [first.key, odd.key, last.key]

        await eventually(done)
        assert await dead(runtime) == []


async def send_with_raw_header_name(probe: Probe, event: Any, name: bytes) -> None:
    """A record whose header name is bytes that no client of ours would write, sent as a raw batch."""

    class RawName(str):
        def encode(self, *_: Any) -> bytes:  # type: ignore[override]
            return name

    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 20)
    headers = [*encode_headers(event, traceparent=None), (RawName("x"), b"y")]
    key = str(event.key).encode()
    assert builder.append(0, None, key=key, value=encode_value(event), headers=headers)
    batch = bytes(builder.build())
    async with AIOKafkaProducer(bootstrap_servers=probe.servers.kafka) as producer:
        await producer.partitions_for(probe.topic())
        node = producer.client.cluster.leader_for_partition(TopicPartition(probe.topic(), 0))
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=5000, topics=[(probe.topic(), [(0, batch)])]
        )
        await producer.client.send(node, request)


async def test_a_record_the_handler_refuses_is_buried_alone(probe: Probe) -> None:
    first, poison, last = new_id(), new_id(), new_id()
    for key, text in ((first, "a"), (poison, "poison"), (last, "b")):
        await send(probe, thing(key, 1, text))
    async with probe.running(consumers=[EACH]) as runtime:

        async def done() -> None:
            assert [row["thing_id"] for row in await seen(runtime)] == [first, last]

        await eventually(done)
        (letter,) = await dead(runtime)
        assert letter["reason"] == "CheckViolationError"
        assert "seen_text_check" in letter["detail"]
        assert "poison" not in letter["detail"], "a reason must not repeat values, they may be personal data"


async def test_a_business_refusal_keeps_its_reason(probe: Probe) -> None:
    async def refuse(*_: Any) -> None:
        raise Conflict("Geht nicht.", "Cannot be.")

    await send(probe, thing(new_id(), 1))
    async with probe.running(consumers=[Consumer(name="refusing", topics=(THING,), each=refuse)]) as runtime:

        async def buried() -> None:
            (letter,) = await dead(runtime)
            assert letter["detail"] == "Cannot be."

        await eventually(buried)


async def test_a_tombstone_is_handled_as_such(probe: Probe) -> None:
    key = new_id()
    await send(probe, thing(key, 1))
    await send(probe, thing(key, 2, change="erased"), value=None)
    async with probe.running(consumers=[EACH]) as runtime:

        async def done() -> None:
            assert [(row["sequence"], row["text"]) for row in await seen(runtime, key)] == [(1, "x"), (2, None)]

        await eventually(done)


async def test_a_redelivered_event_has_its_effect_once(probe: Probe) -> None:
    event = thing(new_id(), 1)
    for _ in range(3):
        await send(probe, event)
    async with probe.running(consumers=[EACH]) as runtime:
        await eventually(lambda: _handled(runtime, 3))
        assert len(await seen(runtime)) == 1
        await send(probe, event)
        await eventually(lambda: _handled(runtime, 4))
        assert len(await seen(runtime)) == 1


async def _handled(runtime: Runtime, count: int) -> None:
    assert sum(item.status.handled for item in runtime.consumer_runtimes) >= count


async def test_a_restart_goes_on_where_it_stopped(probe: Probe) -> None:
    key = new_id()
    await send(probe, thing(key, 1))
    async with probe.running(consumers=[BATCH]) as runtime:
        await eventually(lambda: _handled(runtime, 1))
    await send(probe, thing(key, 2))
    async with probe.running(consumers=[BATCH]) as runtime:
        await eventually(lambda: _handled(runtime, 1))
        await asyncio.sleep(0.3)
        assert [row["sequence"] for row in await seen(runtime, key)] == [1, 2]


async def test_a_fault_of_the_surroundings_is_waited_out_and_skips_nothing(probe: Probe) -> None:
    faults = [asyncpg.CannotConnectNowError("starting up"), ConnectionResetError("gone"), TimeoutError()]

    async def shaky(connection: Connection, received: Received, now: datetime) -> None:
        await see(connection, received, now)
        if faults:
            raise faults.pop(0)

    keys = [new_id() for _ in range(20)]
    for key in keys:
        await send(probe, thing(key, 1))
    async with probe.running(consumers=[Consumer(name="shaky", topics=(THING,), each=shaky)]) as runtime:
        await eventually(lambda: _handled(runtime, 20), within=20)
        assert [row["thing_id"] for row in await seen(runtime)] == keys
        assert await dead(runtime) == []


async def test_an_effect_continues_the_trace_of_its_cause(probe: Probe) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    event = thing(new_id(), 1)
    headers = [*encode_headers(event, traceparent=None), ("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01".encode())]

    async def onward(connection: Connection, received: Received, _: datetime) -> None:
        await outbox.append(connection, thing(received.key, 2))
        await connection.execute(
            "insert into seen (thing_id, sequence, text) select key, sequence, traceparent from outbox "
            "where key = $1 and sequence = 2",
            received.key,
        )

    await send(probe, event, headers=headers)
    async with probe.running(consumers=[Consumer(name="onward", topics=(THING,), each=onward)]) as runtime:

        async def traced() -> None:
            row = (await seen(runtime, event.key))[0]
            assert row["text"].split("-")[1] == trace_id

        await eventually(traced)


async def test_a_reply_to_header_makes_the_service_send_nothing(probe: Probe) -> None:
    event = thing(new_id(), 1)
    headers = [*encode_headers(event, traceparent=None), ("reply_to", probe.topic().encode())]
    await send(probe, event, headers=headers)
    async with probe.running(consumers=[EACH]) as runtime:
        await eventually(lambda: _handled(runtime, 1))
        await asyncio.sleep(0.5)
        await _handled(runtime, 1)
        assert sum(item.status.handled for item in runtime.consumer_runtimes) == 1


GADGET = dataclasses.replace(THING, aggregate="gadget")


async def test_a_state_that_is_set_up_later_is_met_and_its_absence_is_said(probe: Probe) -> None:
    admin = {"replication": 1, "prefix": probe.prefix}
    await ensure_topics(probe.servers.kafka, [GADGET], [State.BREMEN], **admin)
    here, later = new_id(), new_id()

    def gadget(key: UUID, state: State) -> Event:
        data = Thing.model_validate({"thing_id": key, "text": "x", "changed_at": NOW})
        return GADGET.event("made", data, state=state, key=key, sequence=1, time=data.changed_at)

    async def told(*keys: UUID) -> None:
        assert [row["thing_id"] for row in await seen(runtime)] == list(keys)

    async with probe.running(consumers=[Consumer(name="gadgets", topics=(GADGET,), each=see)]) as runtime:
        async with runtime.database.transaction(SYSTEM) as connection:
            await outbox.append(connection, gadget(here, State.BREMEN))
        await eventually(lambda: told(here), within=15)
        assert runtime.consuming.missing_topics == [
            GADGET.name(state, prefix=probe.prefix) for state in (State.HAMBURG, State.NIEDERSACHSEN)
        ]
        await ensure_topics(probe.servers.kafka, [GADGET], [State.NIEDERSACHSEN], **admin)
        async with runtime.database.transaction(SYSTEM) as connection:
            await outbox.append(connection, gadget(later, State.NIEDERSACHSEN))
        await eventually(lambda: told(here, later), within=25)
        assert runtime.consuming.missing_topics == [GADGET.name(State.HAMBURG, prefix=probe.prefix)]


async def test_several_bootstrap_servers_are_each_a_server(probe: Probe) -> None:
    servers = f"{probe.servers.kafka},{probe.servers.kafka}"
    settings = probe.settings.model_copy(update={"kafka_bootstrap_servers": servers})
    key = new_id()
    async with dataclasses.replace(probe, settings=settings).running(consumers=[EACH]) as runtime:
        await send(probe, thing(key, 1))

        async def done() -> None:
            assert [row["sequence"] for row in await seen(runtime, key)] == [1]

        await eventually(done)
