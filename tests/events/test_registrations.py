"""Registering, quotas, the waiting list, withdrawing, and who may do it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from norda_common.contracts.events import PARTICIPATION, REGISTRATION, Participation, Registration
from norda_common.identifiers import new_id
from norda_common.states import State
from support.installation import Installation

from .conftest import Offices, organisation_event, person_body

QUOTAS: dict[str, Any] = {
    "hosts": [{"state": "hb"}, {"state": "hh"}, {"state": "ni"}],
    "capacity": 4,
    "quotas": {"hb": 1, "hh": 2},
    "quota_release_at": "2027-02-03T00:00+01:00",
}


async def statuses(offices: Offices, event: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(item["participant_state"], item["status"]) for item in await offices.registrations(event)]


async def test_a_seat_counts_against_the_quota_and_further_ones_wait(offices: Offices) -> None:
    event = await offices.publish(**QUOTAS)
    for state in ("hb", "hb", "hh", "hh", "hh", "ni", "ni", None):
        await offices.register(event, state)
    assert await statuses(offices, event) == [
        ("hb", "confirmed"),
        ("hb", "waitlisted"),
        ("hh", "confirmed"),
        ("hh", "confirmed"),
        ("hh", "waitlisted"),
        # Niedersachsen has no quota: it shares the one seat outside all quotas.
        ("ni", "confirmed"),
        ("ni", "waitlisted"),
        (None, "waitlisted"),
    ]
    seats = (await offices.get(event))["seats"]
    assert (seats["confirmed"], seats["waitlisted"], seats["free"]) == (4, 4, 0)


async def test_a_withdrawal_promotes_the_next_of_the_same_state_before_the_release(offices: Offices) -> None:
    event = await offices.publish(**QUOTAS)
    made = [await offices.register(event, state) for state in ("hb", "hh", "hh", "ni", "ni", "hh", "hb")]
    response = await offices["hb"].post(
        f"/api/v1/events/{event['event_id']}/registrations/{made[1]['registration_id']}/withdrawal"
    )
    assert response.json()["status"] == "withdrawn"
    assert await statuses(offices, event) == [
        ("hb", "confirmed"),
        ("hh", "withdrawn"),
        ("hh", "confirmed"),
        ("ni", "confirmed"),
        ("ni", "waitlisted"),
        ("hh", "confirmed"),
        ("hb", "waitlisted"),
    ]


async def test_a_withdrawal_promotes_the_next_overall_after_the_release(offices: Offices) -> None:
    event = await offices.publish(**QUOTAS)
    made = [await offices.register(event, state) for state in ("hb", "hh", "hh", "ni", "ni", "hh")]
    path = f"/api/v1/events/{event['event_id']}"
    assert (await offices["hb"].post(f"{path}/quota-release")).status_code == 200
    await offices["hb"].post(f"{path}/registrations/{made[1]['registration_id']}/withdrawal")
    assert (await statuses(offices, event))[4:] == [("ni", "confirmed"), ("hh", "waitlisted")]


async def test_withdrawing_again_changes_nothing(offices: Offices) -> None:
    event = await offices.publish()
    made = await offices.register(event)
    path = f"/api/v1/events/{event['event_id']}/registrations/{made['registration_id']}/withdrawal"
    first, second = await offices["hb"].post(path), await offices["hb"].post(path)
    assert first.json() == second.json()
    assert second.json()["version"] == 2


async def test_two_take_the_last_seat_at_once_and_exactly_one_is_confirmed(offices: Offices) -> None:
    for _ in range(5):
        event = await offices.publish(capacity=1)
        path = f"/api/v1/events/{event['event_id']}/registrations"
        answers = await asyncio.gather(*(offices["hb"].post(path, json=person_body()) for _ in range(2)))
        assert sorted(answer.json()["status"] for answer in answers) == ["confirmed", "waitlisted"]


async def test_many_at_once_through_three_offices_fill_each_quota_exactly(offices: Offices) -> None:
    event = await offices.publish(**(QUOTAS | {"capacity": 10, "quotas": {"hb": 2, "hh": 3, "ni": 5}}))
    path = f"/api/v1/events/{event['event_id']}/registrations"
    answers = await asyncio.gather(
        *(offices[state].post(path, json=person_body(state)) for state in ("hb", "hh", "ni") * 8)
    )
    assert {answer.status_code for answer in answers} == {201}
    outcome = Counter((a.json()["participant_state"], a.json()["status"]) for a in answers)
    assert outcome == {
        ("hb", "confirmed"): 2,
        ("hb", "waitlisted"): 6,
        ("hh", "confirmed"): 3,
        ("hh", "waitlisted"): 5,
        ("ni", "confirmed"): 5,
        ("ni", "waitlisted"): 3,
    }
    positions = [item["position"] for item in await offices.registrations(event)]
    assert positions == list(range(1, 25))


async def test_withdrawals_and_registrations_at_once_leave_no_seat_empty_and_none_given_twice(offices: Offices) -> None:
    event = await offices.publish(capacity=5)
    path = f"/api/v1/events/{event['event_id']}/registrations"
    made = [await offices.register(event) for _ in range(10)]
    await asyncio.gather(
        *(offices["hb"].post(f"{path}/{item['registration_id']}/withdrawal") for item in made[:7]),
        *(offices["hb"].post(path, json=person_body()) for _ in range(7)),
    )
    seats = (await offices.get(event))["seats"]
    assert (seats["confirmed"], seats["waitlisted"]) == (5, 5)
    confirmed = [item["position"] for item in await offices.registrations(event, status="confirmed")]
    waiting = [item["position"] for item in await offices.registrations(event, status="waitlisted")]
    assert max(confirmed) < min(waiting)


async def test_the_same_person_is_registered_once_whatever_the_spelling(offices: Offices) -> None:
    event = await offices.publish()
    path = f"/api/v1/events/{event['event_id']}/registrations"
    first = await offices["hb"].post(path, json=person_body(email="Erika@Müller.example"))
    again = await offices["hb"].post(path, json=person_body("ni", email=" ERIKA@xn--mller-kva.EXAMPLE "))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["already_registered"]
    assert again.json()["registration_id"] == first.json()["registration_id"]
    assert again.json()["participant_state"] == "hb"
    assert again.json()["version"] == 1


async def test_the_same_person_at_once_is_registered_once(offices: Offices) -> None:
    event = await offices.publish()
    body = person_body()
    answers = await asyncio.gather(
        *(offices["hb"].post(f"/api/v1/events/{event['event_id']}/registrations", json=body) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]
    assert len({answer.json()["registration_id"] for answer in answers}) == 1


async def test_a_repeated_request_returns_what_the_first_one_made(offices: Offices) -> None:
    event = await offices.publish()
    path = f"/api/v1/events/{event['event_id']}/registrations"
    body, key = person_body(), {"idempotency-key": "request-1"}
    first = await offices["hb"].post(path, json=body, headers=key)
    withdrawn = await offices["hb"].post(f"{path}/{first.json()['registration_id']}/withdrawal")
    again = await offices["hb"].post(path, json=body, headers=key)
    assert again.status_code == 200, "a late repetition does not undo a withdrawal"
    assert again.json()["status"] == "withdrawn"
    assert again.json()["version"] == withdrawn.json()["version"]
    other = await offices["hb"].post(path, json=person_body(), headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (await offices["hb"].post(path, json=person_body(), headers={"idempotency-key": ""})).status_code == 422


async def test_somebody_who_withdrew_may_register_again_at_the_end(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(capacity=1)
    body = person_body()
    first = await offices.register(event, **body)
    path = f"/api/v1/events/{event['event_id']}/registrations"
    await offices.register(event)
    await offices["hb"].post(f"{path}/{first['registration_id']}/withdrawal")
    again = await offices["hb"].post(path, json=body)
    assert again.status_code == 201
    assert again.json()["registration_id"] == first["registration_id"]
    assert again.json()["status"] == "waitlisted"
    assert again.json()["position"] == 3
    for topic in (REGISTRATION, PARTICIPATION):
        records = await module_installation.read_topic(topic, State.BREMEN, minimum=4)
        own = [(r.change, r.sequence) for r in records if str(r.key) == first["registration_id"]]
        assert own == [("confirmed", 1), ("withdrawn", 2), ("waitlisted", 3)]


async def test_each_change_is_told_publicly_without_and_privately_with_the_person(
    offices: Offices, module_installation: Installation
) -> None:
    organisation = organisation_event(state="ni", legal_name="Beispiel Aller Antriebe GmbH")
    await offices.know(module_installation, organisation)
    event = await offices.publish(
        title="Zwei Themen", description="Lang und breit", **{k: QUOTAS[k] for k in ("hosts",)}
    )
    body = {"organisation_id": str(organisation.key), "name": "Beispiel Aller", "email": "aller@ex-015.example"}
    path = f"/api/v1/events/{event['event_id']}/registrations"
    made = (await offices["ni"].post(path, json=body | {"language": "en"})).json()
    assert made["organisation_name"] == "Beispiel Aller Antriebe GmbH"
    assert made["participant_state"] == "ni", "the organisation's responsible state is the default"

    public = await module_installation.read_topic(REGISTRATION, State.BREMEN, key=made["registration_id"])
    private = await module_installation.read_topic(PARTICIPATION, State.BREMEN, key=made["registration_id"])
    assert [(r.change, r.sequence) for r in public] == [(r.change, r.sequence) for r in private] == [("confirmed", 1)]
    assert isinstance(public[0].data, Registration)
    assert isinstance(private[0].data, Participation)
    assert private[0].data.registration == public[0].data
    assert private[0].data.participant.email == "aller@ex-015.example"
    assert private[0].data.participant.language == "en"
    assert private[0].data.event.title == "Zwei Themen"
    assert str(public[0].data.organisation_id) == str(organisation.key)
    names = [
        record.value
        for record in await module_installation.read_raw(
            REGISTRATION.name(State.BREMEN, prefix=module_installation.prefix)
        )
    ]
    assert not any(b"aller@" in value or b"Beispiel Aller" in value for value in names if value)


async def test_an_organisation_must_be_known_and_active(offices: Offices, module_installation: Installation) -> None:
    gone = organisation_event(state="hb", status="deactivated")
    await offices.know(module_installation, gone)
    event = await offices.publish()
    path = f"/api/v1/events/{event['event_id']}/registrations"
    for key, code in ((new_id(), "unknown_organisation"), (gone.key, "inactive_organisation")):
        refused = await offices["hb"].post(path, json=person_body(organisation_id=str(key)))
        assert refused.status_code == 422
        assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [("organisation_id", code)]


async def test_hosting_offices_register_their_own_and_the_lead_everybody(
    offices: Offices, module_installation: Installation
) -> None:
    foreign, own = organisation_event(state="ni"), organisation_event(state="hh")
    await offices.know(module_installation, foreign, own)
    event = await offices.publish(hosts=[{"state": "hb"}, {"state": "hh"}])
    path = f"/api/v1/events/{event['event_id']}/registrations"
    attempts = {
        ("hb", "ni", None): 201,
        ("hh", "hh", None): 201,
        ("hh", "hh", str(own.key)): 201,
        ("hb", "ni", str(foreign.key)): 201,
        ("hh", "hb", None): 403,
        ("hh", None, None): 403,
        ("hh", "hh", str(foreign.key)): 403,
        ("ni", "ni", None): 403,
    }
    for (office, state, organisation), expected in attempts.items():
        response = await offices[office].post(path, json=person_body(state, organisation_id=organisation))
        assert response.status_code == expected, (office, state, organisation, response.text)
    items = await offices.registrations(event)
    of_bremen = next(item for item in items if item["participant_state"] == "ni")
    of_hamburg = next(item for item in items if item["participant_state"] == "hh")
    withdrawal = f"{path}/{of_bremen['registration_id']}/withdrawal"
    assert (await offices["hh"].post(withdrawal)).status_code == 403
    assert (await offices["ni"].post(withdrawal)).status_code == 403
    assert (await offices["hh"].post(f"{path}/{of_hamburg['registration_id']}/withdrawal")).status_code == 200


async def test_names_are_for_the_lead_and_for_the_participant_s_own_office(offices: Offices) -> None:
    event = await offices.publish(hosts=[{"state": "hb"}, {"state": "hh"}])
    for state in ("hb", "hh", "ni"):
        await offices.register(event, state)
    path = f"/api/v1/events/{event['event_id']}/registrations"

    async def seen_by(office: str) -> list[tuple[str, bool]]:
        items = (await offices[office].get(path)).json()["items"]
        return [(item["participant_state"], item["participant"] is not None) for item in items]

    assert await seen_by("hb") == [("hb", True), ("hh", True), ("ni", True)]
    assert await seen_by("hh") == [("hb", False), ("hh", True), ("ni", False)]
    assert (await offices["ni"].get(path)).status_code == 403


async def test_no_registration_before_publication(offices: Offices) -> None:
    draft = await offices.draft()
    refused = await offices["hb"].post(f"/api/v1/events/{draft['event_id']}/registrations", json=person_body())
    assert (refused.status_code, refused.json()["code"]) == (409, "not_published")


async def test_bad_registrations_name_their_fields_and_not_the_person(offices: Offices) -> None:
    event = await offices.publish()
    path = f"/api/v1/events/{event['event_id']}/registrations"
    cases: list[tuple[dict[str, Any], str]] = [
        (person_body(email="geheim.person"), "email"),
        (person_body(name="Geheim\x00Person"), "name"),
        (person_body(name=" "), "name"),
        (person_body(name="Geheim" * 60), "name"),
        (person_body(language="fr"), "language"),
        (person_body("sh"), "participant_state"),
        (person_body(telephone="0421 geheim"), "telephone"),
        ({key: value for key, value in person_body().items() if key != "participant_state"}, "participant_state"),
    ]
    for body, field in cases:
        refused = await offices["hb"].post(path, json=body)
        assert refused.status_code == 422, body
        assert [error["field"] for error in refused.json()["errors"]] == [field]
        assert refused.json()["errors"][0]["de"] != refused.json()["errors"][0]["en"]
        assert "eheim" not in refused.text


async def test_pages_of_registrations_hold_each_once(offices: Offices) -> None:
    event = await offices.publish()
    for _ in range(5):
        await offices.register(event)
    path, cursor, seen = f"/api/v1/events/{event['event_id']}/registrations", None, []
    while True:
        page = (await offices["hb"].get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["position"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [1, 2, 3, 4, 5]
    assert (await offices["hb"].get(path, params={"cursor": "kaputt"})).status_code == 422
