"""Cancelling: everybody told once, nobody promoted, a handful of statements."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.events import EVENT, PARTICIPATION, REGISTRATION, Participation, PublishedEvent
from norda_common.rights import OFFICES
from norda_common.states import ALL_STATES, State
from norda_events.usecases.changing import cancel_event, publish_event
from norda_events.usecases.commands import CancelEvent, DraftEvent, RegisterParticipant
from norda_events.usecases.drafting import draft_event
from norda_events.usecases.office import Office
from norda_events.usecases.registering import register_participant
from support.installation import Installation
from support.waiting import here

from .conftest import Offices, event_body, person_body

MANY = 10_000
LONGEST_PIECE_SECONDS = 0.05


async def test_zulieferertag_ems_tells_40_confirmed_and_12_waiting_once_and_promotes_nobody(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish("ni", title="Zulieferertag Ems", capacity=40)
    for _ in range(52):
        await offices.register(event, "ni")
    seats = (await offices.get(event))["seats"]
    assert (seats["confirmed"], seats["waitlisted"]) == (40, 12)

    response = await offices["ni"].post(
        f"/api/v1/events/{event['event_id']}/cancellation", json={"reason": "Die Halle steht nicht zur Verfügung."}
    )
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "cancelled"
    assert response.json()["cancellation_reason"] == "Die Halle steht nicht zur Verfügung."
    assert Counter(item["status"] for item in await offices.registrations(event)) == {"event_cancelled": 52}

    for topic in (REGISTRATION, PARTICIPATION):
        records = await module_installation.read_topic(topic, State.NIEDERSACHSEN, minimum=104)
        changes = Counter(record.change for record in records)
        assert changes == {"confirmed": 40, "waitlisted": 12, "event_cancelled": 52}
        told = [record for record in records if record.change == "event_cancelled"]
        assert len({record.key for record in told}) == 52
        assert {record.sequence for record in told} == {2}
    assert isinstance(told[0].data, Participation)
    assert told[0].data.event.status == "cancelled"
    assert told[0].data.event.cancellation_reason == "Die Halle steht nicht zur Verfügung."
    events = await module_installation.read_topic(EVENT, State.NIEDERSACHSEN, minimum=2)
    assert [(r.change, r.sequence) for r in events] == [("published", 1), ("cancelled", 2)]
    assert isinstance(events[1].data, PublishedEvent)


async def test_a_cancelled_event_stays_cancelled(offices: Offices) -> None:
    event = await offices.publish()
    made = await offices.register(event)
    path = f"/api/v1/events/{event['event_id']}"
    first = await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    again = await offices["hb"].post(f"{path}/cancellation", json={"reason": "Anders"})
    assert again.json() == first.json(), "cancelling again changes nothing"
    moved = {"starts": "2027-02-17T10:00", "ends": "2027-02-17T16:00"}
    refusals = [
        await offices["hb"].post(f"{path}/publication"),
        await offices["hb"].post(f"{path}/reschedule", json=moved),
        await offices["hb"].patch(path, json={"capacity": 100}),
        await offices["hb"].post(f"{path}/registrations", json=person_body()),
        await offices["hb"].post(f"{path}/registrations/{made['registration_id']}/withdrawal"),
        await offices["hb"].post(f"{path}/quota-release"),
    ]
    assert [(r.status_code, r.json()["code"]) for r in refusals] == [(409, "event_cancelled")] * 6


async def test_only_the_lead_cancels_and_only_with_a_reason(offices: Offices) -> None:
    event = await offices.publish(hosts=[{"state": "hb"}, {"state": "hh"}])
    path = f"/api/v1/events/{event['event_id']}/cancellation"
    for state in ("hh", "ni"):
        refused = await offices[state].post(path, json={"reason": "Sturmflut"})
        assert (refused.status_code, refused.json()["code"]) == (403, "foreign_state")
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await offices["hb"].post(path, json={})).status_code == 422
    assert (await offices["hb"].post(path, json={"reason": " "})).status_code == 422


async def test_a_draft_is_discarded_not_cancelled(offices: Offices) -> None:
    draft = await offices.draft(own_id="ev-weg")
    path = f"/api/v1/events/{draft['event_id']}"
    refused = await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_published")
    assert (await offices["hh"].delete(path)).status_code == 404
    assert (await offices["hb"].delete(path)).status_code == 204
    assert (await offices["hb"].get(path)).status_code == 404
    assert (await offices.draft(own_id="ev-weg"))["status"] == "draft"


async def test_ten_thousand_registrations_are_cancelled_in_seconds(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish("hh", capacity=MANY // 2, description="Ein langer Text. " * 1_000)
    connection = await module_installation.connect()
    try:
        await connection.execute("set search_path = events, public")
        await _register_many(connection, event["event_id"])
        waits = list[float]()
        others = asyncio.create_task(_ask_meanwhile(offices, waits))
        started = time.monotonic()
        response = await offices["hh"].post(
            f"/api/v1/events/{event['event_id']}/cancellation", json={"reason": "Sturmflut"}
        )
        seconds = time.monotonic() - started
        assert response.status_code == 200, response.text
        # Measured: 1.5 to 3.9 s on two cores busy with other work (load 7-8).
        assert seconds < here(20), f"cancelling took {seconds:.1f} s"
        others.cancel()
        print(f"cancelled {MANY} registrations in {seconds:.1f} s; others waited {max(waits) * 1_000:.0f} ms at most")
        left = await connection.fetchval(
            "select count(*) from registration where event_id = $1 and status <> 'event_cancelled'", event["event_id"]
        )
        assert left == 0
    finally:
        await connection.close()
    name = PARTICIPATION.name(State.HAMBURG, prefix=module_installation.prefix)
    records = await module_installation.read_raw(name, minimum=MANY, within=60)
    assert len({record.key for record in records}) == len(records) == MANY


async def test_cancelling_ten_thousand_lets_others_be_served_in_between(module_installation: Installation) -> None:
    """Counted in processor time, so that a busy machine does not decide: the longest piece of work without a pause."""
    office, now = _lead(), datetime.now(UTC)
    pauses, connection = list[float](), await module_installation.connect(role="norda_events")

    async def others() -> None:
        while True:
            await asyncio.sleep(0.001)
            pauses.append(time.thread_time())

    try:
        await connection.execute("set search_path = events, public")
        async with connection.transaction():
            draft = DraftEvent.model_validate(event_body(capacity=MANY // 2))
            event = await draft_event(connection, draft, office=office, now=now)
            await publish_event(connection, event.id, office=office, now=now)
            await _register_many(connection, event.id)
            # What the test run itself holds in memory is no part of it: searching that for garbage takes 100 ms.
            gc.collect()
            gc.freeze()
            pauses.append(time.thread_time())
            served = asyncio.create_task(others())
            await cancel_event(connection, event.id, CancelEvent(reason="Sturmflut"), office=office, now=now)
            served.cancel()
    finally:
        gc.unfreeze()
        await connection.close()
    longest = max(after - before for before, after in pairwise(pauses))
    print(f"longest piece of work: {longest * 1_000:.0f} ms of processor time, {len(pauses)} pauses")
    assert longest < LONGEST_PIECE_SECONDS


async def _ask_meanwhile(offices: Offices, waits: list[float]) -> None:
    while True:
        asked = time.monotonic()
        await offices["hb"].get("/api/v1/organisations", params={"limit": 1})
        waits.append(time.monotonic() - asked)
        await asyncio.sleep(0.02)


async def _register_many(connection: Any, event_id: UUID | str) -> None:
    await connection.execute(
        """with made as (
               insert into registration (id, event_id, responsible_state, participant_state, status, position, version,
                                         registered_at, changed_at)
               select uuidv7(), $1, 'hh', 'hh', case when n <= $2 / 2 then 'confirmed' else 'waitlisted' end, n, 1, $3,
                      $3
               from generate_series(1, $2) as n returning id, position)
           insert into participant (registration_id, event_id, responsible_state, person_id, name, email, email_key,
                                    language)
           select id, $1, 'hh', uuidv7(), 'Beispiel ' || position, position || '@ex-008.example',
                  position || '@ex-008.example', 'de' from made""",
        event_id,
        MANY,
        datetime.now(UTC),
    )


def _lead() -> Office:
    return Office(Caller(subject="lead", name="Lead", roles=OFFICES, state=State.HAMBURG), frozenset(ALL_STATES))


async def test_cancelling_takes_as_many_statements_for_52_as_for_2(module_installation: Installation) -> None:
    statements = [await _statements_to_cancel(module_installation, registrations=count) for count in (2, 52)]
    assert statements[0] == statements[1]
    assert statements[1] <= 8, "lock, details, event, outbox, registrations, two pieces of outbox at most"


async def _statements_to_cancel(installation: Installation, *, registrations: int) -> int:
    office, now, counted = _lead(), datetime.now(UTC), list[str]()
    connection: Any = await installation.connect(role="norda_events")
    try:
        await connection.execute("set search_path = events, public")
        async with connection.transaction():
            draft = DraftEvent.model_validate(event_body(capacity=registrations // 2))
            event = await draft_event(connection, draft, office=office, now=now)
            await publish_event(connection, event.id, office=office, now=now)
            for _ in range(registrations):
                person = RegisterParticipant.model_validate(person_body("hh"))
                await register_participant(connection, event.id, person, office=office, now=now)
            with connection.query_logger(lambda record: counted.append(record.query)):
                await cancel_event(connection, event.id, CancelEvent(reason="Sturmflut"), office=office, now=now)
    finally:
        await connection.close()
    return len(counted)
