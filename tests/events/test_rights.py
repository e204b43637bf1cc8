"""Who may what: each role of each state over HTTP, what PostgreSQL holds back, every command in the audit log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common import audit
from norda_common.auth import Caller
from norda_common.contracts.events import EVENT, PARTICIPATION, Participation, PublishedEvent
from norda_common.database import acting_as_system
from norda_common.identifiers import new_id
from norda_common.rights import STAFF, Role
from norda_common.states import ALL_STATES, State
from norda_events.rules.registration import RegistrationStatus
from norda_events.store import events as stored
from norda_events.store import organisations, registrations
from norda_events.usecases.office import Office
from support.installation import Installation, Running

from .conftest import Offices, organisation_event, person_body

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTS = [{"state": "hb"}, {"state": "hh"}]
EVERYONE = [(role, state) for role in Role for state in (*ALL_STATES, None)]
TABLES = ("event", "host", "quota", "organisation", "registration", "participant")


@asynccontextmanager
async def database_as(
    installation: Installation, state: str | None, *roles: str, subject: str = "somebody"
) -> AsyncIterator[Any]:
    """A connection of the service's role for that caller, or for nobody, in a transaction that leaves nothing."""
    connection: Any = await installation.connect(role="norda_events", system=False)
    try:
        await connection.execute("set search_path = events, public")
        for name, value in (("subject", subject if roles else ""), ("state", state or ""), ("roles", ",".join(roles))):
            await connection.execute("select set_config($1, $2, false)", f"norda.{name}", value)
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def refused(connection: Any, statement: str, *arguments: Any) -> None:
    """The statement is held back by row-level security, or by a grant."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with connection.transaction():
            await connection.execute(statement, *arguments)


@dataclass(frozen=True)
class Records:
    """Bremen leads, Hamburg hosts: a draft, and a published event with a participant of each state."""

    draft: dict[str, Any]
    event: dict[str, Any]
    of: dict[str, dict[str, Any]]

    def id(self, name: str) -> UUID:
        return UUID((self.draft if name == "draft" else self.event)["event_id"])

    def registration(self, state: str) -> UUID:
        return UUID(self.of[state]["registration_id"])


@pytest.fixture
async def records(offices: Offices, module_installation: Installation) -> Records:
    organisation = organisation_event(state="hb")
    await offices.know(module_installation, organisation)
    draft = await offices.draft(
        title="Verborgener Entwurf Quitte", hosts=HOSTS, capacity=9, quotas={"hb": 1, "hh": 2, "ni": 3}
    )
    event = await offices.publish(title="Offener Tag Quitte", hosts=HOSTS, capacity=9, quotas={"hb": 1, "ni": 2})
    made = {state: await offices.register(event, state) for state in ("hb", "hh", "ni")}
    return Records(draft, event, made)


# Over HTTP: each role of each state.


async def test_each_role_of_each_state_reads_and_changes_what_it_may(
    offices: Offices, events: Running, records: Records
) -> None:
    draft, event = f"/api/v1/events/{records.draft['event_id']}", f"/api/v1/events/{records.event['event_id']}"
    one = f"{event}/registrations/{records.of['hh']['registration_id']}"
    for role, state in EVERYONE:
        staff, who = role in STAFF, (role.value, state)
        async with events.client(state=state and state.value, role=role.value) as client:
            at_home, takes_part = staff and state == "hb", staff and state in {"hb", "hh"}
            assert (await client.get(event)).status_code == 200, who
            assert (await client.get(draft)).status_code == (200 if takes_part else 404), who
            found = (await client.get("/api/v1/events", params={"q": "verborgener quitte"})).json()["items"]
            assert (records.draft["event_id"] in [item["event_id"] for item in found]) == takes_part, who
            assert (await client.get("/api/v1/organisations")).json()["items"], who

            code = None if at_home else "role_missing" if not staff else "foreign_state" if state else "no_state"
            for method, path, body in (
                ("PATCH", event, {"title": "Offener Tag Quitte"}),
                ("DELETE", f"{event}/release", None),
            ):
                answer = await client.request(method, path, json=body)
                assert answer.json().get("code") == code, (who, method, answer.text)
                assert answer.status_code == (403 if code else 200), who
            for method, path in (("PATCH", draft), ("DELETE", draft)) if not takes_part else ():
                answer = await client.request(method, path, json={"title": "Fremd"} if method == "PATCH" else None)
                hidden = staff and state is not None
                assert answer.status_code == (404 if hidden else 403), (who, method, answer.text)

            listed = await client.get(f"{event}/registrations")
            seen = {
                item["participant_state"]: item["participant"] is not None for item in listed.json().get("items", [])
            }
            expected = {"hb": True, "hh": True, "ni": True} if at_home else {"hb": False, "hh": True, "ni": False}
            assert seen == (expected if takes_part else {}), who
            assert listed.status_code == (200 if takes_part else 403), who
            assert (await client.get(one)).status_code == (200 if takes_part else 403), who
            if not takes_part:
                assert (await client.post(f"{one}/withdrawal")).status_code == 403, who
                assert (await client.delete(f"{one}/person")).status_code == 403, who
    assert {item["status"] for item in await offices.registrations(records.event)} == {"confirmed"}


async def test_a_state_that_does_not_take_part_is_told_so_and_not_that_it_is_busy(
    offices: Offices, records: Records
) -> None:
    path = f"/api/v1/events/{records.event['event_id']}"
    answers = {
        "foreign_state": [
            await offices["ni"].patch(path, json={"title": "Fremd"}),
            await offices["ni"].put(f"{path}/release"),
            await offices["ni"].post(f"{path}/cancellation", json={"reason": "Fremd"}),
            await offices["hh"].put(f"{path}/release"),
        ],
        "no_host": [
            await offices["ni"].post(f"{path}/registrations", json=person_body("ni")),
            await offices["ni"].post(f"{path}/registrations/{new_id()}/withdrawal"),
            await offices["ni"].post(f"{path}/hosts/ni/agreement"),
        ],
    }
    for code, given in answers.items():
        assert {(answer.status_code, answer.json()["code"]) for answer in given} == {(403, code)}


async def test_a_state_releases_its_own_quota_also_where_it_is_no_host(offices: Offices, records: Records) -> None:
    path = f"/api/v1/events/{records.event['event_id']}/quotas"
    assert (await offices["hh"].post(f"{path}/ni/release")).status_code == 403
    assert (await offices["hh"].post(f"{path}/hh/release")).status_code == 404, "it has none"
    answer = await offices["ni"].post(f"{path}/ni/release")
    assert answer.status_code == 200, answer.text
    assert {quota["state"]: bool(quota["released_at"]) for quota in answer.json()["quotas"]} == {
        "hb": False,
        "ni": True,
    }


# What an office brings about beyond what it sees.


async def test_a_seat_a_host_frees_goes_to_another_state_s_participant_who_is_told(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish("hb", hosts=HOSTS, capacity=1)
    first = await offices.register(event, "hh")
    waiting = await offices.register(event, "hb", name="Nachrückerin Geheimrat")
    path = f"/api/v1/events/{event['event_id']}/registrations"
    answer = await offices["hh"].post(f"{path}/{first['registration_id']}/withdrawal")
    assert answer.status_code == 200, answer.text
    promoted = (await offices["hb"].get(f"{path}/{waiting['registration_id']}")).json()
    assert promoted["status"] == "confirmed"
    told = await module_installation.read_topic(PARTICIPATION, State.BREMEN, key=waiting["registration_id"], minimum=2)
    assert [record.change for record in told] == ["waitlisted", "promoted"]
    assert isinstance(told[1].data, Participation)
    assert told[1].data.participant.name == "Nachrückerin Geheimrat"


async def test_an_address_another_state_registered_is_known_and_its_person_is_not_shown(
    offices: Offices, records: Records
) -> None:
    path = f"/api/v1/events/{records.event['event_id']}/registrations"
    body = person_body("hb")
    made = (await offices["hb"].post(path, json=body)).json()
    again = await offices["hh"].post(path, json=body | {"participant_state": "hh"})
    assert again.status_code == 200, again.text
    assert (again.json()["registration_id"], again.json()["participant_state"]) == (made["registration_id"], "hb")
    assert again.json()["participant"] is None
    key = {"idempotency-key": "noch einmal"}
    mine = await offices["hh"].post(path, json=person_body("hh"), headers=key)
    assert mine.status_code == 201, mine.text
    other = await offices["hh"].post(path, json=body | {"participant_state": "hh"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")

    await offices["hb"].post(f"{path}/{made['registration_id']}/withdrawal")
    anew = await offices["hh"].post(path, json=body | {"participant_state": "hh", "name": "Neuer Name"})
    assert anew.status_code == 201, anew.text
    assert (anew.json()["registration_id"], anew.json()["participant_state"]) == (made["registration_id"], "hh")
    assert anew.json()["participant"]["name"] == "Neuer Name"
    assert anew.json()["participant"]["person_id"] == made["participant"]["person_id"]


# Released for the public.


async def test_an_event_is_released_for_the_public_and_stays_so_when_it_is_cancelled(
    offices: Offices, module_installation: Installation, records: Records
) -> None:
    path = f"/api/v1/events/{records.event['event_id']}"
    draft = await offices["hb"].put(f"/api/v1/events/{records.draft['event_id']}/release")
    assert (draft.status_code, draft.json()["code"]) == (409, "not_published")
    assert (await offices["hb"].get(path)).json()["released_at"] is None

    async def seen_by_nobody() -> list[tuple[str, list[tuple[str, str | None, int]]]]:
        async with database_as(module_installation, None) as connection:
            wanted = stored.EventFilter(seen_by=None, words="quitte")
            found = await stored.page(connection, wanted, after=None, limit=10)
            mine = [event for event in found if str(event.id) == records.event["event_id"]]
            assert all(event.hosts and event.quotas for event in mine)
            counts = await registrations.counts(connection, [event.id for event in mine])
            assert not await registrations.page(
                connection, records.id("event"), status=None, state=None, after=0, limit=9
            )
            return [(event.status.value, sorted(counts[event.id], key=str)) for event in mine]

    assert await seen_by_nobody() == []
    before = (await offices["hb"].get(path)).json()
    released = await offices["hb"].put(f"{path}/release")
    assert released.status_code == 200, released.text
    assert released.json()["released_at"]
    assert (released.json()["version"], released.json()["sequence"]) == (before["version"] + 1, before["sequence"])
    assert released.headers["etag"] == f'"{before["version"] + 1}"'
    assert (await offices["hb"].put(f"{path}/release")).json() == released.json(), "again changes nothing"
    assert await seen_by_nobody() == [
        ("published", [("confirmed", "hb", 1), ("confirmed", "hh", 1), ("confirmed", "ni", 1)])
    ]
    listed = (await offices["ni"].get("/api/v1/events", params={"released": "true"})).json()["items"]
    assert [item["event_id"] for item in listed] == [records.event["event_id"]]

    await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    assert await seen_by_nobody() == [("cancelled", [])]
    taken_back = await offices["hb"].delete(f"{path}/release")
    assert (taken_back.status_code, taken_back.json()["released_at"]) == (200, None)
    assert (await offices["hb"].delete(f"{path}/release")).json() == taken_back.json()
    assert await seen_by_nobody() == []
    late = await offices["hb"].put(f"{path}/release")
    assert (late.status_code, late.json()["code"]) == (409, "event_cancelled")
    told = await module_installation.read_topic(EVENT, State.BREMEN, key=records.event["event_id"], minimum=2)
    assert [record.change for record in told] == ["published", "cancelled"], "topics are told nothing of it"
    assert "released_at" not in PublishedEvent.model_fields


# A forgotten check: the store's own functions, and plain SQL.


async def test_nobody_sees_and_writes_nothing(module_installation: Installation, records: Records) -> None:
    async with database_as(module_installation, None) as connection:
        for table in (*TABLES, "audit_log"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0, table  # noqa: S608 - constants
        for name in ("draft", "event"):
            assert await stored.get(connection, records.id(name)) is None
            assert await stored.lock(connection, records.id(name)) is None
        assert await registrations.counts(connection, [records.id("event")]) == {records.id("event"): []}
        assert await organisations.page(connection, state=None, after=None, limit=10) == []
        assert await stored.due_quota_releases(connection, now=datetime(2099, 1, 1, tzinfo=UTC), limit=10) == []
        assert await registrations.id_of_person(connection, records.id("event"), "person1@ex-005.example") is None
        for table, column in zip(TABLES, ("status", "position", "seats", "name", "status", "name"), strict=True):
            done = await connection.execute(f"update {table} set {column} = {column}")  # noqa: S608 - constants
            assert done == "UPDATE 0", table
            assert await connection.execute(f"delete from {table}") == "DELETE 0", table  # noqa: S608 - constants
        await refused(connection, "select person_of('x@ex-001.example', uuidv7())")
        await refused(connection, "insert into organisation values (uuidv7(), 'hb', 'x', 'active', 'company', '{}', 1)")
        await refused(
            connection, "insert into host (event_id, position, state) values ($1, 9, 'ni')", records.id("event")
        )


async def test_another_state_sees_no_draft_and_no_person_and_changes_nothing(
    module_installation: Installation, records: Records
) -> None:
    for roles in (("office",), ("lead", "pr"), ("pr",)):
        async with database_as(module_installation, "ni", *roles) as connection:
            await _sees_no_draft(connection, records)
            assert await stored.get(connection, records.id("event")) is not None
            assert await stored.lock(connection, records.id("event")) is not None, "it has a quota of its own there"
            assert await connection.fetchval("select count(*) from participant") == 0
            for state in ("hb", "hh", "ni"):
                row = await registrations.get(connection, records.id("event"), records.registration(state))
                assert row is not None
                assert row.participant is None
            for statement in (
                "update participant set name = 'Fremd'",
                "update registration set status = 'withdrawn'",
                "update host set agreed_at = now()",
                "update quota set released_at = now() where state <> 'ni'",
                "update organisation set name = 'Fremd'",
                "update event set title = 'Fremd' where responsible_state = 'hb' and status = 'draft'",
                "delete from registration",
                "delete from participant",
                "delete from host",
                "delete from quota",
                "delete from organisation",
                "delete from event",
            ):
                assert (await connection.execute(statement)).endswith(" 0"), statement
            assert await registrations.id_of_person(connection, records.id("event"), _address(records, "ni")) is None
            told = await registrations.advance(
                connection, records.id("event"), of=list(RegistrationStatus), to=None, now=NOW
            )
            assert told == []
            await refused(
                connection, "insert into host (event_id, position, state) values ($1, 9, 'ni')", records.id("event")
            )
            await refused(
                connection, "insert into quota (event_id, state, seats) values ($1, 'sh', 1)", records.id("event")
            )
            await refused(connection, _REGISTER, new_id(), records.id("event"), "ni")


async def test_an_office_drafts_and_registers_for_nobody_else(
    module_installation: Installation, records: Records
) -> None:
    async with database_as(module_installation, "hh", "office") as connection:
        for state, known in (("hb", "draft"), ("hb", "event")):
            event = await stored.get(connection, records.id(known))
            assert event is not None
            assert event.responsible_state == state
            assert await stored.lock(connection, event.id) is not None, "a host agrees and registers"
        await refused(
            connection,
            """insert into event select (jsonb_populate_record(e, jsonb_build_object('id', uuidv7()))).* from event e
               where id = $1""",
            records.id("draft"),
        )
        seen = await connection.fetch(
            "select registration_id from participant where event_id = $1", records.id("event")
        )
        assert [row["registration_id"] for row in seen] == [records.registration("hh")]
        for statement in (
            "update participant set name = 'Fremd' where event_id = $1",
            "update registration set version = version + 1 where event_id = $1",
        ):
            assert await connection.execute(statement, records.id("event")) == "UPDATE 1", "its own alone"
        await refused(connection, _REGISTER, new_id(), records.id("event"), "hb")
        await refused(connection, _REGISTER, new_id(), records.id("draft"), "hh")
        assert await connection.execute("delete from event where id = $1", records.id("draft")) == "DELETE 0"
        assert await connection.execute(
            "update host set agreed_at = null where event_id = $1", records.id("event")
        ) == ("UPDATE 1")
        assert await registrations.id_of_person(connection, records.id("event"), _address(records, "hb")) == (
            records.registration("hb")
        ), "who registers there has to know that the address is taken, and learns no more"


@pytest.mark.parametrize("role", ["operator", "auditor", "integrator"])
@pytest.mark.parametrize("state", [None, "hb", "hh"])
async def test_who_works_in_no_office_sees_what_all_states_see_and_writes_nothing(
    module_installation: Installation, records: Records, role: str, state: str | None
) -> None:
    async with database_as(module_installation, state, role) as connection:
        await _sees_no_draft(connection, records)
        assert await stored.get(connection, records.id("event")) is not None
        assert await stored.lock(connection, records.id("event")) is None
        assert await connection.fetchval("select count(*) from participant") == 0
        assert await connection.fetchval("select count(*) from registration") >= 3
        assert (await connection.fetchval("select count(*) from audit_log") > 0) == (role == "auditor")
        for table in TABLES:
            assert await connection.execute(f"delete from {table}") == "DELETE 0"  # noqa: S608 - constants
        for statement in ("update event set version = version + 1", "update registration set version = version + 1"):
            assert await connection.execute(statement) == "UPDATE 0"
        await refused(connection, "select person_of('x@ex-001.example', uuidv7())")
        assert await registrations.id_of_person(connection, records.id("event"), _address(records, "hb")) is None


async def test_the_lead_changes_what_is_its_own_and_deletes_drafts_alone(
    module_installation: Installation, records: Records
) -> None:
    async with database_as(module_installation, "hb", "pr") as connection:
        assert (
            await connection.fetchval("select count(*) from participant where event_id = $1", records.id("event")) == 3
        )
        assert await connection.execute("delete from event where id = $1", records.id("event")) == "DELETE 0"
        assert await connection.execute("delete from event where id = $1", records.id("draft")) == "DELETE 1"


async def test_what_acts_for_the_service_within_a_transaction_acts_for_the_caller_again(
    module_installation: Installation, records: Records
) -> None:
    async with database_as(module_installation, "ni", "office", "pr") as connection:
        async with acting_as_system(connection):
            assert await connection.fetchval("select count(*) from participant") > 0
        assert await connection.fetchval("select count(*) from participant") == 0
        assert await connection.fetchval("select current_setting('norda.roles')") == "office,pr"
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction(), acting_as_system(connection):
                raise ZeroDivisionError
        assert await connection.fetchval("select count(*) from participant") == 0


def test_a_state_in_a_token_makes_no_office() -> None:
    for role in Role:
        caller = Caller(subject="x", name="x", roles=frozenset({role}), state=State.BREMEN)
        assert (Office(caller, frozenset(ALL_STATES)).state is State.BREMEN) == (role in STAFF)


# The audit log.


async def test_every_command_is_in_the_audit_log_without_its_persons(
    offices: Offices, module_installation: Installation
) -> None:
    draft = await offices.draft(hosts=HOSTS, capacity=9, quotas={"hb": 1, "hh": 1})
    path, item = f"/api/v1/events/{draft['event_id']}", draft["event_id"]
    await offices["hb"].patch(path, json={"title": "Neuer Titel"})
    await offices["hb"].patch(path, json={"title": "Neuer Titel"})
    await offices["hh"].post(f"{path}/hosts/hh/agreement")
    await offices["hb"].post(f"{path}/publication")
    made = await offices.register(draft, "hh", by="hh", name="Hildegard Unbekannt", email="hildegard@ex-006.example")
    other = await offices.register(draft, "hb", name="Gundula Unbekannt", email="gundula@ex-006.example")
    registration = f"{path}/registrations/{made['registration_id']}"
    await offices["hh"].post(f"{registration}/withdrawal")
    await offices["hh"].post(f"{registration}/withdrawal")
    await offices["hh"].post(f"{path}/quotas/hh/release")
    await offices["hb"].post(f"{path}/quota-release")
    await offices["hb"].delete(f"{path}/registrations/{other['registration_id']}/person")
    await offices["hb"].post(
        f"{path}/reschedule", json={"starts": "2027-02-17T10:00+01:00", "ends": "2027-02-17T16:00+01:00"}
    )
    await offices["hb"].put(f"{path}/release")
    await offices["hb"].delete(f"{path}/release")
    await offices["ni"].patch(path, json={"title": "Fremd"})
    await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    gone = await offices.draft(title="Verworfen")
    await offices["hb"].delete(f"/api/v1/events/{gone['event_id']}")

    async with database_as(module_installation, None, "auditor") as connection:
        found = [row for row in await audit.page(connection, limit=500) if row["item"] in {item, gone["event_id"]}]
        persons = [
            row
            for row in await audit.page(connection, limit=500)
            if row["item"] in {made["registration_id"], other["registration_id"]}
        ]
    told = [(row["action"], row["state"], row["subject"]) for row in reversed(found)]
    assert told == [
        ("event.draft", "hb", "office-hb"),
        ("event.change", "hb", "office-hb"),
        ("event.agree", "hh", "office-hh"),
        ("event.publish", "hb", "office-hb"),
        ("event.release_quota", "hh", "office-hh"),
        ("event.release_quotas", "hb", "office-hb"),
        ("event.reschedule", "hb", "office-hb"),
        ("event.release", "hb", "office-hb"),
        ("event.withdraw_release", "hb", "office-hb"),
        ("event.cancel", "hb", "office-hb"),
        ("event.draft", "hb", "office-hb"),
        ("event.discard", "hb", "office-hb"),
    ]
    change = next(row for row in found if row["action"] == "event.change")
    assert json.loads(change["before"]) == {"title": "Beispieltag Elektromobilität", "version": 1}
    assert json.loads(change["after"]) == {"title": "Neuer Titel", "version": 2}
    assert {row["roles"][0] for row in found} == {"office"}
    assert all(row["trace_id"] for row in found)
    discarded = found[0]
    assert json.loads(discarded["before"])["title"] == "Verworfen"
    assert discarded["after"] is None

    actions = [(row["action"], row["state"], row["kind"]) for row in reversed(persons)]
    assert actions == [
        ("registration.register", "hh", "registration"),
        ("registration.register", "hb", "registration"),
        ("registration.withdraw", "hh", "registration"),
        ("registration.erase", "hb", "registration"),
    ]
    assert json.loads(persons[0]["after"])["touched"] == ["name", "email", "language"]
    assert json.loads(persons[1]["after"])["status"] == "withdrawn"
    text = " ".join(f"{row['before']} {row['after']}" for row in (*found, *persons))
    assert "Unbekannt" not in text
    assert "ex-006" not in text
    assert made["participant"]["person_id"] not in text


async def test_the_audit_log_is_added_to_and_never_changed_by_the_service(module_installation: Installation) -> None:
    connection: Any = await module_installation.connect(role="norda_events")
    try:
        await connection.execute("set search_path = events, public")
        await refused(connection, "update audit_log set subject = 'somebody else'")
        await refused(connection, "delete from audit_log")
        await refused(connection, "truncate audit_log")
    finally:
        await connection.close()
    async with database_as(module_installation, "hb", "office", subject="me") as own:
        await refused(
            own, "insert into audit_log (subject, roles, action, kind, item) values ('you', '{}', 'event.x', 'x', 'x')"
        )


async def test_a_command_that_fails_leaves_no_entry(offices: Offices, module_installation: Installation) -> None:
    event = await offices.publish(capacity=1)
    await offices.register(event)
    await offices.register(event)
    path = f"/api/v1/events/{event['event_id']}"
    assert (await offices["hb"].patch(path, json={"capacity": 0})).status_code == 409
    async with database_as(module_installation, None, "auditor") as connection:
        entries = await audit.page(connection, item=event["event_id"], limit=10)
    assert [row["action"] for row in entries] == ["event.publish", "event.draft"]


_REGISTER = """
insert into registration (id, event_id, responsible_state, participant_state, status, position, version, registered_at,
                          changed_at)
