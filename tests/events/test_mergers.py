"""Registrations and hosts follow an organisation into what it has become part of: by its topic alone, in any order."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from norda_common.contracts.events import PARTICIPATION, REGISTRATION
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_events.usecases import copying
from norda_events.usecases.changing import publish_event
from norda_events.usecases.commands import DraftEvent, RegisterParticipant
from norda_events.usecases.drafting import draft_event
from norda_events.usecases.registering import register_participant
from support.installation import Installation
from support.waiting import eventually

from .conftest import Offices, organisation_event, person_body
from .test_random_actions import NOW, OFFICE, Run, database, topics_are_gapless
from .test_read_model import _known

assert database


def merged(key: UUID, into: UUID, sequence: int = 2, **data: Any) -> Event:
    return organisation_event(key=key, sequence=sequence, change="merged", status="merged", merged_into=into, **data)


def undone(key: UUID, sequence: int = 3, **data: Any) -> Event:
    return organisation_event(key=key, sequence=sequence, change="merge_undone", **data)


async def organisations_of(offices: Offices, event: Any) -> dict[str, str | None]:
    return {item["registration_id"]: item["organisation_id"] for item in await offices.registrations(event)}


async def test_case_4_registrations_move_and_come_back(offices: Offices, module_installation: Installation) -> None:
    gone, kept = new_id(), new_id()
    await offices.know(
        module_installation,
        organisation_event(key=gone, legal_name="Beispiel Herrenhausen Robotik GmbH"),
        organisation_event(key=kept, legal_name="Beispiel Maschsee Robotik GmbH"),
    )
    event = await offices.publish(capacity=2)
    mine = [await offices.register(event, organisation_id=str(gone)) for _ in range(3)]
    own = await offices.register(event, organisation_id=str(kept))
    path = f"/api/v1/events/{event['event_id']}/registrations"
    erased = await offices.register(event, organisation_id=str(gone))
    assert (await offices["hb"].delete(f"{path}/{erased['registration_id']}/person")).status_code == 204
    assert [item["status"] for item in mine] == ["confirmed", "confirmed", "waitlisted"]

    await offices.know(module_installation, merged(gone, kept))

    async def followed() -> None:
        assert set((await organisations_of(offices, event)).values()) == {str(kept)}

    await eventually(followed)
    items = {item["registration_id"]: item for item in await offices.registrations(event)}
    assert [items[item["registration_id"]]["status"] for item in mine] == ["confirmed", "confirmed", "waitlisted"]
    assert items[mine[0]["registration_id"]]["organisation_name"] == "Beispiel Maschsee Robotik GmbH"

    # Said on both topics; whoever was erased is not said again, and what was the kept one's own is as it was.
    key = mine[0]["registration_id"]
    for topic in (REGISTRATION, PARTICIPATION):
        records = await module_installation.read_topic(topic, State.BREMEN, key=key, minimum=2)
        assert [(record.change, record.sequence) for record in records] == [
            ("confirmed", 1), ("organisation_changed", 2),
        ]  # fmt: skip
    last = await module_installation.read_topic(REGISTRATION, State.BREMEN, key=erased["registration_id"], minimum=2)
    assert last[-1].change == "erased"
    untouched = await module_installation.read_topic(REGISTRATION, State.BREMEN, key=own["registration_id"])
    assert [record.change for record in untouched] == ["waitlisted"]

    # Made for the merged one from now on: it is the kept one's for good.
    late = await offices.register(event, organisation_id=str(gone))
    assert late["organisation_id"] == str(kept)
    withdrawn = await offices["hb"].post(f"{path}/{mine[2]['registration_id']}/withdrawal")
    assert withdrawn.status_code == 200
    renewed = await offices["hb"].post(
        path, json={"organisation_id": str(kept), "name": items[mine[1]["registration_id"]]["participant"]["name"],
                    "email": items[mine[1]["registration_id"]]["participant"]["email"]},
    )  # fmt: skip
    assert renewed.status_code == 200, "still registered: nothing changes"

    await offices.know(module_installation, undone(gone))

    async def back() -> None:
        now = await organisations_of(offices, event)
        assert {now[item["registration_id"]] for item in mine} == {str(gone)}
        assert (now[own["registration_id"]], now[late["registration_id"]]) == (str(kept), str(kept))

    await eventually(back)


async def test_hosts_follow(offices: Offices, module_installation: Installation) -> None:
    gone, kept = new_id(), new_id()
    await offices.know(module_installation, organisation_event(key=gone), organisation_event(key=kept))
    event = await offices.publish(hosts=[{"state": "hb"}, {"organisation_id": str(gone)}])
    await offices.know(module_installation, merged(gone, kept))

    async def hosted() -> None:
        hosts = (await offices.get(event))["hosts"]
        assert [host.get("organisation_id") for host in hosts] == [None, str(kept)]

    await eventually(hosted)
    changed = await offices["hb"].patch(f"/api/v1/events/{event['event_id']}", json={"title": "Anderer Titel"})
    assert changed.status_code == 200
    assert changed.json()["hosts"][1]["organisation_id"] == str(kept)
    draft = await offices.draft(hosts=[{"state": "hb"}, {"organisation_id": str(gone)}])
    assert draft["hosts"][1]["organisation_id"] == str(kept)


async def test_an_old_id_redirects_to_the_end_of_the_chain(offices: Offices, module_installation: Installation) -> None:
    first, second, third = new_id(), new_id(), new_id()
    for key in (first, second, third):
        await offices.know(module_installation, organisation_event(key=key))
    await offices.know(module_installation, merged(first, second), merged(second, third))

    async def redirected(key: UUID, to: UUID) -> None:
        answer = await offices["ni"].get(f"/api/v1/organisations/{key}")
        assert (answer.status_code, answer.headers.get("location")) == (308, f"/api/v1/organisations/{to}")
        assert answer.headers["cache-control"] == "no-cache"
        followed = await offices["ni"].get(f"/api/v1/organisations/{key}", follow_redirects=True)
        assert followed.json()["organisation_id"] == str(to)

    await eventually(lambda: redirected(first, third))
    await redirected(second, third)
    # The one that stays moves to another state, and says so on both topics.
    moved = [organisation_event(key=third, sequence=2, change="seat_relocated", state="ni", topic_state=state)
             for state in ("hb", "ni")]  # fmt: skip
    await offices.know(module_installation, *moved)
    await redirected(first, third)
    await offices.know(module_installation, undone(second))
    await eventually(lambda: redirected(first, second))


async def test_somebody_registers_while_the_organisation_is_merged(
    offices: Offices, module_installation: Installation
) -> None:
    for _ in range(3):
        gone, kept = new_id(), new_id()
        await offices.know(module_installation, organisation_event(key=gone), organisation_event(key=kept))
        event = await offices.publish(capacity=100)
        path = f"/api/v1/events/{event['event_id']}/registrations"

        async def register(path: str = path, gone: UUID = gone) -> int:
            answer = await offices["hb"].post(path, json=person_body(organisation_id=str(gone)))
            assert answer.status_code == 201, answer.text
            return answer.status_code

        merging = asyncio.create_task(module_installation.publish(merged(gone, kept)))
        for _ in range(6):
            await asyncio.gather(*(register() for _ in range(4)))
        await merging

        async def followed(event: Any = event, kept: UUID = kept) -> None:
            found = await organisations_of(offices, event)
            assert len(found) == 24
            assert set(found.values()) == {str(kept)}

        await eventually(followed)


async def _feed(connection: asyncpg.Connection[Any], history: list[Event], chance: random.Random) -> None:
    start = 0
    while start < len(history):
        size = chance.randint(1, 4)
        await copying.copy_organisations(connection, [_known(event) for event in history[start : start + size]], NOW)
        start += size


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_in_whatever_order_the_topics_tell_of_mergers_registrations_end_where_they_belong(
    database: Any, moves: list[tuple[int, int | None]], seed: int
) -> None:
    """Four organisations are merged and separated again; redelivery, replay and disorder change nothing."""
    runner, connection = database
    runner.run(_play(connection, moves, seed))


async def _play(connection: asyncpg.Connection[Any], moves: list[tuple[int, int | None]], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a shuffle, repeatable
    keys = [new_id() for _ in range(4)]
    into: list[int | None] = [None] * 4
    versions = [1] * 4
    history = [organisation_event(key=key) for key in keys]
    for number, target in moves:
        # As the registry allows it: nobody merges into one that is merged, and what is merged is only separated.
        if target is not None and (into[number] is not None or into[target] is not None or target == number):
            continue
        if target is None and into[number] is None:
            continue
        versions[number] += 1
        into[number] = target
        history.append(
            undone(keys[number], versions[number])
            if target is None
            else merged(keys[number], keys[target], versions[number])
        )

    def end(number: int) -> int:
        further = into[number]
        return number if further is None else end(further)

    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("delete from outbox")
        await copying.copy_organisations(connection, [_known(event) for event in history[:4]], NOW)
        draft = DraftEvent.model_validate(
            {"title": "Zufall", "starts": "2027-02-10T10:00", "ends": "2027-02-10T16:00", "capacity": 9}
        )
        event = await draft_event(connection, draft, office=OFFICE, now=NOW)
        await publish_event(connection, event.id, office=OFFICE, now=NOW)
        made: dict[UUID, int] = {}
        for number in range(8):
            command = RegisterParticipant(
                organisation_id=keys[number % 4],
                participant_state=State.BREMEN,
                name=f"Person {number}",
                email=f"merger{number}@ex-001.example",
            )
            done = await register_participant(connection, event.id, command, office=OFFICE, now=NOW)
            made[done.row.registration.id] = number % 4
        told = history + chance.sample(history, k=len(history) // 2)
        for _ in range(2):
            chance.shuffle(told)
            await _feed(connection, told, chance)
            rows = await connection.fetch("select id, organisation_id from registration where event_id = $1", event.id)
            assert {row["id"]: row["organisation_id"] for row in rows} == {
                key: keys[end(number)] for key, number in made.items()
            }
        before = await connection.fetchval("select count(*) from outbox")
        await _feed(connection, told, chance)
        assert await connection.fetchval("select count(*) from outbox") == before, "a replay says nothing"
        await topics_are_gapless(Run(connection, event.id))
    finally:
        await transaction.rollback()
