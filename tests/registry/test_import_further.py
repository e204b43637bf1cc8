"""What lists of offices hold beside plain fields: persons, notes, sites, certificates, memberships, dated figures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.registry import Certificate
from norda_common.identifiers import new_id
from norda_registry.rules.figures import Figure, FigureKind, said_by
from norda_registry.rules.findings import Findings
from norda_registry.rules.import_further import certificates_cell, certificates_of, day_or_end, with_certificates
from norda_registry.rules.import_headings import propose
from norda_registry.rules.import_people import person_of
from norda_registry.rules.size_class import Figures
from norda_registry.usecases.imports.further import Further, packed_further, unpacked_further
from support.forms import form_of
from support.installation import Installation, Running
from support.people import signed_in, text_of

from .conftest import cluster, imported, in_directory, registered
from .staged import IMPORTS, applied, csv_of, decided, mapped, planned, reached, reverted, rows, staged
from .test_import_pages import page_of, settled, upload

UNTIL = (datetime.now(UTC).date() + timedelta(days=900)).isoformat()
TERMS = {"purposes": ["support"], "legal_basis": "public_task", "retain_until": UNTIL}


def mark() -> str:
    return new_id().hex[-10:]


async def people_of(client: httpx2.AsyncClient, organisation_id: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/organisations/{organisation_id}/people")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def found_by(client: httpx2.AsyncClient, words: str) -> set[str]:
    """The names of the office's contact persons that a search finds."""
    answer = await client.post("/api/v1/people/search", json={"q": words})
    assert answer.status_code == 200, answer.text
    return {item["name"] for item in answer.json()["items"]}


async def notes_of(client: httpx2.AsyncClient, organisation_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"/api/v1/organisations/{organisation_id}/notes")).json()["items"]
    return found


