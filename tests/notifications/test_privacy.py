"""What persons ask for, as the notifications service answers: nobody who is erased, restricted or objected is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from norda_common.contracts.privacy import ANSWERS, PRIVACY_REQUEST, PrivacyAnswer, PrivacyRequest
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from support.people import signed_in, text_of

from .conftest import Desk, event_said, make_event, participation_said, person


def asked(kind: str, email: str, *others: str) -> Event:
    data = PrivacyRequest(
        request_id=new_id(),
        kind=kind,
        email=email,
        further_emails=others,
        state="hh",
        requested_at=datetime.now(UTC),
    )
    return PRIVACY_REQUEST.event(
        "asked", data, state=State.HAMBURG, key=data.request_id, sequence=1, time=data.requested_at
    )


async def ask(desk: Desk, kind: str, email: str, *others: str) -> dict[str, PrivacyAnswer]:
    """Say it twice, and give each state's one answer."""
    request = asked(kind, email, *others)
    await desk.publish(request, request)
    await desk.handled(request)
    said: dict[str, PrivacyAnswer] = {}
    for state in ALL_STATES:
        (record,) = await desk.installation.read_topic(ANSWERS["notifications"], state, key=str(request.key))
        assert isinstance(record.data, PrivacyAnswer)
        said[state.value] = record.data
    return said


def numbers(said: dict[str, PrivacyAnswer]) -> dict[str, tuple[int, int]]:
    return {state: (data.found, data.changed) for state, data in said.items()}


async def rows_with(desk: Desk, email: str) -> list[str]:
    """The tables that hold the address."""
    connection = await desk.installation.connect()
    try:
        found = []
        tables = await connection.fetch(
            "select table_name from information_schema.tables where table_schema = 'notifications'"
        )
        for (table,) in tables:
            rows = await connection.fetch(f"select t::text as row from notifications.{table} as t")  # noqa: S608
            if any(email in row["row"].lower() for row in rows):
                found.append(table)
        return found
    finally:
        await connection.close()


async def test_an_erasure_takes_subscriptions_recipient_and_deliveries_of_all_states(desk: Desk) -> None:
    email, event = person(), make_event()
    await desk.subscribe(email, "state", "hb", name="Geheim Zuerst")
    ended = await desk.subscribe(email, "cluster", "ITS", state="ni")
    async with desk.service.client(state="ni") as client:
        assert (await client.delete(f"/api/v1/subscriptions/{ended['id']}")).status_code == 204
    await desk.tell(event_said("published", event), participation_said("confirmed", event, email))
    assert len(await desk.mails(email)) == 2
    assert "recipient" in await rows_with(desk, email)
    assert numbers(await ask(desk, "erasure", email.upper())) == {"hb": (3, 3), "hh": (0, 0), "ni": (1, 1)}
    assert await rows_with(desk, email) == []
    assert set(numbers(await ask(desk, "erasure", email)).values()) == {(0, 0)}
    await desk.tell(event_said("rescheduled", event, sequence=2))
    assert len(await desk.mails(email)) == 2
    assert email not in desk.service.log.read_text()


async def test_what_somebody_asks_for_is_done_for_each_of_their_addresses(desk: Desk) -> None:
    emails = [person(), person()]
    for email in emails:
        await desk.subscribe(email, "state", "hb")
    assert numbers(await ask(desk, "restriction", *emails))["hb"] == (2, 2)
    assert numbers(await ask(desk, "lifting", *emails))["hb"] == (2, 2)
    assert numbers(await ask(desk, "objection", *emails)) == {"hb": (2, 2), "hh": (0, 0), "ni": (0, 0)}
    # One spelling more of the first is no other address.
    assert numbers(await ask(desk, "erasure", *emails, emails[0].upper()))["hb"] == (2, 2)
    assert [table for email in emails for table in await rows_with(desk, email)] == []


async def test_an_objection_outlives_the_erasure_and_who_is_entered_again_is_told_nothing(desk: Desk) -> None:
    """Tricky case 8."""
    email, event = person(), make_event()
    await desk.subscribe(email, "state", "hb")
    assert numbers(await ask(desk, "objection", email)) == {"hb": (1, 1), "hh": (0, 0), "ni": (0, 0)}
    await ask(desk, "erasure", email)
    again = await desk.subscribe(email, "state", "hb")
    assert (again["suppressed"], again["restricted"]) == (True, False)
    await desk.tell(event_said("published", event))
    assert await desk.mails(email) == []
    assert numbers(await ask(desk, "objection", email))["hb"] == (1, 0)
    said = await ask(desk, "access", email)
    assert [record["record"] for record in said["hh"].records] == ["objection"]


async def test_a_restricted_person_is_told_nothing_and_their_data_stay_until_it_is_lifted(desk: Desk) -> None:
    email, event = person(), make_event()
    subscription = await desk.subscribe(email, "state", "hb", name="Bleibt Stehen")
    assert numbers(await ask(desk, "restriction", email))["hb"] == (1, 1)
    assert numbers(await ask(desk, "restriction", email))["hb"] == (1, 0)
    await desk.tell(event_said("published", event), participation_said("confirmed", event, email))
    assert await desk.mails(email) == [], "neither as a subscriber nor as a participant"
    async with desk.service.client() as client:
        shown = (await client.get(f"/api/v1/subscriptions/{subscription['id']}")).json()
        assert (shown["restricted"], shown["name"], shown["ended_at"]) == (True, "Bleibt Stehen", None)
    async with signed_in(desk.service) as office:
        page = text_of(await office.get(f"/notifications/subscriptions/{subscription['id']}"))
        assert "Diese Person hat die Einschränkung verlangt" in page
        assert "eingeschränkt" in text_of(await office.get(f"/notifications/subscriptions?email={email}"))
    assert numbers(await ask(desk, "lifting", email))["hb"][1] >= 1
    later = make_event()
    await desk.tell(event_said("published", later))
    assert len(await desk.mails(email)) == 1


async def test_access_says_what_is_kept_and_what_was_told(desk: Desk) -> None:
    email, event = person(), make_event(responsible_state="ni")
    await desk.subscribe(email, "cluster", "ITS", name="Beispiel Auskunft", language="en")
    await desk.tell(participation_said("confirmed", event, email))
    await ask(desk, "restriction", email)
    said = await ask(desk, "access", email)
    by_kind: dict[str, list[dict[str, Any]]] = {
        state: [dict(record) for record in data.records] for state, data in said.items()
    }
    subscription = next(record for record in by_kind["hb"] if record["record"] == "subscription")
    assert (subscription["name"], subscription["topic_value"]) == ("Beispiel Auskunft", "ITS")
    delivery = next(record for record in by_kind["ni"] if record["record"] == "delivery")
    assert (delivery["status"], delivery["channel"]) == ("delivered", "email")
    assert {record["record"] for record in by_kind["hh"]} == {"restriction"}
    await ask(desk, "erasure", email)
    assert {data.found for data in (await ask(desk, "access", email)).values()} == {0}


@pytest.mark.parametrize("role", ["office", "operator"])
async def test_nobody_but_the_service_sees_who_is_restricted(desk: Desk, role: str) -> None:
    await ask(desk, "restriction", person())
    connection = await desk.installation.connect(role="norda_notifications", system=False)
    try:
        await connection.execute("set search_path to notifications, public")
        await connection.execute(
            "select set_config('norda.subject', 'x', false), set_config('norda.state', 'hb', false), "
            "set_config('norda.roles', $1, false)",
            role,
        )
        assert await connection.fetchval("select count(*) from restriction") == 0
    finally:
        await connection.close()
