"""The search page of events: each kind for whoever may read it, and persons by words that stand in no address."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import httpx2
import pytest
from norda_common.identifiers import new_id
from norda_local.tracing import fetch_trace
from support.installation import Installation
from support.people import signed_in, text_of
from support.plans import plans_of, tell_plans
from support.waiting import eventually

from .conftest import Offices, organisation_event

HOSTS = [{"state": "hb"}, {"state": "hh"}]
PATH = "/events/search"


def word() -> str:
    """A word no other test has, with an umlaut to be folded."""
    return f"Größe{new_id().hex[:10]}"


def headings(page: httpx2.Response) -> list[str]:
    """The sections' headings."""
    return [re.sub(r"<[^>]+>", "", found).strip() for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page.text)]


async def test_one_search_finds_events_persons_and_organisations(
    offices: Offices, module_installation: Installation
) -> None:
    wanted = word()
    key = new_id()
    await offices.know(
        module_installation, organisation_event(state="ni", key=key, legal_name=f"Beispiel {wanted} GmbH")
    )
    draft = await offices.draft(title=f"Entwurf {wanted}")
    event = await offices.publish(title=f"Tag der {wanted}", hosts=HOSTS)
    made = await offices.register(event, "hb", name=f"Anna {wanted}")
    one = f"/events/{event['event_id']}"
    registration = f"{one}/registrations/{made['registration_id']}"
    for typed in (wanted, wanted.upper(), wanted.replace("ö", "oe"), wanted[:9]):
        async with signed_in(offices.running, state="hb") as office:
            page = await office.post(PATH, {"q": typed})
        assert page.status_code == 200
        assert headings(page) == ["Veranstaltungen (2)", "Angemeldete Personen (1)", "Organisationen (1)"], typed
        for address in (one, f"/events/{draft['event_id']}", registration, f"/registry/organisations/{key}"):
            assert f'{address}"' in page.text
        assert "Tag der" in text_of(page)
        assert "Entwurf" in text_of(page)
        assert "Alle Veranstaltungen" in text_of(page)
    async with signed_in(offices.running, state="hb") as office:
        bare = await office.post(PATH, {"q": wanted.replace("ö", "o")})
        assert headings(bare) == ["Angemeldete Personen (1)", "Organisationen (1)"]
    async with signed_in(offices.running, state="hb") as office:
        assert not re.search(r'href="[^"]*[?&]q=', page.text), "the words, which may be a name, lead into no address"
        alone = await office.post(PATH, {"q": wanted, "only": "events"})
        assert headings(alone) == ["Veranstaltungen (2)"]
        page = await office.get(PATH, params={"q": wanted})
        every = re.search(r'href="(/events/list\?[^"]+)"', page.text)
        assert every
        listed = await office.get(every[1].replace("&amp;", "&"))
        assert f"Tag der {wanted}" in text_of(listed)


@pytest.mark.parametrize(
    ("state", "roles", "seen"),
    [
        ("hb", ("office",), {"hb", "hh", "ni"}),
        ("hb", ("pr",), {"hb", "hh", "ni"}),
        ("hh", ("lead",), {"hh"}),
        ("ni", ("lead",), set()),
        (None, ("operator",), None),
        (None, ("auditor",), None),
        ("hb", ("integrator",), None),
    ],
)
async def test_persons_are_found_by_the_offices_that_may_see_them(
    offices: Offices, state: str | None, roles: tuple[str, ...], seen: set[str] | None
) -> None:
    wanted = word()
    event = await offices.publish(title=f"Messe {wanted}", hosts=HOSTS)
    of = {each: await offices.register(event, each, name=f"Person {wanted}") for each in ("hb", "hh", "ni")}
    email = of["ni"]["participant"]["email"]
    async with signed_in(offices.running, state=state, roles=roles) as person:
        empty = await person.get(PATH)
        by_address_of_page = await person.get(PATH, params={"q": wanted})
        found_by_form = await person.post(PATH, {"q": wanted})
        page = by_address_of_page if seen is None else found_by_form
        by_address = await person.post(PATH, {"q": f" {email.upper()} "})
    assert found_by_form.status_code == (403 if seen is None else 200)
    method = "get" if seen is None else "post"
    assert len(re.findall(rf'method="{method}" action="{PATH}"', empty.text)) == 2, "of the header and of the page"
    # Whoever asks: an address with words in it finds no persons, and offers to look for them.
    assert not any(made["registration_id"] in by_address_of_page.text for made in of.values())
    assert ("Auch in Angemeldeten suchen" in text_of(by_address_of_page)) is (seen is not None)
    found = {each for each, made in of.items() if made["registration_id"] in page.text}
    assert found == (seen or set())
    assert f"Messe {wanted}" in text_of(page)
    assert (of["ni"]["registration_id"] in by_address.text) is ("ni" in (seen or set()))
    assert ("Angemeldete" in text_of(empty)) is (seen is not None)


