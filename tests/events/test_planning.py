"""What an event may look like, changing it, moving it, finding it."""

from __future__ import annotations

from typing import Any

import pytest
from norda_common.contracts.events import EVENT, PARTICIPATION
from norda_common.identifiers import new_id
from norda_common.states import State
from support.installation import Installation

from .conftest import Offices, event_body, organisation_event, person_body

THREE_STATES = [{"state": "hb"}, {"state": "hh"}, {"state": "ni"}]

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"starts": "2027-03-28T02:30", "ends": "2027-03-28T05:00"}, "starts", "time_does_not_exist"),
    ({"starts": "2027-10-31T02:30", "ends": "2027-10-31T05:00"}, "starts", "ambiguous_time"),
    ({"starts": "2027-02-30T10:00"}, "starts", "impossible_date"),
    ({"starts": "2300-02-10T10:00"}, "starts", "year_out_of_range"),
    ({"starts": "2027-02-10T16:00", "ends": "2027-02-10T16:00"}, "ends", "ends_before_start"),
    ({"starts": "2021-02-10T10:00", "ends": "2021-02-10T16:00"}, "starts", "in_the_past"),
    ({"ends": "2029-02-10T16:00"}, "ends", "too_long_event"),
    ({"time_zone": "Europe/Atlantis"}, "time_zone", "unknown_time_zone"),
    ({"quotas": {"hb": 6, "hh": 5}}, "quotas", "quotas_exceed_capacity"),
    ({"quotas": {"hb": 6}, "capacity": None}, "quotas", "quota_without_capacity"),
    ({"quotas": {"hb": 6}, "quota_release_at": "2027-02-10T10:00"}, "quota_release_at", "release_after_start"),
    ({"quotas": {"hb": 6}, "quota_release_at": "2021-02-10T10:00"}, "quota_release_at", "in_the_past"),
    ({"quota_release_at": "2027-02-01T10:00"}, "quota_release_at", "release_without_quota"),
    ({"hosts": [{"state": "hb"}, {"state": "hb"}]}, "hosts", "duplicate_host"),
    ({"hosts": [{"state": "hh"}]}, "hosts", "lead_is_no_host"),
    ({"hosts": [{}]}, "hosts.0", "host"),
    ({"hosts": [{"organisation_id": str(new_id())}]}, "hosts.0.organisation_id", "unknown_organisation"),
    ({"competences": ["SRV-04", "ZZZ-99"]}, "competences.1", "unknown_competence"),
    ({"clusters": ["its; drop"]}, "clusters.0", "string_pattern_mismatch"),
    ({"title": "Zeile\u0000zwei"}, "title", "control_character"),
    ({"title": ""}, "title", "string_too_short"),
    ({"title": "x" * 301}, "title", "string_too_long"),
    ({"capacity": -1}, "capacity", "greater_than_equal"),
    ({"capacity": 2_000_000}, "capacity", "less_than_equal"),
    ({"capacity": "10"}, "capacity", "int_type"),
    ({"quotas": {"sh": 1}}, "quotas.sh.[key]", "enum"),
    ({"farbe": "blau"}, "farbe", "extra_forbidden"),
]


@pytest.mark.parametrize(("change", "field", "code"), BAD, ids=[code + "-" + field for _, field, code in BAD])
async def test_a_bad_draft_is_refused_in_both_languages_and_names_its_field(
    offices: Offices, change: dict[str, Any], field: str, code: str
) -> None:
    response = await offices["hb"].post("/api/v1/events", json=event_body(**change))
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["de"] != error["en"]


async def test_broken_and_oversized_bodies_are_refused(offices: Offices) -> None:
    headers = {"content-type": "application/json"}
    assert (await offices["hb"].post("/api/v1/events", content=b'{"title": ', headers=headers)).status_code == 400
    assert (
        await offices["hb"].post("/api/v1/events", content=b'{"title": "\xff"}', headers=headers)
    ).status_code == 400
    huge = b'{"title": "' + b"x" * (9 << 20) + b'"}'
    assert (await offices["hb"].post("/api/v1/events", content=huge, headers=headers)).status_code == 413


async def test_an_own_id_is_unique_in_its_state(offices: Offices) -> None:
    first = await offices.draft(own_id="ev-77")
    taken = await offices["hb"].post("/api/v1/events", json=event_body(own_id="ev-77"))
    assert (taken.status_code, taken.json()["code"]) == (409, "own_id_taken")
    assert taken.json()["event_id"] == first["event_id"]
    assert (await offices["hh"].post("/api/v1/events", json=event_body(own_id="ev-77"))).status_code == 201
    found = (await offices["hb"].get("/api/v1/events", params={"own_id": "ev-77", "state": "hb"})).json()
    assert [item["event_id"] for item in found["items"]] == [first["event_id"]]


