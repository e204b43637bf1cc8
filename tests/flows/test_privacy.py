"""What a person asks for, through all three services, over HTTP and topics; and that nothing of them is left."""

from __future__ import annotations

import json
import secrets
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from norda_common.contracts.privacy import PRIVACY_REQUEST
from norda_common.states import State
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .lives import (
    ALL,
    REQUESTS,
    SERVICES,
    Person,
    asked,
    by_answerer,
    lived,
    mails,
    met,
    nowhere_in_tables,
    nowhere_public,
    planted,
    posted,
    private_topics_forget,
    start_all,
)


@pytest.fixture(scope="module")
def world(module_installation: Installation) -> dict[str, Running]:
    """The three services; mails to subscribers wait for nobody."""
    return start_all(module_installation)


async def test_an_erasure_asked_of_one_office_reaches_all_states_and_services_and_is_proven(
    world: dict[str, Running],
) -> None:
    person = Person()
    of = {state: await lived(world, person, state) for state in ("hb", "ni")}
    async with world["events"].client(state="ni") as planners:
        path = f"/api/v1/events/{of['ni']['event']['event_id']}/registrations"
        other = Person()
        guest = {"participant_state": "ni", "name": other.name, "email": other.email}
        assert (await posted(planners, path, guest))["status"] == "waitlisted"
    # Asked of Hamburg, which knows nothing of the person.
    request_id = await asked(world, "erasure", person, state="hh")
    shown = await met(world, request_id, state="hh")
    proof = by_answerer(shown)
    assert set(proof) == ALL
    for state in ("hb", "ni"):
        assert proof["registry", state] == (1, 1)
        assert proof["events", state] == (1, 1)
        found, changed = proof["notifications", state]
        assert found == changed >= 2, "a subscription and at least one delivery"
    assert {proof[service, "hh"] for service in SERVICES} == {(0, 0)}
    for state in ("hb", "ni"):
        async with world["registry"].client(state=state) as offices, world["events"].client(state=state) as planners:
            assert (await offices.get(f"/api/v1/people/{of[state]['contact']['id']}")).status_code == 404
            registrations = f"/api/v1/events/{of[state]['event']['event_id']}/registrations"
            mine = (await planners.get(f"{registrations}/{of[state]['registration']['registration_id']}")).json()
            assert (mine["participant"], mine["status"]) == (None, "withdrawn")
            # The organisation's participation stays, without the person.
            assert mine["organisation_id"] == of[state]["organisation"]["organisation_id"]
    async with world["events"].client(state="ni") as planners:
        listed = (await planners.get(path)).json()["items"]
        assert [item["status"] for item in listed] == ["withdrawn", "confirmed"]
    async with world["notifications"].client(state="hb") as keepers:
        assert (await keepers.get("/api/v1/subscriptions", params={"email": person.email})).json()["items"] == []
    async with world["registry"].client(state="hh") as offices:
        search = await offices.post(f"{REQUESTS}/search", json={"email": person.email})
        assert [item["id"] for item in search.json()["items"]] == [request_id]


