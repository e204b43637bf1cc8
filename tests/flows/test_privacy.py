"""What a person asks for, through all three services, over HTTP and topics; and that nothing of them is left."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from norda_common.contracts import events, notifications, registry
from norda_common.contracts.catalogue import public
from norda_common.contracts.privacy import PRIVACY_REQUEST
from norda_common.contracts.topics import Topic, TopicKind
from norda_common.states import ALL_STATES, State
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

TOPICS = (*registry.TOPICS, *events.TOPICS, *notifications.TOPICS)
SERVICES = ("registry", "events", "notifications")
ALL = {(service, state.value) for service in SERVICES for state in ALL_STATES}
REQUESTS = "/api/v1/privacy-requests"


class Person:
    """Somebody with a name and an address that stand nowhere else, in any spelling a test looks for."""

    def __init__(self) -> None:
        self.mark = f"zz{secrets.token_hex(5)}"
        self.name = f"Xaverine {self.mark.title()}"
        self.email = f"xaverine.{self.mark}@ex-077.example"
        self.phone = f"+49 421 {int(self.mark[2:], 16) % 10**9:09d}"

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.mark, self.phone)

    def in_text(self, text: str) -> bool:
        return any(mark in text.lower() for mark in self.marks)


@pytest.fixture(scope="module")
def world(module_installation: Installation) -> dict[str, Running]:
    """The three services; mails to subscribers wait for nobody."""
    return start_all(module_installation)


def start_all(installation: Installation) -> dict[str, Running]:
    settings = {"NORDA_MAIL_SETTLE_SECONDS": "0"}
    started = {name: installation.start(name, wait=False, environment=settings) for name in SERVICES}
    for service in started.values():
        service.wait_ready()
    return started


async def posted(client: httpx2.AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await client.post(path, json=body or {})
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def lived(world: dict[str, Running], person: Person, state: str = "hb") -> dict[str, Any]:
    """The person becomes known to all services in that state: contact person, participant, subscriber."""
    seats = {"hb": ("Bremen", "DE-HB"), "hh": ("Hamburg", "DE-HH"), "ni": ("Emden", "DE-NI")}
    place, iso = seats[state]
    async with (
        world["registry"].client(state=state) as offices,
        world["events"].client(state=state) as planners,
        world["notifications"].client(state=state) as keepers,
    ):
        body = {"legal_name": f"Beispiel {secrets.token_hex(4)} GmbH", "seat": {"place": place, "state": iso}}
        organisation = await posted(offices, "/api/v1/organisations", body)
        contact = {
            "name": person.name,
            "email": person.email,
            "phone": person.phone,
            "roles": ["purchasing"],
            "source": "Visitenkarte",
            "purposes": ["support", "invitations"],
            "legal_basis": "public_task",
            "consent_given_on": "2026-01-15",
            "consent_wording": "einladung-2026-1",
            "retain_until": (datetime.now(UTC).date() + timedelta(days=700)).isoformat(),
        }
        made = await posted(offices, f"/api/v1/organisations/{organisation['organisation_id']}/people", contact)
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=70)
        draft = {
            "title": "Transformationsforum Nord",
            "starts": begin.isoformat(),
            "ends": (begin + timedelta(hours=6)).isoformat(),
            "capacity": 1,
        }
        event = await posted(planners, "/api/v1/events", draft)
        await posted(planners, f"/api/v1/events/{event['event_id']}/publication")

        async def known() -> None:
            answer = await planners.get(f"/api/v1/organisations/{organisation['organisation_id']}")
            assert answer.status_code == 200

        await eventually(known)
        guest = {"organisation_id": organisation["organisation_id"], "name": person.name, "email": person.email}
        registration = await posted(planners, f"/api/v1/events/{event['event_id']}/registrations", guest)
        await posted(
            keepers,
            "/api/v1/subscriptions",
            {
                "email": person.email.upper().replace("@EX-077.EXAMPLE", "@ex-077.example"),
                "name": person.name,
                "topic": {"kind": "state", "value": state},
                "consent": {"given_at": "2026-01-15T10:00:00Z", "wording": "newsletter-2026-1"},
            },
        )
    await eventually(lambda: mails(world, person, at_least=1))
    return {"contact": made, "event": event, "registration": registration, "organisation": organisation}


async def mails(world: dict[str, Running], person: Person, *, at_least: int = 0) -> list[dict[str, Any]]:
    url = world["registry"].installation.servers.mail
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        found: list[dict[str, Any]] = (await client.get("/api/mails", params={"recipient": person.email})).json()[
            "mails"
        ]
    assert len(found) >= at_least
    return found


async def asked(world: dict[str, Running], kind: str, person: Person, state: str = "hb") -> str:
    async with world["registry"].client(state=state) as client:
        answer = await client.post(REQUESTS, json={"kind": kind, "email": person.email})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


async def met(world: dict[str, Running], request_id: str, state: str = "hb") -> dict[str, Any]:
    """The request once everybody has answered."""

    async def complete() -> dict[str, Any]:
        async with world["registry"].client(state=state) as client:
            shown: dict[str, Any] = (await client.get(f"{REQUESTS}/{request_id}")).json()
        assert shown["completed_at"], shown["missing"]
        return shown

    return await eventually(complete, within=30)


def by_answerer(shown: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(each["service"], each["state"]): (each["found"], each["changed"]) for each in shown["answers"]}


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
        assert len((await offices.get("/api/v1/people", params={"q": person.mark})).json()["items"]) == 1
        assert person.email in (await public_relations.get("/api/v1/people/to-invite", params={"q": person.mark})).text
    async with signed_in(world["registry"]) as office:
        assert person.mark in (await office.get(f"/registry/people?q={person.mark}")).text.lower()
        shown = await office.get(f"/registry/organisations/{life['organisation']['organisation_id']}")
        assert person.email in shown.text
    access = await asked(world, "access", person)
    await met(world, access)
    await met(world, await asked(world, "objection", person))
    await nowhere_public(installation, world, person)
    erasure = await asked(world, "erasure", person)
    await met(world, erasure)
    # The report is a copy of what was found, and goes with its time; here its time is over.
    connection = await installation.connect()
    await connection.execute("update registry.privacy_request set records_until = now() where id = $1", access)
    await connection.close()
    await eventually(lambda: nowhere_in_tables(installation, person), within=20)
    await eventually(lambda: private_topics_forget(installation, person), within=20)
    await nowhere_public(installation, world, person)


async def nowhere_public(installation: Installation, world: dict[str, Running], person: Person) -> None:
    """Not on public topics, in logs, traces, metrics, audit logs, nor with other states' offices."""
    for topic in public(TOPICS):
        for state in ALL_STATES:
            for record in await installation.read_raw(topic.name(state, prefix=installation.prefix), minimum=0):
                said = [record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)]
                assert not person.in_text(b"\n".join(said).decode()), topic.identity
    for service in world.values():
        assert not person.in_text(service.log.read_text()), f"in the log of {service.name}"
    with urllib.request.urlopen(f"{installation.servers.otlp}/metrics") as response:
        assert not person.in_text(response.read().decode())
    for name in SERVICES:
        url = f"{installation.servers.tracing}/api/v2/traces?serviceName=norda-{name}&limit=2000&lookback=3600000"
        with urllib.request.urlopen(url) as response:
            text = response.read().decode()
        assert "norda-" in text
        assert not person.in_text(text), f"in a trace of {name}"
    connection = await installation.connect()
    try:
        for schema in SERVICES:
            for row in await connection.fetch(f"select * from {schema}.audit_log"):  # noqa: S608
                assert not person.in_text(json.dumps([row["item"], row["before"], row["after"]]))
    finally:
        await connection.close()
    for state in ("hh", "ni"):
        async with world["registry"].client(state=state, role="lead") as foreign:
            for path in ("/api/v1/people", "/api/v1/people/to-invite", REQUESTS):
                assert not person.in_text((await foreign.get(path, params={"limit": 200})).text)