async def read(client: httpx2.AsyncClient, organisation_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/organisations/{organisation_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def with_persons(key: str, email: str) -> bytes:
    return csv_of(
        "Kennung;Firma;PLZ;Ort;Ansprechpartner;Funktion;E-Mail Ansprechpartner;Telefon;Bemerkung",
        f"{key}-1;Beispiel Person {key} GmbH;28195;Bremen;Änne Beispiel {key};Geschäftsführerin;{email};"
        "Tel.: +49 421 5550100;Seit 2019 betreut",
        f"{key}-2;Beispiel Ohne {key} GmbH;28195;Bremen;Nur Name {key};;;;",
    )


async def test_contact_persons_and_notes_come_with_a_list_and_go_with_it(
    registry: Running, module_installation: Installation
) -> None:
    key = mark()
    email = f"kontakt-{key}@ex-550.example"
    table = with_persons(key, email)
    async with registry.client() as client:
        made = await staged(client, table, source=f"Personen {key}")
        assert made["columns"][4:] == ["person_name", "person_role", "person_email", "person_phone", "note"]
        refused = await client.put(f"{IMPORTS}/{made['import_id']}/mapping", json={"columns": made["columns"]})
        assert refused.status_code == 422
        assert {item["field"] for item in refused.json()["errors"]} == {
            "persons.purposes", "persons.legal_basis", "persons.retain_until",
        }  # fmt: skip
        for wrong, field in (
            ({"retain_until": "2020-01-01"}, "persons.retain_until"),
            ({"purposes": ["nonsense"]}, "persons.purposes"),
            ({"legal_basis": "consent"}, "persons.consent_given_on"),
        ):
            body = {"columns": made["columns"], "persons": TERMS | wrong}
            answer = await client.put(f"{IMPORTS}/{made['import_id']}/mapping", json=body)
            assert answer.status_code == 422
            assert field in {item["field"] for item in answer.json()["errors"]}
        plan = await mapped(client, made, persons=TERMS)
        assert plan["persons"]["purposes"] == ["support"]
        one, other = await rows(client, made)
        assert one["person"] == {
            "name": f"Änne Beispiel {key}", "email": email, "phone": "+49 421 5550100", "roles": ["management"],
        }  # fmt: skip
        assert one["note"] == "Seit 2019 betreut"
        # A name that nobody could reach is told, and keeps no row from being taken.
        assert "person" not in other
        assert [item["code"] for item in other["warnings"]] == ["person_unreachable", "legal_form_of_name"]
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"created": 2}
        (person,) = await people_of(client, one["organisation_id"])
        assert (person["name"], person["source"], person["retain_until"], person["purposes"]) == (
            f"Änne Beispiel {key}", f"Personen {key}", UNTIL, ["support"],
        )  # fmt: skip
        (note,) = await notes_of(client, one["organisation_id"])
        assert (note["text"], note["visibility"], note["kind"]) == ("Seit 2019 betreut", "office", "note")
        version = (await read(client, one["organisation_id"]))["version"]

        # The next list of the source is mapped, but not gone through: how long its persons are kept is asked again.
        again = await staged(client, table, source=f"Personen {key}")
        assert again["status"] == "mapping"
        plan = await mapped(client, again, persons=TERMS)
        assert plan["counts"]["outcome"] == {"unchanged": 2}
        assert (await client.post(f"{IMPORTS}/{again['import_id']}/application")).status_code == 409

        # Somebody who is entered by hand meanwhile stays, with who they are for; what the import entered goes with it.
        by_hand = {"name": f"Hand {key}", "email": f"hand-{key}@ex-550.example", "source": "Anruf"} | TERMS
        answer = await client.post(f"/api/v1/organisations/{other['organisation_id']}/people", json=by_hand)
        assert answer.status_code == 201, answer.text
        assert await found_by(client, key) == {f"Änne Beispiel {key}", f"Hand {key}"}
        back = await reverted(client, {"import_id": made["import_id"]})
        assert back["counts"]["reverted"] == {"withdrawn": 1, "deactivated": 1}
        assert await found_by(client, key) == {f"Hand {key}"}
        assert [item["name"] for item in await people_of(client, other["organisation_id"])] == [f"Hand {key}"]
    assert version == 1
    connection = await module_installation.connect()
    try:
        audited = await connection.fetch("select action, before, after from registry.audit_log")
        assert await connection.fetchval("select count(*) from registry.note where text = 'Seit 2019 betreut'") == 0
    finally:
        await connection.close()
    assert {"person.enter", "person.remove", "note.add", "note.remove"} <= {row["action"] for row in audited}
    for said in (email, f"Änne Beispiel {key}", "5550100"):
        assert said not in str(audited)
        assert said not in registry.log.read_text()


async def test_a_person_on_a_known_organisation_is_a_change_and_what_somebody_changed_since_stays(
    registry: Running,
) -> None:
    key = mark()
    email = f"kontakt-{key}@ex-551.example"
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", legal_name=f"Beispiel Bekannt {key} GmbH")
        path = known["organisation_id"]
        table = csv_of(
            "Kennung;Firma;Vorname;Nachname;Ansprechpartner E-Mail;Notiz",
            f"{key}-k;Beispiel Bekannt {key} GmbH;Erna;Muster {key};{email.upper()};Ruft gern an",
        )
        plan = await planned(client, table, source=f"Bekannte {key}", persons=TERMS)
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["person"]["name"]) == ("change", f"Erna Muster {key}")
        await applied(client, plan)
        assert (await read(client, path))["version"] == 1, "a person and a note are no version of the organisation"
        (person,) = await people_of(client, path)
        changed = await client.patch(
            f"/api/v1/people/{person['id']}", json={"phone": "+49 421 1"}, headers={"if-match": '"1"'}
        )
        assert changed.status_code == 200, changed.text
        # Next year's list says another name for the address: it is told, and the record stays.
        other = table.decode().replace("Muster", "Anders").encode()
        again = await mapped(client, await staged(client, other, source=f"Bekannte {key}"), persons=TERMS)
        (row,) = await rows(client, again)
        assert row["outcome"] == "unchanged"
        assert "person_known" in {item["code"] for item in row["warnings"]}
        await reverted(client, plan)
        assert [item["phone"] for item in await people_of(client, path)] == ["+49 421 1"]
        assert await notes_of(client, path) == []


