"""A person in what waits: dead letters of private topics, and events that Kafka refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import ConsumerRecord
from norda_common import deadletters
from norda_common.database import Connection
from norda_common.waiting_records import forget_waiting, waiting_about

from .conftest import Probe

ADDRESS = "erika.muster@ex-091.example"
NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
PARTICIPATION = "p1.internal.hb.events.participation.v1"
REQUEST = "p1.internal.hb.registry.privacyrequest.v1"
ANSWER = "p1.internal.hb.events.privacyanswer.v1"
PUBLIC = "p1.hb.events.event.v1"


async def letter(connection: Connection, topic: str, value: bytes, *, offset: int) -> UUID:
    record = ConsumerRecord[bytes | None, bytes | None](
        topic, 0, offset, 1_795_680_000_000, 0, b"key", value, None, 3, len(value), ()
    )
    await deadletters.add(connection, consumer="probe", record=record, reason="invalid_data", detail="email: missing")
    found: UUID = await connection.fetchval('select id from dead_letter where "offset" = $1', offset)
    return found


async def states(connection: Connection, *ids: UUID) -> list[tuple[str, bytes | None]]:
    rows = [await connection.fetchrow("select status, value from dead_letter where id = $1", key) for key in ids]
    return [(row["status"], row["value"]) for row in rows if row]


async def test_a_person_is_taken_out_of_what_waits_and_nobody_else_is(probe: Probe) -> None:
    said = json.dumps({"email": ADDRESS.upper()}).encode()
    answer = json.dumps({"found": 1, "records": [{"record": "delivery", "email": ADDRESS}]}).encode()
    broken = b'{"email": "' + ADDRESS.encode() + b'", "name": "\xff'
    other = json.dumps({"email": f"v.{ADDRESS}"}).encode()
    admin = await probe.connect()
    values = [(PARTICIPATION, said), (PARTICIPATION, broken), (PARTICIPATION, other), (ANSWER, answer), (REQUEST, said),
              (PUBLIC, said)]  # fmt: skip
    ids = [await letter(admin, topic, value, offset=place) for place, (topic, value) in enumerate(values)]
    for blocked, value in ((NOW, said), (None, said), (NOW, other)):
        await admin.execute(
            """insert into outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers, value,
                                   blocked_at)
               values ('internal.hb.events.participation.v1', gen_random_uuid(), gen_random_uuid(), '/hb/events', 't',
                       now(), 'd', 1, decode('00', 'hex'), $1, $2)""",
            value,
            blocked,
        )
    async with admin.transaction():
        found = await waiting_about(admin, [ADDRESS])
        assert len(found) == 4
        assert ADDRESS not in repr(found)
        await forget_waiting(admin, found, now=NOW)
    answered = json.dumps({"found": 1, "records": []}).encode()
    assert await states(admin, *ids) == [
        ("discarded", None), ("discarded", None), ("open", other), ("open", answered), ("open", said), ("open", said),
    ]  # fmt: skip
    assert [row["value"] for row in await admin.fetch("select value from outbox order by id")] == [None, said, other]
    closed = await admin.fetchrow("select closed_at, closed_by, detail from dead_letter where id = $1", ids[0])
    assert closed is not None
    assert tuple(closed) == (NOW, "system", "")
    await admin.close()


async def test_a_request_s_letter_loses_its_address_when_it_is_closed(probe: Probe) -> None:
    said = json.dumps({"email": ADDRESS}).encode()
    admin = await probe.connect()
    ids = [await letter(admin, topic, said, offset=place) for place, topic in enumerate((REQUEST, ANSWER, PUBLIC))]
    for key in ids:
        await deadletters.close(admin, key, status=deadletters.REPLAYED, by="operator", now=NOW)
    assert await states(admin, *ids) == [("replayed", None), ("replayed", None), ("replayed", said)]
    await admin.close()
