"""What one state says of a person is not shown to another state, nor overwritten by it; a mail keeps to its reason."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Desk, event_said, make_event, participation_said, person


async def seen(desk: Desk, subscription: dict[str, Any]) -> dict[str, Any]:
    """The subscription as its own office sees it, alone and in the list."""
    async with desk.service.client(state=subscription["state"]) as client:
        alone: dict[str, Any] = (await client.get(f"/api/v1/subscriptions/{subscription['id']}")).json()
        listed = (await client.get("/api/v1/subscriptions", params={"email": subscription["email"]})).json()["items"]
    assert alone in listed
    return alone


@pytest.mark.parametrize("subscribed_first", [True, False])
async def test_a_participants_name_is_not_shown_to_another_states_office(desk: Desk, subscribed_first: bool) -> None:
    email, event, of_hamburg = person(), make_event(), make_event(responsible_state="hh")
    said = participation_said("confirmed", of_hamburg, email.title(), name="Geheim aus Hamburg", language="en")
    if subscribed_first:
        subscription = await desk.subscribe(email, "event", str(event.event_id), state="hb")
        await desk.tell(said)
    else:
        await desk.tell(said)
        subscription = await desk.subscribe(email, "event", str(event.event_id), state="hb")
    shown = await seen(desk, subscription)
    assert (shown["email"], shown["name"], shown["language"], shown["version"]) == (email, None, "de", 1)
    await desk.tell(event_said("published", event))
    (told,) = [mail for mail in await desk.mails(email) if mail["subject"].startswith("Neue")]
    assert told["headers"]["to"] == email
    assert "Guten Tag," in told["text"]
    assert "Geheim" not in told["text"] + told["html"]


async def test_a_subscriptions_name_is_not_shown_to_another_states_office(desk: Desk) -> None:
    email = person()
    await desk.subscribe(email, "cluster", "ITS", state="hh", name="Geheim aus Hamburg", language="en")
    shown = await seen(desk, await desk.subscribe(email, "cluster", "ITS", state="hb"))
    assert (shown["name"], shown["language"]) == (None, "de")


async def test_an_office_overwrites_neither_what_another_sees_nor_what_it_mails(desk: Desk) -> None:
    email, of_hamburg, of_bremen = person(), make_event(responsible_state="hh"), make_event()
    first = await desk.subscribe(
        email, "event", str(of_hamburg.event_id), state="hh", name="Right Person", language="en"
    )
    second = await desk.subscribe(email, "event", str(of_bremen.event_id), state="hb", name="Andere Person")
    assert await seen(desk, first) == first
    assert await seen(desk, second) == second
    # Either office may correct what it entered itself, and nobody else.
    path = f"/api/v1/subscriptions/{second['id']}"
    for state, status in (("hh", 404), ("hb", 200)):
        async with desk.service.client(state=state) as client:
            corrected = await client.patch(path, json={"name": "Neue Person"}, headers={"if-match": '"1"'})
            assert corrected.status_code == status
    assert await seen(desk, first) == first
    await desk.tell(event_said("published", of_hamburg), event_said("published", of_bremen))
    texts = {mail["headers"]["to"]: mail["text"] for mail in await desk.mails(email)}
    assert set(texts) == {f"Right Person <{email}>", f"Neue Person <{email}>"}
    assert "Hello Right Person," in texts[f"Right Person <{email}>"]
    assert "Guten Tag Neue Person," in texts[f"Neue Person <{email}>"]


@pytest.mark.parametrize("subscribed_first", [True, False])
async def test_an_office_does_not_change_how_a_participant_is_told(desk: Desk, subscribed_first: bool) -> None:
    """Also when the subscription comes in while the participant's mail still waits."""
    email, event = person(), make_event(responsible_state="hh")
    said = participation_said("confirmed", event, email, name="Right Person", language="en")
    if subscribed_first:
        await desk.subscribe(email, "cluster", "ITS", state="hb", name="Andere Person", language="de")
        await desk.publish(said)
    else:
        await desk.publish(said)
        await desk.subscribe(email, "cluster", "ITS", state="hb", name="Andere Person", language="de")
    mail = await desk.mail(email)
    assert mail["headers"]["to"] == f"Right Person <{email}>"
    assert "Hello Right Person," in mail["text"]


async def test_nothing_personal_is_kept_of_a_mail_that_went_out(desk: Desk) -> None:
    email = person()
    await desk.tell(participation_said("confirmed", make_event(), email, name="Right Person"))
    connection = await desk.installation.connect()
    try:
        kept = await connection.fetchrow(
            """select d.status, d.address, d.name, r.address as address_of_person, r.name as name_of_person
               from notifications.delivery d join notifications.recipient r on r.id = d.recipient_id
               where r.address_key = $1""",
            email,
        )
    finally:
        await connection.close()
    assert tuple(kept) == ("delivered", None, None, None, None)
