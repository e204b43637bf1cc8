"""Who sees and does what: over HTTP, and by SQL as the service's role, where a forgotten check leaks nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common import audit
from norda_common.addresses import address_key
from norda_common.auth import Caller
from norda_common.database import SYSTEM, Connection, Database
from norda_common.identifiers import new_id
from norda_common.rights import Role
from norda_common.statements import Identity
from norda_common.states import State
from norda_common.web.pages import NOBODY
from norda_notifications.store import deliveries, recipients, subscriptions

from .conftest import Desk, event_said, make_event, now, person, relocation_said

STAFF = [Role.OFFICE, Role.LEAD, Role.PR]
OTHERS = [Role.OPERATOR, Role.AUDITOR, Role.INTEGRATOR]


def somebody(role: Role, state: State | None) -> Caller:
    return Caller(subject=f"{role}-{state or 'all'}", name="Test", roles=frozenset({role}), state=state)


@asynccontextmanager
async def acting(desk: Desk, asking: Caller | Identity) -> AsyncIterator[Connection]:
    """What the service's own role sees when it asks for somebody."""
    database = Database(desk.service.database_url, schema="notifications", application="test")
    await database.start()
    try:
        async with database.read(asking) as connection:
            yield connection
    finally:
        await database.stop()


@dataclass(frozen=True)
class Told:
    """What there is to be seen: a person subscribed by Bremen and Hamburg, mails to them, and Bremen's inbox."""

    email: str
    of_bremen: dict[str, Any]
    of_hamburg: dict[str, Any]
    entry_of_bremen: UUID
    notice: UUID


async def told(desk: Desk) -> Told:
    email, event = person(), make_event()
    of_bremen = await desk.subscribe(email, "event", str(event.event_id), state="hb", name="Geheim")
    of_hamburg = await desk.subscribe(email, "event", str(event.event_id), state="hh")
    async with desk.service.client(state="hb") as client:
        await client.post("/api/v1/suppressions", json={"email": person()})
    await desk.tell(event_said("published", event), *relocation_said())
    async with acting(desk, SYSTEM) as system:
        office = await recipients.office(system, State.BREMEN)
        (entry, *_) = await deliveries.inbox(system, [office["id"]], last=None, unread_only=True, limit=1)
        notice = await system.fetchval("select id from notice where subject_id = $1", event.event_id)
    return Told(email, of_bremen, of_hamburg, entry["id"], notice)


SEEN = {
    "subscription": "select distinct state from subscription",
    "suppression": "select distinct state from suppression",
    "recipient": "select distinct kind from recipient",
    "delivery": "select distinct channel || ' ' || state from delivery",
    "notice": "select distinct 'some' from notice",
    "fate": "select distinct 'some' from delivery_fate",
    "beginning": "select distinct 'some' from beginning",
    "audit": "select distinct 'some' from audit_log",
}


async def seen(desk: Desk, asking: Caller | Identity) -> dict[str, set[str]]:
    """Per table what kinds of rows show; tables that show nothing are left out."""
    async with acting(desk, asking) as connection:
        found = {name: {str(row[0]) for row in await connection.fetch(query)} for name, query in SEEN.items()}
    return {name: values for name, values in found.items() if values}


async def test_by_sql_each_role_of_each_state_sees_what_the_rules_say(desk: Desk) -> None:
    await told(desk)
    public = {"recipient": {"office"}, "notice": {"some"}}
    for role in STAFF:
        own = {"subscription": {"hb"}, "suppression": {"hb"}, "delivery": {"inbox hb"}}
        assert await seen(desk, somebody(role, State.BREMEN)) == public | own
        assert await seen(desk, somebody(role, State.HAMBURG)) == public | {"subscription": {"hh"}}
        assert await seen(desk, somebody(role, None)) == public
    for role in OTHERS:
        for state in (None, State.BREMEN):
            more = {Role.OPERATOR: {"fate": {"some"}}, Role.AUDITOR: {"audit": {"some"}}}.get(role, {})
            assert await seen(desk, somebody(role, state)) == public | more
    assert await seen(desk, NOBODY) == {}
    assert await seen(desk, Caller(subject="x", name="x", roles=frozenset(), state=State.BREMEN)) == {}