async def test_sites_certificates_profile_and_memberships_come_with_a_list(registry: Running) -> None:
    key = mark()
    code = f"C{key[:6].upper()}"
    async with registry.client() as client:
        its = await cluster(client, code)
        await in_directory(client, its["organisation_id"])
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Niederlassung;Niederlassung Ort;Niederlassung PLZ;Zertifikate;Profil;"
            "Profil (englisch);Cluster;Mitgliedsart;Mitglied seit;Mitglied bis",
            f'{key}-1;Beispiel Werke {key} GmbH;28195;Bremen;Werk Stuhr;Stuhr;28816;"IATF 16949 (bis 31.12.2027); '
            f'ISO 9001";"Wir bauen.\nUnd prüfen.";We build.;{code};Fördermitglied;01.01.2020;31.12.2024',
        )
        plan = await planned(client, table, source=f"Werke {key}")
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["errors"]) == ("create", [])
        await applied(client, plan)
        found = await read(client, row["organisation_id"])
        (site,) = found["sites"]
        assert (site["name"], site["address"]["place"], site["address"]["state"]) == ("Werk Stuhr", "Stuhr", "DE-NI")
        assert [(item["name"], item.get("valid_to")) for item in found["certificates"]] == [
            ("IATF 16949", "2027-12-31"), ("ISO 9001", None),
        ]  # fmt: skip
        assert (found["profile"], found["profile_en"]) == ("Wir bauen.\nUnd prüfen.", "We build.")
        (membership,) = found["memberships"]
        assert (membership["kind"], membership["valid_from"], membership["valid_to"]) == (
            "sponsor", "2020-01-01", "2024-12-31",
        )  # fmt: skip
        again = await reached(client, await staged(client, table, source=f"Werke {key}"), "planned")
        assert again["counts"]["outcome"] == {"unchanged": 1}
        # What leaves as a table has them in columns that an import reads, but for the site.
        await in_directory(client, row["organisation_id"])
        export = await client.get("/api/v1/exports/organisations", params={"q": key, "format": "csv"})
        text = export.content.decode("utf-8-sig")
        assert "IATF 16949 (bis 2027-12-31); ISO 9001" in text
        assert "Werk Stuhr" not in text


async def test_figures_are_of_the_day_and_the_source_that_the_list_says(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", employees=50, legal_name=f"Beispiel Zahlen {key} GmbH")
        path = f"/api/v1/organisations/{known['organisation_id']}"
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Mitarbeiter 2023;Umsatz;Stand",
            f"{key}-k;{known['legal_name']};28197;Bremen;38;6.200.000,00;30.06.2022",
            f"{key}-n;Beispiel Neuling {key} GmbH;28197;Bremen;12;;",
        )
        plan = await planned(client, table, source="IHK-Liste")
        one, other = await rows(client, plan)
        assert [(item["kind"], item["on"], item["value"]) for item in one["figures"]] == [
            ("employees", "2023-12-31", 38), ("turnover", "2022-06-30", 620_000_000),
        ]  # fmt: skip
        await applied(client, plan)
        figures = (await client.get(f"{path}/figures")).json()
        assert {(item["kind"], item["on"], item["source"]) for item in figures} >= {
            ("employees", "2023-12-31", "IHK-Liste"), ("turnover", "2022-06-30", "IHK-Liste"),
        }  # fmt: skip
        # What is older than what is known changes nothing of today.
        assert (await read(client, known["organisation_id"]))["internal"]["employees"] == 50
        new = (await client.get(f"/api/v1/organisations/{other['organisation_id']}/figures")).json()
        assert [(item["on"], item["source"]) for item in new] == [("2023-12-31", "IHK-Liste")]
        again = await reached(client, await staged(client, table, source="IHK-Liste"), "planned")
        assert again["counts"]["outcome"] == {"unchanged": 2}
        back = await reverted(client, plan)
        assert back["counts"]["reverted"] == {"restored": 1, "withdrawn": 1}
        figures = (await client.get(f"{path}/figures")).json()
        assert {item["source"] for item in figures} == {"office"}
        assert (await read(client, known["organisation_id"]))["internal"] == {"employees": 50}


