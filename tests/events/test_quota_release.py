"""Releasing quotas: by the worker at their instant, early by an office; two replicas release once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from norda_common.contracts.events import EVENT, PARTICIPATION, PublishedEvent
from norda_common.states import State
from norda_events.workers import EVENTS_PER_ROUND
from support.installation import Installation
from support.waiting import eventually

from .conftest import Offices, offices_at, start_events

HOSTS = [{"state": "hb"}, {"state": "hh"}, {"state": "ni"}]


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


async def by_status(offices: Offices, event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["participant_state"], item["status"]) for item in await offices.registrations(event)]


async def test_the_worker_releases_at_the_instant_and_promotes_in_order_once_with_two_replicas(
    installation: Installation,
) -> None:
    first, _ = start_events(installation), start_events(installation)
    async with offices_at(first) as offices:
        event = await offices.publish(
            hosts=HOSTS, capacity=4, quotas={"hb": 1, "hh": 1, "ni": 2}, quota_release_at=soon(6)
        )
        for state in ("hb", "hb", "hh", "hh", "hb"):
            await offices.register(event, state)
        assert await by_status(offices, event) == [
            ("hb", "confirmed"),
            ("hb", "waitlisted"),
            ("hh", "confirmed"),
            ("hh", "waitlisted"),
            ("hb", "waitlisted"),
        ]

        async def released() -> None:
            assert all(quota["released_at"] for quota in (await offices.get(event))["quotas"])

        await eventually(released, within=30)
        assert await by_status(offices, event) == [
            ("hb", "confirmed"),
            ("hb", "confirmed"),
            ("hh", "confirmed"),
            ("hh", "confirmed"),
            ("hb", "waitlisted"),
        ]
        events = await installation.read_topic(EVENT, State.BREMEN, minimum=2)
        assert [(record.change, record.sequence) for record in events] == [("published", 1), ("quota_released", 2)]
        assert isinstance(events[1].data, PublishedEvent)
        assert all(quota.released_at for quota in events[1].data.quotas)
        participations = await installation.read_topic(PARTICIPATION, State.BREMEN, minimum=7)
        assert sum(record.change == "promoted" for record in participations) == 2
        assert all(record.traceparent for record in participations if record.change == "promoted")


async def test_one_state_s_quota_is_released_early_by_its_own_office_or_the_lead(offices: Offices) -> None:
    event = await offices.publish(hosts=HOSTS, capacity=4, quotas={"hb": 1, "hh": 1, "ni": 2})
    for state in ("hb", "hb", "hh", "hh", "ni"):
        await offices.register(event, state)
    path = f"/api/v1/events/{event['event_id']}"
    assert (await offices["hh"].post(f"{path}/quotas/ni/release")).status_code == 403
    assert (await offices["hh"].post(f"{path}/quota-release")).status_code == 403
    response = await offices["ni"].post(f"{path}/quotas/ni/release")
    assert response.status_code == 200, response.text
    released = {quota["state"]: quota["released_at"] is not None for quota in response.json()["quotas"]}
    assert released == {"hb": False, "hh": False, "ni": True}
    # One seat of Niedersachsen's two was unused: the first in order gets it, whatever the state.
    assert await by_status(offices, event) == [
        ("hb", "confirmed"),
        ("hb", "confirmed"),
        ("hh", "confirmed"),
        ("hh", "waitlisted"),
        ("ni", "confirmed"),
    ]
    again = await offices["hb"].post(f"{path}/quotas/ni/release")
    assert again.json()["version"] == response.json()["version"], "releasing again changes nothing"
    everything = await offices["hb"].post(f"{path}/quota-release")
    assert all(quota["released_at"] for quota in everything.json()["quotas"])


async def test_a_state_without_a_quota_has_none_to_release(offices: Offices) -> None:
    event = await offices.publish(capacity=4, quotas={"hb": 1})
    response = await offices["hb"].post(f"/api/v1/events/{event['event_id']}/quotas/hh/release")
    assert response.status_code == 404


async def test_more_seats_promote_in_order_and_fewer_than_taken_are_refused(offices: Offices) -> None:
    event = await offices.publish(hosts=HOSTS, capacity=2, quotas={"hb": 1, "hh": 1})
    for state in ("hb", "hb", "hb", "hh"):
        await offices.register(event, state)
    path = f"/api/v1/events/{event['event_id']}"
    raised = await offices["hb"].patch(path, json={"capacity": 3, "quotas": {"hb": 2, "hh": 1}})
    assert raised.status_code == 200, raised.text
    assert await by_status(offices, event) == [
        ("hb", "confirmed"),
        ("hb", "confirmed"),
        ("hb", "waitlisted"),
        ("hh", "confirmed"),
    ]
    for change in ({"capacity": 2, "quotas": {}}, {"quotas": {"hb": 1, "hh": 2}}):
        refused = await offices["hb"].patch(path, json=change)
        assert (refused.status_code, refused.json()["code"]) == (409, "seats_taken")
    unlimited = await offices["hb"].patch(path, json={"capacity": None, "quotas": {}})
    assert unlimited.json()["seats"]["waitlisted"] == 0


_BREAK = """
create function events.refuse_broken() returns trigger language plpgsql as
$$ begin if new.title like 'Kaputt%' then raise exception 'broken on purpose'; end if; return new; end $$;
create trigger refuse_broken before update on events.event for each row execute function events.refuse_broken();
"""
_COPY = """
with copied as (
    insert into events.event
    select (jsonb_populate_record(e, jsonb_build_object('id', uuidv7(), 'title', 'Kaputt ' || n))).*
    from events.event as e, generate_series(1, $2) as n where e.id = $1
    returning id)
insert into events.quota (event_id, state, seats) select id, 'hb', 1 from copied
"""


async def test_events_that_cannot_be_released_are_reported_and_hold_nobody_up(installation: Installation) -> None:
    running = start_events(installation)
    connection = await installation.connect()

    async def health() -> str:
        return str((await offices["hb"].get("/readyz")).json()["checks"].get("release_due_quotas", "ok"))

    async with offices_at(running) as offices:
        # The broken ones are due before the sound one, and more of them than one round takes.
        broken = await offices.publish(title="Kaputt", capacity=2, quotas={"hb": 1}, quota_release_at=soon(4))
        sound = await offices.publish(title="Heil", capacity=2, quotas={"hb": 1}, quota_release_at=soon(5))
        await connection.execute(_BREAK)
        await connection.execute(_COPY, broken["event_id"], 2 * EVENTS_PER_ROUND)

        async def released(event: dict[str, Any]) -> None:
            assert (await offices.get(event))["quotas"][0]["released_at"]

        async def reported(*texts: str) -> None:
            found = await health()
            assert all(text in found for text in texts), found

        await eventually(lambda: released(sound), within=20)
        assert (await offices.get(broken))["quotas"][0]["released_at"] is None
        await eventually(lambda: reported(f"{2 * EVENTS_PER_ROUND + 1} events", "RaiseError"))
        assert (await offices["hb"].get("/readyz")).status_code == 200, "requests can be served all the same"

        await connection.execute("drop trigger refuse_broken on events.event")
        await eventually(lambda: released(broken), within=30)
        await eventually(lambda: reported("ok"), within=30)
    await connection.close()
