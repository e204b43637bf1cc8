"""Contact persons: for the office that keeps them alone, with purpose, basis and an end; and who may be invited."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.errors import Text
from norda_common.identifiers import new_id
from norda_common.privacy import as_record
from norda_common.states import State
from norda_registry.pages import people as people_pages
from norda_registry.rules.findings import Findings
from norda_registry.rules.people import (
    CONSENT,
    INVITATIONS,
    LEGAL_BASES,
    LONGEST_YEARS,
    PURPOSES,
    ROLES,
    check_consent,
    check_retention,
    phone_key,
)
from norda_registry.rules.rights import PERSON_INVITE, PERSON_KEEP
from norda_registry.store import people
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import registered, relocated
from .staged import applied, csv_of, planned, reverted, rows
from .test_audit import entries
from .test_rights import EVERYONE, act_as, caller, database

TODAY = datetime.now(UTC).date()


def contact(**changes: Any) -> dict[str, Any]:
    """The body of a contact person that is accepted as it stands; every one has an address of its own."""
    mark = new_id().hex[-10:]
    body: dict[str, Any] = {
        "name": f"Beispiel Kontakt {mark}",
        "email": f"kontakt-{mark}@ex-530.example",
        "source": "Visitenkarte",
        "purposes": ["support"],
        "legal_basis": "public_task",
        "retain_until": (TODAY + timedelta(days=365)).isoformat(),
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


INVITED = {"purposes": [INVITATIONS], "consent_given_on": "2026-01-15", "consent_wording": "einladung-2026-1"}


async def path_of_one(registry: Running) -> str:
    async with registry.client() as client:
        return f"/api/v1/organisations/{(await registered(client))['organisation_id']}"


async def entered(client: httpx2.AsyncClient, path: str, **changes: Any) -> dict[str, Any]:
    answer = await client.post(f"{path}/people", json=contact(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_contact_person_is_entered_found_changed_and_removed(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        made = await entered(client, path, roles=["purchasing", "press"], phone="+49 421 5550100", name="Änne Müßig")
        one = f"/api/v1/people/{made['id']}"
        assert (await client.get(one)).json() == made
        listed = (await client.get(f"{path}/people")).json()["items"]
        assert [item["id"] for item in listed] == [made["id"]]
        for words in ("aenne müssig", "müßi", made["email"][:12], "5550100", "0421/555 01-00", "(0421) 555"):
            found = (await client.post("/api/v1/people/search", json={"q": words})).json()["items"]
            assert made["id"] in [item["id"] for item in found], words
            assert found[0]["organisation_name"]
        assert (await client.post("/api/v1/people/search", json={"q": "nobodyatall"})).json()["items"] == []
        changed = await client.patch(one, json={"phone": None, "roles": []}, headers={"if-match": '"1"'})
        assert (changed.json()["phone"], changed.json()["roles"], changed.headers["etag"]) == (None, [], '"2"')
        same = await client.patch(one, json={"roles": []})
        assert same.json()["version"] == 2
        stale = await client.patch(one, json={"phone": "0421 1"}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
        assert (await client.delete(one, headers={"if-match": '"2"'})).status_code == 204
        assert (await client.get(one)).status_code == 404
    said = await entries(module_installation, made["id"])
    assert [entry["action"] for entry in said] == ["person.enter", "person.change", "person.remove"]
    assert said[1]["after"]["touched"] == ["phone", "roles"]
    assert said[1]["after"]["person_id"] == made["person_id"]
    assert not {"Müßig", made["email"], "5550100"} & set(json.dumps([entry["after"] for entry in said]).split('"'))


async def test_people_have_pages_in_the_order_of_german_names(registry: Running) -> None:
    path = await path_of_one(registry)
    names = ["Blaettrich Änne", "Blaettrich anton", "Blaettrich Berta", "Blaettrich Berta"]
    async with registry.client() as client:
        for name in reversed(names):
            await entered(client, path, name=name, **INVITED)
        for address in ("/api/v1/people", "/api/v1/people/to-invite"):
            seen: list[str] = []
            cursor: dict[str, str] = {}
            while True:
                asked = {"limit": 1, **cursor}
                page = (await client.post(f"{address}/search", params=asked, json={"q": "blättrich"})).json()
                seen += [item["name"] for item in page["items"]]
                if not page.get("next_cursor"):
                    break
                cursor = {"cursor": page["next_cursor"]}
                assert names_in(page["next_cursor"]) == [page["items"][0]["id"]]
            assert seen == names, address
            everybody = (await client.get(address, params={"limit": 200})).json()["items"]
            assert [item["name"] for item in everybody if item["name"] in names] == names
        # A cursor leads behind a record by its id: one that is gone leads nowhere, rather than to a list without end.
        first = (await client.post("/api/v1/people/search", params={"limit": 1}, json={"q": "blättrich"})).json()
        assert (await client.delete(f"/api/v1/people/{first['items'][0]['id']}")).status_code == 204
        gone = await client.get("/api/v1/people", params={"cursor": first["next_cursor"]})
        assert (gone.status_code, gone.json()["errors"][0]["code"]) == (422, "cursor_gone")
        old = base64.urlsafe_b64encode(json.dumps(["Blaettrich Änne", str(new_id())]).encode()).decode().rstrip("=")
        assert (await client.get("/api/v1/people", params={"cursor": old})).status_code == 422


def names_in(cursor: str) -> list[str]:
    """What a cursor holds."""
    found: list[str] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return found


async def test_the_pages_search_persons_without_their_names_in_an_address(registry: Running) -> None:
    path = await path_of_one(registry)
    mark = "quandt"
    async with registry.client() as api:
        for place in range(people_pages.ROWS + 2):
            await entered(api, path, name=f"Beispiel {mark.title()} {place:02}", **INVITED)
    async with signed_in(registry) as office:
        for address in ("/registry/people", "/registry/invitations"):
            first = await office.post(address, {"q": mark})
            assert "Quandt 00" in text_of(first)
            assert f"value={chr(34)}{mark}{chr(34)}" in first.text, "what was typed is kept"
            links = re.findall(r'(?:href|action|hx-get)="([^"]*)"', first.text)
            assert not [link for link in links if mark in link.lower()]
            paged = re.search(r'name="cursor" value="([^"]+)"', first.text)
            assert paged
            rest = await office.post(address, {"q": mark, "cursor": paged[1]})
            told = text_of(rest)
            assert f"Quandt {people_pages.ROWS + 1:02}" in told
            assert "Quandt 00" not in told
            assert "Zum Anfang" in told
            wrong = await office.post(address, {"q": "x" * 301})
            assert wrong.status_code == 422
            assert mark not in (await office.get(f"{address}?q=niemandsonst")).headers.get("location", "")
        assert f"/registry/people?q={mark}" not in (await office.get(f"/registry/search?q={mark}")).text


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": ...}, "name", "missing"),
        ({"name": " "}, "name", "blank"),
        ({"email": "no address"}, "email", "invalid_email"),
        ({"email": None}, "email", "unreachable"),
        ({"phone": "call me"}, "phone", "string_pattern_mismatch"),
        ({"source": ...}, "source", "missing"),
        ({"purposes": ...}, "purposes", "missing"),
        ({"purposes": []}, "purposes", "too_short"),
        ({"purposes": ["sale"]}, "purposes", "unknown_code"),
        ({"roles": ["press", "boss"]}, "roles", "unknown_code"),
        ({"legal_basis": ...}, "legal_basis", "missing"),
        ({"legal_basis": "habit"}, "legal_basis", "unknown_code"),
        ({"legal_basis": "consent"}, "consent_given_on", "consent_missing"),
        ({"purposes": ["invitations"], "consent_given_on": "2026-01-01"}, "consent_wording", "consent_missing"),
        ({"consent_wording": "x", "consent_given_on": "2999-01-01"}, "consent_given_on", "in_the_future"),
        ({"retain_until": ...}, "retain_until", "missing"),
        ({"retain_until": "2020-01-01"}, "retain_until", "in_the_past"),
        ({"retain_until": "2999-01-01"}, "retain_until", "too_far_ahead"),
        ({"language": "fr"}, "language", "literal_error"),
        ({"person_id": str(new_id())}, "person_id", "extra_forbidden"),
    ],
)
async def test_what_lacks_purpose_basis_or_end_is_refused_with_the_reason(
    registry: Running, change: dict[str, Any], field: str, code: str
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        answer = await client.post(f"{path}/people", json=contact(**change))
        assert answer.status_code == 422
        found = [(error["field"].partition(".")[0], error["code"]) for error in answer.json()["errors"]]
        assert (field, code) in found
        assert all(error["de"] and error["en"] for error in answer.json()["errors"])


async def test_the_same_address_has_one_pseudonym_in_a_state_and_another_one_in_the_next(registry: Running) -> None:
    first, second = await path_of_one(registry), await path_of_one(registry)
    spellings = ("Gleich@Müller.example", "GLEICH@xn--mller-kva.example")
    async with registry.client() as client, registry.client(state="ni") as other:
        one = await entered(client, first, email=spellings[0], name="Beispiel Größe")
        two = await entered(client, second, email=spellings[1], name="beispiel GROESSE")
        assert one["person_id"] == two["person_id"]
        again = await client.post(f"{first}/people", json=contact(email=spellings[1]))
        assert (again.status_code, again.json()["code"]) == (409, "person_known")
        assert "gleich" not in again.text.lower()
        emden = await registered(
            other, seat={"place": "Emden", "state": "DE-NI"}, register_entry=..., responsible_state=...
        )
        elsewhere = await entered(
            other, f"/api/v1/organisations/{emden['organisation_id']}", email=spellings[0], name=one["name"]
        )
        assert elsewhere["person_id"] != one["person_id"]
        # Under the same name it is the same person's other address, under another one a successor's.
        moved = await client.patch(f"/api/v1/people/{two['id']}", json={"email": "anders@ex-531.example"})
        assert moved.json()["person_id"] == one["person_id"]
        followed = {"name": "Nachfolge Beispiel", "email": "nachfolge@ex-531.example"}
        after = await client.patch(f"/api/v1/people/{two['id']}", json=followed)
        assert after.json()["person_id"] not in {one["person_id"], elsewhere["person_id"]}
        with_phone = await entered(client, first, email=None, phone="0421 5550100")
        assert with_phone["person_id"] != one["person_id"]


async def test_contact_persons_stay_with_the_office_that_entered_them_when_the_organisation_moves(
    registry: Running,
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as old, registry.client(state="ni") as new:
        made = await entered(old, path)
        foreign = await new.post(f"{path}/people", json=contact())
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_state")
        await relocated(old, new, path)
        assert (await new.get(f"{path}/people")).json()["items"] == []
        assert [item["id"] for item in (await old.get(f"{path}/people")).json()["items"]] == [made["id"]]
        assert (await old.post(f"{path}/people", json=contact())).status_code == 403
        await entered(new, path, email=made["email"])
        assert (await old.delete(f"/api/v1/people/{made['id']}")).status_code == 204
        assert len((await new.get(f"{path}/people")).json()["items"]) == 1


async def test_an_import_taken_back_leaves_whom_somebody_keeps_a_contact_person_of(registry: Running) -> None:
    async with registry.client() as client:
        lines = [f"rück-{n};Beispiel Rücknahme {n} GmbH;Bremen;Bremen" for n in (1, 2)]
        table = csv_of("Kennung;Firma;Ort;Bundesland", *lines)
        made = await applied(client, await planned(client, table, source="Rücknahme"))
        one, other = [row["organisation_id"] for row in await rows(client, made)]
        person = await entered(client, f"/api/v1/organisations/{one}")
        back = await rows(client, await reverted(client, made))
        assert [row["reverted"] for row in back] == ["deactivated", "withdrawn"]
        assert (await client.get(f"/api/v1/organisations/{one}")).json()["status"] == "deactivated"
        assert (await client.get(f"/api/v1/people/{person['id']}")).status_code == 200
        assert (await client.get(f"/api/v1/organisations/{other}/people")).status_code in {200, 404}


async def test_another_state_s_office_and_other_roles_see_nothing_and_no_counts(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as own:
        made = await entered(own, path, **INVITED)
    for role, state in EVERYONE:
        who = caller(role, state)
        async with registry.client(state=state, role=role) as client:
            one = await client.get(f"/api/v1/people/{made['id']}")
            listed = await client.get(f"{path}/people")
            searched = await client.post("/api/v1/people/search", json={"q": made["email"]})
            mine = who.may(PERSON_KEEP, State.BREMEN)
            assert (one.status_code == 200) is mine, (role, state)
            if mine:
                assert made["email"] in listed.text
            else:
                assert all(made["email"] not in each.text for each in (one, listed, searched))
                if who.may(PERSON_KEEP) and state is not None:
                    assert (listed.json()["items"], searched.json()["items"]) == ([], [])
            invited = await client.post("/api/v1/people/to-invite/search", json={"q": made["email"]})
            assert (made["email"] in invited.text) is who.may(PERSON_INVITE, State.BREMEN), (role, state)


async def test_a_forgotten_check_shows_contact_persons_to_nobody_else(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as own:
        made = await entered(own, path, **INVITED)
        assert (await own.post("/api/v1/privacy-requests", json={"kind": "access", "email": made["email"]})).is_success
    key = UUID(made["id"])
    async with database(module_installation) as connection:
        for role, state in EVERYONE:
            await act_as(connection, caller(role, state))
            may = caller(role, state).may(PERSON_KEEP, State.BREMEN)
            assert (await people.get(connection, key) is not None) is may, (role, state)
            assert (await people.lock(connection, key) is not None) is may
            assert bool(await connection.fetch("select from contact_person where id = $1", key)) is may
            invites = caller(role, state).may(PERSON_INVITE, State.BREMEN)
            assert bool(await connection.fetch("select from person_to_invite where id = $1", key)) is invites
            for table in ("privacy_request", "privacy_answer"):
                seen = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608
                assert bool(seen) is may or table == "privacy_answer", (role, state, table)
                assert may or seen == 0
            assert await connection.fetchval("select count(*) from privacy_key") == 0
            assert await connection.fetchval("select count(*) from objection") == 0
            if not may:
                assert not await people.remove(connection, key)
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await insert_for_bremen(connection, made)


async def insert_for_bremen(connection: Any, made: dict[str, Any]) -> None:
    await connection.execute(
        """insert into contact_person (id, organisation_id, state, person_id, name, email, email_key, language, roles,
               source, purposes, legal_basis, retain_until, name_key, search_text, created_at, created_by, changed_at,
               version)
           values ($1, $2, 'hb', $1, 'x', 'x@ex-1.example', 'x@ex-1.example', 'de', '{}', 'x', '{support}',
                   'contract', '2099-01-01', 'x', '', now(), 'x', now(), 1)""",
        new_id(),
        UUID(made["organisation_id"]),
    )


async def test_public_relations_see_what_an_invitation_needs_and_no_more(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as office, registry.client(role="pr") as inviting:
        made = await entered(office, path, phone="0421 5550199", source="Geheime Quelle", roles=["press"], **INVITED)
        await entered(office, path, name="Beispiel Ohne Einwilligung")
        (shown,) = (await inviting.post("/api/v1/people/to-invite/search", json={"q": made["name"]})).json()["items"]
        assert shown.pop("organisation_name")
        assert shown == {name: made[name] for name in ("id", "organisation_id", "name", "email", "language", "roles")}
        assert (await inviting.get("/api/v1/people")).json()["code"] == "role_missing"
        everybody = await inviting.get("/api/v1/people/to-invite", params={"limit": 200})
        assert "Ohne Einwilligung" not in everybody.text
        assert "Geheime Quelle" not in everybody.text
        await office.patch(f"/api/v1/people/{made['id']}", json={"purposes": ["support"]})
        assert (await inviting.post("/api/v1/people/to-invite/search", json={"q": made["name"]})).json()["items"] == []
    async with signed_in(registry, roles=("pr",)) as person:
        assert "Wer in Einladungen" in text_of(await person.get("/registry/invitations"))
        assert (await person.get("/registry/people")).status_code == 403


async def test_words_of_persons_are_asked_of_the_index_behind_the_office_s_own_view(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    connection = await module_installation.connect()
    try:
        await connection.execute(
            """insert into registry.contact_person (id, organisation_id, state, person_id, name, phone, language,
                   roles, source, purposes, legal_basis, retain_until, name_key, search_text, created_at, created_by,
                   changed_at, version)
               select gen_random_uuid(), $1, case when n % 3 = 0 then 'hb' else 'ni' end, gen_random_uuid(),
                      'Fülle ' || n, '0421 ' || n, 'de', '{}', 'x', '{support}', 'contract', '2099-01-01',
                      'fuelle ' || n, ' fuelle ' || n || ' ' || md5(n::text), now(), 'x', now(), 1
                 from generate_series(1, 30000) as n""",
            UUID(path.rpartition("/")[2]),
        )
        # With its vacuum, which takes in what waits beside the index.
        await connection.execute("vacuum analyze registry.contact_person")
        rare = await connection.fetchval(
            "select search_text from registry.contact_person where name = 'Fülle 300' and state = 'hb'"
        )
        async with database(module_installation) as own:
            await act_as(own, caller("office", "hb"))
            plans = {}
            for words in (["300", rare.split()[-1][:12]], ["fuelle"]):
                for invited in (False, True):
                    statement, parameters = people.search_statement(
                        words, name=None, after=None, limit=26, invited=invited
                    )
                    told = await own.fetch(f"explain (analyze) {statement}", *parameters)
                    plans[words[-1], invited] = "\n".join(row[0] for row in told)
            found = await people.search(own, ["fuelle", "300", rare.split()[-1][:12]], after=None, limit=26)
            assert found
            assert [person.name for person, _ in found] == ["Fülle 300"]
            (first, *_, last) = await people.search(own, ["fuelle"], after=None, limit=26) or ()
            following = await people.search(own, ["fuelle"], after=last[0].id, limit=26) or ()
            assert first[0].name < last[0].name < following[0][0].name
            page, parameters = people.search_statement(["fuelle"], name=last[0].name, after=last[0].id, limit=26)
            plans["later", False] = "\n".join(row[0] for row in await own.fetch(f"explain {page}", *parameters))
        for (word, invited), plan in plans.items():
            # A word that everybody has is met soon on a walk by name; any other one by the index.
            index = "contact_person_name" if word in {"fuelle", "later"} else "contact_person_words"
            assert index in plan or invited, plan
            assert "Seq Scan on contact_person" not in plan, plan
    finally:
        await connection.execute("delete from registry.contact_person where created_by = 'x'")
        await connection.close()


async def test_codes_have_labels_in_both_languages(registry: Running) -> None:
    async with registry.client(state=None, role="integrator") as client:
        codes = (await client.get("/api/v1/people/codes")).json()
    assert [item["code"] for item in codes["legal_bases"]] == list(LEGAL_BASES)
    assert {item["code"] for item in codes["roles"]} >= {"management", "purchasing", "technology", "hr", "press"}
    assert all(item["de"] and item["en"] for several in codes.values() for item in several)


async def test_the_deletion_run_takes_what_is_past_its_last_day_and_counts_it(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        over, restricted, kept = [await entered(client, path) for _ in range(3)]
        connection = await module_installation.connect()
        try:
            ids = [UUID(each["id"]) for each in (over, restricted)]
            await connection.execute(
                "update registry.contact_person set restricted_at = now() where id = $1", UUID(restricted["id"])
            )
            # The last day itself is not over.
            await connection.execute(
                """update registry.contact_person set retain_until = (now() at time zone 'Europe/Berlin')::date
                    where id = $1""",
                UUID(kept["id"]),
            )
            await connection.execute(
                """update registry.contact_person set retain_until = (now() at time zone 'Europe/Berlin')::date - 1
                    where id = any($1)""",
                ids,
            )
        finally:
            await connection.close()

        async def gone() -> None:
            assert (await client.get(f"/api/v1/people/{over['id']}")).status_code == 404

        await eventually(gone, within=20)
        for each in (restricted, kept):
            assert (await client.get(f"/api/v1/people/{each['id']}")).status_code == 200

    runs = [entry for entry in await entries(module_installation, "hb") if entry["action"] == "retention.run"]
    assert {"deleted": {"contact_person": 1}} in [entry["after"] for entry in runs]
    assert runs[-1]["subject"] == "system"

    async def measured() -> None:
        with urllib.request.urlopen(f"{module_installation.servers.otlp}/metrics") as response:
            assert "norda.retention.deleted" in response.read().decode()

    await eventually(measured, within=20)


async def test_the_pages_enter_change_compare_and_remove(registry: Running) -> None:
    path = (await path_of_one(registry)).replace("/api/v1", "/registry")
    async with signed_in(registry) as office, registry.client() as api:
        new = f"{path}/people/new"
        typed = {"name": "Ronja Blattwerk", "email": "ronja@ex-532.example", "retain_until": "2020-01-01"}
        answer = await office.post(new, typed)
        assert answer.status_code == 422
        told = text_of(answer)
        assert "Zweck" in told
        assert "Rechtsgrundlage: fehlt" in told
        fields = form_of(answer, new)
        assert (fields["name"], fields["email"]) == (["Ronja Blattwerk"], ["ronja@ex-532.example"])
        good = {
            "source": "Messe",
            "purposes": ["support", "invitations"],
            "legal_basis": "public_task",
            "consent_given_on": "2026-01-15",
            "consent_wording": "einladung-2026-1",
            "roles": ["press"],
            "retain_until": (TODAY + timedelta(days=30)).isoformat(),
        }
        done = await office.post(new, fields | good)
        assert done.status_code == 303, text_of(done)
        shown = await office.get(path)
        assert "Ronja Blattwerk" in text_of(shown)
        assert "Presse und Öffentlichkeitsarbeit" in text_of(shown)
        (listed,) = (await api.post("/api/v1/people/search", json={"q": "blattwerk"})).json()["items"]
        edit, key = f"/registry/people/{listed['id']}/edit", listed["id"]
        old = form_of(await office.get(edit), edit)
        assert old["purposes"] == ["support", "invitations"]
        assert (await office.post(edit, old | {"phone": "0421 77", "roles": []})).status_code == 303
        changed = (await api.get(f"/api/v1/people/{key}")).json()
        assert (changed["phone"], changed["roles"], changed["version"]) == ("0421 77", [], 2)
        conflict = await office.post(edit, old | {"phone": "0421 88"})
        assert conflict.status_code == 412
        chosen = form_of(conflict, edit)
        assert (await office.post(edit, chosen | {"choice-phone": "mine", "choice-roles": "theirs"})).status_code == 303
        changed = (await api.get(f"/api/v1/people/{key}")).json()
        assert (changed["phone"], changed["roles"], changed["version"]) == ("0421 88", [], 3)
        remove = f"/registry/people/{key}/remove"
        asks = await office.get(remove)
        assert "Ronja Blattwerk" in text_of(asks)
        assert (await office.post(remove, form_of(asks, remove))).status_code == 303
        assert "Ronja" not in text_of(await office.get(path))
    async with signed_in(registry, state="hh") as foreign:
        assert "Ansprechperson eintragen" not in text_of(await foreign.get(path))
        assert (await foreign.get(new)).status_code == 403


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(-4000, 4100))
def test_a_last_day_is_accepted_from_today_for_ten_years(today: date, days: int) -> None:
    findings = Findings()
    until = today + timedelta(days=days)
    check_retention(until, today=today, findings=findings)
    # Ten years after a leap year is none.
    last = (today.year + LONGEST_YEARS, today.month, 28 if (today.month, today.day) == (2, 29) else today.day)
    assert (not findings.errors) is (today <= until and (until.year, until.month, until.day) <= last)


@given(
    st.sampled_from(sorted(LEGAL_BASES)),
    st.sets(st.sampled_from(sorted(PURPOSES)), min_size=1),
    st.none() | st.just(date(2026, 1, 15)),
    st.none() | st.just("wording"),
)
def test_consent_is_whole_and_there_where_it_is_needed(
    basis: str, purposes: set[str], day: date | None, wording: str | None
) -> None:
    findings = Findings()
    check_consent(
        legal_basis=basis, purposes=purposes, given_on=day, wording=wording, today=date(2026, 2, 1), findings=findings
    )
    whole, none = day is not None and wording is not None, day is None and wording is None
    needed = basis == CONSENT or INVITATIONS in purposes
    assert (not findings.errors) is (whole or (none and not needed))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("+49 (0)421 555-01", "4942155501"),
        ("0049 421 55501", "4942155501"),
        ("0421/55501", "4942155501"),
        ("(0421) 555 01", "4942155501"),
        ("(0)421 555 01", "4942155501"),
        ("+49 421 555 Durchwahl 01", "4942155501"),
        ("+43 1 234567", "431234567"),
        ("55501", "55501"),
        ("()--", None),
    ],
)
def test_a_phone_number_is_the_same_however_it_is_written(written: str, key: str | None) -> None:
    assert phone_key(written) == key


@given(st.text("0123456789", min_size=5, max_size=12), st.lists(st.sampled_from(" -/."), max_size=12))
def test_what_stands_between_the_digits_of_a_phone_number_tells_nothing(digits: str, between: list[str]) -> None:
    apart = "".join(f"{digit}{mark}" for digit, mark in zip(digits[1:], between, strict=False))
    rest = digits[1 + len(between) :]
    assert phone_key(f"0{digits[0]}{apart}{rest}") == phone_key(f"0{digits}")


def test_a_record_of_a_report_leaves_out_what_is_empty() -> None:
    at = datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert as_record("x", a=None, b="", c=at, d=("p", "q"), e=3) == {
        "record": "x",
        "c": "2026-01-15T10:00:00Z",
        "d": "p, q",
        "e": "3",
    }


def test_lists_of_codes_speak_both_languages() -> None:
    for known in (ROLES, PURPOSES, LEGAL_BASES):
        assert all(isinstance(text, Text) and text.de and text.en for text in known.values())