async def test_nothing_of_a_person_is_anywhere_it_must_not_be_nor_anywhere_after_the_erasure(
    world: dict[str, Running],
) -> None:
    """The whole life: entered, changed, searched, registered, subscribed, reported, objected, erased."""
    installation = world["registry"].installation
    person = Person()
    life = await lived(world, person)
    async with world["registry"].client() as offices, world["registry"].client(role="pr") as public_relations:
        one = f"/api/v1/people/{life['contact']['id']}"
        assert (await offices.patch(one, json={"name": f"{person.name}-Neu"})).status_code == 200
        # Refusals: their documents and log lines must not repeat what was typed.
        again = {name: life["contact"][name] for name in ("name", "email", "source", "purposes", "legal_basis")}
        again |= {
            "retain_until": life["contact"]["retain_until"],
            "consent_given_on": "2026-01-15",
            "consent_wording": "x",
        }
        path = f"/api/v1/organisations/{life['organisation']['organisation_id']}/people"
        for wrong in ({}, {"email": f"{person.mark}@"}, {"phone": person.mark}, {"legal_basis": person.mark}):
            refused = await offices.post(path, json=again | wrong)
            assert refused.status_code in {409, 422}
            assert not person.in_text(refused.text), refused.text
        assert len((await offices.post("/api/v1/people/search", json={"q": person.mark})).json()["items"]) == 1
        invited = await public_relations.post("/api/v1/people/to-invite/search", json={"q": person.mark})
        assert person.email in invited.text
    async with signed_in(world["registry"]) as office:
        assert person.mark in (await office.post("/registry/people", {"q": person.mark})).text.lower()
        shown = await office.get(f"/registry/organisations/{life['organisation']['organisation_id']}")
        assert person.email in shown.text
    its = await planted(world, person, life)
    access = await asked(world, "access", person)
    await met(world, access)
    async with world["registry"].client() as offices:
        parts = (await offices.get(f"{REQUESTS}/{access}/report")).json()["parts"]
        found = {(part["service"], record["record"]) for part in parts for record in part["records"]}
        assert found == {
            ("registry", "contact_person"), ("registry", "general_address"), ("registry", "import_row"),
            ("registry", "confirmation"), ("registry", "waiting"), ("events", "registration"), ("events", "waiting"),
            ("notifications", "subscription"), ("notifications", "delivery"), ("notifications", "waiting"),
        }  # fmt: skip
    await met(world, await asked(world, "objection", person))
    await nowhere_public(installation, world, person)
    proof = by_answerer(await met(world, await asked(world, "erasure", person)))
    # A contact person, two organisations' address, three rows, a link, a report and a dead letter.
    assert proof["registry", "hb"] == (9, 9)
    assert proof["events", "hb"] == (2, 2), "a registration, and an event that Kafka refuses"
    await with_the_rest_as_it_was(world, person, its, access)
    await eventually(lambda: nowhere_in_tables(installation, person), within=20)
    await eventually(lambda: private_topics_forget(installation, person), within=20)
    await nowhere_public(installation, world, person)


async def with_the_rest_as_it_was(world: dict[str, Running], person: Person, its: dict[str, Any], access: str) -> None:
    """Who stands beside the erased person stays; what was planned with them is done without them."""
    admin = await world["registry"].installation.connect()
    first = """select status, value from {}.dead_letter where topic like '%internal.%' order by "offset" limit 1"""
    letters = {service: await admin.fetchrow(first.format(service)) for service in ("registry", "notifications")}
    await admin.close()
    assert (letters["notifications"]["status"], letters["notifications"]["value"]) == ("discarded", None)
    assert letters["registry"]["status"] == "open", "without it a request would wait for its answer for ever"
    assert json.loads(letters["registry"]["value"])["records"] == []
    async with world["registry"].client() as office:
        assert (await office.get(its["link"])).status_code == 404
        assert (await office.get(f"{REQUESTS}/{access}/report")).json()["code"] == "no_report"
        planned = f"/api/v1/imports/{its['planned']['import_id']}"
        assert (await office.post(f"{planned}/application")).status_code == 202

        async def applied() -> None:
            assert (await office.get(planned)).json()["status"] == "applied"

        await eventually(applied, within=20)
        for name in ("planned", "applied"):
            answer = await office.get(f"/api/v1/imports/{its[name]['import_id']}/rows")
            assert not person.in_text(answer.text)
            whose, neighbour = [
                (await office.get(f"/api/v1/organisations/{row['organisation_id']}")).json()["internal"]
                for row in answer.json()["items"]
            ]
            assert whose.get("contact_email") is None
            assert neighbour["contact_email"] == "info@ex-078.example"


