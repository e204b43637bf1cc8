"""Subscriptions, objections and the link in the mail."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from norda_common.identifiers import new_id
from support.waiting import eventually

from .conftest import Desk, event_said, make_event, participation_said, person

CONSENT = {"given_at": "2026-11-01T10:00:00Z", "wording": "newsletter-2026-1"}


def body(**fields: Any) -> dict[str, Any]:
    return {"email": person(), "topic": {"kind": "cluster", "value": "ITS"}, "consent": CONSENT} | fields


async def test_the_same_person_and_topic_again_is_the_same_subscription(desk: Desk) -> None:
    wanted = body(name="Beispiel Person", language="en")
    async with desk.service.client(state="hh") as client:
        first = await client.post("/api/v1/subscriptions", json=wanted)
        again = await client.post("/api/v1/subscriptions", json=wanted | {"email": wanted["email"].title()})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["state"] == "hh"
    assert first.json()["consent"] == CONSENT
    assert first.headers["location"] == f"/api/v1/subscriptions/{first.json()['id']}"


async def test_a_subscription_is_corrected_for_the_version_that_was_seen(desk: Desk) -> None:
    wanted = body(name="Beispiel Person")
    async with desk.service.client(state="hh") as client, desk.service.client(state="hb") as other:
        made = (await client.post("/api/v1/subscriptions", json=wanted)).json()
        path = f"/api/v1/subscriptions/{made['id']}"
        again = await client.post("/api/v1/subscriptions", json=wanted | {"name": "Anders", "language": "en"})
        assert again.json() == made, "entering it again corrects nothing"
        assert (await client.get(path)).headers["etag"] == '"1"'
        corrected = await client.patch(path, json={"language": "en"}, headers={"if-match": '"1"'})
        assert (corrected.status_code, corrected.headers["etag"]) == (200, '"2"')
        assert corrected.json() == made | {"language": "en", "version": 2}
        stale = await client.patch(path, json={"name": "Anders"}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["version"]) == (412, 2)
        same = await client.patch(path, json={"language": "en", "name": "Beispiel Person"})
        assert same.json() == corrected.json()
        assert (await client.patch(path, json={"name": None})).json()["name"] is None
        for wrong in ({"language": None}, {"language": "fr"}, {"email": person()}, {"name": "a\nb"}):
            assert (await client.patch(path, json=wrong)).status_code == 422, wrong
        assert (await other.patch(path, json={"name": "x"})).status_code == 404
        await client.delete(path)
        ended = await client.patch(path, json={"name": "x"})
        assert (ended.status_code, ended.json()["code"]) == (409, "subscription_ended")


async def test_each_state_keeps_and_sees_its_own(desk: Desk) -> None:
    email = person()
    of_bremen = await desk.subscribe(email, "cluster", "ITS", state="hb")
    of_hamburg = await desk.subscribe(email, "cluster", "ITS", state="hh")
    assert of_bremen["id"] != of_hamburg["id"]
    async with desk.service.client(state="hh") as client:
        listed = (await client.get("/api/v1/subscriptions", params={"email": email.upper()})).json()["items"]
        assert [item["id"] for item in listed] == [of_hamburg["id"]]
        assert (await client.get(f"/api/v1/subscriptions/{of_bremen['id']}")).status_code == 404
        assert (await client.delete(f"/api/v1/subscriptions/{of_bremen['id']}")).status_code == 404
        for _ in range(2):
            assert (await client.delete(f"/api/v1/subscriptions/{of_hamburg['id']}")).status_code == 204
        ended = (await client.get(f"/api/v1/subscriptions/{of_hamburg['id']}")).json()
        assert ended["ended_at"] is not None
        assert (await client.get("/api/v1/subscriptions", params={"email": email})).json()["items"] == []


async def test_pages_follow_one_another_without_gaps(desk: Desk) -> None:
    emails = [person() for _ in range(5)]
    for email in emails:
        await desk.subscribe(email, "cluster", "PAGED", state="ni")
    seen: list[str] = []
    cursor: str | None = None
    async with desk.service.client(state="ni") as client:
        for _ in range(3):
            query = {"value": "PAGED", "limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/api/v1/subscriptions", params=query)).json()
            seen += [item["email"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert cursor is None
        broken = await client.get("/api/v1/subscriptions", params={"cursor": "nonsense"})
    assert seen == emails
    assert broken.status_code == 422


@pytest.mark.parametrize(
    ("wrong", "field", "german"),
    [
        ({"email": "nobody"}, "email", "ist keine E-Mail-Adresse"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "email", "enthält Steuer- oder unsichtbare Zeichen"),
        ({"email": "a\x00@b.example"}, "email", "enthält Steuer- oder unsichtbare Zeichen"),
        ({"name": "Zeile\nZwei"}, "name", "enthält Steuer- oder unsichtbare Zeichen"),
        ({"topic": {"kind": "competence", "value": "XYZ-99"}}, "topic.value", "gibt es als competence nicht"),
        ({"topic": {"kind": "state", "value": "by"}}, "topic.value", "gibt es als state nicht"),
        ({"topic": {"kind": "event", "value": "ev-01"}}, "topic.value", "gibt es als event nicht"),
        ({"topic": {"kind": "weather", "value": "rain"}}, "topic.kind", "ist keiner der erlaubten Werte"),
        ({"consent": {"given_at": "2026-02-30T10:00:00Z", "wording": "w"}}, "consent.given_at", "ist kein Zeitpunkt"),
        ({"consent": {"given_at": "2026-11-01T10:00:00", "wording": "w"}}, "consent.given_at", "braucht eine Zeitzone"),
        ({"consent": {"given_at": "2999-01-01T00:00:00Z", "wording": "w"}}, "consent.given_at", "in der Zukunft"),
        ({"consent": None}, "consent", "muss ein Objekt sein"),
        ({"colour": "red"}, "colour", "ist hier nicht bekannt"),
    ],
)
async def test_wrong_input_is_named_in_german_and_english(
    desk: Desk, wrong: dict[str, Any], field: str, german: str
) -> None:
    async with desk.service.client() as client:
        answer = await client.post("/api/v1/subscriptions", json=body() | wrong)
    problem = answer.json()
    assert answer.status_code == 422, answer.text
    assert problem["errors"][0]["field"] == field
    assert german in problem["errors"][0]["de"]
    assert problem["errors"][0]["en"] != problem["errors"][0]["de"]


async def test_only_offices_may_subscribe_and_only_signed_in(desk: Desk) -> None:
    async with desk.service.client(state=None, role="auditor") as auditor, httpx2.AsyncClient() as nobody:
        refused = await auditor.post("/api/v1/subscriptions", json=body())
        assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
        assert (await nobody.post(f"{desk.service.url}/api/v1/subscriptions", json=body())).status_code == 401
        assert (await nobody.get(f"{desk.service.url}/api/v1/subscriptions")).status_code == 401


async def test_an_international_domain_gets_mail(desk: Desk) -> None:
    email = person("größe-beispiel.example")
    event = make_event()
    await desk.subscribe(email, "event", str(event.event_id))
    await desk.tell(event_said("published", event))
    in_ascii = email.replace("größe-beispiel", "xn--gre-beispiel-m9a53a")
    assert len(await desk.mails(in_ascii)) == 1


async def test_an_objection_holds_at_once_and_after_subscribing_again(desk: Desk) -> None:
    email, event = person(), make_event()
    await desk.subscribe(email, "event", str(event.event_id))
    async with desk.service.client(state="ni") as client:
        first = await client.post("/api/v1/suppressions", json={"email": email.upper()})
        again = await client.post("/api/v1/suppressions", json={"email": email})
    assert (first.status_code, first.json()) == (201, {"suppressed": True, "was_known": False})
    assert (again.status_code, again.json()["was_known"]) == (200, True)
    renewed = await desk.subscribe(email, "state", "hb")
    assert renewed["suppressed"] is True
    await desk.tell(event_said("published", event))
    assert await desk.mails(email) == []
    await desk.tell(participation_said("confirmed", event, email))
    assert (await desk.mail(email))["subject"].startswith("Anmeldung bestätigt")


async def test_an_objection_stops_a_mail_that_already_waits(start_desk: Callable[..., Desk]) -> None:
    """Cancellations wait a moment for the participants' own notice; the objection comes in between."""
    desk = start_desk(NORDA_MAIL_SETTLE_SECONDS="6")
    event, objector, leaver, stayer = make_event(), person(), person(), person()
    for email in (objector, stayer):
        await desk.subscribe(email, "event", str(event.event_id))
    ended = await desk.subscribe(leaver, "event", str(event.event_id))
    said = event_said("cancelled", event, sequence=2)
    await desk.publish(said)
    await desk.handled(said)
    async with desk.service.client() as client:
        await client.post("/api/v1/suppressions", json={"email": objector})
        await client.delete(f"/api/v1/subscriptions/{ended['id']}")
    await desk.settled()
    assert [len(await desk.mails(email)) for email in (objector, leaver, stayer)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("subscriptions", name) for name in ("kind", "value", "email", "cursor")),
        *(("deliveries", name) for name in ("status", "channel", "cursor")),
        *(("notices", name) for name in ("kind", "cursor")),
        ("inbox", "cursor"),
    ],
)
@pytest.mark.parametrize("junk", ["\x00", "a\x00b", "a\nb", "x" * 3000])
async def test_junk_in_a_query_is_refused(desk: Desk, path: str, name: str, junk: str) -> None:
    operator = path == "deliveries"
    async with desk.service.client(state=None if operator else "hb", role="operator" if operator else "office") as it:
        answer = await it.get(f"/api/v1/{path}", params={name: junk})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def link_in_mail(desk: Desk, email: str) -> str:
    mail = await desk.mail(email)
    assert mail["headers"]["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<(http\S+)>", mail["headers"]["list-unsubscribe"])
    assert found is not None
    assert found[1] in mail["text"]
    assert found[1] in mail["html"]
    return found[1]