async def test_what_is_missing_in_a_register_entry_or_legal_form_keeps_no_row_out(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Rechtsform;Handelsregister",
            f"{key}-1;Beispiel Neckar {key};28195;Bremen;GmbH;AG Stuttgart HRB {int(key[:6], 16)}",
            f"{key}-2;Beispiel Ohne Gericht {key};28195;Bremen;Zunft;HRB 5000",
            f"{key}-3;Beispiel Zusatz {key};28195;Bremen;GmbH;HRB {int(key[:6], 16)} HB",
        )
        plan = await planned(client, table, source=f"Register {key}")
        one, other, bremen = await rows(client, plan)
        assert bremen.get("warnings", []) == []
        assert [row["outcome"] for row in (one, other)] == ["create", "create"]
        assert [item["code"] for item in one["warnings"]] == ["court_unknown"]
        assert {item["code"] for item in other["warnings"]} == {"register_incomplete", "legal_form"}
        await applied(client, plan)
        (entry,) = (await read(client, one["organisation_id"]))["register_entries"]
        assert (entry["court"], entry["court_code"]) == ("Stuttgart", "")
        # Numbers with that suffix are Bremen's alone.
        (entry,) = (await read(client, bremen["organisation_id"]))["register_entries"]
        assert (entry["court_code"], entry["suffix"]) == ("H1101", "HB")
        number = f"Amtsgericht Stuttgart HRB {entry['number']}"
        await in_directory(client, one["organisation_id"])
        found = await client.get("/api/v1/organisations/lookup", params={"identifier": number})
        assert [item["organisation"]["organisation_id"] for item in found.json()["items"]] == [one["organisation_id"]]
        again = await reached(client, await staged(client, table, source=f"Register {key}"), "planned")
        assert again["counts"]["outcome"] == {"unchanged": 3}


async def test_a_new_organisation_takes_the_legal_form_its_name_shows(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-0", legal_name=f"Beispiel Alt {key} GmbH", legal_form=...)
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;Rechtsform;Registergericht;Registerart;Registernummer",
            f"{key}-0;Beispiel Alt {key} GmbH;28197;Bremen;;;;",
            f"{key}-1;Beispiel Formwerk {key} GmbH & Co. KG;28195;Bremen;;;;",
            f"{key}-2;Beispiel Giebelwerk {key} GmbH & Co. Beteiligungs KG;28195;Bremen;;;;",
            f"{key}-3;Beispiel Hebelwerk {key} GmbH;28195;Bremen;Zunft;;;",
            f"{key}-4;Beispiel Igelwerk {key} GmbH;28195;Bremen;;Bremen;HRA;{int(key[:6], 16)} HB",
            f"{key}-5;Beispiel Jochwerk {key} AG;28195;Bremen;SE;;;",
        )
        plan = await planned(client, table, source=f"Formen {key}")
        told = [[item["code"] for item in row["warnings"]] for row in await rows(client, plan)]
        assert told == [[], ["legal_form_of_name"], [], ["legal_form"], [], []]
        await applied(client, plan)
        made = [await read(client, row["organisation_id"]) for row in await rows(client, plan)]
        assert [item.get("legal_form") for item in made] == [None, "230", None, None, None, "360"]
        assert made[0]["organisation_id"] == known["organisation_id"]
        again = await reached(client, await staged(client, table, source=f"Formen {key}"), "planned")
        assert again["counts"]["outcome"] == {"unchanged": 6}


