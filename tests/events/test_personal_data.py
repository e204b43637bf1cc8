"""Where personal data may be, and that it goes when it is erased."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common.auth import Caller
from norda_common.contracts.events import EVENT, PARTICIPATION, REGISTRATION
from norda_common.rights import OFFICES
from norda_common.states import ALL_STATES, State
from norda_events.usecases.changing import publish_event
from norda_events.usecases.commands import DraftEvent, RegisterParticipant
from norda_events.usecases.drafting import draft_event
from norda_events.usecases.office import Office
from norda_events.usecases.registering import register_participant
from support.installation import Installation

from .conftest import Offices, event_body, person_body

OFFICE = Office(Caller(subject="lead", name="Lead", roles=OFFICES, state=State.BREMEN), frozenset(ALL_STATES))

NAME, EMAIL = "Xanthippe Geheimnisvoll", "xanthippe.geheimnisvoll@ex-001.example"


async def test_an_erased_person_leaves_tombstones_and_no_trace_and_the_seat_goes_to_the_next(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(capacity=1)
    made = await offices.register(event, name=NAME, email=EMAIL)
    waiting = await offices.register(event)
    path = f"/api/v1/events/{event['event_id']}/registrations/{made['registration_id']}"
    assert (await offices["ni"].delete(f"{path}/person")).status_code == 403
    for _ in range(2):
        assert (await offices["hb"].delete(f"{path}/person")).status_code == 204
    shown = (await offices["hb"].get(path)).json()
    assert (shown["status"], shown["participant"], shown["version"]) == ("withdrawn", None, 2)
    assert shown["erased_at"]
    promoted = await offices["hb"].get(f"{path.rpartition('/')[0]}/{waiting['registration_id']}")
    assert promoted.json()["status"] == "confirmed"

    for topic in (REGISTRATION, PARTICIPATION):
        records = await module_installation.read_topic(topic, State.BREMEN, minimum=4)
        own = [record for record in records if str(record.key) == made["registration_id"]]
        assert [(record.change, record.sequence, record.data is None) for record in own] == [
            ("confirmed", 1, False),
            ("erased", 2, True),
        ]
    connection = await module_installation.connect()
    try:
        row = await connection.fetchrow(
            "select name, email, email_key, language from events.participant where registration_id = $1",
            made["registration_id"],
        )
        assert row is not None
        assert list(row.values()) == [None] * 4
    finally:
        await connection.close()
    again = await offices.register(event, name=NAME, email=EMAIL)
    assert again["registration_id"] != made["registration_id"]


async def test_persons_are_in_one_table_and_on_the_private_topic_only(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(capacity=1)
    body = person_body(name="Rumpel Stilzchengeheim", email="rumpel.geheim@ex-002.example")
    await offices.register(event)
    made = await offices.register(event, **body)
    await offices["hb"].post(
        f"/api/v1/events/{event['event_id']}/registrations", json=body, headers={"idempotency-key": "rumpel.geheim@"}
    )
    path = f"/api/v1/events/{event['event_id']}"
    await offices["hb"].patch(path, json={"capacity": 2})
    await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    private = await module_installation.read_raw(
        PARTICIPATION.name(State.BREMEN, prefix=module_installation.prefix), minimum=5
    )
    assert any(b"rumpel.geheim@" in (record.value or b"") for record in private)
    for topic in (REGISTRATION, EVENT):
        for record in await module_installation.read_raw(topic.name(State.BREMEN, prefix=module_installation.prefix)):
            assert b"geheim" not in (record.value or b"").lower()
            assert not any(b"geheim" in value.lower() for _, value in record.headers)
    log = offices.running.log.read_text()
    assert "geheim" not in log.lower()
    assert made["participant"]["name"] == "Rumpel Stilzchengeheim"

    connection = await module_installation.connect()
    try:
        holding = await connection.fetch(
            """select table_name from information_schema.tables
               where table_schema = 'events' and table_name <> 'outbox'
                 and query_to_xml(format('select * from events.%I', table_name), true, false, '')::text
                     ilike '%geheim%'"""
        )
        assert [row["table_name"] for row in holding] == ["participant"]
    finally:
        await connection.close()


async def test_the_same_address_has_one_pseudonym_over_all_events(offices: Offices) -> None:
    body = person_body(email="immer@ex-003.example")
    made = [await offices.register(await offices.publish(), **body) for _ in range(2)]
    assert made[0]["participant"]["person_id"] == made[1]["participant"]["person_id"]
    assert made[0]["registration_id"] != made[1]["registration_id"]


async def test_one_address_registered_for_many_events_at_once_has_one_pseudonym(
    offices: Offices, module_installation: Installation
) -> None:
    events = [await offices.publish() for _ in range(8)]
    spellings = ("Zugleich@Müller.example", " ZUGLEICH@xn--mller-kva.EXAMPLE ")
    answers = await asyncio.gather(
        *(
            offices["hb"].post(
                f"/api/v1/events/{event['event_id']}/registrations",
                json=person_body(email=spellings[number % 2]),
            )
            for number, event in enumerate(events)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["participant"]["person_id"] for answer in answers}) == 1


async def test_the_second_event_waits_for_the_pseudonym_the_first_one_draws(module_installation: Installation) -> None:
    """The interleaving that hurts, made certain: the second asks while the first has not committed."""
    first: Any = await module_installation.connect(role="norda_events")
    second: Any = await module_installation.connect(role="norda_events")
    now = datetime.now(UTC)
    try:
        for connection in (first, second):
            await connection.execute("set search_path = events, public")
        drafted = []
        for _ in range(2):
            async with first.transaction():
                event = await draft_event(first, DraftEvent.model_validate(event_body()), office=OFFICE, now=now)
                drafted.append(await publish_event(first, event.id, office=OFFICE, now=now))
        person = RegisterParticipant.model_validate(person_body())

        async def register(connection: Any, event_id: UUID) -> UUID:
            async with connection.transaction():
                made = await register_participant(connection, event_id, person, office=OFFICE, now=now)
            assert made.row.participant
            return made.row.participant.person_id

        async with first.transaction():
            made = await register_participant(first, drafted[0].id, person, office=OFFICE, now=now)
            waiting = asyncio.create_task(register(second, drafted[1].id))
            done, _ = await asyncio.wait([waiting], timeout=0.5)
            assert not done, "the second one did not wait"
        assert made.row.participant
        assert await asyncio.wait_for(waiting, 60) == made.row.participant.person_id
    finally:
        await first.close()
        await second.close()


async def test_the_service_s_role_sees_no_other_schema_and_cannot_alter_its_own(
    offices: Offices, module_installation: Installation
) -> None:
    admin = await module_installation.connect()
    connection = await module_installation.connect(role="norda_events")
    try:
        await admin.execute("create schema if not exists another; create table if not exists another.secret (x int)")
        for statement in ("select * from another.secret", "alter table events.event add column x int"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        for schema in ("registry", "notifications"):
            if await admin.fetchval("select to_regnamespace($1) is not null", schema):
                assert not await connection.fetchval("select has_schema_privilege($1, 'usage')", schema)
    finally:
        await connection.close()
        await admin.close()