async def test_what_is_erased_is_not_found(offices: Offices) -> None:
    wanted = word()
    event = await offices.publish()
    made = await offices.register(event, "hb", name=f"Bald {wanted}", email=f"bald.{wanted[5:]}@ex-007.example")
    path = f"/api/v1/events/{event['event_id']}/registrations/{made['registration_id']}/person"
    async with signed_in(offices.running, state="hb") as office:
        assert made["registration_id"] in (await office.post(PATH, {"q": wanted})).text
        assert (await offices["hb"].delete(path)).status_code == 204
        for typed in (wanted, f"bald.{wanted[5:]}@ex-007.example"):
            page = await office.post(PATH, {"q": typed})
            assert made["registration_id"] not in page.text
            assert "gibt es nichts, was Sie sehen dürfen" in text_of(page)


async def test_a_few_of_each_are_shown_and_more_of_one_kind(offices: Offices) -> None:
    wanted = word()
    event = await offices.publish(title=f"Forum {wanted}", capacity=100)
    for _ in range(7):
        await offices.register(event, "hb", name=f"Viele {wanted}")
    async with signed_in(offices.running, state="hb") as office:
        page = await office.post(PATH, {"q": wanted})
        assert headings(page) == ["Veranstaltungen (1)", "Angemeldete Personen (über 5)"]
        assert page.text.count("/registrations/") == 5
        assert not re.search(r'href="/events/search\?', page.text)
        assert '<input type="hidden" name="only" value="registrations">' in page.text
        alone = await office.post(PATH, {"q": wanted, "only": "registrations"})
        assert headings(alone) == ["Angemeldete Personen (7)"]
        assert alone.text.count("/registrations/") == 7
        assert "In allem suchen" in text_of(alone)
        assert not re.search(r'href="/events/search\?', alone.text)


async def test_events_to_come_are_shown_before_past_ones(offices: Offices, module_installation: Installation) -> None:
    wanted = word()
    first, past, last = [
        await offices.publish(title=f"{wanted} {day}", starts=f"{day}T10:00", ends=f"{day}T12:00")
        for day in ("2027-03-10", "2027-04-10", "2027-05-10")
    ]
    connection = await module_installation.connect()
    await connection.execute("set norda.roles = 'system'")
    await connection.execute(
        "update events.event set starts_at = '2020-01-01', ends_at = '2020-01-02' where id = $1", past["event_id"]
    )
    await connection.close()
    async with signed_in(offices.running, state=None, roles=("auditor",)) as auditor:
        page = await auditor.get(PATH, params={"q": wanted})
    places = [page.text.index(event["event_id"]) for event in (first, last, past)]
    assert places == sorted(places)


async def test_without_words_or_hits_the_page_says_what_to_do(offices: Offices) -> None:
    async with signed_in(offices.running, state="hb", language="en") as office:
        for typed in ("", "   ", "?!"):
            page = await office.get(PATH, params={"q": typed})
            assert page.status_code == 200
            assert "Events are found by words of title" in text_of(page)
        nothing = text_of(await office.get(PATH, params={"q": "gibtesnicht<b>"}))
        assert "There is nothing about “gibtesnicht<b>”" in nothing
        assert "Try fewer words" in nothing
        unknown = await office.get(PATH, params={"q": "x", "only": "nothing"})
        assert unknown.status_code == 200
        assert (await office.get(PATH, params={"q": "x" * 301})).status_code == 422
        assert (await office.post(PATH, {"q": "x" * 301})).status_code == 422
        assert (await office.post(PATH, {"q": "x", "csrf": "another's"})).status_code == 403


async def test_every_page_leads_to_the_search_and_the_public_to_its_own(offices: Offices) -> None:
    for roles, method in ((("office",), "post"), (("auditor",), "get")):
        async with signed_in(offices.running, roles=roles) as person:
            page = await person.get("/events/calendar")
        assert re.search(rf'role="search" method="{method}" action="/events/search"', page.text)
    async with httpx2.AsyncClient(base_url=offices.running.url, headers={"accept": "text/html"}) as anybody:
        page = await anybody.get("/events/public")
        assert re.search(r'role="search" method="get" action="/events/public"', page.text)
        assert (await anybody.get(PATH, params={"q": "x"})).status_code == 303


