"""The registry's pages as a person without scripts uses them."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
from support.forms import form_of
from support.installation import Running
from support.people import Person, signed_in, text_of
from support.waiting import eventually

from .conftest import cluster, in_directory, in_stuhr, registered

LIST = "/registry/organisations"


def path(document: dict[str, Any]) -> str:
    return f"{LIST}/{document['organisation_id']}"


async def follow(person: Person, response: httpx2.Response) -> str:
    """What the page says to which a form led."""
    assert response.status_code == 303, text_of(response)
    page = await person.get(response.headers["location"])
    assert page.status_code == 200
    return text_of(page)


async def send(person: Person, page: str, **changes: str | list[str]) -> httpx2.Response:
    """Send the form of a page as it is, but for these fields (`seat__place` is `seat.place`)."""
    shown = await person.get(page)
    assert shown.status_code == 200, text_of(shown)
    typed = {name.replace("__", "."): value for name, value in changes.items()}
    return await person.post(page, form_of(shown, page) | typed)


async def new_company(person: Person, **changes: str | list[str]) -> httpx2.Response:
    fields: dict[str, str | list[str]] = {"legal_name": "Beispiel Neu GmbH", "seat__place": "Bremen"}
    return await send(person, f"{LIST}/new", **(fields | changes))


async def test_the_overview_counts_and_says_what_is_next(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        await in_directory(api, document["organisation_id"])
    async with signed_in(registry) as person:
        page = await person.get("/registry/")
        assert page.status_code == 200
        told = text_of(page)
        assert "Aktive Organisationen je Land" in told
        assert document["legal_name"] in told
        assert "Organisation anlegen" in told
    async with signed_in(registry, state=None, roles=("auditor",), language="en") as auditor:
        told = text_of(await auditor.get("/registry/"))
        assert "Active organisations by state" in told
        assert "Register an organisation" not in told


async def test_the_map_counts_by_district_and_leads_to_its_list(registry: Running) -> None:
    async with registry.client(state="ni") as api:
        seat = {"place": "Emden", "state": "DE-NI", "ags": "03402000"}
        document = await registered(api, legal_name="Beispiel Emsmündung GmbH", seat=seat, register_entry=...)
        await in_directory(api, document["organisation_id"])
    async with signed_in(registry) as person:
        page = await person.get("/registry/map")
        assert re.search(r'aria-label="Emden: [1-9]', page.text)
        assert page.text.count("<path ") >= 48
        (address,) = set(re.findall(r'href="(/registry/organisations\?[^"]*district=03402[^"]*)"', page.text))
        assert "Emsmündung" in text_of(await person.get(address.replace("&amp;", "&")))
        assert "GeoBasis-DE / BKG" in text_of(page)
        assert "Osnabrück (Stadt)" in text_of(page)


async def test_filters_and_order_live_in_the_address(registry: Running) -> None:
    async with registry.client() as api:
        for name in ("Sortierprobe Zeta", "Sortierprobe Ähre", "Sortierprobe Adler", "Sortierprobe Berg"):
            document = await registered(api, legal_name=name)
            await in_directory(api, document["organisation_id"])
    async with signed_in(registry) as person:

        async def names(query: str) -> list[str]:
            return re.findall(r"Sortierprobe (\w+)</a>", (await person.get(f"{LIST}?q=sortierprobe&{query}")).text)

        assert await names("sort=name") == ["Adler", "Ähre", "Berg", "Zeta"]
        assert await names("sort=name&direction=desc") == ["Zeta", "Berg", "Ähre", "Adler"]
        assert (await names("sort=changed&direction=desc"))[0] == "Berg"
        assert (await names("sort=changed"))[0] == "Zeta"
        assert await names("state=hb&kind=company&status=active&competence=PRD&district=04011") != []
        assert await names("state=ni") == []
        empty = text_of(await person.get(f"{LIST}?q=sortierprobe&state=ni"))
        assert "Keine Organisation passt" in empty
        assert "Alle Organisationen zeigen" in empty
        found = await person.get(f"{LIST}?q=sortierprobe")
        assert "4 Treffer" in text_of(found)
        # The state chosen in the header is what the list shows unless its own filter says otherwise.
        person.client.headers["cookie"] += "; norda-state=ni"
        assert await names("sort=name") == []
        assert len(await names("state=all")) == 4


async def test_lists_have_pages_by_cursor(registry: Running) -> None:
    async with registry.client() as api:
        for number in range(27):
            document = await registered(api, legal_name=f"Blättern {number:02}")
        await in_directory(api, document["organisation_id"])
    async with signed_in(registry) as person:
        seen: list[str] = []
        address = f"{LIST}?q=blättern&sort=changed&direction=desc"

        async def all_there() -> None:
            assert "27 Treffer" in text_of(await person.get(address))

        await eventually(all_there)
        while address:
            page = (await person.get(address)).text
            seen += re.findall(r"Blättern (\d\d)</a>", page)
            following = re.findall(r'href="([^"]*cursor=[^"]*)"', page)
            address = following[-1].replace("&amp;", "&") if following else ""
        assert seen == [f"{number:02}" for number in reversed(range(27))]
        assert (await person.get(f"{LIST}?cursor=bm9uc2Vuc2U")).status_code == 422


async def test_a_number_in_any_notation_leads_to_its_organisation(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        await in_directory(api, document["organisation_id"])
        entry = document["register_entries"][0]
    async with signed_in(registry, state="ni") as person:
        vat = document["vat_id"]
        spellings = (entry["euid"], f"Amtsgericht Bremen HRB {entry['number']}", f"{vat[:2]} {vat[2:5]} {vat[5:]}")
        for text in spellings:
            found = await person.get(LIST, params={"q": text})
            assert found.status_code == 303, text
            assert found.headers["location"] == path(document)
        assert (await person.get(LIST, params={"q": vat, "kind": "company"})).status_code == 200


async def test_the_detail_page_shows_what_changed_and_who_did_it(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api, employees=12)
    async with signed_in(registry, name="Anna Beispiel") as anna:
        saved = await send(anna, f"{path(document)}/edit", legal_name="Beispiel Umbenannt GmbH")
        assert "Die Änderungen sind gespeichert." in await follow(anna, saved)
        told = text_of(await anna.get(path(document)))
        assert "Anna Beispiel" in told
        assert document["legal_name"] in told
        assert "Frühere Namen" in told
        assert "Beschäftigte" in told
        assert "Bearbeiten" in told
    async with signed_in(registry, state="ni", language="en") as other:
        told = text_of(await other.get(path(document)))
        assert "Former names" in told
        assert "Employees" not in told
        assert f"{path(document)}/edit" not in told
        assert (await other.get(f"{path(document)}/edit")).status_code == 403
        assert (await other.get(f"{LIST}/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f")).status_code == 404
    async with signed_in(registry, state=None, roles=("operator",)) as operator:
        assert "Trace:" in text_of(await operator.get(path(document)))


async def test_registering_tells_warnings_and_keeps_what_was_typed(registry: Running) -> None:
    async with signed_in(registry) as person:
        wrong = await new_company(person, seat__ags="03251", vat_id="DE123", competences=["BAT-01", "BAT-02"])
        assert wrong.status_code == 422
        told = text_of(wrong)
        assert "Gemeindeschlüssel (AGS): gehört nicht zu DE-HB" in told or "USt-IdNr.:" in told
        kept = form_of(wrong, f"{LIST}/new")
        assert kept["legal_name"] == ["Beispiel Neu GmbH"]
        assert kept["vat_id"] == ["DE123"]
        assert kept["competences"] == ["BAT-01", "BAT-02"]
        assert 'href="#feld-vat_id"' in wrong.text
        assert 'id="feld-vat_id-fehler"' in wrong.text
        right = await person.post(
            f"{LIST}/new",
            kept
            | {
                "seat.ags": "04011",
                "seat.postal_code": "80331",
                "vat_id": "",
                "turnover_eur": "1.234.567,50",
                "employees": "1.200",
                "activities.1.code": "29.32.0",
            },
        )
        told = await follow(person, right)
        assert "„Beispiel Neu GmbH“ ist angelegt." in told
        assert "Postleitzahl: 80331 liegt sonst nicht in DE-HB" in told
        assert "1.234.567,50" in told
        assert "1.200" in told
        assert "29.32.0" in told
        assert "Module und Packs (BAT-02)" in told


async def test_a_number_that_is_taken_leads_to_who_has_it(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    async with signed_in(registry, language="en") as person:
        refused = await new_company(person, vat_id=document["vat_id"])
        assert refused.status_code == 409
        assert "already belongs to" in text_of(refused)
        assert path(document) in refused.text


async def test_only_what_was_changed_is_changed(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(
            api, turnover_eur="48000000.00", employees=240, competences=["PRD-02", "DRV-01", "BAT-02"]
        )
        async with signed_in(registry) as person:
            told = await follow(person, await send(person, f"{path(document)}/edit"))
            assert "es hat sich nichts geändert" in told
            await follow(person, await send(person, f"{path(document)}/edit", vat_id="", competences=[]))
            after = (await api.get(f"/api/v1/organisations/{document['organisation_id']}")).json()
            assert after["version"] == 2
            assert "vat_id" not in after
            assert after["competences"] == []
            assert after["internal"]["turnover_eur"] == "48000000"
            assert after["register_entries"] == document["register_entries"]
            wrong = await send(person, f"{path(document)}/edit", legal_name=" ", own_id="bleibt")
            assert wrong.status_code == 422
            assert form_of(wrong, f"{path(document)}/edit")["own_id"] == ["bleibt"]


async def test_nobody_overwrites_what_another_changed(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        edit = f"{path(document)}/edit"
        async with signed_in(registry) as person:
            typed = {"own_id": "meine", "legal_name": "Beispiel Meiner GmbH", "employees": "77"}
            mine = form_of(await person.get(edit), edit) | typed
            changed = await api.patch(
                f"/api/v1/organisations/{document['organisation_id']}",
                json={"own_id": "fremde", "legal_name": "Beispiel Fremder GmbH", "competences": ["PRD-02"]},
            )
            assert changed.status_code == 200
            conflict = await person.post(edit, mine)
            assert conflict.status_code == 412
            told = text_of(conflict)
            assert "Beispiel Meiner GmbH" in told
            assert "Beispiel Fremder GmbH" in told
            # Proposed is the change of whoever alone made one, else theirs; the person takes their own id.
            proposed = form_of(conflict, edit)
            names = ("own_id", "legal_name", "employees", "competences")
            assert [proposed[f"choice-{name}"] for name in names] == [["theirs"], ["theirs"], ["mine"], ["theirs"]]
            assert told.count("beide geändert") == 2
            chosen = proposed | {"choice-own_id": "mine"}
            assert "gespeichert" in await follow(person, await person.post(edit, chosen))
            after = (await api.get(f"/api/v1/organisations/{document['organisation_id']}")).json()
            assert (after["own_id"], after["legal_name"]) == ("meine", "Beispiel Fremder GmbH")
            assert (after["internal"]["employees"], after["competences"]) == (77, ["PRD-02"])
            # The same choice again is for a version that is past: it is asked anew.
            assert (await person.post(edit, chosen)).status_code == 412
            without = {name: value for name, value in mine.items() if name != "version"}
            assert (await person.post(edit, without)).status_code == 400


async def test_a_seat_moves_to_another_state(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    relocate, moved = f"{path(document)}/relocate", in_stuhr()
    async with signed_in(registry) as person:
        fields = {f"seat.{name}": value for name, value in moved["seat"].items()}
        fields |= {"responsible_state": "ni", "date": "2026-11-20"}
        without_entry = await person.post(relocate, form_of(await person.get(relocate), relocate) | fields)
        assert without_entry.status_code == 422
        assert "Registergericht: fehlt" in text_of(without_entry)
        kept = form_of(without_entry, relocate)
        assert kept["seat.place"] == ["Stuhr"]
        fields = {f"register_entry.{name}": str(value) for name, value in moved["register_entry"].items()}
        told = await follow(person, await person.post(relocate, kept | fields))
        assert "zuständig ist jetzt Niedersachsen" in told
        assert "Amtsgericht Walsrode" in told
        assert f"{path(document)}/relocate" not in told
        assert (await person.get(relocate)).status_code == 403


async def test_sites_and_memberships_come_and_go(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        its = await cluster(api, "PGS")
        await in_directory(api, its["organisation_id"])
    here = path(document)
    async with signed_in(registry) as person:
        wrong = await send(person, f"{here}/sites/new", name="Werk Nord")
        assert wrong.status_code == 422
        assert form_of(wrong, f"{here}/sites/new")["name"] == ["Werk Nord"]
        added = await send(person, f"{here}/sites/new", name="Werk Nord", address__place="Bremerhaven")
        assert "Werk Nord: Bremerhaven" in await follow(person, added)
        page = (await person.get(here)).text
        (remove,) = re.findall(rf'href="({here}/sites/[^"]+/remove)"', page)
        stale = form_of(await person.get(remove), remove)
        unknown = await send(person, f"{here}/memberships/new")
        assert unknown.status_code == 422
        joined = await send(person, f"{here}/memberships/new", cluster_code="PGS", valid_from="2024-01-01")
        assert "seit 01.01.2024" in await follow(person, joined)
        # The site's page was opened before the membership came: it is asked again.
        assert (await person.post(remove, stale)).status_code == 412
        assert "Der Standort ist entfernt." in await follow(person, await send(person, remove))
        end = f"{here}/memberships/{its['organisation_id']}/end"
        early = await send(person, end, valid_to="2023-01-01")
        assert early.status_code == 422
        told = await follow(person, await send(person, end, valid_to="2026-11-01"))
        assert "ab 01.01.2024 bis 01.11.2026" in told


async def test_deactivating_is_asked_first(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    deactivate = f"{path(document)}/deactivate"
    async with signed_in(registry) as person:
        asked = text_of(await person.get(deactivate))
        assert "lässt sich nicht rückgängig machen" in asked
        assert (await send(person, deactivate, date="2999-01-01")).status_code == 422
        told = await follow(person, await send(person, deactivate))
        assert "Diese Organisation ist deaktiviert." in told
        assert "Sitz verlegen" not in told


TABLE = (
    "id;legal_name;place;state;plz\npg-1;Beispiel Importiert GmbH;Bremen;DE-HB;28195\npg-2;Fremd;Hamburg;DE-HH;20095\n"
)


async def upload(person: Person, table: str, **fields: str) -> httpx2.Response:
    return await person.client.post(
        "/registry/import",
        data={"csrf": person.csrf, **fields},
        files={"file": ("tabelle.csv", table.encode(), "text/csv")},
    )


async def test_a_table_is_looked_at_before_it_is_stored(registry: Running) -> None:
    async with registry.client() as api, signed_in(registry) as person:
        preview = await upload(person, TABLE, step="preview")
        assert preview.status_code == 200
        assert "Noch ist nichts gespeichert." in text_of(preview)
        assert (await api.get("/api/v1/organisations/lookup", params={"identifier": "pg-1"})).json()["items"] == []
        digest = form_of(preview, "/registry/import")["digest"][0]
        other = await upload(person, TABLE + "pg-3;Noch eine;Bremen;DE-HB;28195\n", step="store", digest=digest)
        assert other.status_code == 422
        assert "ist nicht die Datei der Vorschau" in text_of(other)
        done = await upload(person, TABLE, step="store", digest=digest)
        assert "Importiert: 1 angelegt" in text_of(done)
        assert len((await api.get("/api/v1/organisations/lookup", params={"identifier": "pg-1"})).json()["items"]) == 1
        wrong = await upload(
            person, "id;legal_name;place;state;vat_id\npg-9;Falsch GmbH;Bremen;DE-HB;DE1\n", step="preview"
        )
        assert wrong.status_code == 422
        assert "vat_id" in text_of(wrong)
        assert "Fehler in der Tabelle" in text_of(wrong)
        nothing = await person.post("/registry/import", {"step": "preview"})
        assert nothing.status_code == 422
        assert "bitte eine CSV-Datei wählen" in text_of(nothing)


async def test_who_may_not_change_is_told_so(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
    async with signed_in(registry, state=None, roles=("auditor",)) as auditor:
        for address in (f"{LIST}/new", f"{path(document)}/edit", "/registry/import"):
            page = await auditor.get(address)
            assert page.status_code == 403
            assert "Nicht erlaubt" in text_of(page)
    async with signed_in(registry, roles=("pr",)) as press:
        told = text_of(await press.get(path(document)))
        assert "Beschäftigte" in told
        assert "Bearbeiten" not in told
        assert (await press.post(f"{path(document)}/deactivate", {"version": "1"})).status_code == 403
    async with httpx2.AsyncClient(base_url=registry.url) as nobody:
        page = await nobody.get(path(document), headers={"accept": "text/html"})
        assert page.status_code == 303
        assert "/registry/sign-in" in page.headers["location"]


async def test_notes_are_written_changed_and_deleted(registry: Running) -> None:
    async with registry.client() as api:
        document = await registered(api)
        await in_directory(api, document["organisation_id"])
    here = path(document)
    async with signed_in(registry, name="Anna Beispiel") as anna:
        empty = await send(anna, f"{here}/notes/new", kind="settlement_case", visibility="office")
        assert empty.status_code == 422
        assert form_of(empty, f"{here}/notes/new")["kind"] == ["settlement_case"]
        open_case = await send(
            anna, f"{here}/notes/new", kind="settlement_case", visibility="office", text="Sucht <b>Flächen</b>"
        )
        assert "muss bei einem Ansiedlungsfall vertraulich sein" in text_of(open_case)
        again = form_of(open_case, f"{here}/notes/new") | {"visibility": "confidential"}
        told = await follow(anna, await anna.post(f"{here}/notes/new", again))
        assert "Der Vermerk ist gespeichert." in told
        assert "Sucht <b>Flächen</b>" in told
        assert "Anna Beispiel" in told
        (edit,) = re.findall(rf'href="({here}/notes/[^"]+/edit)"', (await anna.get(here)).text)
        first = form_of(await anna.get(edit), edit)
        told = await follow(anna, await anna.post(edit, first | {"text": "Erste Änderung"}))
        assert "Erste Änderung" in told
        conflict = await anna.post(edit, first | {"text": "Zweite Änderung"})
        assert conflict.status_code == 412
        assert "Erste Änderung" in text_of(conflict)
        told = await follow(anna, await anna.post(edit, form_of(conflict, edit) | {"choice-text": "mine"}))
        assert "Zweite Änderung" in told
    async with signed_in(registry, roles=("pr",)) as press, signed_in(registry, state="ni") as other:
        for person in (press, other):
            assert "Zweite Änderung" not in text_of(await person.get(here))
        assert (await other.get(edit)).status_code == 404
    async with signed_in(registry, roles=("lead",)) as lead:
        assert "Zweite Änderung" in text_of(await lead.get(here))
        remove = edit.replace("/edit", "/remove")
        assert "lässt sich nicht rückgängig machen" in text_of(await lead.get(remove))
        assert "Der Vermerk ist gelöscht." in await follow(lead, await send(lead, remove))
    async with signed_in(registry, state=None, roles=("auditor",)) as auditor:
        assert "Vermerke" not in text_of(await auditor.get(here))


async def test_everybody_sees_what_was_released_and_nothing_else(registry: Running) -> None:
    async with registry.client() as api:
        released = await registered(api, legal_name="Öffentlich </script> GmbH", competences=["BAT-02"])
        hidden = await registered(api, legal_name="Öffentlich Nicht GmbH")
        await in_directory(api, hidden["organisation_id"])
        await in_directory(api, released["organisation_id"])
    profile, directory = f"/registry/public/{released['organisation_id']}", "/registry/public?q=öffentlich"
    async with signed_in(registry, roles=("pr",)) as press:
        assert (await press.get(profile)).status_code == 404
        told = await follow(press, await press.post(f"{path(released)}/release"))
        assert "Das Profil ist jetzt öffentlich." in told
        assert "Freigabe zurücknehmen" in told
    async with httpx2.AsyncClient(base_url=registry.url, headers={"accept": "text/html"}) as nobody:
        found = await nobody.get(directory)
        assert found.status_code == 200
        assert "Öffentlich </script> GmbH" in text_of(found)
        assert "Öffentlich Nicht" not in found.text
        assert "1 Treffer" in text_of(found)
        page = await nobody.get(profile)
        assert "Module und Packs" in text_of(page)
        assert "Modules and packs" in text_of(page)
        assert released["vat_id"] not in page.text
        assert f'rel="canonical" href="{registry.url}{profile}"' in page.text
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
        document = json.loads(data)
        assert document["name"] == "Öffentlich </script> GmbH"
        assert document["address"]["addressLocality"] == "Bremen"
        assert "Public directory" in text_of(await nobody.get(directory, headers={"accept-language": "en"}))
        assert (await nobody.get(f"/registry/public/{hidden['organisation_id']}")).status_code == 404
        assert (await nobody.get(path(released))).status_code == 303
    async with signed_in(registry, state="hh", roles=("pr",)) as other:
        assert (await other.post(f"{path(released)}/withdraw")).status_code == 403
    async with signed_in(registry) as office:
        assert "nicht mehr öffentlich" in await follow(office, await office.post(f"{path(released)}/withdraw"))
        assert (await office.get(profile)).status_code == 404
