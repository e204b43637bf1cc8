"""What the audit log says of what the service does by itself, and the history of a registration."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from support.installation import Installation
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import Offices, offices_at, start_events

HOSTS = [{"state": "hb"}, {"state": "hh"}]


async def entries(installation: Installation, item: str) -> list[dict[str, Any]]:
    """What the audit log says of a record, oldest first."""
    connection = await installation.connect()
    rows = await connection.fetch("select * from events.audit_log where item = $1 order by id", item)
    await connection.close()
    return [dict(row) | {side: json.loads(row[side] or "null") for side in ("before", "after")} for row in rows]


def history_in(page: str) -> str:
    return page[page.index('id="verlauf"') :]


async def test_a_due_release_and_its_promotions_are_the_services_own(
    offices: Offices, module_installation: Installation
) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=8)).isoformat(timespec="seconds")
    event = await offices.publish(hosts=HOSTS, capacity=2, quotas={"hb": 1, "hh": 1}, quota_release_at=due)
    await offices.register(event, "hb")
    waiting = await offices.register(event, "hb")
    assert waiting["status"] == "waitlisted"

    async def released() -> dict[str, Any]:
        *_, last = await entries(module_installation, event["event_id"])
        assert last["action"] == "event.release_quotas"
        return last

    entry = await eventually(released, within=30)
    assert (entry["subject"], entry["roles"], entry["state"]) == ("", ["system"], None)
    assert all(quota["released_at"] is None for quota in entry["before"]["quotas"])
    assert all(quota["released_at"] for quota in entry["after"]["quotas"])
    *_, promoted = await entries(module_installation, waiting["registration_id"])
    assert (promoted["action"], promoted["subject"]) == ("registration.promote", "")
    assert (promoted["before"], promoted["after"]) == (
        {"status": "waitlisted", "version": 1},
        {"status": "confirmed", "version": 2},
    )
    async with signed_in(offices.running, state="hb") as office:
        of_event = history_in((await office.get(f"/events/{event['event_id']}")).text)
        assert "Kontingente freigegeben" in of_event
        assert "Norda, <time" in of_event
        path = f"/events/{event['event_id']}/registrations/{waiting['registration_id']}"
        of_registration = history_in((await office.get(path)).text)
        assert "Nachgerückt" in of_registration
        assert "Norda, <time" in of_registration
    async with signed_in(offices.running, state=None, roles=("auditor",)) as auditor:
        log = await auditor.get("/events/audit?subject=Norda&action=registration.promote")
        assert waiting["registration_id"] in log.text
        assert "Norda" in text_of(log)


async def test_whoever_frees_a_seat_it_is_the_service_that_promotes(
    offices: Offices, module_installation: Installation
) -> None:
    """Also where the promoted one is another state's, whom the office that withdrew does not see."""
    event = await offices.publish(hosts=HOSTS, capacity=1)
    first = await offices.register(event, "hh")
    waiting = [await offices.register(event, state) for state in ("ni", "hb")]
    path = f"/api/v1/events/{event['event_id']}/registrations"
    assert (await offices["hh"].post(f"{path}/{first['registration_id']}/withdrawal")).status_code == 200
    assert (await offices["hb"].patch(f"/api/v1/events/{event['event_id']}", json={"capacity": 2})).status_code == 200
    for made in waiting:
        registered, promoted = await entries(module_installation, made["registration_id"])
        assert (registered["subject"], registered["state"]) == ("office-hb", "hb")
        assert (promoted["action"], promoted["subject"], promoted["roles"]) == ("registration.promote", "", ["system"])


async def test_a_registrations_history_names_the_own_people_and_others_by_their_office(
    offices: Offices,
) -> None:
    event = await offices.publish(hosts=HOSTS, capacity=5)
    made = await offices.register(event, "hh", by="hh")
    path = f"/events/{event['event_id']}/registrations/{made['registration_id']}"
    async with signed_in(offices.running, state="hb", name="Berta Bremen") as bremen:
        assert (await bremen.post(f"{path}/withdraw")).status_code == 303
        seen = history_in((await bremen.get(path)).text)
        assert "Abgemeldet" in seen
        assert "Berta Bremen" in seen
        assert "Dienststelle Hamburg" in seen
        assert "office-hh" not in seen
        assert "Name, E-Mail-Adresse, Sprache der Nachrichten" in seen
    async with signed_in(offices.running, state="hh", name="Hanna Hamburg", language="en") as hamburg:
        seen = history_in((await hamburg.get(path)).text)
        assert "Office of Bremen" in seen
        assert "Berta Bremen" not in seen
        assert "Hanna Hamburg" in seen
        assert "<del><span" in seen
        assert "Confirmed" in seen


