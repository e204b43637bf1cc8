"""Persons whom all three services know, what they ask for, and looking for them everywhere afterwards."""

from __future__ import annotations

import json
import re
import secrets
import urllib.request
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from norda_common.contracts import events, notifications, registry
from norda_common.contracts.catalogue import public
from norda_common.contracts.topics import Topic, TopicKind
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from support.installation import Installation, Running
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

    def in_hex(self, text: str) -> bool:
        """In bytes, as PostgreSQL writes them."""
        return any(mark.encode().hex() in text for mark in (*self.marks, self.mark.title(), self.mark.upper()))


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
    """No table of any schema holds the person, neither in a text nor in the bytes of what waits there."""
    connection = await installation.connect()
    try:
        tables = await connection.fetch(
            "select table_schema, table_name from information_schema.tables where table_schema = any($1)", SERVICES
        )
        assert len(tables) > 40
        holding = []
        for schema, table in tables:
            rows = await connection.fetch(f"select t::text as row from {schema}.{table} as t")  # noqa: S608
            if any(person.in_text(row["row"]) or person.in_hex(row["row"]) for row in rows):
                holding.append(f"{schema}.{table}")
        assert holding == []
    finally:
        await connection.close()


async def private_topics_forget(installation: Installation, person: Person, *, at_least: int = 5) -> None:
    """Whatever key held the person on a private topic, its last record is a tombstone: compaction takes the others."""
    held = 0
    for topic in (topic for topic in TOPICS if topic.kind is TopicKind.PRIVATE):
        for state in ALL_STATES:
            held += await keys_that_held(installation, topic, state, person)
    assert held >= at_least, "a registration, requests and their answers"


async def keys_that_held(installation: Installation, topic: Topic, state: State, person: Person) -> int:
    said = defaultdict[bytes, list[bytes | None]](list)
    for record in await installation.read_raw(topic.name(state, prefix=installation.prefix), minimum=0):
        said[record.key or b""].append(record.value)
    held = [values for values in said.values() if any(person.in_text((value or b"").decode()) for value in values)]
    assert all(values[-1] is None for values in held), topic.name(state)
    return len(held)


HEADING = "Kennung;Firma;Ort;Bundesland;E-Mail;Ansprechpartner;Bemerkung"


def table_with(person: Person, name: str) -> bytes:
    """An office's spreadsheet, in which the person stands in columns that Norda understands and in others."""
    row = f"{name};Beispiel {name} GmbH;Bremen;Bremen;{person.email.upper()};{person.name};Tel. {person.phone}"
    other = f"{name}-2;Beispiel Nachbar {name} AG;Bremen;Bremen;info@ex-078.example;Erna Beispiel;"
    return "\r\n".join([HEADING, row, other, ""]).encode()


async def imported(office: httpx2.AsyncClient, person: Person, name: str, until: str) -> dict[str, Any]:
    """An import with the person in it that has come so far: mapping, planned or applied."""
    path = "/api/v1/imports"
    answer = await office.post(
        path, files={"file": (f"{person.email}.csv", table_with(person, name))}, data={"source": name}
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()

    async def reached(status: str) -> dict[str, Any]:
        found: dict[str, Any] = (await office.get(f"{path}/{made['import_id']}")).json()
        assert found["status"] == status, found
        return found

    if until != "mapping":
        # Nobody takes over who is named, nor what is remarked about them: these cells are only kept.
        columns = ["" if name in {"person_name", "note"} else name for name in made["columns"]]
        answer = await office.put(f"{path}/{made['import_id']}/mapping", json={"columns": columns})
        assert answer.status_code == 202, answer.text
        await eventually(lambda: reached("planned"), within=20)
    if until == "applied":
        assert (await office.post(f"{path}/{made['import_id']}/application")).status_code == 202
        await eventually(lambda: reached("applied"), within=20)
    return made


async def planted(world: dict[str, Running], person: Person, life: dict[str, Any]) -> dict[str, Any]:
    """The person gets wherever else an address can: Bremen's imports, an organisation's address, a link sent to it,
    what could not be handled, what Kafka refused. What came of it, by name.
    """
    installation = world["registry"].installation
    path = f"/api/v1/organisations/{life['organisation']['organisation_id']}"
    async with world["registry"].client() as office:
        assert (await office.patch(path, json={"contact_email": person.email})).status_code == 200
        assert (await office.post(f"{path}/confirmation")).status_code == 201
        tables = {name: await imported(office, person, f"{person.mark}"[::-1] + name[0], name)
                  for name in ("mapping", "planned", "applied")}  # fmt: skip
    known = {"email": person.email, "name": person.name}
    said = json.dumps(known).encode()
    answer = json.dumps({"request_id": str(new_id()), "records": [known]}).encode()
    broken = {"events.participation.v1": said, "registry.privacyanswer.v1": answer}
    for topic, value in broken.items():
        key = str(new_id()).encode()
        await installation.produce(f"internal.hb.{topic}", key=key, value=value)
        await installation.produce(f"internal.hb.{topic}", key=key, value=None)
    admin = await installation.connect()
    try:
        await admin.execute(
            """insert into events.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers,
                                          value, blocked_at, blocked_reason)
               values ('internal.hb.events.participation.v1', gen_random_uuid(), gen_random_uuid(), '/hb/events',
                       'norda.events.participation.confirmed.v1', now(), 'urn:norda:schema:events.participation.v1', 1,
                       decode('00', 'hex'), $1, now(), 'MessageSizeTooLarge')""",
            said,
        )

        async def waiting() -> None:
            for service, value in (("notifications", said), ("registry", answer)):
                letters = f"select count(*) from {service}.dead_letter where value = $1"  # noqa: S608
                assert await admin.fetchval(letters, value) == 1

        await eventually(waiting, within=20)
    finally:
        await admin.close()

    async def asked_by_mail() -> str:
        links = re.findall(r"/registry/confirm/[\w-]+", json.dumps(await mails(world, person)))
        assert links
        return str(links[0])

    link = await eventually(asked_by_mail, within=20)
    async with httpx2.AsyncClient(base_url=world["registry"].url, timeout=30) as anybody:
        assert (await anybody.get(link, headers={"accept": "text/html"})).status_code == 200
    return tables | {"link": link}
