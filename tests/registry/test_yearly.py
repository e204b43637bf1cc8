"""Links that go out by themselves once a year: off until an office says so, so many a day, whatever begins anew."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from norda_common.database import SYSTEM
from norda_common.states import State
from norda_registry.usecases.confirming import Links
from norda_registry.usecases.links import end_over
from norda_registry.usecases.profile_commands import PlanConfirmations
from norda_registry.usecases.yearly import SUBJECT, plan_confirmations, send_yearly, sender
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of

from .conftest import registered
from .test_confirmations import said_of
from .test_rights import act_as, caller, database

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LINKS = Links(base_url="https://registry.example", key=b"k" * 32)
PAGE = "/registry/confirmations"


async def sent(installation: Installation, now: datetime, state: State = State.BREMEN) -> int:
    """What one pass sends at that time, by a process that knows nothing of those before."""
    async with database(installation) as connection:
        await act_as(connection, sender(state))
        async with connection.transaction():
            return await send_yearly(connection, caller=sender(state), links=LINKS, now=now)


async def plan(installation: Installation, *, yearly: bool, a_day: int = 2) -> None:
    async with database(installation) as connection:
        await act_as(connection, caller("office"))
        async with connection.transaction():
            await plan_confirmations(
                connection,
                PlanConfirmations(yearly=yearly, a_day=a_day),
                caller=caller("office"),
                served=[State.BREMEN],
                now=NOON,
            )


async def links(installation: Installation) -> list[dict[str, Any]]:
    connection = await installation.connect()
    try:
        rows = await connection.fetch("select * from registry.confirmation order by sent_at, id")
        return [dict(row) for row in rows]
    finally:
        await connection.close()


async def test_so_many_go_out_a_day_and_nobody_is_asked_twice_a_year(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    async with registry.client() as office:
        for number in range(5):
            await registered(office, contact_email=f"kontakt@ex-82{number}.example")
        await registered(office)
        gone = await registered(office, contact_email="weg@ex-829.example")
        await office.post(f"/api/v1/organisations/{gone['organisation_id']}/deactivation", json={})
    registry.stop()
    day = timedelta(days=1)
    assert await sent(installation, NOON) == 0, "off unless somebody says otherwise"
    await plan(installation, yearly=True)
    assert await sent(installation, NOON, State.HAMBURG) == 0, "each office decides for itself"
    assert await sent(installation, NOON) == 2
    assert await sent(installation, NOON) == 0, "a process that begins anew counts what was sent"
    assert await sent(installation, NOON + timedelta(hours=10, minutes=59)) == 0, "still the same day in Germany"
    assert await sent(installation, NOON + timedelta(hours=11)) == 2, "midnight in Berlin"
    assert await sent(installation, NOON + 2 * day) == 1
    assert await sent(installation, NOON + 3 * day) == 0
    made = await links(installation)
    assert len({link["organisation_id"] for link in made}) == 5
    assert {link["sent_by"] for link in made} == {SUBJECT}

    # Nobody answers: the links end, and all are asked again only after a year.
    async with database(installation) as connection:
        await act_as(connection, SYSTEM)
        assert await end_over(connection, now=NOON + 70 * day) == 5
    assert await sent(installation, NOON + 70 * day) == 0
    await plan(installation, yearly=False)
    assert await sent(installation, NOON + 370 * day) == 0
    await plan(installation, yearly=True)
    both = await asyncio.gather(*(sent(installation, NOON + 370 * day) for _ in range(2)))
    assert sorted(both) == [0, 2], "two processes at once send no more than one"
    again = [link["organisation_id"] for link in (await links(installation))[5:]]
    assert set(again) == {link["organisation_id"] for link in made[:2]}, "who was asked longest ago comes first"

    connection = await installation.connect()
    entries = await connection.fetch(
        "select subject, before, after from registry.audit_log where action = 'confirmation.plan' order by id"
    )
    await connection.close()
    assert [json.loads(entry["after"])["yearly"] for entry in entries] == [True, False, True]
    assert {entry["subject"] for entry in entries} == {"office-hb"}


async def test_who_was_asked_by_hand_is_not_asked_by_itself(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    async with registry.client() as office:
        asked = await registered(office, contact_email="a@ex-831.example")
        answer = await office.post(f"/api/v1/organisations/{asked['organisation_id']}/confirmation")
        assert answer.status_code == 201
        waiting = await registered(office, contact_email="b@ex-832.example")
    registry.stop()
    await plan(installation, yearly=True, a_day=10)
    assert await sent(installation, datetime.now(UTC)) == 1
    assert [str(link["organisation_id"]) for link in await links(installation)] == [
        asked["organisation_id"],
        waiting["organisation_id"],
    ]


async def test_an_office_switches_it_on_and_the_service_sends_by_itself(installation: Installation) -> None:
    registry: Running = installation.start("registry", states="hb")
    async with registry.client() as office, registry.client(role="pr") as pr, signed_in(registry) as person:
        made = await registered(office, contact_email="kontakt@ex-840.example")
        assert (await office.get("/api/v1/confirmations/plan")).json() == {
            "yearly": False, "a_day": 50, "changed_at": None, "changed_by": None,
        }  # fmt: skip
        assert (await pr.put("/api/v1/confirmations/plan", json={"yearly": True})).status_code == 403
        form = form_of(await person.get(PAGE), f"{PAGE}/plan")
        assert "yearly" not in form, "it is off"
        wrong = await person.post(f"{PAGE}/plan", form | {"yearly": ["yes"], "a_day": ["0"]})
        assert wrong.status_code == 422
        assert "Höchstens so viele am Tag" in text_of(wrong)
        kept = form_of(wrong, f"{PAGE}/plan")
        assert (kept["yearly"], kept["a_day"]) == (["yes"], ["0"])
        done = await person.post(f"{PAGE}/plan", form | {"yearly": ["yes"], "a_day": ["3"]})
        assert done.status_code == 303, done.text
        assert form_of(await person.get(PAGE), f"{PAGE}/plan")["yearly"] == ["yes"]
        stored = (await pr.get("/api/v1/confirmations/plan")).json()
        assert (stored["yearly"], stored["a_day"]) == (True, 3)
    registry.stop()
    installation.start("registry", states="hb")
    said = await said_of(installation, made["organisation_id"])
    assert said.email == "kontakt@ex-840.example"


async def test_another_office_neither_sees_nor_changes_it(installation: Installation) -> None:
    await plan(installation, yearly=True)
    async with database(installation) as connection:
        for asking in (caller("lead", "hh"), caller("pr"), caller("auditor", None), SYSTEM):
            await act_as(connection, asking)
            changed = await connection.execute("update confirmation_plan set a_day = 500")
            assert changed.endswith(" 0")
            seen = await connection.fetchval("select count(*) from confirmation_plan")
            assert seen == (1 if asking == caller("pr") else 0)
            try:
                await connection.execute(
                    "insert into confirmation_plan values ('hb', true, 5, now(), 'x')"
                    " on conflict (state) do update set a_day = 5"
                )
            except asyncpg.InsufficientPrivilegeError:
                continue
            raise AssertionError("somebody else has planned")
