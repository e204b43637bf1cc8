"""The pages of events, as a browser without scripts uses them: forms, refusals, conflicts, rights, public pages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import icalendar
import pytest
from norda_common.identifiers import new_id
from support.forms import form_of
from support.people import Person, signed_in, text_of

from .conftest import Offices, event_body, organisation_event

HOSTS = [{"state": "hb"}, {"state": "hh"}]
FORM = {
    "title": "Fachtag Überseehafen",
    "starts": "2027-02-10T10:00",
    "ends": "2027-02-10T16:00",
    "time_zone": "Europe/Berlin",
    "hosts": ["hb"],
    "capacity": "40",
}


@pytest.fixture
async def hb(offices: Offices) -> AsyncIterator[Person]:
    async with signed_in(offices.running, state="hb") as person:
        yield person


@pytest.fixture
async def hh(offices: Offices) -> AsyncIterator[Person]:
    async with signed_in(offices.running, state="hh") as person:
        yield person


def base(event: Mapping[str, Any]) -> str:
    return f"/events/{event['event_id']}"


def value_of(page: httpx2.Response, name: str) -> str | None:
    """What a text field holds."""
    field = re.search(rf'<(?:input|textarea)[^>]* name="{re.escape(name)}"[^>]*>', page.text)
    assert field, f"no field {name}"
    if field[0].startswith("<textarea"):
        inside = re.search(rf'name="{re.escape(name)}"[^>]*>\n?(.*?)</textarea>', page.text, re.DOTALL)
        return inside[1] if inside else None
    found = re.search(r'value="([^"]*)"', field[0])
    return found[1] if found else None


def error_at(page: httpx2.Response, name: str) -> str:
    """The message beside a field."""
    found = re.search(rf'id="feld-{re.escape(name)}-fehler">(.*?)</p>', page.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""


async def after(person: Person, response: httpx2.Response) -> httpx2.Response:
    """Where a form led to."""
    assert response.status_code == 303, text_of(response)
    return await person.get(response.headers["location"])


@pytest.mark.parametrize("language", ["de", "en"])
async def test_every_page_is_there_in_both_languages(offices: Offices, language: str) -> None:
    event = await offices.publish(hosts=HOSTS, quotas={"hb": 4}, title_en="Example day")
    registration = await offices.register(event)
    one = f"{base(event)}/registrations/{registration['registration_id']}"
    steps = (
        "",
        "/edit",
        "/cancel",
        "/reschedule",
        "/release",
        "/publish",
        "/release-quotas",
        "/release-quota?state=hb",
    )
    paths = [
        *(
            "/events/",
            "/events/list",
            "/events/calendar",
            "/events/new",
            "/events/public",
            "/events/public?month=2027-02",
        ),
        *(f"{base(event)}{step}" for step in (*steps, "/registrations/new")),
        *(f"{one}{step}" for step in ("", "/withdraw", "/erase")),
    ]
    async with signed_in(offices.running, state="hb", language=language) as person:
        for path in paths:
            response = await person.get(path)
            assert response.status_code == 200, (path, text_of(response))
            assert f'<html lang="{language}"' in response.text
            assert " style=" not in response.text, path
        assert (await person.get(f"{base(event)}/nothing")).status_code == 404


async def test_the_list_is_narrowed_sorted_and_paged_by_its_address(offices: Offices, hb: Person) -> None:
    word = f"Zeppelin{new_id().hex[:8]}"
    for day in range(1, 4):
        await offices.publish(
            title=f"{word} {day}", starts=f"2027-06-0{day}T10:00", ends=f"2027-06-0{day}T12:00", competences=["BAT-02"]
        )
    await offices["hb"].patch(
        base(await offices.draft(title=f"{word} Entwurf")).replace("/events", "/api/v1/events"),
        json={"venue": "Speicher"},
    )

    async def titles(query: str) -> list[str]:
        page = await hb.get(f"/events/list?q={word.upper()}&{query}")
        assert page.status_code == 200
        return re.findall(rf'<a href="/events/[0-9a-f-]+">{word} (\w+)</a>', page.text)

    assert await titles("") == ["Entwurf", "1", "2", "3"]
    assert await titles("direction=desc") == ["3", "2", "1", "Entwurf"]
    assert await titles("sort=changed") == ["Entwurf", "3", "2", "1"]
    assert await titles("status=draft&state=&competence=&from=&to=") == ["Entwurf"]
    assert await titles("competence=BAT&from=2027-06-02&to=2027-06-02") == ["2"]
    assert await titles("state=hh") == []
    assert (await hb.get("/events/list?from=gestern")).status_code == 422
    hb.client.headers["cookie"] += "; norda-state=hh"
    assert await titles("") == [], "the switch narrows the list"
    assert await titles("state=all") == ["Entwurf", "1", "2", "3"]


async def test_a_draft_is_made_from_a_form(hb: Person) -> None:
    form = FORM | {
        "title_en": "Harbour day",
        "description": "Erste Zeile\r\nZweite Zeile",
        "venue": "Speicher XI",
        "online": "yes",
        "hosts": ["hb", "hh"],
        "quotas.hb": "10",
        "quotas.hh": "0",
        "quota_release_at": "2027-02-01T08:00",
        "competences": ["BAT", "BAT-02"],
        "clusters": "ANW, MARI",
        "own_id": f"ev-{new_id().hex[:6]}",
    }
    page = await after(hb, await hb.post("/events/new", form))
    text = text_of(page)
    assert "Der Entwurf ist gespeichert" in text
    for said in (
        "Mi., 10.02.2027, 10:00–16:00 MEZ (6 Std.)",
        "Speicher XI und online",
        "Module und Packs",
        "ANW, MARI",
    ):
        assert said in text
    assert "0 von 40 belegt, 40 frei" in text
    assert "noch keine Zustimmung" in text


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"title": ""}, "title", "fehlt"),
        ({"starts": "2027-03-28T02:30", "ends": "2027-03-28T05:00"}, "starts", "diese Ortszeit gibt es nicht"),
        ({"ends": "2027-02-10T09:00"}, "ends", "liegt nicht nach dem Beginn"),
        ({"capacity": "viele"}, "capacity", "muss eine ganze Zahl sein"),
        ({"quotas.hb": "50"}, "quotas.hb", "die Veranstaltung hat 40"),
        ({"hosts": ["hh"]}, "hosts", "gehört das federführende dazu"),
        ({"clusters": "ok, its; drop"}, "clusters", "hat nicht die erwartete Form"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "IANA"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    hb: Person, change: dict[str, str], field: str, told: str
) -> None:
    form = FORM | {"description": "Lange <Beschreibung>", "competences": ["BAT-02"]} | change
    page = await hb.post("/events/new", form)
    assert page.status_code == 422
    assert told in error_at(page, field)
    assert f'href="#feld-{field}"' in page.text
    for name in ("title", "starts", "ends", "capacity"):
        assert value_of(page, name) == str(form[name])
    assert value_of(page, "description") == "Lange &lt;Beschreibung&gt;"
    assert re.search(r'value="BAT-02" checked', page.text)


async def test_a_local_time_that_happens_twice_is_asked_about(hb: Person) -> None:
    form = FORM | {"starts": "2027-10-31T02:30", "ends": "2027-10-31T05:00"}
    page = await hb.post("/events/new", form)
    assert page.status_code == 422
    assert "zweimal" in error_at(page, "starts")
    assert 'value="+02:00"' in page.text
    shown = text_of(await after(hb, await hb.post("/events/new", form | {"starts_offset": "+01:00"})))
    assert "02:30–05:00 MEZ" in shown


async def test_organisations_are_found_by_name_and_host(offices: Offices, hb: Person) -> None:
    word = f"q{new_id().hex[:8]}"
    records = [
        organisation_event(legal_name=f"{word} Überseewerk GmbH"),
        organisation_event(legal_name=f"{word} Stillgelegt GmbH", status="inactive"),
    ]
    await offices.know(offices.running.installation, *records)
    page = await hb.post("/events/new", FORM | {"search": "yes", "organisation_words": f"UEBERSEE {word}"})
    assert page.status_code == 200
    assert f"{word} Überseewerk GmbH (Bremen)" in page.text
    plain = await hb.post("/events/new", FORM | {"search": "yes", "organisation_words": f"uberseew {word}"})
    assert f"{word} Überseewerk GmbH (Bremen)" in plain.text
    assert "Stillgelegt" not in page.text
    assert value_of(page, "title") == FORM["title"], "looking for somebody loses nothing"
    shown = await after(hb, await hb.post("/events/new", FORM | {"hosts": ["hb", str(records[0].key)]}))
    assert f"{word} Überseewerk GmbH" in text_of(shown)
    none = await hb.post("/events/new", FORM | {"search": "yes", "organisation_words": "gibtesnicht"})
    assert "Keine aktive Organisation heißt so" in text_of(none)


async def test_a_change_of_what_somebody_else_changed_shows_both_and_overwrites_nothing(
    offices: Offices, hb: Person
) -> None:
    draft = await offices.draft(title="Alt", venue="Halle", capacity=10)
    form = await hb.get(f"{base(draft)}/edit")
    assert (value_of(form, "version"), value_of(form, "starts")) == ("1", "2027-02-10T10:00")
    await offices["hb"].patch(f"/api/v1{base(draft)}", json={"title": "Neu von anderen", "capacity": 20})
    edit = f"{base(draft)}/edit"
    typed = form_of(form, edit) | {"title": "Mein Titel", "venue": "Meine Halle", "capacity": "10"}
    conflict = await hb.post(edit, typed)
    assert conflict.status_code == 412
    text = text_of(conflict)
    for said in ("Mein Titel", "Neu von anderen", "Meine Halle", "Halle", "Version 2"):
        assert said in text
    assert (await offices.get(draft))["title"] == "Neu von anderen"
    kept = form_of(conflict, edit)
    assert (kept["title"], kept["version"], kept["conflict"]) == (["Mein Titel"], ["2"], ["yes"])
    # Proposed is the change of whoever alone made one; where both did, what is stored.
    proposed = {name: kept[f"choice-{name}"] for name in ("title", "venue", "capacity")}
    assert proposed == {"title": ["theirs"], "venue": ["mine"], "capacity": ["theirs"]}
    await after(hb, await hb.post(edit, kept))
    stored = await offices.get(draft)
    assert (stored["title"], stored["venue"], stored["capacity"]) == ("Neu von anderen", "Meine Halle", 20)


async def test_a_second_comparison_keeps_what_was_chosen_in_the_first(offices: Offices, hb: Person) -> None:
    draft = await offices.draft(title="Alt", venue="Halle", capacity=10)
    edit, api = f"{base(draft)}/edit", f"/api/v1{base(draft)}"
    typed = form_of(await hb.get(edit), edit) | {"title": "Mein Titel", "venue": "Meine Halle"}
    await offices["hb"].patch(api, json={"venue": "Neue Halle"})
    first = form_of(await hb.post(edit, typed), edit)
    assert [first[f"choice-{name}"] for name in ("title", "venue")] == [["mine"], ["theirs"]]
    await offices["hb"].patch(api, json={"capacity": 30})
    second = form_of(await hb.post(edit, first), edit)
    # All but the title was settled as theirs, whatever that has become; nothing about it is left to choose.
    assert {name: value for name, value in second.items() if name.startswith("choice-")} == {"choice-title": ["mine"]}
    await after(hb, await hb.post(edit, second))
    stored = await offices.get(draft)
    assert (stored["title"], stored["venue"], stored["capacity"]) == ("Mein Titel", "Neue Halle", 30)


async def test_saving_what_nobody_touched_changes_nothing(offices: Offices, hb: Person, hh: Person) -> None:
    draft = await offices.draft("hb", hosts=[{"state": "hh"}, {"state": "hb"}], competences=["PRD-01", "BAT-01"])
    agreed = await offices["hh"].post(f"/api/v1{base(draft)}/hosts/hh/agreement")
    version = agreed.json()["version"]
    edit = f"{base(draft)}/edit"
    same = form_of(await hb.get(edit), edit) | {"hosts": ["hb", "hh"], "competences": ["BAT-01", "PRD-01"]}
    assert "Es gab nichts zu ändern" in text_of(await after(hb, await hb.post(edit, same)))
    await after(hb, await hb.post(edit, same | {"title": "Anders"}))
    stored = await offices.get(draft)
    assert stored["version"] == version + 1
    assert all(host["agreed"] for host in stored["hosts"]), "agreements outlive a new title"


async def test_a_page_that_fails_shows_what_was_typed(offices: Offices, hb: Person) -> None:
    draft = await offices.draft(title="Bald fort")
    edit = f"{base(draft)}/edit"
    typed = form_of(await hb.get(edit), edit) | {"description": "Lange überlegter Text"}
    await offices["hb"].delete(f"/api/v1{base(draft)}")
    gone = await hb.post(edit, typed)
    assert gone.status_code == 404
    assert "Lange überlegter Text" in text_of(gone)
    assert form_of(gone, edit)["description"] == ["Lange überlegter Text"]


async def test_a_published_event_keeps_its_time_and_hosts_when_it_is_changed(offices: Offices, hb: Person) -> None:
    event = await offices.publish(hosts=HOSTS, title_en="Old", quotas={"hh": 2})
    form = await hb.get(f"{base(event)}/edit")
    assert 'name="starts"' not in form.text
    sent = {"title": "Umbenannt", "time_zone": "Europe/Berlin", "capacity": "10", "version": str(event["version"])}
    text = text_of(await after(hb, await hb.post(f"{base(event)}/edit", sent)))
    assert "Die Änderung ist gespeichert" in text
    stored = await offices.get(event)
    assert (stored["title"], stored["title_en"], stored["quotas"]) == ("Umbenannt", None, [])
    assert (stored["starts_at"], stored["hosts"]) == (event["starts_at"], event["hosts"])
    again = await hb.post(f"{base(event)}/edit", sent | {"version": str(stored["version"])})
    assert "Es gab nichts zu ändern" in text_of(await after(hb, again))


async def test_hosts_agree_and_the_lead_publishes(offices: Offices, hb: Person, hh: Person) -> None:
    draft = await offices.draft(hosts=HOSTS)
    missing = await hb.get(f"{base(draft)}/publish")
    assert "Es fehlt die Zustimmung von Hamburg" in text_of(missing)
    refused = await hb.post(f"{base(draft)}/publish", {"version": "1"})
    assert (refused.status_code, "Die Zustimmung fehlt noch: Hamburg" in text_of(refused)) == (409, True)
    assert "Entwürfe, die auf Ihre Zustimmung warten" in text_of(await hh.get("/events/"))
    assert f"{base(draft)}/agree" in (await hh.get(base(draft))).text
    assert "zugestimmt" in text_of(await after(hh, await hh.post(f"{base(draft)}/agree", {"version": "1"})))
    published = await after(hb, await hb.post(f"{base(draft)}/publish", {"version": "2"}))
    assert "Die Veranstaltung ist veröffentlicht" in text_of(published)


async def test_nobody_agrees_to_what_has_changed_since_it_was_looked_at(offices: Offices, hh: Person) -> None:
    draft = await offices.draft(hosts=HOSTS)
    await offices["hb"].patch(f"/api/v1{base(draft)}", json={"capacity": 500})
    late = await hh.post(f"{base(draft)}/agree", {"version": "1"})
    assert late.status_code == 412
    assert f'action="{base(draft)}/agree"' not in late.text
    assert not (await offices.get(draft))["hosts"][1]["agreed"]


async def test_a_step_is_asked_about_what_was_read(offices: Offices, hb: Person, hh: Person) -> None:
    draft = await offices.draft(hosts=HOSTS, capacity=9, quotas={"hb": 1, "hh": 2})
    link = re.search(r'href="([^"]+/agree[^"]*)"', (await hh.get(base(draft))).text)
    assert link
    asked = text_of(await hh.get(link[1]))
    for said in ("Bremen, Hamburg", "Kontingente: Bremen 1, Hamburg 2"):
        assert said in asked
    await offices["hb"].patch(f"/api/v1{base(draft)}", json={"capacity": 8})
    stale = await hh.get(link[1])
    assert "hat sich geändert, seit Sie sie gelesen haben" in text_of(stale)
    assert f'action="{base(draft)}/agree"' not in stale.text
    unseen = await hb.post(f"{base(draft)}/discard", {"version": "1"})
    assert unseen.status_code == 412
    assert (await hb.get(base(draft))).status_code == 200


async def test_a_state_with_a_quota_releases_it_without_hosting(offices: Offices) -> None:
    event = await offices.publish(hosts=HOSTS, capacity=9, quotas={"ni": 2})
    async with signed_in(offices.running, state="ni") as ni:
        path = f"{base(event)}/release-quota?state=ni"
        assert path in (await ni.get(base(event))).text
        form = form_of(await ni.get(path), f"{base(event)}/release-quota")
        await after(ni, await ni.post(f"{base(event)}/release-quota", form))
    async with signed_in(offices.running, state=None, roles=["auditor"]) as auditor:
        assert "release-quota" not in (await auditor.get(base(event))).text


async def test_a_cancellation_says_how_many_are_told_and_needs_a_reason(offices: Offices, hb: Person) -> None:
    event = await offices.publish(capacity=1)
    for _ in range(2):
        await offices.register(event)
    assert "Benachrichtigt werden 2 angemeldete Personen" in text_of(await hb.get(f"{base(event)}/cancel"))
    version = str((await offices.get(event))["version"])
    empty = await hb.post(f"{base(event)}/cancel", {"version": version, "reason": " "})
    assert (empty.status_code, error_at(empty, "reason")) == (422, "Fehler: fehlt")
    stale = await hb.post(f"{base(event)}/cancel", {"version": "1", "reason": "Sturmflut"})
    assert (stale.status_code, value_of(stale, "reason")) == (412, "Sturmflut")
    done = await after(hb, await hb.post(f"{base(event)}/cancel", {"version": version, "reason": "Sturmflut"}))
    assert "Abgesagt: Sturmflut" in text_of(done)
    assert {item["status"] for item in await offices.registrations(event)} == {"event_cancelled"}


async def test_an_event_is_moved_with_the_refused_hour_told_beside_the_field(offices: Offices, hb: Person) -> None:
    event = await offices.publish()
    form = {"starts": "2027-03-28T02:30", "ends": "2027-03-28T12:00", "time_zone": "Europe/Berlin"}
    form["version"] = str(event["version"])
    refused = await hb.post(f"{base(event)}/reschedule", form)
    assert refused.status_code == 422
    assert "diese Ortszeit gibt es nicht: Europe/Berlin stellt dann die Uhren vor" in error_at(refused, "starts")
    assert value_of(refused, "starts") == "2027-03-28T02:30"
    moved = await after(hb, await hb.post(f"{base(event)}/reschedule", form | {"starts": "2027-03-28T01:30"}))
    assert "So., 28.03.2027, 01:30 MEZ – So., 28.03.2027, 12:00 MESZ (9 Std. 30 Min.)" in text_of(moved)


async def test_quotas_are_released_after_a_question(offices: Offices, hb: Person, hh: Person) -> None:
    event = await offices.publish(hosts=HOSTS, quotas={"hb": 3, "hh": 3})
    assert f"{base(event)}/release-quota?state=hh" in (await hh.get(base(event))).text
    await after(hh, await hh.post(f"{base(event)}/release-quota", {"state": "hh"}))
    assert [q["released_at"] is None for q in (await offices.get(event))["quotas"]] == [True, False]
    assert (await hh.post(f"{base(event)}/release-quota", {"state": "xx"})).status_code == 404
    await after(hb, await hb.post(f"{base(event)}/release-quotas", {}))
    assert all(quota["released_at"] for quota in (await offices.get(event))["quotas"])


async def test_a_draft_is_discarded_after_a_question(offices: Offices, hb: Person) -> None:
    draft = await offices.draft()
    assert "Er lässt sich nicht wiederherstellen" in text_of(await hb.get(f"{base(draft)}/discard"))
    assert "Der Entwurf ist verworfen" in text_of(await after(hb, await hb.post(f"{base(draft)}/discard", {})))
    assert (await hb.get(base(draft))).status_code == 404


async def test_registering_tells_its_outcome_and_withdrawing_promotes_the_next(offices: Offices, hb: Person) -> None:
    event = await offices.publish(capacity=1)
    path = f"{base(event)}/registrations/new"
    wrong = await hb.post(path, {"name": "Änne Beispiel", "email": "keine", "language": "de"})
    assert (wrong.status_code, value_of(wrong, "name")) == (422, "Änne Beispiel")
    assert error_at(wrong, "email")
    no_state = await hb.post(path, {"name": "Änne Beispiel", "email": "aenne@ex-009.example"})
    assert "ohne Organisation ist das Land anzugeben" in error_at(no_state, "participant_state")
    first = {"name": "Änne Beispiel", "email": "aenne@ex-009.example", "participant_state": "hb", "language": "de"}
    answer = await hb.post(path, first)
    one = answer.headers["location"]
    assert "Bestätigt: Die Person hat einen Platz" in text_of(await after(hb, answer))
    second = first | {"name": "Öl Beispiel", "email": "oel@ex-009.example", "participant_state": "none"}
    waiting = await hb.post(path, second)
    assert "Kein Platz frei" in text_of(await after(hb, waiting))
    assert "war schon angemeldet" in text_of(await after(hb, await hb.post(path, first)))
    listed = text_of(await hb.get(base(event)))
    assert "Änne Beispiel" in listed
    assert "1 von 1 belegt, 0 frei, 1 auf der Warteliste" in listed
    assert "Öl Beispiel" not in text_of(await hb.get(f"{base(event)}?status=confirmed"))
    assert "Es geht um Änne Beispiel" in text_of(await hb.get(f"{one}/withdraw"))
    await after(hb, await hb.post(f"{one}/withdraw", {}))
    assert "Bestätigt" in text_of(await hb.get(waiting.headers["location"]))
    erased = await after(hb, await hb.post(f"{one}/erase", {}))
    assert "Änne Beispiel" not in erased.text


async def test_a_person_is_registered_for_an_organisation_found_by_name(offices: Offices, hb: Person) -> None:
    word = f"w{new_id().hex[:8]}"
    record = organisation_event(legal_name=f"{word} Werft", state="ni")
    await offices.know(offices.running.installation, record)
    event = await offices.publish()
    path = f"{base(event)}/registrations/new"
    typed = {"name": "Änne Beispiel", "email": f"{word}@ex-009.example"}
    found = await hb.post(path, {**typed, "organisation_words": word, "search": "yes"})
    assert f'value="{record.key}"' in found.text
    assert value_of(found, "email") == typed["email"]
    shown = text_of(await after(hb, await hb.post(path, {**typed, "organisation_id": str(record.key)})))
    assert f"{word} Werft" in shown
    assert "Niedersachsen" in shown


async def test_another_state_s_people_are_not_shown(offices: Offices, hh: Person) -> None:
    event = await offices.publish(hosts=HOSTS)
    registration = await offices.register(event, "hb", name="Verborgene Person")
    await offices.register(event, "hh", name="Sichtbare Person")
    page = await hh.get(base(event))
    assert "Verborgene Person" not in page.text
    assert "Sichtbare Person" in page.text
    one = f"{base(event)}/registrations/{registration['registration_id']}"
    shown = await hh.get(one)
    assert (shown.status_code, "Verborgene" in shown.text, f"{one}/erase" in shown.text) == (200, False, False)
    assert (await hh.get(f"{one}/erase")).status_code == 403
    assert (await hh.post(f"{one}/withdraw", {})).status_code == 403
    async with signed_in(offices.running, state="ni") as ni:
        assert "Anmeldungen" not in text_of(await ni.get(base(event)))
        assert (await ni.get(one)).status_code == 403


async def test_rights_are_asked_for(offices: Offices, hb: Person, hh: Person) -> None:
    draft, event = await offices.draft(), await offices.publish()
    for step in ("", "/edit", "/publish", "/discard", "/registrations/new"):
        assert (await hh.get(f"{base(draft)}{step}")).status_code == 404
    for step in ("/edit", "/cancel", "/reschedule", "/release", "/registrations/new"):
        form = {"version": str(event["version"]), **FORM, "reason": "Fremd", "name": "A", "email": "a@ex-009.example"}
        refused = await hh.post(f"{base(event)}{step}", form)
        assert refused.status_code == 403, step
    assert "/edit" not in (await hh.get(base(event))).text
    assert (await offices.get(event))["version"] == event["version"]
    async with signed_in(offices.running, state=None, roles=["auditor"]) as auditor:
        assert (await auditor.get(base(event))).status_code == 200
        assert (await auditor.get("/events/")).status_code == 200
        assert (await auditor.get("/events/new")).status_code == 403
        assert (await auditor.get(base(draft))).status_code == 404
    async with httpx2.AsyncClient(base_url=offices.running.url) as nobody:
        away = await nobody.get(base(event))
        assert (away.status_code, away.headers["location"].startswith("/events/sign-in?to=")) == (303, True)
    forged = await hb.client.post(f"{base(draft)}/discard", data={"csrf": "falsch"})
    assert forged.status_code == 403
    assert (await hb.get(base(draft))).status_code == 200


async def test_auditors_see_who_did_what_and_operators_its_trace(offices: Offices, hh: Person) -> None:
    async with signed_in(offices.running, state="hb", name="Ria Revisionsfall") as writer:
        created = await writer.post("/events/new", FORM)
        path = created.headers["location"]
        await after(writer, await writer.post(f"{path}/publish", {"version": "1"}))
        edited = {"title": "Zweiter Titel", "time_zone": "Europe/Berlin", "capacity": "40", "version": "2"}
        await after(writer, await writer.post(f"{path}/edit", edited))
        own = text_of(await writer.get(path))
        assert "Ria Revisionsfall" in own
        assert "Fachtag Überseehafen → jetzt Zweiter Titel" in own
    assert "Verlauf" not in text_of(await hh.get(path)), "no host of this one"
    async with signed_in(offices.running, state=None, roles=["auditor"]) as auditor:
        text = text_of(await auditor.get(path))
        assert "Ria Revisionsfall" in text
        assert "Fachtag Überseehafen → jetzt Zweiter Titel" in text
    async with signed_in(offices.running, state=None, roles=["operator"]) as operator:
        assert "Trace:" in text_of(await operator.get(path))


async def test_another_host_sees_what_was_done_and_by_which_office(offices: Offices, hh: Person) -> None:
    async with signed_in(offices.running, state="hb", name="Ria Revisionsfall") as writer:
        created = await writer.post("/events/new", FORM | {"hosts": ["hb", "hh"]})
        path = created.headers["location"]
        edited = FORM | {"hosts": ["hb", "hh"], "title": "Zweiter Titel", "version": "1"}
        await after(writer, await writer.post(f"{path}/edit", edited))
        await after(hh, await hh.post(f"{path}/agree", {"version": "2"}))
        await after(writer, await writer.post(f"{path}/publish", {"version": "3"}))
    shown = text_of(await hh.get(path))
    assert "Fachtag Überseehafen → jetzt Zweiter Titel" in shown
    assert "Bremen (zugestimmt), Hamburg → jetzt Bremen (zugestimmt), Hamburg (zugestimmt)" in shown
    assert "Entwurf → jetzt Veröffentlicht" in shown
    assert "Dienststelle Bremen" in shown
    assert "Ria Revisionsfall" not in shown


async def test_the_calendar_shows_each_day_of_a_month(offices: Offices, hb: Person) -> None:
    title = f"Regatta {new_id().hex[:6]}"
    event = await offices.publish(title=title, starts="2027-08-30T10:00", ends="2027-09-02T12:00")
    august, september = await hb.get("/events/calendar?month=2027-08"), await hb.get("/events/calendar?month=2027-09")
    assert august.text.count(f'href="{base(event)}"') == 2
    assert september.text.count(f'href="{base(event)}"') == 2
    assert "month=2027-07" in august.text
    assert "month=2027-10" in september.text
    assert (await hb.get("/events/calendar?month=2027-13")).status_code == 422


async def test_only_what_is_released_is_public(offices: Offices, hb: Person) -> None:
    event = await offices.publish(
        title="Öffentlich </script> & gut", description="Für alle;\nwirklich", venue="Halle, Bremen"
    )
    await offices.register(event, name="Geheime Person")
    public = f"/events/public/{event['event_id']}"
    async with httpx2.AsyncClient(base_url=offices.running.url) as nobody:
        for path in (public, f"{public}.ics"):
            assert (await nobody.get(path)).status_code == 404
            assert (await hb.get(path)).status_code == 404
        assert "Für alle freigeben" in text_of(await hb.get(base(event)))
        await after(hb, await hb.post(f"{base(event)}/release", {}))
        page = await nobody.get(public)
        assert page.status_code == 200
        assert "Geheime" not in page.text
        data = json.loads(page.text.split('<script type="application/ld+json">')[1].split("</script>")[0])
        assert data["name"] == "Öffentlich </script> & gut"
        assert data["eventStatus"] == "https://schema.org/EventScheduled"
        assert data["startDate"] == "2027-02-10T10:00:00+01:00"
        assert f'rel="canonical" href="{offices.running.url}{public}"' in page.text
        assert 'property="og:title"' in page.text
        assert f'href="{public}"' in (await nobody.get("/events/public")).text
        assert f'href="{public}"' in (await nobody.get("/events/public?month=2027-02")).text
        version = (await offices.get(event))["version"]
        cancelled = {"reason": "Sturmflut", "version": str(version)}
        await after(hb, await hb.post(f"{base(event)}/cancel", cancelled))
        assert "schema.org/EventCancelled" in (await nobody.get(public)).text
        assert "Abgesagt: Sturmflut" in text_of(await nobody.get(public))
        await after(hb, await hb.post(f"{base(event)}/withdraw-release", {}))
        assert (await nobody.get(public)).status_code == 404


async def test_calendars_read_what_is_public(offices: Offices, hb: Person) -> None:
    event = await offices.publish(title="Langer Titel, mit Komma; " + "ä" * 120, description="Zeile eins\nZeile zwei")
    await after(hb, await hb.post(f"{base(event)}/release", {}))
    async with httpx2.AsyncClient(base_url=offices.running.url) as nobody:
        one = await nobody.get(f"/events/public/{event['event_id']}.ics")
        assert one.headers["content-type"] == "text/calendar; charset=utf-8; method=PUBLISH"
        assert all(len(line) <= 75 for line in one.content.split(b"\r\n")), "RFC 5545, 3.1"
        calendar = icalendar.Calendar.from_ical(one.content)
        (entry,) = calendar.walk("VEVENT")
        assert (calendar["method"], entry["uid"], entry["status"]) == ("PUBLISH", event["event_id"], "CONFIRMED")
        assert (entry["summary"], entry["sequence"]) == (event["title"], event["sequence"])
        assert entry.decoded("dtstart").isoformat() == event["starts_at"].replace("Z", "+00:00")
        moved = {"starts": "2027-02-11T10:00", "ends": "2027-02-11T16:00"}
        await offices["hb"].post(f"/api/v1{base(event)}/reschedule", json=moved)
        await offices["hb"].post(f"/api/v1{base(event)}/cancellation", json={"reason": "Sturmflut"})
        feed = icalendar.Calendar.from_ical((await nobody.get("/events/public.ics")).content)
        (entry,) = [item for item in feed.walk("VEVENT") if item["uid"] == event["event_id"]]
        assert (entry["status"], entry["sequence"]) == ("CANCELLED", event["sequence"] + 2)


async def test_what_somebody_typed_outlives_their_session(offices: Offices, hb: Person) -> None:
    draft = await offices.draft()
    async with signed_in(offices.running, state="hb") as other:
        response = await other.client.post(f"{base(draft)}/edit", data=FORM | {"csrf": hb.csrf, "version": "1"})
    assert response.status_code == 403
    assert 'name="title" value="Fachtag Überseehafen"' in response.text
    assert (await offices.get(draft))["title"] == event_body()["title"]
