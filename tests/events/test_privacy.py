"""What persons ask for, as the events service answers: for each state, once, whatever is redelivered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from norda_common.contracts.events import PARTICIPATION
from norda_common.contracts.privacy import ANSWERS, PRIVACY_REQUEST, PrivacyAnswer, PrivacyRequest
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics
from support.installation import Installation, Running, in_thread
from support.people import signed_in, text_of

from .conftest import Offices, offices_at, start_events


@pytest.fixture(scope="module")
def events(module_installation: Installation) -> Running:
    servers, prefix = module_installation.servers, module_installation.prefix
    in_thread(ensure_topics(servers.kafka, [PRIVACY_REQUEST], ALL_STATES, replication=1, prefix=prefix))
    return start_events(module_installation)


@pytest.fixture
async def offices(events: Running) -> AsyncIterator[Offices]:
    async with offices_at(events) as made:
        yield made


def asked(kind: str, email: str, *, state: State = State.HAMBURG) -> Event:
    data = PrivacyRequest(
        request_id=new_id(), kind=kind, email=email, state=state.value, requested_at=datetime.now(UTC)
    )
    return PRIVACY_REQUEST.event("asked", data, state=state, key=data.request_id, sequence=1, time=data.requested_at)


async def answers(installation: Installation, request: Event, *, each: int = 1) -> dict[str, list[Any]]:
    """What was said of the request on each state's topic."""
    return {
        state.value: [
            record.data
            for record in await installation.read_topic(ANSWERS["events"], state, key=str(request.key), minimum=each)
        ]
        for state in ALL_STATES
    }


async def answered(installation: Installation, request: Event) -> dict[str, tuple[int, int]]:
    said = await answers(installation, request)
    assert all(len(data) == 1 and isinstance(data[0], PrivacyAnswer) for data in said.values())
    return {state: (data[0].found, data[0].changed) for state, data in said.items()}


def address() -> str:
    return f"gast-{new_id().hex[-10:]}@ex-550.example"


