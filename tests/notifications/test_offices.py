"""Both offices are told of a relocation; contact, inbox, and what operators see."""

from __future__ import annotations

from uuid import uuid4

from norda_common.contracts.notifications import DELIVERY, Delivery
from norda_common.contracts.topics import Event
from norda_common.states import State
from support.waiting import eventually

from .conftest import Desk, make_event, offer_said, participation_said, person, relocation_said


async def set_contact(desk: Desk, state: str, email: str | None, language: str = "de") -> None:
    async with desk.service.client(state=state) as client:
        answer = await client.put(
            f"/api/v1/offices/{state}/contact",
            json={"name": f"Wirtschaftsförderung {state}", "email": email, "language": language},
        )
    assert answer.status_code == 200, answer.text


async def test_both_offices_are_told_each_in_its_own_way(desk: Desk) -> None:
    bremen, niedersachsen = person("hb.example"), person("ni.example")
    await set_contact(desk, "hb", bremen)
    await set_contact(desk, "ni", niedersachsen, language="en")
    said = relocation_said()
    await desk.tell(*said)
    await desk.tell(*said)
    old, new = await desk.mail(bremen), await desk.mail(niedersachsen)
    assert old["subject"] == "Sitzverlegung: Beispiel Roland Batteriesysteme GmbH"
    assert "Zuständig ist jetzt Niedersachsen" in old["text"]
    assert "Your office is now responsible." in new["text"]
    for mail in (old, new):
        assert "DEP2716.HRB990105" in mail["text"]
        assert "DEH1101.HRB990005HB" in mail["html"]
        assert "list-unsubscribe" not in mail["headers"]
    for state in ("hb", "ni"):
        async with desk.service.client(state=state) as client:
            inbox = (await client.get("/api/v1/inbox")).json()
        mine = [
            entry for entry in inbox["items"] if entry["content"]["organisation"]["organisation_id"] == str(said[0].key)
        ]
        assert [entry["kind"] for entry in mine] == ["organisation_relocated"]
    async with desk.service.client(state="hh") as client:
        assert (await client.get("/api/v1/inbox")).json() == {"items": [], "next_cursor": None, "unread": 0}

    async def told_in_both_ways(state: State) -> None:
        told = [record.data for record in await desk.installation.read_topic(DELIVERY, state)]
        deliveries = [data for data in told if isinstance(data, Delivery) and data.notice == "organisation_relocated"]
        assert sorted(delivery.channel for delivery in deliveries) == ["email", "inbox"]

    await eventually(lambda: told_in_both_ways(State.BREMEN))
    await eventually(lambda: told_in_both_ways(State.NIEDERSACHSEN))


async def kinds_in_inbox(desk: Desk, state: str, said: Event) -> list[str]:
    async with desk.service.client(state=state) as client:
        items = (await client.get("/api/v1/inbox")).json()["items"]
    mine = [entry for entry in items if entry["content"]["organisation"]["organisation_id"] == str(said.key)]
    return [entry["kind"] for entry in mine]


async def test_the_receiving_office_alone_is_told_of_an_offer(desk: Desk) -> None:
    bremen, niedersachsen = person("hb.example"), person("ni.example")
    await set_contact(desk, "hb", bremen)
    await set_contact(desk, "ni", niedersachsen)
    said = offer_said("relocation_offered")
    await desk.tell(said)
    await desk.tell(said)
    mail = await desk.mail(niedersachsen)
    assert mail["subject"] == "Verlegung angeboten: Beispiel Roland Batteriesysteme GmbH"
    assert "Bremen bietet Beispiel Roland" in mail["text"]
    assert "01.12.2026" in mail["text"]
    assert await kinds_in_inbox(desk, "ni", said) == ["organisation_offered"]
    assert await kinds_in_inbox(desk, "hb", said) == []


async def test_the_losing_office_is_told_of_a_refusal_once_and_of_no_withdrawal(desk: Desk) -> None:
    bremen = person("hb.example")
    await set_contact(desk, "hb", bremen)
    refusal = {"refused_at": "2026-11-26T09:00:00Z", "refusal": "Nur ein Briefkasten."}
    of_niedersachsen = offer_said("relocation_withdrawn", said_by=State.NIEDERSACHSEN, **refusal)
    of_bremen = offer_said("relocation_withdrawn", **refusal)
    taken_back = offer_said("relocation_withdrawn", withdrawn_at="2026-11-26T09:00:00Z")
    await desk.tell(of_niedersachsen, of_bremen, taken_back)
    assert "Grund: Nur ein Briefkasten." in (await desk.mail(bremen))["text"]
    assert await kinds_in_inbox(desk, "hb", of_bremen) == ["organisation_refused"]
    for state in ("hb", "ni"):
        assert await kinds_in_inbox(desk, state, of_niedersachsen) == []
        assert await kinds_in_inbox(desk, state, taken_back) == []