async def nowhere_in_tables(installation: Installation, person: Person) -> None:
    """No table of any schema holds the person; and nothing waits that might."""
    connection = await installation.connect()
    try:
        tables = await connection.fetch(
            "select table_schema, table_name from information_schema.tables where table_schema = any($1)", SERVICES
        )
        assert len(tables) > 40
        holding = []
        for schema, table in tables:
            if table in {"outbox", "dead_letter"}:
                # Their records are bytes, which no look at the text would see into.
                assert await connection.fetchval(f"select count(*) from {schema}.{table}") == 0  # noqa: S608
                continue
            rows = await connection.fetch(f"select t::text as row from {schema}.{table} as t")  # noqa: S608
            if any(person.in_text(row["row"]) for row in rows):
                holding.append(f"{schema}.{table}")
        assert holding == []
    finally:
        await connection.close()


async def private_topics_forget(installation: Installation, person: Person) -> None:
    """Whatever key held the person on a private topic, its last record is a tombstone: compaction takes the others."""
    held = 0
    for topic in (topic for topic in TOPICS if topic.kind is TopicKind.PRIVATE):
        for state in ALL_STATES:
            held += await keys_that_held(installation, topic, state, person)
    assert held >= 5, "a registration, requests and their answers"


async def keys_that_held(installation: Installation, topic: Topic, state: State, person: Person) -> int:
    said = defaultdict[bytes, list[bytes | None]](list)
    for record in await installation.read_raw(topic.name(state, prefix=installation.prefix), minimum=0):
        said[record.key or b""].append(record.value)
    held = [values for values in said.values() if any(person.in_text((value or b"").decode()) for value in values)]
    assert all(values[-1] is None for values in held), topic.name(state)
    return len(held)


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
        assert not person.in_text((await inviting.get("/api/v1/people/to-invite", params={"q": person.mark})).text)
        assert (await office.get(f"/api/v1/people/{life['contact']['id']}")).json()["objected_at"]
    await met(world, await asked(world, "erasure", person))
    before = len(await mails(world, person))
    again = await lived_again(world, person)
    assert again["contact"]["objected_at"]
    assert again["subscription"]["suppressed"] is True
    async with world["registry"].client(role="pr") as inviting, world["events"].client() as planners:
        assert not person.in_text((await inviting.get("/api/v1/people/to-invite", params={"q": person.mark})).text)
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
    kept = await connection.fetchval("select email from registry.privacy_request")
    await connection.close()
    assert kept == person.email, "who has not answered must still learn whom it is about"
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