async def test_a_request_of_somebody_with_two_addresses_or_with_none_is_answered(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(capacity=5)
    emails = [address(), address()]
    for email in emails:
        await offices.register(event, email=email)
    two = PrivacyRequest(
        request_id=new_id(),
        kind="erasure",
        email=emails[0],
        further_emails=(emails[1],),
        state="hb",
        requested_at=datetime.now(UTC),
    )
    none = PrivacyRequest(
        request_id=new_id(), kind="erasure", person_id=new_id(), state="hb", requested_at=datetime.now(UTC)
    )
    expected = {two.request_id: {"hb": (2, 2)}, none.request_id: {"hb": (0, 0)}}
    for data in (two, none):
        said = PRIVACY_REQUEST.event(
            "asked", data, state=State.BREMEN, key=data.request_id, sequence=1, time=data.requested_at
        )
        await module_installation.publish(said)
        found = await answered(module_installation, said)
        assert found == {"hb": (0, 0), "hh": (0, 0), "ni": (0, 0)} | expected[data.request_id]


async def test_an_erasure_takes_the_person_from_all_events_of_all_states_and_the_seats_go_on(
    offices: Offices, module_installation: Installation
) -> None:
    email = address()
    first, second = await offices.publish(capacity=1), await offices.publish("ni", capacity=1)
    mine = [await offices.register(event, email=email) for event in (first, second)]
    waiting = await offices.register(first)
    request = asked("erasure", email.upper())
    await module_installation.publish(request, request)
    assert await answered(module_installation, request) == {"hb": (1, 1), "hh": (0, 0), "ni": (1, 1)}
    for event, registration in zip((first, second), mine, strict=True):
        path = f"/api/v1/events/{event['event_id']}/registrations/{registration['registration_id']}"
        shown = (await offices[event["responsible_state"]].get(path)).json()
        assert (shown["participant"], shown["status"], shown["version"]) == (None, "withdrawn", 2)
        state = State(event["responsible_state"])
        records = await module_installation.read_topic(
            PARTICIPATION, state, key=registration["registration_id"], minimum=2
        )
        assert [(record.change, record.data is None) for record in records] == [("confirmed", False), ("erased", True)]
    path = f"/api/v1/events/{first['event_id']}/registrations/{waiting['registration_id']}"
    assert (await offices["hb"].get(path)).json()["status"] == "confirmed"
    again = asked("erasure", email)
    await module_installation.publish(again)
    assert set((await answered(module_installation, again)).values()) == {(0, 0)}
    withdrawn = PRIVACY_REQUEST.event(
        "erased", None, state=request.state, key=request.key, sequence=2, time=datetime.now(UTC)
    )
    await module_installation.publish(withdrawn)
    said = await answers(module_installation, request, each=2)
    assert all([data is None for data in several] == [False, True] for several in said.values())
    connection = await module_installation.connect()
    try:
        rows = await connection.fetch(
            "select subject, state, after from events.audit_log where action = 'registration.erase' and item = any($1)",
            [registration["registration_id"] for registration in mine],
        )
    finally:
        await connection.close()
    assert {(row["subject"], row["state"]) for row in rows} == {("system", "hb"), ("system", "ni")}
    assert email not in str(rows) + offices.running.log.read_text()


async def test_access_says_what_is_kept_for_each_state(offices: Offices, module_installation: Installation) -> None:
    email = address()
    event = await offices.publish("hh", title="Beispieltag Auskunft")
    made = await offices.register(event, state="hh", email=email, name="Beispiel Auskunft", language="en")
    request = asked("access", email)
    await module_installation.publish(request)
    said = await answers(module_installation, request)
    assert (said["hb"][0].records, said["ni"][0].records) == ((), ())
    (record,) = said["hh"][0].records
    assert record["record"] == "registration"
    assert record["registration_id"] == made["registration_id"]
    wanted = {"event": "Beispieltag Auskunft", "name": "Beispiel Auskunft", "email": email, "language": "en"}
    assert wanted.items() <= record.items()
    assert "restricted_at" not in record


async def test_a_restricted_participant_stays_as_they_are_and_is_shown_so(
    offices: Offices, module_installation: Installation
) -> None:
    email = address()
    event = await offices.publish()
    made = await offices.register(event, email=email)
    request = asked("restriction", email)
    await module_installation.publish(request)
    assert (await answered(module_installation, request))["hb"] == (1, 1)
    path = f"/api/v1/events/{event['event_id']}/registrations/{made['registration_id']}"
    assert (await offices["hb"].get(path)).json()["participant"]["restricted_at"]
    refused = await offices["hb"].delete(f"{path}/person")
    assert (refused.status_code, refused.json()["code"]) == (409, "person_restricted")
    async with signed_in(offices.running) as person:
        page = text_of(await person.get(path.replace("/api/v1", "")))
        assert "Diese Person hat die Einschränkung verlangt" in page
        assert "Person löschen" not in page
        assert "(eingeschränkt)" in text_of(await person.get(f"/events/{event['event_id']}"))
    for kind, wanted in (("restriction", (1, 0)), ("objection", (1, 0)), ("lifting", (1, 1)), ("lifting", (1, 0))):
        request = asked(kind, email)
        await module_installation.publish(request)
        assert (await answered(module_installation, request))["hb"] == wanted, kind
    assert (await offices["hb"].get(path)).json()["participant"]["restricted_at"] is None


async def test_an_instance_answers_for_the_states_it_serves(installation: Installation) -> None:
    servers, prefix = installation.servers, installation.prefix
    in_thread(ensure_topics(servers.kafka, [PRIVACY_REQUEST], ALL_STATES, replication=1, prefix=prefix))
    start_events(installation, states="ni")
    request = asked("access", address(), state=State.BREMEN)
    await installation.publish(request)
    await installation.read_topic(ANSWERS["events"], State.NIEDERSACHSEN, key=str(request.key))
    assert UUID(str(request.key))
    await installation.make_topics()
    for state in (State.BREMEN, State.HAMBURG):
        assert await installation.read_raw(ANSWERS["events"].name(state, prefix=prefix), minimum=0) == []