async def test_who_has_come_since_the_preview_is_seen_when_a_row_is_written(registry: Running) -> None:
    key = mark()
    name = f"Beispiel Zwillinge {key} GmbH"
    async with registry.client() as client:
        table = csv_of("Kennung;Firma;PLZ;Ort", f"{key}-1;{name};28197;Bremen", f"{key}-2;Einzeln {key};28197;Bremen")
        plan = await planned(client, table, source=f"Zwillinge {key}")
        assert plan["counts"]["outcome"] == {"create": 2}
        known = await registered(client, legal_name=name, vat_id=..., register_entry=..., own_id=...)
        await in_directory(client, known["organisation_id"])
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"failed": 1, "created": 1}
        (failed,) = await rows(client, plan, "failed")
        assert (failed["name"], failed["errors"][0]["code"]) == (name, "changed_since")
        # So does the import in one step, unless somebody says that they have looked.
        at_once = csv_of("id;legal_name;place;plz;state", f"{key}-3;{name};Bremen;28197;DE-HB")
        refused = await imported(client, at_once, ignore_duplicates=False)
        assert refused.status_code == 422
        assert [(item["row"], item["code"]) for item in refused.json()["errors"]] == [(2, "duplicate")]
        assert (await imported(client, at_once, ignore_duplicates=False, dry_run=True)).status_code == 422
        assert (await imported(client, at_once, dry_run=True)).json()["created"] == 1


async def test_duplicates_are_decided_many_at_once_and_not_asked_about_again(registry: Running) -> None:
    key = mark()
    names = [f"Beispiel Vielfach {word} {key}" for word in ("Anker", "Boje", "Dalben", "Elger")]
    async with registry.client() as client:
        for name in names:
            known = await registered(client, legal_name=name, vat_id=..., register_entry=..., own_id=...)
            await in_directory(client, known["organisation_id"])
        lines = [f"{name};28197;Bremen;www.{key}.example" for name in names]
        table = csv_of("Firma;PLZ;Ort;Webseite", *lines, f"Beispiel Allein {key};28197;Bremen;")
        plan = await planned(client, table, source=f"Vielfach {key}")
        assert plan["counts"]["outcome"] == {"duplicate": 4, "create": 1}
        path = f"{IMPORTS}/{plan['import_id']}/decisions"
        for wrong in ({}, {"rows": [2], "only": "duplicate"}, {"only": "nonsense"}):
            assert (await client.put(path, json={"decision": "same"} | wrong)).status_code == 422
        none = await client.put(path, json={"decision": "same", "rows": [6]})
        assert (none.status_code, none.json()["code"]) == (409, "no_duplicate")
        some = await client.put(path, json={"decision": "other", "rows": [2, 6]})
        assert some.json() == {"rows": 1}
        every = await client.put(path, json={"decision": "same", "only": "duplicate"})
        assert every.json() == {"rows": 3}
        assert [row["outcome"] for row in await rows(client, plan)] == [
            "create",
            "change",
            "change",
            "change",
            "create",
        ]
        await applied(client, plan)

        # Next year's list: the same rows with another address are known, as they were decided.
        later = csv_of("Firma;PLZ;Ort;Webseite", *lines, f"Beispiel Allein {key};28197;Bremen;www.{key}.example")
        again = await reached(client, await staged(client, later, source=f"Vielfach {key}"), "planned")
        assert again["counts"]["outcome"] == {"unchanged": 4, "change": 1}
        # Who was taken for somebody wrongly is asked about again, and another source does not know.
        assert await decided(client, again, 3, "other") == 204
        assert (await rows(client, again))[1]["outcome"] == "create"
        assert await decided(client, again, 3, None) == 204
        assert (await rows(client, again))[1]["outcome"] == "duplicate"
        other = await planned(client, table, source=f"Andere Liste {key}")
        assert other["counts"]["outcome"]["duplicate"] >= 3
        gone = await client.delete(f"{IMPORTS}/sources/Vielfach {key}")
        assert gone.status_code == 204
        forgotten = await planned(client, later, source=f"Vielfach {key}")
        assert "unchanged" not in forgotten["counts"]["outcome"]