async def test_a_person_named_by_their_record_is_erased_by_all_their_addresses_in_every_service(
    world: dict[str, Running],
) -> None:
    person, renamed = Person(), Person()
    life = await lived(world, person)
    pseudonym = life["contact"]["person_id"]
    async with world["registry"].client() as offices, world["notifications"].client() as keepers:
        body = {"legal_name": f"Beispiel {secrets.token_hex(4)} GmbH", "seat": {"place": "Bremen", "state": "DE-HB"}}
        organisation = await posted(offices, "/api/v1/organisations", body)
        names = ("name", "email", "source", "purposes", "legal_basis", "retain_until")
        contact = {name: life["contact"][name] for name in names} | {"purposes": ["support"]}
        second = await posted(offices, f"/api/v1/organisations/{organisation['organisation_id']}/people", contact)
        moved = await offices.patch(f"/api/v1/people/{second['id']}", json={"email": renamed.email})
        assert moved.json()["person_id"] == pseudonym
        subscription = {"email": renamed.email, "topic": {"kind": "state", "value": "ni"}}
        subscription["consent"] = {"given_at": "2026-01-15T10:00:00Z", "wording": "newsletter-2026-1"}
        await posted(keepers, "/api/v1/subscriptions", subscription)
        answer = await offices.post(REQUESTS, json={"kind": "erasure", "person_id": pseudonym})
        assert answer.status_code == 202, answer.text
    shown = await met(world, answer.json()["id"])
    proof = by_answerer(shown)
    assert (shown["addresses"], shown["person_id"]) == (2, pseudonym)
    assert (proof["registry", "hb"], proof["events", "hb"]) == ((2, 2), (1, 1))
    found, changed = proof["notifications", "hb"]
    assert found == changed >= 3, "a subscription of each address and a delivery"
    for known in (person, renamed):
        await eventually(lambda known=known: nowhere_in_tables(world["registry"].installation, known), within=20)
    await eventually(lambda: private_topics_forget(world["registry"].installation, person, at_least=2), within=20)


async def test_an_access_report_is_readable_by_people_and_machines_for_a_while(world: dict[str, Running]) -> None:
    person = Person()
    await lived(world, person, "ni")
    request_id = await asked(world, "access", person)
    async with world["registry"].client() as early:
        assert (await early.get(f"{REQUESTS}/{request_id}/report")).status_code in {200, 404}
    shown = await met(world, request_id)
    until = datetime.fromisoformat(shown["report_until"]) - datetime.now(UTC)
    assert timedelta(days=29) < until < timedelta(days=31)
    async with world["registry"].client() as office, world["registry"].client(state="ni") as foreign:
        report = (await office.get(f"{REQUESTS}/{request_id}/report")).json()
        assert (await foreign.get(f"{REQUESTS}/{request_id}/report")).status_code == 404
        assert (await foreign.get(f"{REQUESTS}/{request_id}")).status_code == 404
    parts = {(part["service"], part["state"]): part["records"] for part in report["parts"]}
    assert set(parts) == ALL
    (contact,) = parts["registry", "ni"]
    assert (contact["record"], contact["name"], contact["phone"]) == ("contact_person", person.name, person.phone)
    assert (contact["purposes"], contact["retain_until"][:2]) == ("support, invitations", "20")
    (registration,) = parts["events", "ni"]
    assert (registration["event"], registration["email"]) == ("Transformationsforum Nord", person.email)
    kinds = {record["record"] for record in parts["notifications", "ni"]}
    assert kinds == {"subscription", "delivery"}
    async with signed_in(world["registry"], language="en") as reader:
        page = await reader.get(f"/registry/requests/{request_id}/report")
        told = text_of(page)
        assert page.status_code == 200
        for words in (person.name, person.phone, "Contact person of an organisation", "Support of the organisation"):
            assert words in told
        file = await reader.get(f"/registry/requests/{request_id}/report.json")
        assert file.json() == report
        assert file.headers["content-disposition"].startswith("attachment")
        proof = text_of(await reader.get(f"/registry/requests/{request_id}"))
        assert "Events, Niedersachsen 1 0" in proof
    records = await world["registry"].installation.read_topic(PRIVACY_REQUEST, State.BREMEN, key=request_id, minimum=2)
    assert [(record.change, record.sequence, record.data is None) for record in records] == [
        ("asked", 1, False),
        ("erased", 2, True),
    ]