async def test_a_cancellation_is_in_the_history_of_who_was_registered_then(offices: Offices) -> None:
    event = await offices.publish(capacity=5)
    stayed, left = [await offices.register(event, "hb") for _ in range(2)]
    path = f"/api/v1/events/{event['event_id']}"
    await offices["hb"].post(f"{path}/registrations/{left['registration_id']}/withdrawal")
    await offices["hb"].post(f"{path}/cancellation", json={"reason": "Sturmflut"})
    async with signed_in(offices.running, state="hb") as office:
        for made, told in ((stayed, True), (left, False)):
            page = await office.get(f"/events/{event['event_id']}/registrations/{made['registration_id']}")
            assert ("<strong>Veranstaltung abgesagt</strong>" in history_in(page.text)) is told


async def test_the_history_is_for_hosting_offices_and_auditors_also_by_sql(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(hosts=HOSTS)
    made = await offices.register(event, "hb")
    connection = await module_installation.connect(role="norda_events", system=False)
    seen = {}
    try:
        await connection.execute("set search_path = events, public")
        for state, role in (
            ("hb", "office"),
            ("hh", "pr"),
            ("ni", "lead"),
            ("hb", "integrator"),
            ("", "operator"),
            ("", "auditor"),
            ("", ""),
        ):
            for name, value in (("subject", "x"), ("state", state), ("roles", role)):
                await connection.execute("select set_config($1, $2, false)", f"norda.{name}", value)
            rows = await connection.fetch("select * from registration_history($1, 9)", made["registration_id"])
            seen[state, role] = [(row["subject"], row["state"]) for row in rows]
    finally:
        await connection.close()
    assert seen == {
        ("hb", "office"): [("office-hb", "hb")],
        ("hh", "pr"): [(None, "hb")],
        ("ni", "lead"): [],
        ("hb", "integrator"): [],
        ("", "operator"): [],
        ("", "auditor"): [("office-hb", "hb")],
        ("", ""): [],
    }


async def test_the_overview_counts_all_that_there_is_up_to_a_bound(installation: Installation) -> None:
    running = start_events(installation)
    async with offices_at(running) as offices, signed_in(running, state="hb") as office:
        for _ in range(9):
            event = await offices.publish(capacity=0)
            await offices.register(event, "hb")
        await offices.draft(hosts=HOSTS)
        asked = await offices.draft("hh", hosts=HOSTS)
        page = text_of(await office.get("/events/"))
        assert "Nächste Veranstaltungen (9)" in page
        assert "Veranstaltungen mit Warteliste (9)" in page
        assert "Entwürfe, die auf Ihre Zustimmung warten (1)" in page
        assert "Eigene Entwürfe vor der Veröffentlichung (1)" in page
        assert "Gezeigt sind die ersten 8." in page
        await _copy(installation, event["event_id"], asked["event_id"])
        page = text_of(await office.get("/events/"))
        assert "Nächste Veranstaltungen (über 1.000)" in page
        assert "Veranstaltungen mit Warteliste (über 1.000)" in page
        assert "Entwürfe, die auf Ihre Zustimmung warten (61)" in page
        assert "Eigene Entwürfe vor der Veröffentlichung (1)" in page
        office.client.headers["cookie"] += "; norda-state=ni"
        page = text_of(await office.get("/events/"))
        assert "Nächste Veranstaltungen (0)" in page
        assert "Veranstaltungen mit Warteliste (0)" in page


async def _copy(installation: Installation, published: str, draft: str) -> None:
    """A thousand more like the one, each with somebody who waits, and sixty like the other."""
    connection = await installation.connect()
    try:
        await connection.execute("set search_path = events, public")
        for table, source, number in (("event", published, 1_000), ("event", draft, 60)):
            await connection.execute(
                f"""create temporary table copied on commit preserve rows as
                    select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).*
                    from {table} as e, generate_series(1, {number}) where e.id = '{source}'"""  # noqa: S608
            )
            await connection.execute("insert into event select * from copied")
            await connection.execute(
                f"""insert into host (event_id, position, state, agreed_at)
                    select c.id, h.position, h.state, h.agreed_at from copied as c, host as h
                    where h.event_id = '{source}'"""  # noqa: S608
            )
            await connection.execute(
                f"""insert into registration (id, event_id, responsible_state, participant_state, status, position,
                                              version, registered_at, changed_at)
                    select gen_random_uuid(), c.id, 'hb', 'hb', 'waitlisted', 1, 1, now(), now()
                    from copied as c where '{source}' = '{published}'"""  # noqa: S608
            )
            await connection.execute("drop table copied")
    finally:
        await connection.close()