async def test_many_decisions_and_the_terms_of_persons_on_the_pages(registry: Running) -> None:
    key = mark()
    async with registry.client() as api, signed_in(registry) as person:
        known = await registered(api, legal_name=f"Beispiel Seitenzwilling {key}", vat_id=..., register_entry=...)
        await in_directory(api, known["organisation_id"])
        table = csv_of(
            "Firma;PLZ;Ort;Ansprechpartner;Ansprechpartner E-Mail",
            f"Beispiel Seitenzwilling {key};28197;Bremen;Erna Seite;erna-{key}@ex-553.example",
        )
        page = await page_of(person, await upload(person, table, source=f"Zwillinge {key}"))
        form = form_of(await person.get(page), f"{page}/mapping")
        refused = await person.post(f"{page}/mapping", form)
        assert refused.status_code == 422
        assert "gefragt ist, wozu und wie lange sie geführt werden" in text_of(refused)
        half = await person.post(f"{page}/mapping", form | {"persons.purposes": ["support"]})
        assert half.status_code == 422
        assert form_of(half, f"{page}/mapping")["persons.purposes"] == ["support"], "what was chosen is kept"
        said = {"persons.purposes": ["support"], "persons.legal_basis": ["contract"], "persons.retain_until": [UNTIL]}
        await page_of(person, await person.post(f"{page}/mapping", form | said))
        shown = await settled(person, page, "geprüft, nichts geschrieben")
        told = text_of(shown)
        assert "Alle mit Dublettenverdacht" in told
        assert "Die hier gezeigten mit Dublettenverdacht" in told
        same = await person.post(f"{page}/decisions", {"decision": "same", "of": "duplicate", "csrf": person.csrf})
        assert same.status_code == 303
        told = text_of(await person.get(page))
        assert f"Erna Seite, erna-{key}@ex-553.example" in told
        assert "Über 1 Zeilen ist entschieden" in told
        assert "mit Dublettenverdacht" not in told, "nobody has to decide any more"
        assert "Es ist eine andere" in told, "but may think better of it"
        out = await person.post(f"{page}/decisions", {"decision": "leave_out", "row": ["2"], "csrf": person.csrf})
        assert out.status_code == 303
        assert "Alle ausgelassenen doch übernehmen" in text_of(await person.get(page))


# ---------------------------------------------------------------------------------------------------- rules alone


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2023", date(2023, 12, 31)),
        ("31.12.2023", date(2023, 12, 31)),
        ("2023-06-30", date(2023, 6, 30)),
        ("2/2024", date(2024, 2, 29)),
        ("02.2023", date(2023, 2, 28)),
        ("13/2023", None),
        ("gestern", None),
        ("0000", None),
    ],
)
def test_a_day_or_the_last_one_of_a_year_or_month(text: str, day: date | None) -> None:
    assert day_or_end(text) == day


def test_headings_of_persons_are_taken_only_with_a_name() -> None:
    assert propose(["Firma", "Telefon", "E-Mail"]) == ["legal_name", "", "email"]
    assert propose(["Firma", "Ansprechpartner", "Telefon", "E-Mail", "Mail Ansprechpartner"]) == [
        "legal_name", "person_name", "person_phone", "email", "person_email",
    ]  # fmt: skip
    assert propose(["Firma", "Vorname", "Nachname", "Position"]) == [
        "legal_name", "person_first_name", "person_last_name", "person_role",
    ]  # fmt: skip