async def test_a_forgotten_check_changes_nothing_of_another_state(desk: Desk) -> None:
    there = await told(desk)
    bremens = UUID(there.of_bremen["id"])
    for asking in (somebody(Role.LEAD, State.HAMBURG), somebody(Role.OPERATOR, None), NOBODY):
        async with acting(desk, asking) as connection:
            assert await subscriptions.get(connection, bremens) is None
            assert await subscriptions.end(connection, [bremens], ended_by="office", now=now()) == []
            assert (
                await deliveries.mark_read(connection, there.entry_of_bremen, recipient_ids=[new_id()], now=now())
                is None
            )
            with pytest.raises(LookupError):
                await recipients.set_office_contact(
                    connection, State.BREMEN, name="x", address=None, language="de", now=now()
                )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await recipients.suppress(connection, there.email, state=State.BREMEN, now=now())
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _insert_for_bremen(connection, there)
            for statement in (
                "update subscription set name = 'x' where state = 'hb'",
                "delete from subscription where state = 'hb'",
                "update delivery set read_at = now() where state = 'hb'",
                "delete from delivery where state = 'hb'",
                "update recipient set name = 'x' where state = 'hb' or kind = 'person'",
                "delete from suppression where state = 'hb'",
                "delete from notice",
            ):
                assert (await connection.execute(statement)).endswith(" 0"), statement
    async with desk.service.client(state="hb") as client:
        assert (await client.get(f"/api/v1/subscriptions/{bremens}")).json() == there.of_bremen


async def _insert_for_bremen(connection: Connection, there: Told) -> None:
    await subscriptions.insert(
        connection,
        new_id(),
        state=State.BREMEN,
        recipient_id=UUID(int=0),
        kind="cluster",
        value="ITS",
        consent_given_at=now(),
        consent_wording="w",
        created_by="x",
        address=there.email,
        name=None,
        language="de",
        now=now(),
    )


async def test_an_operators_query_cannot_read_an_address(desk: Desk) -> None:
    there = await told(desk)
    async with acting(desk, somebody(Role.OPERATOR, None)) as operator:
        shown = await deliveries.newest(
            operator, status=None, channel=None, notice_id=there.notice, last=None, limit=10
        )
        assert [row["recipient"] for row in shown] == ["p***@ex-005.example"]
        assert there.email not in str([tuple(row) for row in await operator.fetch("select * from delivery_fate")])
        with pytest.raises(asyncpg.PostgresError):
            await operator.execute("update delivery_fate set status = 'dropped'")
        masked = "select masked('person@ex-005.example'), masked('no address'), masked(null), masked('a@b@c.example')"
        assert tuple(await operator.fetchrow(masked) or ()) == ("p***@ex-005.example", "***", None, "a***@c.example")


async def test_the_ways_past_the_policies_are_narrow(desk: Desk) -> None:
    there = await told(desk)
    key = address_key(there.email)
    async with acting(desk, somebody(Role.PR, State.NIEDERSACHSEN)) as other, acting(desk, NOBODY) as nobody:
        known = await other.fetchval("select person_of($1)", key)
        assert await recipients.person(other, there.email, now=now()) == known
        assert await other.fetchval("select has_objected($1)", known) is False
        assert await nobody.fetchval("select person_of($1)", key) is None
        assert await nobody.fetchval("select enter_person($1, now())", key) is None
        assert await nobody.fetchval("select enter_person('new@ex-005.example', now())") is None
        assert await nobody.fetchval("select deliveries_of($1)", there.notice) == "{}"
        assert json.loads(await other.fetchval("select deliveries_of($1)", there.notice)) == {"delivered": 1}
    async with desk.service.client(state="ni") as client:
        await client.post("/api/v1/suppressions", json={"email": there.email})
    async with acting(desk, somebody(Role.OFFICE, State.HAMBURG)) as other, acting(desk, NOBODY) as nobody:
        assert await other.fetchval("select has_objected($1)", known) is True
        assert await nobody.fetchval("select has_objected($1)", known) is False