async def test_the_public_searches_what_is_released(offices: Offices) -> None:
    wanted = word()
    released = await offices.publish(title=f"Offen {wanted}")
    await offices["hb"].put(f"/api/v1/events/{released['event_id']}/release")
    inside = await offices.publish(title=f"Intern {wanted}")
    async with httpx2.AsyncClient(base_url=offices.running.url, headers={"accept": "text/html"}) as anybody:
        found = await anybody.get("/events/public", params={"q": wanted.lower()})
        assert released["event_id"] in found.text
        assert inside["event_id"] not in found.text
        assert f'value="{wanted.lower()}"' in found.text
        assert released["event_id"] in (await anybody.get(f"/events/public?q={wanted}&past=yes")).text
        none = await anybody.get("/events/public", params={"q": f"{wanted} intern"})
        assert "Keine öffentliche Veranstaltung passt" in text_of(none)
        assert (await anybody.get("/events/public?q=&past=")).status_code == 200


async def test_the_words_are_in_no_log_and_no_trace(offices: Offices) -> None:
    secret, trace_id = f"xgeheim{new_id().hex[:12]}", secrets.token_hex(16)
    traced = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    async with signed_in(offices.running, state="hb") as office:
        assert (await office.get(PATH, params={"q": secret}, headers=traced)).status_code == 200
        assert (await office.post(PATH, {"q": secret}, headers=traced)).status_code == 200
    server = offices.running.installation.servers.tracing

    async def whole() -> list[dict[str, Any]]:
        spans = fetch_trace(server, trace_id)
        assert {"SERVER", "CLIENT"} <= {span.get("kind") for span in spans}
        return spans

    assert secret not in json.dumps(await eventually(whole, within=20))
    assert secret not in offices.running.log.read_text()


async def test_persons_are_looked_up_in_the_index_of_words(installation: Installation) -> None:
    """On a filled table, behind the policies: neither all participants are read, nor all of one state."""
    admin = await installation.connect()
    try:
        await admin.execute("set search_path = events, public")
        await _fill(admin)
        await tell_plans(admin)
        await admin.execute("set role norda_events")
        for name, value in (("subject", "x"), ("state", "hb"), ("roles", "office")):
            await admin.execute("select set_config($1, $2, false)", f"norda.{name}", value)
        for _ in range(8):  # Also by the plan that is kept for any words.
            found = await admin.fetch("select persons_found('nachname777', null, 6)")
            plans = await plans_of(admin, "select persons_found($1, $2, 6)", "nachname777 vor", "p777@ex-008.example")
        assert len(found) == 6
        assert "Bitmap Index Scan on participant_words" in plans
        assert "Bitmap Index Scan on participant_email_key" in plans
        assert "Seq Scan on participant" not in plans
    finally:
        await admin.close()


async def _fill(admin: Any) -> None:
    await admin.execute(
        """insert into event (id, responsible_state, status, version, sequence, title, starts_at, ends_at, time_zone,
                              online, competences, clusters, search_text, created_at, changed_at)
           select gen_random_uuid(), (array['hb', 'hh', 'ni'])[1 + n % 3], 'published', 1, 1, 'x', now(),
                  now() + interval '1 hour', 'Europe/Berlin', false, '{}', '{}', 'x', now(), now()
           from generate_series(1, 90) as n"""
    )
    await admin.execute("insert into host (event_id, position, state) select id, 1, responsible_state from event")
    await admin.execute(
        """insert into registration (id, event_id, responsible_state, participant_state, status, position, version,
                                     registered_at, changed_at)
           select gen_random_uuid(), e.id, e.responsible_state, 'hb', 'confirmed', n, 1, now(), now()
           from event as e, generate_series(1, 300) as n"""
    )
    await admin.execute(
        """insert into participant (registration_id, event_id, person_id, name, email, email_key, language,
                                    responsible_state)
           select r.id, r.event_id, gen_random_uuid(), 'Vorname Nachname' || n, 'p' || n || '@ex-008.example',
                  'p' || n || '@ex-008.example', 'de', r.responsible_state
           from (select *, row_number() over () as n from registration) as r"""
    )
    await admin.execute("update participant set name = 'Vorname Nachname777' where random() < 0.002")
    await admin.execute("analyze event; analyze host; analyze registration; analyze participant")