def test_of_a_person_what_cannot_be_kept_is_left_out_and_told() -> None:
    findings = Findings()
    found = person_of(
        {
            "person_first_name": "Änne",
            "person_last_name": "Müßig",
            "person_email": "kein(at)example",
            "person_phone": "Tel.: 0421 / 5550-100",
            "person_role": "Leiterin Einkauf und Hausmeisterin",
        },
        findings,
    )
    assert found is not None
    assert (found.name, found.email, found.phone, found.roles) == (
        "Änne Müßig", None, "0421 / 5550-100", ("purchasing",),
    )  # fmt: skip
    assert [item.code for item in findings.warnings] == ["invalid_email", "unknown_code"]
    assert findings.errors == []
    assert "Müßig" not in repr(found)
    assert person_of({"person_name": "Nur Name"}, findings) is None
    assert person_of({"person_email": "ohne@name.example"}, findings) is None
    assert person_of({}, Findings()) is None


def test_certificates_are_added_and_renewed_and_keep_their_numbers() -> None:
    findings = Findings()
    said = certificates_of("IATF 16949 (bis 31.12.2027); ISO 9001 gültig bis 2026\nEMAS", "", findings)
    assert [(item.name, item.valid_to) for item in said] == [
        ("IATF 16949", date(2027, 12, 31)), ("ISO 9001", date(2026, 12, 31)), ("EMAS", None),
    ]  # fmt: skip
    current = (Certificate(name="ISO 9001", number="X 1", valid_to=date(2023, 12, 31)), Certificate(name="TISAX"))
    after = with_certificates(current, said, findings)
    assert [(item.name, item.number, item.valid_to) for item in after] == [
        ("EMAS", None, None), ("IATF 16949", None, date(2027, 12, 31)), ("ISO 9001", "X 1", date(2026, 12, 31)),
        ("TISAX", None, None),
    ]  # fmt: skip
    assert with_certificates(after, said, findings) == after
    # An exported cell changes nothing, whatever stands in a name.
    odd = (Certificate(name="Eins (bis 2020)", number="1"), Certificate(name="Zwei"))
    assert with_certificates(odd, certificates_of(certificates_cell(odd), "", Findings()), findings) == odd
    (one,) = certificates_of("ISO 9001", "12/2026", findings)
    assert one.valid_to == date(2026, 12, 31)
    assert findings.warnings == []
    certificates_of("ISO 9001; EMAS", "2026", findings)
    assert [item.code for item in findings.warnings] == ["certificate_end"]


@pytest.mark.parametrize(
    ("cell", "read", "told"),
    [
        ("ISO 14001, ISO 9001", [("ISO 14001", None), ("ISO 9001", None)], 0),
        ("ISO/TS 16949, bis 2026", [("ISO/TS 16949", 2026)], 0),
        ("ISO/TS 16949, gültig bis 31.12.2026, EMAS", [("ISO/TS 16949", 2026), ("EMAS", None)], 0),
        ("ISO 9001 (TÜV, bis 2026); EMAS", [("ISO 9001 (TÜV)", 2026), ("EMAS", None)], 0),
        ("ISO 9001 (Werke Bremen, Stuhr), EMAS", [("ISO 9001 (Werke Bremen, Stuhr)", None), ("EMAS", None)], 0),
        ("EN 1090-2 bis EXC3, ISO 9000 bis 9004", [("EN 1090-2 bis EXC3", None), ("ISO 9000 bis 9004", None)], 0),
        ("ISO 14001, 9001", [("ISO 14001", None), ("9001", None)], 0),
        # What is no day is told, and so is a day that nothing says what it is.
        ("ISO 9001 bis 2026-13-01", [("ISO 9001", None)], 1),
        ("ISO 9001 (bis 31.02.2027), EMAS bis Ende 2026", [("ISO 9001", None), ("EMAS", None)], 2),
        ("TISAX bis 31.12.26", [("TISAX", None)], 1),
        ("ISO 9001, 31.12.2026", [("ISO 9001", None)], 1),
        ("bis 2026", [], 1),
    ],
)
def test_no_certificate_and_no_end_is_lost_without_a_word(
    cell: str, read: list[tuple[str, int | None]], told: int
) -> None:
    findings = Findings()
    found = certificates_of(cell, "", findings)
    assert [(item.name, item.valid_to.year if item.valid_to else None) for item in found] == read
    assert [item.code for item in findings.warnings] == ["certificate_end"] * told