async def test_looking_at_the_link_changes_nothing_and_one_click_unsubscribes(desk: Desk) -> None:
    email, event = person(), make_event()
    subscription = await desk.subscribe(email, "event", str(event.event_id))
    other = await desk.subscribe(email, "cluster", "OTHER")
    await desk.tell(event_said("published", event))
    link = await link_in_mail(desk, email)
    async with httpx2.AsyncClient() as anybody, desk.service.client() as office:
        page = await anybody.get(link, headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert '<form method="post">' in page.text
        assert email not in page.text
        english = await anybody.get(link, headers={"accept": "text/html", "accept-language": "en"})
        assert '<html lang="en">' in english.text
        assert (await anybody.get(link)).json() == {"topics": ["diese Veranstaltung"], "unsubscribed": False}
        running = (await office.get(f"/api/v1/subscriptions/{subscription['id']}")).json()
        assert running["ended_at"] is None

        # As RFC 8058 has a mail program do it.
        one_click = {"List-Unsubscribe": "One-Click"}
        for _ in range(2):
            answer = await anybody.post(link, data=one_click)
            assert (answer.status_code, answer.json()["unsubscribed"]) == (200, True)
        assert (await office.get(f"/api/v1/subscriptions/{subscription['id']}")).json()["ended_at"] is not None
        assert (await office.get(f"/api/v1/subscriptions/{other['id']}")).json()["ended_at"] is None
    await desk.tell(event_said("changed", event, sequence=2))
    await desk.mail(email)


async def test_a_link_nobody_was_given_is_not_found(desk: Desk) -> None:
    async with httpx2.AsyncClient(base_url=desk.service.url) as anybody:
        for method in ("GET", "POST"):
            unknown = await anybody.request(method, f"/api/v1/unsubscribe/{'0' * 64}")
            assert unknown.status_code == 404
            assert (await anybody.request(method, "/api/v1/unsubscribe/short")).status_code == 422


async def test_an_instance_refuses_states_it_does_not_serve(desk: Desk) -> None:
    alone = desk.installation.start(
        "notifications", states="hb", database=await desk.installation.new_database(), wait=False
    )

    async def refused() -> None:
        async with alone.client(state="ni") as client:
            answer = await client.post("/api/v1/subscriptions", json=body())
        assert (answer.status_code, answer.json()["code"]) == (409, "state_not_served")

    await eventually(refused, within=30)
    alone.stop()


async def test_a_subscription_that_does_not_exist_is_not_found(desk: Desk) -> None:
    async with desk.service.client() as client:
        assert (await client.delete(f"/api/v1/subscriptions/{new_id()}")).status_code == 404