async def test_another_states_subscription_answers_like_none(desk: Desk) -> None:
    there = await told(desk)
    async with desk.service.client(state="hh") as client:
        for method in ("GET", "DELETE"):
            answers = [
                await client.request(method, f"/api/v1/subscriptions/{subscription}")
                for subscription in (there.of_bremen["id"], new_id())
            ]
            hidden, unknown = [
                {name: value for name, value in answer.json().items() if name not in {"instance", "trace_id"}}
                for answer in answers
            ]
            assert hidden == unknown
            assert hidden["status"] == 404
        found = (await client.get("/api/v1/subscriptions", params={"email": there.email})).json()["items"]
        assert [item["id"] for item in found] == [there.of_hamburg["id"]]
    async with desk.service.client(state="ni") as client:
        assert (await client.get("/api/v1/subscriptions", params={"email": there.email})).json()["items"] == []
        assert (await client.post(f"/api/v1/inbox/{there.entry_of_bremen}/read")).status_code == 404


@pytest.mark.parametrize(
    ("role", "state", "code"),
    [
        ("operator", None, "role_missing"),
        ("auditor", None, "role_missing"),
        ("integrator", "hb", "role_missing"),
        ("office", None, "no_state"),
    ],
)
async def test_who_may_not_is_told_why(desk: Desk, role: str, state: str | None, code: str) -> None:
    async with desk.service.client(state=state, role=role) as client:
        for path in ("subscriptions", "inbox"):
            answer = await client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_what_is_done_stands_in_the_audit_log_without_what_it_was(desk: Desk) -> None:
    there = await told(desk)
    wanted = {
        "email": there.email,
        "topic": {"kind": "cluster", "value": "AUDIT"},
        "consent": {"given_at": "2026-11-01T10:00:00Z", "wording": "w"},
    }
    contact = {"name": "Wirtschaft Bremen", "email": person("hb.example"), "language": "en"}
    async with desk.service.client(state="hb", role="lead") as client:
        made = (await client.post("/api/v1/subscriptions", json=wanted)).json()["id"]
        for _ in range(2):  # Whatever changes nothing the second time is written once.
            await client.patch(f"/api/v1/subscriptions/{made}", json={"name": "Neu"})
        for _ in range(2):
            await client.delete(f"/api/v1/subscriptions/{made}")
            await client.post("/api/v1/suppressions", json={"email": there.email})
            await client.post(f"/api/v1/inbox/{there.entry_of_bremen}/read")
        await client.put("/api/v1/offices/hb/contact", json=contact)
    async with acting(desk, somebody(Role.AUDITOR, None)) as auditor:
        rows = await audit.page(auditor, subject="lead-hb", limit=50)
    said = [
        (row["action"], row["item"], *(json.loads(row[side] or "null") for side in ("before", "after")))
        for row in reversed(rows)
    ]
    entered, corrected, ended, objected, marked, contacted = said
    assert entered == (
        "subscription.enter",
        made,
        None,
        {
            "topic_kind": "cluster",
            "topic_value": "AUDIT",
            "consent_given_at": "2026-11-01 10:00:00+00:00",
            "version": 1,
            "touched": ["address", "name", "language", "consent_wording"],
        },
    )
    assert corrected == ("subscription.correct", made, {"version": 1}, {"version": 2, "touched": ["name"]})
    assert ended[:3] == ("subscription.end", made, {"ended_at": None, "ended_by": None, "version": 2})
    assert (ended[3]["ended_by"], ended[3]["version"]) == ("office", 3)
    assert objected == ("subscription.object", "hb", {"objects": False}, {"objects": True})
    assert marked[:3] == ("inbox.mark", str(there.entry_of_bremen), {"read_at": None})
    assert contacted == (
        "office.contact",
        "hb",
        {"name": "Wirtschaftsförderung Bremen", "language": "de", "version": 1},
        {"name": "Wirtschaft Bremen", "language": "en", "version": 2, "touched": ["address"]},
    )
    for row in rows:
        assert there.email not in str(tuple(row))
        assert contact["email"] not in str(tuple(row))


async def test_nobody_changes_the_audit_log(desk: Desk) -> None:
    await told(desk)
    for asking in (SYSTEM, somebody(Role.AUDITOR, None)):
        async with acting(desk, asking) as connection:
            for statement in ("update audit_log set subject = 'x'", "delete from audit_log", "truncate audit_log"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
    async with acting(desk, somebody(Role.OFFICE, State.BREMEN)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await audit.record(connection, somebody(Role.LEAD, State.HAMBURG), audit.Entry("office.contact", "x", "y"))