async def test_only_the_lead_writes(offices: Offices) -> None:
    hosts = [{"state": "hb"}, {"state": "hh"}]
    draft, published = await offices.draft(hosts=hosts), await offices.publish(hosts=hosts)
    for office, event in (("hh", draft), ("hh", published), ("ni", published)):
        path = f"/api/v1/events/{event['event_id']}"
        refusals = [
            await offices[office].patch(path, json={"title": "Fremd"}),
            await offices[office].post(f"{path}/publication"),
            await offices[office].delete(path),
            await offices[office].post(f"{path}/hosts/hb/agreement"),
        ]
        assert {(r.status_code, r.json()["code"]) for r in refusals} == {(403, "foreign_state")}
        assert (await offices["hb"].post(f"{path}/hosts/hh/agreement")).status_code == 403
        assert (await offices["ni"].get(path)).status_code == (200 if event is published else 404)
    agreement = f"/api/v1/events/{published['event_id']}/hosts/ni/agreement"
    assert (await offices["ni"].post(agreement)).status_code == 403


async def test_another_state_s_draft_does_not_exist_for_readers_or_writers(offices: Offices) -> None:
    draft = await offices.draft(quotas={"hb": 1})
    for event_id in (draft["event_id"], str(new_id())):
        path = f"/api/v1/events/{event_id}"
        registration = f"{path}/registrations/{new_id()}"
        later = {"starts": "2027-02-17T10:00", "ends": "2027-02-17T16:00"}
        answers = [
            await offices["ni"].get(path),
            await offices["ni"].get(f"{path}/registrations"),
            await offices["ni"].get(registration),
            await offices["ni"].patch(path, json={"title": "Fremd"}),
            await offices["ni"].patch(path, json={"title": "Fremd"}, headers={"if-match": '"99"'}),
            await offices["ni"].delete(path),
            await offices["ni"].post(f"{path}/publication"),
            await offices["ni"].post(f"{path}/reschedule", json=later),
            await offices["ni"].post(f"{path}/cancellation", json={"reason": "Fremd"}),
            await offices["ni"].post(f"{path}/hosts/ni/agreement"),
            await offices["ni"].post(f"{path}/hosts/hb/agreement"),
            await offices["ni"].post(f"{path}/quota-release"),
            await offices["ni"].post(f"{path}/quotas/ni/release"),
            await offices["ni"].post(f"{path}/registrations", json=person_body("ni")),
            await offices["ni"].post(f"{registration}/withdrawal"),
            await offices["ni"].delete(f"{registration}/person"),
        ]
        assert {(r.status_code, r.json()["detail"]) for r in answers} == {(404, "Diese Veranstaltung gibt es nicht.")}


async def test_reading_roles_and_missing_tokens_write_nothing(offices: Offices) -> None:
    async with offices.running.client(state=None, role="auditor") as auditor:
        refused = await auditor.post("/api/v1/events", json=event_body())
        assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
        assert (await auditor.get("/api/v1/events")).status_code == 200
        auditor.headers.pop("authorization")
        assert (await auditor.get("/api/v1/events")).status_code == 401


async def test_an_agreement_falls_when_what_was_agreed_to_changes(offices: Offices) -> None:
    draft = await offices.draft(hosts=THREE_STATES)
    path = f"/api/v1/events/{draft['event_id']}"
    await offices["hh"].post(f"{path}/hosts/hh/agreement")
    renamed = (await offices["hb"].patch(path, json={"title": "Neuer Titel"})).json()
    assert [host["agreed"] for host in renamed["hosts"]] == [True, True, False]
    moved = (await offices["hb"].patch(path, json={"starts": "2027-02-10T11:00"})).json()
    assert [host["agreed"] for host in moved["hosts"]] == [True, False, False]


async def test_drafts_are_shown_to_their_hosting_states_only(offices: Offices) -> None:
    draft = await offices.draft(title="Geheimer Entwurf Zett", hosts=[{"state": "hb"}, {"state": "hh"}])
    for office, status, listed in (("hb", 200, 1), ("hh", 200, 1), ("ni", 404, 0)):
        assert (await offices[office].get(f"/api/v1/events/{draft['event_id']}")).status_code == status
        found = (await offices[office].get("/api/v1/events", params={"q": "geheimer zett"})).json()["items"]
        assert len(found) == listed


