"""What participants are told: service mail, once for each change of their registration."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from norda_common.contracts.events import PARTICIPATION
from norda_common.identifiers import new_id
from norda_common.states import State
from support.waiting import here

from .conftest import Desk, make_event, now, participation_said, person

KNOWN = "select count(*) from notifications.recipient where address_key = $1"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ("confirmed", "confirmed", "Anmeldung bestätigt"),
        ("waitlisted", "waitlisted", "Warteliste"),
        ("promoted", "confirmed", "Nachgerückt"),
        ("withdrawn", "withdrawn", "Abmeldung"),
        ("event_rescheduled", "waitlisted", "Neuer Termin"),
        ("event_cancelled", "event_cancelled", "Abgesagt"),
    ],
)
async def test_each_change_is_told(desk: Desk, change: str, status: str, words: str) -> None:
    email = person()
    await desk.publish(participation_said(change, make_event(), email, status=status, name="Ärin Müller-Öz"))
    mail = await desk.mail(email)
    assert mail["subject"].startswith(words)
    assert "Guten Tag Ärin Müller-Öz," in mail["text"]
    assert mail["headers"]["to"] == f"Ärin Müller-Öz <{email}>"
    assert "list-unsubscribe" not in mail["headers"]


async def test_the_mail_says_when_and_where_in_english_too(desk: Desk) -> None:
    email = person()
    start = now().replace(year=2027, month=2, day=10, hour=9, minute=0)
    event = make_event(starts_at=start, ends_at=start + timedelta(hours=6), title_en="Transformation Forum")
    await desk.publish(participation_said("confirmed", event, email, language="en"))
    mail = await desk.mail(email)
    assert "Wednesday, 10 February 2027, 10:00–16:00 CET" in mail["text"]
    assert "Beispielhalle" in mail["html"]
    assert '<html lang="en">' in mail["html"]


async def test_a_cancellation_tells_40_confirmed_and_12_waiting_once_each(desk: Desk) -> None:
    event = make_event(title="Zulieferertag Ems", responsible_state="ni", status="cancelled")
    people = [person() for _ in range(52)]
    said = [
        participation_said("event_cancelled", event, email, sequence=2, status="event_cancelled") for email in people
    ]
    started = time.monotonic()
    await desk.publish(*said)
    await desk.publish(*said)
    await desk.handled(*said)
    await desk.settled()
    took = time.monotonic() - started
    assert [len(box) for box in await desk.mailboxes(people)] == [1] * 52
    assert took < here(15), f"{took:.1f} s"


async def test_an_erased_person_is_forgotten(desk: Desk) -> None:
    email, registration = person(), new_id()
    await desk.tell(participation_said("confirmed", make_event(), email, registration_id=registration))
    tombstone = PARTICIPATION.event("erased", None, state=State.BREMEN, key=registration, sequence=2, time=now())
    await desk.tell(tombstone)
    connection = await desk.installation.connect()
    try:
        assert (
            await connection.fetchval("select count(*) from notifications.recipient where address_key = $1", email) == 0
        )
        kept = await connection.fetchrow(
            "select recipient_id, status from notifications.delivery where registration_id = $1", registration
        )
        assert (kept["recipient_id"], kept["status"]) == (None, "delivered")
    finally:
        await connection.close()


async def test_erasing_a_participation_leaves_a_subscriber(desk: Desk) -> None:
    email, registration = person(), new_id()
    await desk.subscribe(email, "cluster", "KEEP")
    await desk.tell(participation_said("confirmed", make_event(), email, registration_id=registration))
    await desk.tell(PARTICIPATION.event("erased", None, state=State.BREMEN, key=registration, sequence=2, time=now()))
    connection = await desk.installation.connect()
    try:
        assert (
            await connection.fetchval("select count(*) from notifications.recipient where address_key = $1", email) == 1
        )
    finally:
        await connection.close()


async def test_an_unusable_address_fails_visibly_and_holds_up_nobody(desk: Desk) -> None:
    event, email = make_event(), person()
    bad = participation_said("confirmed", event, "no address\r\nBcc: x@y.example")
    good = participation_said("confirmed", event, email)
    await desk.tell(bad, good)
    await desk.mail(email)
    async with desk.service.client(state=None, role="operator") as client:
        failed = (await client.get("/api/v1/deliveries", params={"status": "failed"})).json()["items"]
    assert [item["last_error"] for item in failed] == ["UnusableAddressError"]
    assert failed[0]["attempts"] == 1