values ($1, $2, 'hb', $3, 'confirmed', 99, 1, now(), now())
"""


def _address(records: Records, state: str) -> str:
    address: str = records.of[state]["participant"]["email"]
    return address


async def _sees_no_draft(connection: Any, records: Records) -> None:
    hidden = records.id("draft")
    assert await stored.get(connection, hidden) is None
    assert await stored.lock(connection, hidden) is None
    wanted = stored.EventFilter(seen_by=State.BREMEN, words="verborgener quitte")
    assert await stored.page(connection, wanted, after=None, limit=10) == [], "also when the filter names the lead"
    for statement in (
        "select count(*) from event where id = $1",
        "select count(*) from host where event_id = $1",
        "select count(*) from quota where event_id = $1",
        "select count(*) from events_with(array['%verborgener%'], 9) as id where id = $1",
    ):
        assert await connection.fetchval(statement, hidden) == 0, statement


async def test_a_host_changes_no_more_of_an_event_than_its_agreement_needs(
    module_installation: Installation, records: Records
) -> None:
    async with database_as(module_installation, "hh", "office") as connection:
        for statement in (
            "update event set title = 'Fremd' where id = $1",
            "update event set status = 'cancelled', cancellation_reason = 'Fremd' where id = $1",
            "update event set responsible_state = 'hh' where id = $1",
        ):
            await refused(connection, statement, records.id("event"))
        await connection.execute("update event set version = version + 1 where id = $1", records.id("event"))
