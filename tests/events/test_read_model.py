"""The read model of organisations: from the topic alone, newest only, through relocation and erasure."""

from __future__ import annotations

import random
from typing import Any

from norda_common.contracts.envelope import decode, encode_headers, encode_value
from norda_common.contracts.registry import ORGANISATION
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_events.store import organisations
from norda_events.usecases import copying
from support.installation import Installation
from support.waiting import eventually

from .conftest import Offices, organisation_event


async def test_a_relocated_organisation_is_followed(offices: Offices, module_installation: Installation) -> None:
    key = new_id()
    await offices.know(module_installation, organisation_event(key=key, state="hb", legal_name="Beispiel Roland"))
    event = await offices.publish(hosts=[{"state": "hb"}, {"state": "hh"}, {"state": "ni"}])
    body = {"organisation_id": str(key), "name": "Beispiel Eins", "email": "eins@ex-005.example"}
    path = f"/api/v1/events/{event['event_id']}/registrations"
    before = await offices["hb"].post(path, json=body)
    assert before.json()["participant_state"] == "hb"

    moved = [
        organisation_event(
            key=key, state="ni", topic_state=topic, sequence=2, change="seat_relocated", legal_name="Beispiel Roland"
        )
        for topic in ("ni", "hb")
    ]
    await offices.know(module_installation, *moved)
    assert (await offices["hb"].get(f"/api/v1/organisations/{key}")).json() == {
        "organisation_id": str(key),
        "responsible_state": "ni",
        "name": "Beispiel Roland",
        "status": "active",
        "kind": "company",
        "competences": ["BAT-02", "BAT-03"],
        "sequence": 2,
        "merged_into": None,
    }
    after = await offices["ni"].post(path, json=body | {"email": "zwei@ex-005.example"})
    assert after.json()["participant_state"] == "ni"
    items = await offices.registrations(event)
    assert [item["participant_state"] for item in items] == ["hb", "ni"], "seats given before stay where they count"

    async def listed(state: str) -> list[str]:
        response = await offices["hb"].get("/api/v1/organisations", params={"state": state, "limit": 200})
        return [item["organisation_id"] for item in response.json()["items"]]

    assert str(key) in await listed("ni")
    assert str(key) not in await listed("hb")


async def test_an_erased_organisation_is_forgotten_and_not_brought_back(
    offices: Offices, module_installation: Installation
) -> None:
    key = new_id()
    await offices.know(module_installation, organisation_event(key=key, state="ni", sequence=2))
    await module_installation.publish(organisation_event(key=key, state="ni", sequence=3, erased=True))

    async def gone() -> None:
        assert (await offices["hb"].get(f"/api/v1/organisations/{key}")).status_code == 404

    await eventually(gone)
    marker = organisation_event(state="hb")
    await module_installation.publish(organisation_event(key=key, state="hb", sequence=2))
    await offices.know(module_installation, marker)
    await gone()


async def test_any_order_and_any_repetition_end_in_the_newest_state(module_installation: Installation) -> None:
    chance = random.Random(3)  # noqa: S311 - a shuffle, repeatable
    connection: Any = await module_installation.connect(role="norda_events")
    try:
        await connection.execute("set search_path = events, public")
        keys = [new_id() for _ in range(20)]
        history = [
            organisation_event(key=key, state=chance.choice(["hb", "hh", "ni"]), sequence=n, legal_name=f"Stand {n}")
            for key in keys
            for n in range(1, 6)
        ]
        for _ in range(3):
            chance.shuffle(history)
            for start in range(0, len(history), 17):
                batch = [_known(event) for event in history[start : start + 17]]
                await copying.copy_organisations(connection, batch, history[0].time)
        known = await organisations.known(connection, keys)
        assert {(item.name, item.sequence) for item in known.values()} == {("Stand 5", 5)}
        assert len(known) == 20
    finally:
        await connection.close()


def _known(event: Event) -> organisations.KnownOrganisation:
    return copying.known(
        decode(
            ORGANISATION,
            key=str(event.key).encode(),
            value=encode_value(event),
            headers=encode_headers(event, traceparent=None),
            data=copying.OrganisationFacts,
        )
    )