async def test_published_changes_count_without_gaps_and_no_change_tells_nobody(
    offices: Offices, module_installation: Installation
) -> None:
    draft = await offices.draft("hh", title="Zähltag")
    path = f"/api/v1/events/{draft['event_id']}"
    for capacity in (11, 12):
        await offices["hh"].patch(path, json={"capacity": capacity})
    await offices["hh"].post(f"{path}/publication")
    await offices["hh"].post(f"{path}/publication")
    changed = await offices["hh"].patch(path, json={"title": "Zähltag 2", "venue": "Halle 1", "online": True})
    same = await offices["hh"].patch(path, json={"title": "Zähltag 2"})
    assert (changed.json()["version"], changed.json()["sequence"]) == (5, 2)
    assert same.json()["version"] == 5
    await offices["hh"].patch(path, json={"capacity": None})
    records = [
        r
        for r in await module_installation.read_topic(EVENT, State.HAMBURG, minimum=3)
        if str(r.key) == draft["event_id"]
    ]
    assert [(r.change, r.sequence) for r in records] == [("published", 1), ("changed", 2), ("changed", 3)]


async def test_a_stale_version_is_refused(offices: Offices) -> None:
    draft = await offices.draft()
    path = f"/api/v1/events/{draft['event_id']}"
    got = await offices["hb"].get(path)
    assert got.headers["etag"] == '"1"'
    first = await offices["hb"].patch(path, json={"title": "Eins"}, headers={"if-match": got.headers["etag"]})
    second = await offices["hb"].patch(path, json={"title": "Zwei"}, headers={"if-match": got.headers["etag"]})
    assert (first.status_code, second.status_code, second.json()["version"]) == (200, 412, 2)
    assert (await offices["hb"].patch(path, json={}, headers={"if-match": "abc"})).status_code == 422


async def test_rescheduling_tells_everybody_confirmed_or_waiting(
    offices: Offices, module_installation: Installation
) -> None:
    event = await offices.publish(capacity=1, quotas={"hb": 1}, quota_release_at="2027-02-03T00:00")
    made = [await offices.register(event) for _ in range(3)]
    path = f"/api/v1/events/{event['event_id']}"
    await offices["hb"].post(f"{path}/registrations/{made[2]['registration_id']}/withdrawal")
    assert (await offices["hb"].patch(path, json={"starts": "2027-02-17T10:00"})).json()[
        "code"
    ] == "fixed_after_publication"
    early = {"starts": "2027-02-01T10:00", "ends": "2027-02-01T16:00"}
    refused = await offices["hb"].post(f"{path}/reschedule", json=early)
    assert refused.json()["errors"][0]["code"] == "release_after_start"
    assert (await offices["hh"].post(f"{path}/reschedule", json=early)).status_code == 403

    later = {"starts": "2027-02-17T10:00", "ends": "2027-02-17T16:00"}
    moved = await offices["hb"].post(f"{path}/reschedule", json=later)
    assert moved.json()["starts_local"] == "2027-02-17T10:00:00+01:00"
    again = await offices["hb"].post(f"{path}/reschedule", json=later)
    assert again.json()["version"] == moved.json()["version"]
    told = {item["registration_id"] for item in made[:2]}
    records = await module_installation.read_topic(PARTICIPATION, State.BREMEN, minimum=6)
    rescheduled = [r for r in records if r.change == "event_rescheduled"]
    assert {str(r.key) for r in rescheduled} == told
    assert len(rescheduled) == 2


async def test_lists_are_narrowed_and_paged(offices: Offices, module_installation: Installation) -> None:
    for day in (1, 2, 3):
        await offices.publish(
            "ni",
            title=f"Filtertag Überseehafen {day}",
            starts=f"2028-05-0{day}T10:00",
            ends=f"2028-05-0{day}T16:00",
            competences=["BAT-02"] if day < 3 else ["SRV-04"],
            clusters=["EMS"] if day == 1 else [],
            hosts=[{"state": "ni"}, {"state": "hh"}] if day == 2 else [],
        )

    async def found(**filters: Any) -> list[str]:
        response = await offices["hb"].get("/api/v1/events", params={"q": "filtertag", **filters})
        assert response.status_code == 200, response.text
        return [item["title"][-1] for item in response.json()["items"]]

    assert await found() == ["1", "2", "3"]
    assert await found(competence="BAT") == ["1", "2"]
    assert await found(competence="BAT-02") == ["1", "2"]
    assert await found(cluster="EMS") == ["1"]
    assert await found(state="hh") == ["2"]
    assert await found(status="cancelled") == []
    assert await found(**{"from": "2028-05-02"}) == ["2", "3"]
    assert await found(to="2028-05-02") == ["1", "2"]
    assert await found(q="UEBERSEEHAFEN filter") == ["1", "2", "3"]
    assert await found(q="U\u0308berseehafen 3") == ["3"]
    assert await found(q="%") == (await found(q="")), "a wildcard is no word"
    first = (await offices["hb"].get("/api/v1/events", params={"q": "filtertag", "limit": 2})).json()
    second = await offices["hb"].get(
        "/api/v1/events", params={"q": "filtertag", "limit": 2, "cursor": first["next_cursor"]}
    )
    assert [item["title"][-1] for item in first["items"] + second.json()["items"]] == ["1", "2", "3"]
    assert second.json()["next_cursor"] is None
    for bad in ({"cursor": "kaputt"}, {"limit": 1000}, {"from": "2028-02-30"}, {"state": "sh"}):
        assert (await offices["hb"].get("/api/v1/events", params=bad)).status_code == 422


