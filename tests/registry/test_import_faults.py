"""Rows with faults in cells that they can do without, which a person may have taken without those."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from norda_common.errors import FieldError, Text
from norda_registry.rules.import_faults import cells_at_fault
from support.forms import form_of
from support.installation import Running
from support.people import signed_in, text_of

from .conftest import in_directory, registered, vat
from .staged import IMPORTS, applied, csv_of, decided, mapped, planned, reached, rows, staged
from .test_import_further import mark, read

HEADING = "Kennung;Firma;PLZ;Ort;USt-IdNr;Mitarbeiter;Website"
WRONG = "DE999999990"


def told(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["field"], item["code"]) for item in row["warnings"]]


async def settled(client: httpx2.AsyncClient, plan: dict[str, Any], row: int, decision: str | None) -> int:
    """Say something of a row's cells; the whole table is planned anew by the worker."""
    answer = await decided(client, plan, row, decision)
    await reached(client, plan, "planned")
    return answer


async def test_a_row_is_taken_without_the_cells_at_fault_when_somebody_says_so(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-1", legal_name=f"Beispiel Alt {key}", vat_id=vat(), employees=3)
        table = csv_of(
            HEADING,
            f"{key}-1;Beispiel Alt {key};28197;Bremen;{WRONG};12;",
            f"{key}-2;Beispiel Neu {key};281955;Bremen;{WRONG};viele;www.neu.example",
            f"{key}-3;#NV;28195;Bremen;{WRONG};4;",
            f"{key}-4;Beispiel Viel {key};28195;Bremen;;4;;;zu viel",
        )
        made = await staged(client, table, source=f"Fehler {key}")
        # Empty cells empty fields: one that is left out does not.
        plan = await mapped(client, made, empty_clears=True)
        assert plan["counts"]["outcome"] == {"error": 4}
        assert [await settled(client, plan, row, "without") for row in (2, 3, 4, 5)] == [204, 204, 409, 409]
        changed, new, *needed = await rows(client, plan)
        assert (changed["outcome"], changed["without"], told(changed)) == (
            "change",
            ["vat_id"],
            [("vat_id", "left_out")],
        )
        # What stands in the cells comes out when they are looked at together with what is stored.
        assert (new["outcome"], [item["field"] for item in new["errors"]]) == ("error", ["postal_code"])
        assert await settled(client, plan, 3, "without") == 204
        new = (await rows(client, plan))[1]
        assert (new["outcome"], new["without"]) == ("create", ["employees", "postal_code", "vat_id"])
        assert {name for name, code in told(new) if code == "left_out"} == set(new["without"])
        assert {row["outcome"] for row in needed} == {"error"}
        # Said again it is the same; taken back it is refused as before.
        assert await settled(client, plan, 2, "without") == 204
        assert await settled(client, plan, 2, None) == 204
        assert (await rows(client, plan))[0]["outcome"] == "error"
        assert await settled(client, plan, 2, "without") == 204
        # Left out and taken after all it is still without the cell, and so it is when it is planned anew.
        assert await settled(client, plan, 2, "leave_out") == 204
        assert await settled(client, plan, 2, None) == 204
        answer = await client.patch(
            f"/api/v1/organisations/{known['organisation_id']}", json={"competences": ["BAT-02"]}
        )
        assert answer.status_code == 200
        assert (await applied(client, plan))["counts"]["result"] == {"changed": 1, "created": 1}
        found = await read(client, known["organisation_id"])
        assert (found["vat_id"], found["internal"]["employees"]) == (known["vat_id"], 12)
        created = await read(client, (await rows(client, plan))[1]["organisation_id"])
        assert created["seat"].get("postal_code") is None
        assert "neu.example" in created["website"]
        assert "vat_id" not in created


async def test_without_its_cells_a_row_may_be_one_that_stands_in_the_table_already(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", legal_name=f"Beispiel Kai {key}", vat_id=..., employees=3)
        table = csv_of(
            HEADING,
            f";Beispiel Zweimal {key};28195;Bremen;;;",
            f"{key}-1;Beispiel Eins {key};28195;Bremen;;4;",
            f"{key}-k;Beispiel Kai {key};28195;Bremen;;4;",
            f";Beispiel Zweimal {key};28195;Bremen;;viele;",
            f"{key}-1;Beispiel Eins {key};28195;Bremen;;viele;",
            f"{key}-k;Beispiel Kai {key};28195;Bremen;;viele;www.kai.example",
        )
        plan = await planned(client, table, source=f"Doppelt {key}")
        assert plan["counts"]["outcome"] == {"create": 2, "change": 1, "error": 3}
        for row in (5, 6, 7):
            assert await settled(client, plan, row, "without") == 204
        again = (await rows(client, plan))[3:]
        assert [row["outcome"] for row in again] == ["error"] * 3
        assert [row["errors"][0]["code"] for row in again] == ["repeated_row"] * 3
        assert (await applied(client, plan))["counts"]["result"] == {"created": 2, "changed": 1}
        assert (await read(client, known["organisation_id"]))["internal"]["employees"] == 4


async def test_who_seems_to_be_known_without_the_number_is_asked_about(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, legal_name=f"Quittenpresse {key} GmbH", own_id=..., vat_id=vat(), employees=3)
        await in_directory(client, known["organisation_id"])
        table = csv_of(HEADING, f";Quittenpresse {key} GmbH;28197;Bremen;{WRONG};12;")
        plan = await planned(client, table, source=f"Verdacht {key}")
        assert await decided(client, plan, 2, "same") == 409
        assert await settled(client, plan, 2, "without") == 204
        assert [row["outcome"] for row in await rows(client, plan)] == ["duplicate"]
        assert await decided(client, plan, 2, "same") == 204
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["decision"], row["without"]) == ("change", "same", ["vat_id"])
        # Another mapping is another table.
        plan = await mapped(client, plan)
        (row,) = await rows(client, plan)
        assert (row["outcome"], row.get("without", [])) == ("error", [])


async def test_of_two_rows_that_mean_the_same_organisation_the_second_is_refused_for_that(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        name = f"Quittenkorb {key} GmbH"
        known = await registered(client, legal_name=name, own_id=f"{key}-q", vat_id=vat(), employees=3)
        await in_directory(client, known["organisation_id"])
        table = csv_of(HEADING, f"{key}-q;{name};28195;Bremen;;12;", f";{name};28195;Bremen;;13;")
        plan = await planned(client, table, source=f"Zweimal {key}")
        assert plan["counts"]["outcome"] == {"change": 1, "duplicate": 1}
        assert await decided(client, plan, 3, "same") == 204
        assert (await applied(client, plan))["counts"]["result"] == {"changed": 1, "failed": 1}
        (failed,) = [row for row in await rows(client, plan) if row["result"] == "failed"]
        assert (failed["row"], [error["code"] for error in failed["errors"]]) == (3, ["repeated_row"])
        assert (await read(client, known["organisation_id"]))["internal"]["employees"] == 12


async def test_many_rows_are_taken_without_their_faults_by_the_worker(registry: Running) -> None:
    key = mark()
    lines = [f"{key}-{number};Beispiel Reihe {key} {number};28195;Bremen;{WRONG};4;" for number in range(230)]
    async with registry.client() as client:
        plan = await planned(client, csv_of(HEADING, *lines, f"{key}-x;;28195;Bremen;{WRONG};;"), source=f"Viele {key}")
        path, body = f"{IMPORTS}/{plan['import_id']}/decisions", {"decision": "without", "only": "error"}
        assert (await client.put(path, json=body)).json() == {"rows": 231}
        plan = await reached(client, plan, "planned")
        assert plan["counts"]["outcome"] == {"create": 230, "error": 1}
        assert (await client.put(path, json=body)).json() == {"rows": 0}


async def test_faults_are_left_out_on_the_page(registry: Running) -> None:
    key = mark()
    async with registry.client() as api, signed_in(registry) as person:
        table = csv_of(
            HEADING,
            *(f"{key}-{number};Beispiel Blatt {key} {number};28195;Bremen;{WRONG};4;" for number in range(2)),
            f"{key}-n;#NV;28195;Bremen;{WRONG};4;",
        )
        made = await planned(api, table, source=f"Blatt {key}")
        page = f"/registry/import/{made['import_id']}"
        shown = await person.get(page)
        assert text_of(shown).count("Ohne fehlerhafte Zellen übernehmen") == 2
        await person.post(f"{page}/rows/2", form_of(shown, f"{page}/rows/2"))
        await reached(api, made, "planned")
        shown = await person.get(page)
        assert "USt-IdNr: ist fehlerhaft und bleibt weg" in text_of(shown)
        assert "Nur mit allen Zellen" in text_of(shown)
        answer = await person.post(f"{page}/decisions", form_of(shown, f"{page}/decisions"))
        assert answer.status_code == 303
        await reached(api, made, "planned")
        shown = text_of(await person.get(page))
        assert shown.count("ist fehlerhaft und bleibt weg") == 2
        assert "Ohne fehlerhafte Zellen übernehmen" not in shown


@pytest.mark.parametrize(
    ("faults", "cells"),
    [
        ([("vat_id", "vat_id_check")], {"vat_id"}),
        ([("roles.1", "role"), ("employees", "int_parsing")], {"roles", "employees"}),
        ([("seat.postal_code", "postal_code"), ("seat.ags", "ags_state")], {"postal_code", "ags"}),
        ([("activities.3", "activity")], {"wz2025", "wz2008"}),
        ([("register_valid_from", "date_parsing")], {"register_valid_from"}),
        # What identifies goes whole.
        ([("register_entry.suffix", "suffix")], {
            "register_entry", "register_court", "register_type", "register_number", "register_suffix",
            "register_former_court", "euid",
        }),
        ([], set()),
        ([("vat_id", "vat_id_check"), ("legal_name", "formula_error")], set()),
        ([("row", "cell_count")], set()),
        ([("seat.state", "relocation")], set()),
        ([("vat_id", "identifier_taken")], set()),
        ([("vat_id", "repeated_number")], set()),
        ([("own_id", "no_key")], set()),
        ([("responsible_state", "responsible_state")], set()),
    ],
)  # fmt: skip
def test_only_cells_that_a_row_can_do_without_are_left_out(faults: list[tuple[str, str]], cells: set[str]) -> None:
    errors = [FieldError(field=field, code=code, text=Text("falsch", "wrong")) for field, code in faults]
    assert cells_at_fault(errors) == cells
