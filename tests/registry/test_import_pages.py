"""Imports on the pages, as a person without scripts uses them."""

from __future__ import annotations

import re

import httpx2
from support.forms import form_of
from support.installation import Running
from support.people import Person, signed_in, text_of
from support.waiting import eventually

from .conftest import registered, vat
from .staged import IMPORTS, applied, csv_of, planned, rows, xlsx_of

LIST = "/registry/import"


async def upload(person: Person, content: bytes, *, source: str, name: str = "liste.csv") -> httpx2.Response:
    return await person.client.post(LIST, data={"csrf": person.csrf, "source": source}, files={"file": (name, content)})


async def page_of(person: Person, answer: httpx2.Response) -> str:
    assert answer.status_code == 303, text_of(answer)
    return str(answer.headers["location"])


async def settled(person: Person, page: str, status: str) -> httpx2.Response:
    """Reload until the page says so."""

    async def look() -> httpx2.Response:
        shown = await person.get(page)
        assert shown.status_code == 200, text_of(shown)
        assert f"Stand {status}" in text_of(shown), text_of(shown)
        return shown

    return await eventually(look)


async def test_a_table_is_mapped_checked_applied_and_taken_back(registry: Running) -> None:
    number = vat()
    async with registry.client() as api, signed_in(registry) as person:
        known = await registered(api, vat_id=number, legal_name="Beispiel Seite GmbH")
        table = csv_of(
            "Firma;PLZ;Ort;USt-IdNr;Kennung;Notiz;Mitarbeiter;HRB",
            f"Beispiel Seite GmbH;28195;Bremen;{number};s-1;x;;",
            f"Beispiel Neue Seite GmbH;28199;Bremen;{vat()};s-2;;4711;4712",
            "Beispiel Falsche Seite GmbH;28195;Bremen;DE1;s-3;;;",
        )
        page = await page_of(person, await upload(person, table, source="Seiten"))
        mapping = await person.get(page)
        told = text_of(mapping)
        assert "Was bedeuten die Spalten?" in told
        assert "Beispiel Seite GmbH · Beispiel Neue Seite GmbH" in told
        form = form_of(mapping, f"{page}/mapping")
        assert [form[f"columns.{place}"] for place in range(6)] == [
            ["legal_name"], ["postal_code"], ["place"], ["vat_id"], ["own_id"], ["note"],
        ]  # fmt: skip
        # What was chosen is kept when something about it is wrong.
        twice = await person.post(f"{page}/mapping", form | {"columns.5": ["place"], "empty_clears": ["yes"]})
        assert twice.status_code == 422
        assert "hat schon die Spalte „Ort“" in text_of(twice)
        assert form_of(twice, f"{page}/mapping")["columns.5"] == ["place"]
        await page_of(person, await person.post(f"{page}/mapping", form))
        shown = await settled(person, page, "geprüft, nichts geschrieben")
        told = text_of(shown)
        assert "Noch ist nichts geschrieben." in told
        assert "USt-IdNr: ist keine deutsche USt-IdNr" in told
        assert "28197 Bremen" in told
        # Of a new one all is shown, figures too, and what is missing is named though it has no column.
        assert "28199 Bremen" in told
        assert "Mitarbeiter: 4.711" in told or "Beschäftigte: 4.711" in told, told
        assert "Registergericht: fehlt; Gericht, Art und Nummer gehören zusammen" in told
        only = await person.get(f"{page}?only=error")
        assert "Beispiel Falsche Seite GmbH" in text_of(only)
        assert "Beispiel Neue Seite GmbH" not in text_of(only)
        assert f"/registry/organisations/{known['organisation_id']}" in shown.text
        left = await person.post(f"{page}/rows/3", form_of(shown, f"{page}/rows/3"))
        assert "ausgelassen" in text_of(await person.get(left.headers["location"]))
        taken = await person.post(f"{page}/rows/3", {"decision": ""})
        assert taken.status_code == 303
        refused = await person.get(f"{page}/refused?format=csv")
        assert "Beispiel Falsche Seite GmbH" in refused.content.decode("utf-8-sig")
        await page_of(person, await person.post(f"{page}/apply", form_of(shown, f"{page}/apply")))
        done = await settled(person, page, "übernommen")
        assert "angelegt" in text_of(done)
        asked = await person.get(f"{page}/revert")
        assert "1 angelegte Organisationen werden wieder entfernt" in text_of(asked)
        await page_of(person, await person.post(f"{page}/revert", form_of(asked, f"{page}/revert")))
        back = text_of(await settled(person, page, "zurückgenommen"))
        assert "wieder entfernt" in back
        assert "wieder wie vorher" in back
        listed = text_of(await person.get(LIST))
        assert "Seiten" in listed
        assert "liste.csv" in listed