async def test_an_objection_holds_at_once_everywhere_and_for_who_is_entered_again_after_an_erasure(
    world: dict[str, Running],
) -> None:
    """Tricky case 8: somebody who objected stays suppressed after a re-import."""
    person = Person()
    life = await lived(world, person)
    await met(world, await asked(world, "objection", person, state="ni"), state="ni")
    async with world["registry"].client(role="pr") as inviting, world["registry"].client() as office:
        invited = await inviting.post("/api/v1/people/to-invite/search", json={"q": person.mark})
        assert not person.in_text(invited.text)
        assert (await office.get(f"/api/v1/people/{life['contact']['id']}")).json()["objected_at"]
    await met(world, await asked(world, "erasure", person))
    before = len(await mails(world, person))
    again = await lived_again(world, person)
    assert again["contact"]["objected_at"]
    assert again["subscription"]["suppressed"] is True
    async with world["registry"].client(role="pr") as inviting, world["events"].client() as planners:
        invited = await inviting.post("/api/v1/people/to-invite/search", json={"q": person.mark})
        assert not person.in_text(invited.text)
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        body = {"title": "Neu", "starts": begin.isoformat(), "ends": (begin + timedelta(hours=1)).isoformat()}
        event = await posted(planners, "/api/v1/events", body)
        await posted(planners, f"/api/v1/events/{event['event_id']}/publication")
    async with world["notifications"].client() as keepers:

        async def told() -> None:
            found = (await keepers.get("/api/v1/notices", params={"subject_id": event["event_id"]})).json()["items"]
            assert found

        await eventually(told, within=20)
    assert len(await mails(world, person)) == before


async def lived_again(world: dict[str, Running], person: Person) -> dict[str, Any]:
    """The person is entered again as contact person and subscriber."""
    async with world["registry"].client() as offices, world["notifications"].client() as keepers:
        body = {"legal_name": f"Beispiel {secrets.token_hex(4)} GmbH", "seat": {"place": "Bremen", "state": "DE-HB"}}
        organisation = await posted(offices, "/api/v1/organisations", body)
        contact = {
            "name": person.name,
            "email": person.email.upper().replace("@EX-077.EXAMPLE", "@Ex-077.example"),
            "source": "Tabelle",
            "purposes": ["invitations"],
            "legal_basis": "consent",
            "consent_given_on": "2026-01-15",
            "consent_wording": "einladung-2026-1",
            "retain_until": (datetime.now(UTC).date() + timedelta(days=700)).isoformat(),
        }
        made = await posted(offices, f"/api/v1/organisations/{organisation['organisation_id']}/people", contact)
        subscription = await posted(
            keepers,
            "/api/v1/subscriptions",
            {
                "email": person.email,
                "topic": {"kind": "state", "value": "hb"},
                "consent": {"given_at": "2026-01-15T10:00:00Z", "wording": "newsletter-2026-1"},
            },
        )
    return {"contact": made, "subscription": subscription}


async def test_a_service_that_is_away_answers_when_it_is_back_and_is_seen_meanwhile(installation: Installation) -> None:
    world = start_all(installation)
    person = Person()
    life = await lived(world, person)
    world["events"].stop()
    request_id = await asked(world, "erasure", person)

    async def others_have_answered() -> dict[str, Any]:
        async with world["registry"].client() as office:
            shown: dict[str, Any] = (await office.get(f"{REQUESTS}/{request_id}")).json()
        assert {each["service"] for each in shown["missing"]} == {"events"}
        assert len(shown["answers"]) == 6
        return shown

    shown = await eventually(others_have_answered, within=30)
    assert (shown["completed_at"], shown["late"]) == (None, False)
    connection = await installation.connect()
    await connection.execute("update registry.privacy_request set asked_at = asked_at - interval '16 minutes'")
    kept = await connection.fetchval("select emails from registry.privacy_request")
    await connection.close()
    assert kept == [person.email], "who has not answered must still learn whom it is about"
    async with world["registry"].client() as office:
        assert (await office.get(f"{REQUESTS}/{request_id}")).json()["late"] is True
    async with signed_in(world["registry"]) as person_of_office:
        told = text_of(await person_of_office.get(f"/registry/requests/{request_id}"))
        assert "Veranstaltungen, Bremen; Veranstaltungen, Hamburg; Veranstaltungen, Niedersachsen" in told

    async def measured() -> None:
        with urllib.request.urlopen(f"{installation.servers.otlp}/metrics") as response:
            lines = response.read().decode().splitlines()
        assert [line for line in lines if "norda.privacy.late" in line and "events" in line and not line.endswith(" 0")]

    await eventually(measured, within=30)
    world["events"] = installation.start("events")
    proof = by_answerer(await met(world, request_id))
    assert proof["events", "hb"] == (1, 1)
    async with world["events"].client() as planners:
        path = f"/api/v1/events/{life['event']['event_id']}/registrations"
        assert (await planners.get(path)).json()["items"][0]["participant"] is None
    await eventually(lambda: nowhere_in_tables(installation, person), within=20)