NAMES = st.from_regex(r"[A-Z]{3,5} [0-9]{4,5}(?:-[0-9])?(?: \([A-Z]{3}, [A-Z]{3}\))?", fullmatch=True)
ENDS = st.none() | st.dates(date(1990, 1, 1), date(2199, 12, 31))


@given(st.lists(st.tuples(NAMES, ENDS), max_size=8, unique_by=lambda each: each[0]), st.sampled_from([",", ";", "\n"]))
def test_certificates_are_read_whatever_parts_them(said: list[tuple[str, date | None]], parted: str) -> None:
    findings = Findings()
    cell = parted.join(f"{name}, bis {end.isoformat()}" if end else name for name, end in said)
    found = certificates_of(cell, "", findings)
    assert [(item.name, item.valid_to) for item in found] == said
    assert findings.warnings == []
    assert certificates_of(certificates_cell(found), "", findings) == found


def test_of_too_many_certificates_those_that_are_left_out_are_told() -> None:
    findings = Findings()
    held = tuple(Certificate(name=f"ISO {9_000 + number}") for number in range(50))
    after = with_certificates(held, certificates_of("EMAS, ISO 9001 bis 2030", "", findings), findings)
    assert len(after) == 50
    assert {item.name for item in after} == {item.name for item in held}
    assert next(item.valid_to for item in after if item.name == "ISO 9001") == date(2030, 12, 31)
    assert [(item.code, "EMAS" in item.text.de) for item in findings.warnings] == [("too_many", True)]


def test_an_exported_name_with_a_comma_stays_one_when_another_is_added() -> None:
    findings = Findings()
    held = (Certificate(name="ISO 9001, Werk Bremen", number="7"),)
    cell = f"{certificates_cell(held)}; EMAS"
    after = with_certificates(held, certificates_of(cell, "", findings), findings)
    assert [item.name for item in after] == ["EMAS", "ISO 9001, Werk Bremen"]


NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def said(on: dict[str, date], known: list[Figure], todays: int) -> tuple[int | None, list[Figure]]:
    figures, rows_ = said_by(
        Figures(employees=38),
        on,
        todays=Figures(employees=todays),
        known=known,
        source="Liste",
        today=NOW.date(),
        now=NOW,
    )
    return figures.employees, list(rows_)


def test_a_figure_of_the_past_leaves_today_alone_and_is_said_once() -> None:
    known = [Figure(kind=FigureKind.EMPLOYEES, on=date(2025, 12, 31), source="office", value=50, recorded_at=NOW)]
    held, rows_ = said({"employees": date(2023, 12, 31)}, known, 38)
    assert (held, [(row.on, row.source, row.value) for row in rows_]) == (50, [(date(2023, 12, 31), "Liste", 38)])
    assert said({"employees": date(2023, 12, 31)}, [*known, *rows_], 38) == (50, [])
    newer, rows_ = said({"employees": date(2026, 1, 31)}, known, 38)
    assert (newer, len(rows_)) == (38, 1)
    assert said({"employees": date(2026, 1, 31)}, [*known, *rows_], 38) == (38, [])
    # Without a day, and of a year that is not over, it is what holds today.
    for on in ({}, {"turnover": date(2023, 12, 31)}, {"employees": date(2026, 12, 31)}):
        assert said(on, known, 38) == (38, [])


def test_what_a_plan_keeps_comes_back_as_it_was() -> None:
    found = person_of({"person_name": "Änne", "person_phone": "0421 1"}, Findings())
    further = Further([("employees", "2023-12-31", 3)], found, "Zeile\nzwei", "ab" * 32)
    assert unpacked_further(packed_further(further)) == further
    assert packed_further(Further()) is None