async def test_without_an_address_an_office_is_told_in_its_inbox(desk: Desk) -> None:
    await set_contact(desk, "hb", None)
    await set_contact(desk, "ni", None)
    said = relocation_said()
    await desk.tell(*said)
    async with desk.service.client(state="hb") as client:
        before = (await client.get("/api/v1/inbox", params={"unread": "true"})).json()
        entry = before["items"][0]
        assert entry["content"]["organisation"]["organisation_id"] == str(said[0].key)
        assert entry["subject"].startswith("Sitzverlegung")
        for _ in range(2):
            assert (await client.post(f"/api/v1/inbox/{entry['id']}/read")).status_code == 204
        after = (await client.get("/api/v1/inbox")).json()
        assert after["unread"] == before["unread"] - 1
        assert after["items"][0]["read_at"] is not None
    async with desk.service.client(state="ni") as client:
        assert (await client.post(f"/api/v1/inbox/{entry['id']}/read")).status_code == 404


async def test_an_inbox_has_pages(desk: Desk) -> None:
    for _ in range(3):
        await desk.tell(*relocation_said())
    async with desk.service.client(state="hb") as client:
        first = (await client.get("/api/v1/inbox", params={"limit": 2})).json()
        rest = (await client.get("/api/v1/inbox", params={"limit": 200, "cursor": first["next_cursor"]})).json()
        whole = (await client.get("/api/v1/inbox", params={"limit": 200})).json()
    assert [entry["id"] for entry in first["items"] + rest["items"]] == [entry["id"] for entry in whole["items"]]


async def test_only_the_office_itself_sets_its_contact_and_never_over_a_newer_one(desk: Desk) -> None:
    wanted = {"name": "Wirtschaftsförderung Hamburg", "email": "office@hh.example"}
    async with desk.service.client(state="hb") as other, desk.service.client(state="hh") as own:
        foreign = await other.put("/api/v1/offices/hh/contact", json=wanted)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_state")
        tag = (await other.get("/api/v1/offices/hh/contact")).headers["etag"]
        first = await own.put("/api/v1/offices/hh/contact", json=wanted, headers={"if-match": tag})
        assert (first.status_code, first.json()["email"]) == (200, "office@hh.example")
        stale = await own.put("/api/v1/offices/hh/contact", json=wanted, headers={"if-match": tag})
        assert stale.status_code == 412
        wrong = await own.put("/api/v1/offices/hh/contact", json=wanted | {"email": "x"})
        assert wrong.status_code == 422
        assert (await own.put("/api/v1/offices/by/contact", json=wanted)).status_code == 422


async def test_operators_see_deliveries_masked_and_offices_do_not(desk: Desk) -> None:
    email, event = person(), make_event()
    said = participation_said("confirmed", event, email)
    await desk.tell(said)
    async with desk.service.client(state=None, role="operator") as client:
        notices = (await client.get("/api/v1/notices", params={"subject_id": str(event.event_id)})).json()["items"]
        assert [(item["kind"], item["deliveries"]) for item in notices] == [
            ("participation_confirmed", {"delivered": 1})
        ]
        assert notices[0]["caused_by"] == str(said.event_id)
        answer = await client.get("/api/v1/deliveries", params={"notice_id": notices[0]["id"]})
        assert [item["recipient"] for item in answer.json()["items"]] == ["p***@ex-005.example"]
        assert email not in answer.text
    async with desk.service.client(state="hb") as client:
        assert (await client.get("/api/v1/deliveries")).status_code == 403
        listed = await client.get("/api/v1/notices", params={"kind": "participation_confirmed"})
        assert listed.status_code == 200
        assert email not in listed.text


async def test_garbage_on_a_topic_is_buried_and_the_next_mail_goes_out(desk: Desk) -> None:
    email = person()
    for topic in ("hb.events.event.v1", "internal.hb.events.participation.v1", "hb.registry.organisation.v1"):
        await desk.installation.produce(topic, key=str(uuid4()).encode(), value=b"\xff\xfe")
        await desk.installation.produce(topic, key=str(uuid4()).encode(), value=b"{}", headers=[("ce_id", None)])
    await desk.publish(participation_said("confirmed", make_event(), email))
    await desk.mail(email)
    async with desk.service.client(state=None, role="operator") as client:

        async def buried() -> None:
            letters = (await client.get("/api/v1/dead-letters")).json()["items"]
            assert len(letters) == 6

        await eventually(buried)
