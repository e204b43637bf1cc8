"""Own ids that say one thing and names that say another: nobody is overwritten by the number of a row."""

from __future__ import annotations

import pytest
from norda_registry.rules.import_headings import propose
from support.installation import Running

from .conftest import imported, in_directory, registered, vat
from .staged import IMPORTS, applied, csv_of, decided, planned, reached, rows, staged
from .test_import_further import mark, read

HEADING = "Kennung;Firma;PLZ;Ort"


@pytest.mark.parametrize("heading", ["Nr", "Nr.", "Lfd. Nr.", "lfd nr"])
def test_numbers_of_rows_are_no_own_ids(heading: str) -> None:
    assert propose([heading, "Firma", "Mitgliedsnummer"]) == ["", "legal_name", "own_id"]


async def test_an_own_id_alone_overwrites_nobody_of_another_name(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-7", legal_name=f"Quittenpresse Lesum {key} GmbH")
        path = known["organisation_id"]
        stranger = f"{key}-7;Ankerschmiede Vegesack {key} AG;28757;Bremen"
        plan = await planned(client, csv_of(HEADING, stranger), source=f"Zeilen {key}")
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["organisation_id"]) == ("duplicate", path)
        assert [(item["field"], item["code"]) for item in row["warnings"]] == [("own_id", "other_name")]
        assert (await client.post(f"{IMPORTS}/{plan['import_id']}/application")).status_code == 409
        # It is another one: a new one, without the number, by which neither could be found any more.
        assert await decided(client, plan, 2, "other") == 204
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["warnings"][0]["code"]) == ("create", "other_name")
        await applied(client, plan)
        assert (await read(client, path))["legal_name"] == known["legal_name"]
        (row,) = await rows(client, plan)
        assert "own_id" not in await read(client, row["organisation_id"])
        # The next list of the source knows.
        again = await reached(
            client, await staged(client, csv_of(HEADING, stranger), source=f"Zeilen {key}"), "planned"
        )
        assert again["counts"]["outcome"] == {"unchanged": 1}
        assert (await rows(client, again))[0]["organisation_id"] == row["organisation_id"]


async def test_a_rename_by_own_id_is_asked_about_once(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-1", legal_name=f"Quittenpresse Lesum {key} GmbH")
        path = known["organisation_id"]
        table = csv_of(HEADING, f"{key}-1;Ankerschmiede Vegesack {key} AG;28197;Bremen")
        plan = await planned(client, table, source=f"Umfirmiert {key}")
        assert plan["counts"]["outcome"] == {"duplicate": 1}
        assert await decided(client, plan, 2, "same") == 204
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["organisation_id"]) == ("change", path)
        # Somebody changes something else meanwhile: the row is planned anew, and means whom it meant.
        answer = await client.patch(f"/api/v1/organisations/{path}", json={"competences": ["BAT-02"]})
        assert answer.status_code == 200
        assert (await applied(client, plan))["counts"]["result"] == {"changed": 1}
        found = await read(client, path)
        assert found["legal_name"] == f"Ankerschmiede Vegesack {key} AG"
        assert [item["legal_name"] for item in found["former_names"]] == [known["legal_name"]]
        # An older list calls it what it was called, which is no other company.
        older = csv_of(HEADING, f"{key}-1;{known['legal_name']};28197;Bremen")
        plan = await planned(client, older, source=f"Alte Liste {key}")
        assert plan["counts"]["outcome"] == {"change": 1}


async def test_what_was_decided_of_a_rename_holds_before_it_is_applied(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-1", legal_name=f"Quittenpresse Lesum {key} GmbH")
        table = csv_of(HEADING, f"{key}-1;Ankerschmiede Vegesack {key} AG;28197;Bremen")
        plan = await planned(client, table, source=f"Gemerkt {key}")
        assert await decided(client, plan, 2, "same") == 204
        again = await reached(client, await staged(client, table, source=f"Gemerkt {key}"), "planned")
        (row,) = await rows(client, again)
        assert (row["outcome"], row["organisation_id"]) == ("change", known["organisation_id"])
        # Another source is asked, and so is who takes it back.
        assert await decided(client, again, 2, None) == 204
        other = await planned(client, table, source=f"Ungemerkt {key}")
        assert other["counts"]["outcome"] == {"duplicate": 1}


async def test_who_is_known_by_a_number_or_by_name_comes_before_whose_own_id_it_is(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        holder = await registered(client, own_id=f"{key}-3", legal_name=f"Quittenpresse Lesum {key} GmbH")
        named = await registered(
            client, legal_name=f"Ankerschmiede Vegesack {key} AG", legal_form=..., own_id=..., vat_id=vat()
        )
        await in_directory(client, named["organisation_id"])
        stranger = f"{key}-3;Ankerschmiede Vegesack {key} AG;28197;Bremen"
        plan = await planned(client, csv_of(HEADING, stranger), source=f"Namen {key}")
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["organisation_id"]) == ("duplicate", named["organisation_id"])
        assert await decided(client, plan, 2, "same") == 204
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["organisation_id"]) == ("unchanged", named["organisation_id"])
        # Numbers, a name that is alike, and no name at all are no doubt.
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;USt-IdNr;Webseite",
            f"{key}-3;Ankerschmiede Vegesack {key} AG;28197;Bremen;{named['vat_id']};www.{key}.example",
        )
        plan = await planned(client, table, source=f"Nummern {key}")
        assert [row["organisation_id"] for row in await rows(client, plan)] == [named["organisation_id"]]
        for line in (f"{key}-3;Quittenpresse Lesum {key} & Co. KG;12", f"{key}-3;;12"):
            plan = await planned(client, csv_of("Kennung;Firma;Mitarbeiter", line), source=f"Kein Zweifel {key}")
            (row,) = await rows(client, plan)
            assert (row["outcome"], row["organisation_id"]) == ("change", holder["organisation_id"])


async def test_at_once_such_a_row_is_a_fault(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-7", legal_name=f"Quittenpresse Lesum {key} GmbH")
        table = csv_of("id;legal_name;place;state", f"{key}-7;Ankerschmiede Vegesack {key} AG;Bremen;DE-HB")
        answer = await imported(client, table)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["row"], error["field"], error["code"]) == (2, "id", "other_name")
        assert known["legal_name"] in error["de"]
        assert (await read(client, known["organisation_id"]))["version"] == 1