async def test_an_instance_writes_only_for_the_states_it_serves(installation: Installation) -> None:
    from .conftest import offices_at, start_events  # noqa: PLC0415

    running = start_events(installation, states="hb")
    async with offices_at(running) as offices:
        refused = await offices["hh"].post("/api/v1/events", json=event_body())
        assert (refused.status_code, refused.json()["code"]) == (409, "state_not_served")
        shared = await offices.publish(hosts=THREE_STATES)
        assert (await offices.register(shared, "ni", by="ni"))["status"] == "confirmed"


async def test_the_eight_starter_events_are_taken(offices: Offices, module_installation: Installation) -> None:
    autos = organisation_event(state="ni", kind="cluster", cluster_code="AUTOS", legal_name="AutOS")
    await offices.know(module_installation, autos)
    starters: list[tuple[str, dict[str, Any], int]] = [
        (
            "hb",
            {
                "title": "Transformationsforum Nord",
                "starts": "2027-02-10T10:00+01:00",
                "ends": "2027-02-10T16:00+01:00",
                "hosts": THREE_STATES,
                "capacity": 120,
                "quotas": {"hb": 30, "hh": 30, "ni": 60},
                "quota_release_at": "2027-02-03T00:00+01:00",
            },
            360,
        ),
        (
            "ni",
            {
                "title": "Delegationsreise: Nachtabfahrt",
                "starts": "2027-03-28T01:30+01:00",
                "ends": "2027-03-28T04:00+02:00",
                "capacity": 24,
            },
            90,
        ),
        (
            "hb",
            {
                "title": "Norddeutscher Gemeinschaftsstand Zuliefermesse",
                "starts": "2027-10-12T09:00+02:00",
                "ends": "2027-10-14T17:00+02:00",
                "hosts": THREE_STATES,
                "capacity": 18,
            },
            56 * 60,
        ),
        (
            "hb",
            {
                "title": "Online-Seminar Batterie",
                "starts": "2027-04-22T14:00+02:00",
                "ends": "2027-04-22T15:30+02:00",
                "capacity": None,
                "online": True,
            },
            90,
        ),
        (
            "ni",
            {
                "title": "Zulieferertag Ems",
                "starts": "2027-05-20T09:00+02:00",
                "ends": "2027-05-20T17:00+02:00",
                "capacity": 40,
            },
            480,
        ),
        (
            "ni",
            {
                "title": "AutOS Expertenkreis (nur Mitglieder)",
                "starts": "2027-06-03T17:00+02:00",
                "ends": "2027-06-03T20:00+02:00",
                "hosts": [{"organisation_id": str(autos.key)}],
                "capacity": 25,
            },
            180,
        ),
        (
            "hb",
            {
                "title": "Matchmaking-Tag Weser-Elbe",
                "starts": "2027-09-09T09:00+02:00",
                "ends": "2027-09-09T17:00+02:00",
                "hosts": [{"state": "hb"}, {"state": "hh"}],
                "capacity": 60,
            },
            480,
        ),
        (
            "hh",
            {
                "title": "24-Stunden-Hackathon Datenräume",
                "starts": "2027-10-30T18:00",
                "ends": "2027-10-31T18:00",
                "capacity": 80,
            },
            25 * 60,
        ),
    ]
    for number, (lead, body, minutes) in enumerate(starters, start=1):
        event = await offices.publish(lead, **body, own_id=f"ev-0{number}")
        assert event["duration_minutes"] == minutes, body["title"]
        assert (await offices.register(event, "ni"))["status"] == "confirmed"