async def test_an_import_of_which_nothing_could_be_taken_back_is_not_called_taken_back(registry: Running) -> None:
    async with registry.client() as api, signed_in(registry) as person:
        table = csv_of("Firma;PLZ;Ort;Kennung", "Beispiel Bleibt GmbH;28195;Bremen;b-1")
        plan = await planned(api, table, source="Bleibt")
        await applied(api, plan)
        (row,) = await rows(api, plan)
        page = f"{LIST}/{plan['import_id']}"
        path = f"/api/v1/organisations/{row['organisation_id']}"
        assert (await api.patch(path, json={"competences": ["BAT-02"]})).status_code == 200
        asked = await person.get(f"{page}/revert")
        await page_of(person, await person.post(f"{page}/revert", form_of(asked, f"{page}/revert")))
        told = text_of(await settled(person, page, "nichts ließ sich zurücknehmen"))
        assert "belassen" in told
        listed = text_of(await person.get(LIST))
        assert "nichts ließ sich zurücknehmen" in listed
        assert "zurückgenommen" not in told.casefold()
        assert (await api.get(f"{IMPORTS}/{plan['import_id']}")).json()["status"] == "reverted"


async def test_what_cannot_be_read_is_told_at_the_field(registry: Running) -> None:
    async with signed_in(registry, language="en") as person:
        nothing = await person.post(LIST, {"source": "Quelle"})
        assert nothing.status_code == 422
        assert "please choose a table" in text_of(nothing)
        assert 'value="Quelle"' in nothing.text
        junk = await upload(person, b"PK\x03\x04junk", source="Quelle", name="a.xlsx")
        assert junk.status_code == 422
        assert "is no table that can be read" in text_of(junk)
        assert "is missing or too long" in text_of(await upload(person, b"a;b\n1;2\n", source=""))


async def test_another_sheet_can_be_chosen_and_an_import_cancelled(registry: Running) -> None:
    content = xlsx_of(
        ("Eins", [["Firma", "Ort", "PLZ"], ["Beispiel Blatt Eins", "Bremen", "28195"]]),
        ("Zwei", [["Titel"], ["Name", "Stadt", "PLZ"], ["Beispiel Blatt Zwei", "Bremen", "28195"]]),
    )
    async with signed_in(registry) as person:
        page = await page_of(person, await upload(person, content, source="Mappe", name="a.xlsx"))
        shown = await person.get(page)
        form = form_of(shown, f"{page}/sheet") | {"sheet": ["1"]}
        await page_of(person, await person.post(f"{page}/sheet", form))
        told = text_of(await person.get(page))
        assert "Stadt" in told
        assert "bis Zeile 2" in told
        wrong = await person.post(f"{page}/sheet", form | {"heading_row": ["9"]})
        assert "ist keine Zeile mit Inhalt" in text_of(await person.get(wrong.headers["location"]))
        await page_of(person, await person.post(f"{page}/cancel", form_of(shown, f"{page}/cancel")))
        assert "abgebrochen" in text_of(await person.get(page))


async def test_while_the_worker_works_the_page_says_how_far_it_is(registry: Running) -> None:
    lines = [f"w-{number};Beispiel Weg {number};28195;Bremen" for number in range(4_000)]
    async with signed_in(registry) as person:
        page = await page_of(person, await upload(person, csv_of("Kennung;Firma;PLZ;Ort", *lines), source="Groß"))
        form = form_of(await person.get(page), f"{page}/mapping")
        await person.post(f"{page}/mapping", form)
        shown = await person.get(page)
        assert re.search(r"[\d.]+ von 4\.000 Zeilen", text_of(shown))
        assert 'hx-trigger="every 2s"' in shown.text
        assert "<progress" in shown.text
        await settled(person, page, "geprüft, nichts geschrieben")
        assert 'hx-trigger="every 2s"' not in (await person.get(page)).text
        assert "Ergebnis ansehen" in text_of(await person.get(page, headers={"hx-request": "true"}))


async def test_the_imports_are_for_the_office_alone(registry: Running) -> None:
    async with signed_in(registry) as person, signed_in(registry, state="hh") as other:
        page = await page_of(person, await upload(person, csv_of("Firma", "Beispiel"), source="Meine"))
        assert (await other.get(page)).status_code == 404
        assert (await other.post(f"{page}/cancel")).status_code == 404
        assert "Meine" not in text_of(await other.get(LIST))
    async with signed_in(registry, roles=("pr",)) as press:
        assert (await press.get(page)).status_code == 403
