"""Imports that stay, through HTTP and topic: mapped, planned, looked at, applied, and taken back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from python_calamine import CalamineWorkbook
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import cluster, imported, in_directory, registered, vat
from .staged import (
    IMPORTS,
    applied,
    csv_of,
    decided,
    mapped,
    ods_of,
    planned,
    reached,
    reverted,
    rows,
    staged,
    xlsx_of,
)

HEADING = "Mitgliedsnummer;Firma;PLZ;Ort;Bundesland;USt-IdNr;Mitarbeiter;Umsatz;E-Mail"


def line(own_id: str, **changes: str) -> str:
    cells = {
        "own_id": own_id, "name": f"Beispiel Liste {own_id} GmbH", "plz": "28195", "ort": "Bremen", "land": "Bremen",
        "vat": vat(), "employees": "38", "turnover": "6.200.000,00", "email": f"kontakt@{own_id}.example",
    } | changes  # fmt: skip
    return ";".join(cells.values())


async def organisation(client: Any, organisation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/v1/organisations/{organisation_id}")).json()
    return found


def by_row(found: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {row["row"]: row for row in found}


async def test_a_list_is_mapped_looked_at_applied_and_known_the_next_time(
    registry: Running, module_installation: Installation
) -> None:
    number = vat()
    async with registry.client() as client:
        known = await registered(client, vat_id=number, legal_name="Beispiel Vorher GmbH", own_id="vor-1")
        table = csv_of(
            HEADING,
            line("neu-1"),
            line("vor-1", vat=number, name="Beispiel Vorher GmbH", email=""),
            line("neu-3", vat="DE999000018"),
            line("neu-4", land="Hamburg", ort="Hamburg", plz="20457"),
        )
        made = await staged(client, table, source="IHK-Liste Bremen")
        assert made["status"] == "mapping"
        assert made["columns"] == [
            "own_id", "legal_name", "postal_code", "place", "state", "vat_id", "employees", "turnover_eur", "email",
        ]  # fmt: skip
        plan = await mapped(client, made)
        assert plan["counts"]["outcome"] == {"create": 1, "change": 1, "error": 1, "foreign": 1}
        found = by_row(await rows(client, made))
        assert {row: item["outcome"] for row, item in found.items()} == {
            2: "create", 3: "change", 4: "error", 5: "foreign",
        }  # fmt: skip
        assert found[4]["errors"] == [
            {
                "field": "vat_id",
                "code": "vat_checksum",
                "de": "hat eine falsche Prüfziffer (ISO 7064 Mod 11,10)",
                "en": "has a wrong check digit (ISO 7064 mod 11,10)",
            }
        ]
        changes = {item["field"]: (item.get("old"), item.get("new")) for item in found[3]["differences"]}
        assert changes["seat"][0]["postal_code"] == "28197"
        assert changes["seat"][1]["postal_code"] == "28195"
        assert changes["employees"] == (None, 38)
        # Nothing is written before somebody says so.
        assert (await organisation(client, known["organisation_id"]))["version"] == 1
        done = await applied(client, made)
        assert done["counts"]["result"] == {"created": 1, "changed": 1}
        changed = await organisation(client, known["organisation_id"])
        assert (changed["version"], changed["internal"]["employees"]) == (2, 38)
        created = await organisation(client, found[2]["organisation_id"])
        assert created["internal"]["contact_email"] == "kontakt@neu-1.example"

        again = await staged(client, table, source="IHK-Liste Bremen", name="noch-einmal.csv")
        assert again["status"] == "planning"
        plan = await reached(client, again, "planned")
        assert plan["counts"]["outcome"] == {"unchanged": 2, "error": 1, "foreign": 1}
        nothing = await client.post(f"{IMPORTS}/{again['import_id']}/application")
        assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_apply")
        sources = (await client.get(f"{IMPORTS}/sources")).json()
        assert [item["columns"]["Firma"] for item in sources if item["name"] == "IHK-Liste Bremen"] == ["legal_name"]
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=known["organisation_id"], minimum=2)
    assert [(record.change, record.sequence) for record in records] == [("registered", 1), ("changed", 2)]


async def test_a_workbook_is_read_from_the_sheet_one_chooses(registry: Running) -> None:
    content = xlsx_of(
        ("Deckblatt", [["Stand", "heute"], ["von", "Amt"]]),
        (
            "Firmen",
            [["Liste"], [], ["Name", "PLZ", "Ort", "Kundennummer"], ["Beispiel Blatt GmbH", 28195, "Bremen", 17]],
        ),
        ("Alt", [["Name", "PLZ", "Ort", "Kundennummer"], ["Beispiel Alt GmbH", 28195, "Bremen", 18]]),
    )
    async with registry.client() as client:
        made = await staged(client, content, source="Blätter", name="liste.xlsx")
        assert (made["format"], made["sheet"], made["heading_row"]) == ("xlsx", 1, 3)
        other = await client.put(f"{IMPORTS}/{made['import_id']}/sheet", json={"sheet": 2})
        assert other.json()["headings"] == ["Name", "PLZ", "Ort", "Kundennummer"]
        await mapped(client, other.json())
        assert [item["name"] for item in await rows(client, made)] == ["Beispiel Alt GmbH"]
        wrong = await client.put(f"{IMPORTS}/{made['import_id']}/sheet", json={"sheet": 1, "heading_row": 2})
        assert wrong.status_code == 422
        back = await client.put(f"{IMPORTS}/{made['import_id']}/sheet", json={"sheet": 1})
        await mapped(client, back.json())
        assert [(item["row"], item["name"]) for item in await rows(client, made)] == [(4, "Beispiel Blatt GmbH")]


async def test_an_open_document_with_an_error_of_a_formula_is_told(registry: Running) -> None:
    content = ods_of(
        "Tabelle1", [["Firma", "PLZ", "Ort", "Umsatz"], ["Beispiel Formel", "28195", "Bremen", "!#DIV/0!"]]
    )
    async with registry.client() as client:
        plan = await planned(client, content, source="ODS")
        assert plan["counts"]["outcome"] == {"error": 1}
        (row,) = await rows(client, plan, "error")
        assert [(item["field"], item["code"]) for item in row["errors"]] == [("turnover_eur", "formula_error")]


async def test_what_a_mapping_must_be(registry: Running) -> None:
    async with registry.client() as client:
        made = await staged(client, csv_of("A;B", "1;2"), source="Zuordnung")
        path = f"{IMPORTS}/{made['import_id']}/mapping"

        async def refused(*columns: str) -> list[str]:
            answer = await client.put(path, json={"columns": columns})
            assert answer.status_code == 422, answer.text
            return [error["field"] for error in answer.json()["errors"]]

        assert await refused("legal_name") == ["columns"]
        assert await refused("legal_name", "legal_name") == ["columns.1"]
        assert await refused("legal_name", "colour") == ["columns.1"]
        assert await refused("place", "") == ["columns"]
        none = await client.post(IMPORTS, files={"file": ("a.csv", b"A;B\n")}, data={"source": " "})
        assert none.json()["errors"][0]["field"] == "source"


@pytest.mark.parametrize(
    ("mode", "outcome"), [("create", {"create": 1, "skipped": 1}), ("update", {"change": 1, "skipped": 1})]
)
async def test_only_new_ones_or_only_known_ones(registry: Running, mode: str, outcome: dict[str, int]) -> None:
    async with registry.client() as client:
        known = await registered(client, own_id=f"mode-{mode}", vat_id=...)
        table = csv_of(HEADING, line(f"mode-{mode}", name=known["legal_name"]), line(f"mode-new-{mode}"))
        plan = await planned(client, table, source=f"Modus {mode}", mode=mode)
        assert plan["counts"]["outcome"] == outcome


async def test_a_table_of_single_columns_changes_only_those_and_may_empty_them(registry: Running) -> None:
    async with registry.client() as client:
        number = vat()
        known = await registered(client, vat_id=number, lei="5299000J2N45DDNE4Y28", employees=12)
        table = csv_of("USt-IdNr;Mitarbeiter;LEI;Ort", f"{number};;;")
        plan = await planned(client, table, source="Teile")
        assert plan["counts"]["outcome"] == {"unchanged": 1}
        said = {"columns": plan["columns"], "empty_clears": True}
        assert (await client.put(f"{IMPORTS}/{plan['import_id']}/mapping", json=said)).status_code == 202
        plan = await reached(client, plan, "planned")
        (row,) = await rows(client, plan)
        assert {item["field"] for item in row["differences"]} == {"lei", "employees"}
        await applied(client, plan)
        found = await organisation(client, known["organisation_id"])
        assert "lei" not in found
        assert "employees" not in found["internal"]
        assert (found["seat"]["place"], found["vat_id"]) == ("Bremen", number)


async def test_rows_without_a_number_that_seem_to_be_known_wait_for_a_person(registry: Running) -> None:
    name = "Beispiel Überseehafen Größenmeßtechnik Dublette"
    async with registry.client() as client, registry.client(state="hh") as hh:
        known = await registered(client, legal_name=name, vat_id=...)
        theirs = await registered(
            hh, legal_name="Beispiel Elbe Dublette", register_entry=...,
            seat={"place": "Hamburg", "postal_code": "20457", "state": "DE-HH"},
        )  # fmt: skip
        await in_directory(client, known["organisation_id"])
        await in_directory(client, theirs["organisation_id"])
        table = csv_of(
            "Firma;PLZ;Ort;Webseite",
            "Beispiel Ueberseehafen Groessenmesstechnik Dublette;28197;Bremen;www.beispiel.example",
            "Beispiel Elbe Dublette;20457;Hamburg;",
            "Beispiel Ganz Neu Dublette;28197;Bremen;",
            "Beispiel Ganz Neu Dublette;28197;Bremen;",
            "Beispiel Ohne Postleitzahl;;Bremen;",
        )
        plan = await planned(client, table, source="Ohne Nummern")
        found = by_row(await rows(client, plan))
        assert [found[row]["outcome"] for row in (2, 3, 4, 5, 6)] == [
            "duplicate", "duplicate", "create", "error", "error",
        ]  # fmt: skip
        assert found[2]["organisation_id"] == known["organisation_id"]
        assert "nach Name und Ort" in found[2]["warnings"][0]["de"]
        assert [found[row]["errors"][0]["code"] for row in (5, 6)] == ["repeated_row", "no_key"]
        # What nobody decided is not entered; one says that it is the same, and takes it back.
        assert await decided(client, plan, 2, "same") == 204
        changed = by_row(await rows(client, plan))[2]
        assert (changed["outcome"], [item["field"] for item in changed["differences"]]) == (
            "change",
            ["website"],
        ), "another spelling is no other name"
        assert await decided(client, plan, 2, None) == 204
        assert by_row(await rows(client, plan))[2]["outcome"] == "duplicate"
        assert await decided(client, plan, 2, "other") == 204
        assert by_row(await rows(client, plan))[2]["outcome"] == "create"
        assert await decided(client, plan, 4, "leave_out") == 204
        assert await decided(client, plan, 4, "same") == 409
        assert await decided(client, plan, 99, "leave_out") == 404
        # Another state's is not this office's to change.
        assert await decided(client, plan, 3, "same") == 204
        assert by_row(await rows(client, plan))[3]["outcome"] == "duplicate"
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"created": 1}
        assert done["counts"]["outcome"]["left_out"] == 1


async def test_numbers_decide_whether_a_namesake_is_the_same(registry: Running) -> None:
    async with registry.client() as client:
        known = await registered(client, legal_name="Beispiel Namensvetter GmbH")
        await in_directory(client, known["organisation_id"])
        table = csv_of(
            "Firma;PLZ;Ort;USt-IdNr;Kennung",
            f"Beispiel Namensvetter GmbH;28197;Bremen;{vat()};nv-1",
            "Beispiel Namensvetter GmbH;28197;Bremen;;nv-2",
        )
        plan = await planned(client, table, source="Namensvetter")
        assert [item["outcome"] for item in await rows(client, plan)] == ["create", "duplicate"]


async def test_single_rows_fail_and_come_back_as_a_file_that_can_be_corrected(registry: Running) -> None:
    good, bad = line("zurueck-1"), line("zurueck-2", vat="DE999000018", name="=Beispiel+Formel GmbH")
    async with registry.client() as client:
        plan = await planned(client, csv_of(HEADING, good, bad), source="Zurück")
        done = await applied(client, plan)
        assert done["counts"]["result"] == {"created": 1}
        answer = await client.get(f"{IMPORTS}/{plan['import_id']}/refused-rows")
        assert answer.headers["content-disposition"].endswith('.csv"')
        text = answer.content.decode("utf-8-sig")
        heading, refused = list(csv.reader(io.StringIO(text), delimiter=";"))
        assert heading == [*HEADING.split(";"), "Grund"]
        assert refused[1] == "'=Beispiel+Formel GmbH"
        assert refused[-1] == "USt-IdNr: hat eine falsche Prüfziffer (ISO 7064 Mod 11,10)"
        workbook = await client.get(f"{IMPORTS}/{plan['import_id']}/refused-rows", params={"format": "xlsx"})
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(workbook.content)).get_sheet_by_index(0).to_python()
        assert sheet == [heading, [*bad.split(";"), refused[-1]]]
        corrected = text.replace("DE999000018", vat())
        again = await staged(client, corrected.encode(), source="Zurück")
        assert again["status"] == "planning"
        await reached(client, again, "planned")
        assert [item["name"] for item in await rows(client, again, "create")] == ["=Beispiel+Formel GmbH"]


async def test_a_number_taken_since_the_preview_fails_its_row_alone(registry: Running) -> None:
    number, other = vat(), vat()
    async with registry.client() as client:
        changed = await registered(client, vat_id=other)
        lines = [line("takt-1", vat=number), line("takt-2"), line("takt-3", vat=other, name=changed["legal_name"])]
        plan = await planned(client, csv_of(HEADING, *lines), source="Seitdem")
        assert plan["counts"]["outcome"] == {"create": 2, "change": 1}
        await registered(client, vat_id=number)
        path = f"/api/v1/organisations/{changed['organisation_id']}"
        assert (await client.patch(path, json={"competences": ["BAT-02"]})).status_code == 200
        done = await applied(client, plan)
        # Somebody changed the third meanwhile: the row is planned anew, and what they said stays.
        assert done["counts"]["result"] == {"failed": 1, "created": 1, "changed": 1}
        assert (await client.get(path)).json()["competences"] == ["BAT-02"]
        (failed,) = await rows(client, plan, "failed")
        assert (failed["row"], failed["errors"][0]["code"]) == (2, "changed_since")


async def test_an_import_is_taken_back_but_for_what_somebody_changed_since(
    registry: Running, module_installation: Installation
) -> None:
    first, second, third = vat(), vat(), vat()
    async with registry.client() as client:
        kept = await registered(client, vat_id=first, employees=7, contact_email="vorher@beispiel.example")
        moved = await registered(client, vat_id=second)
        table = csv_of(
            HEADING,
            line("weg-1"),
            line("weg-2"),
            line("weg-3", vat=third),
            line("weg-4", vat=first),
            line("weg-5", vat=second),
        )
        plan = await planned(client, table, source="Irrtum")
        await applied(client, plan)
        found = by_row(await rows(client, plan))
        ids = {row: found[row]["organisation_id"] for row in found}
        assert (await organisation(client, ids[5]))["internal"]["contact_email"] == "kontakt@weg-4.example"
        # Of two that were created one is changed since, and of one there is a note; so is one that was changed.
        for row in (3, 6):
            answer = await client.patch(f"/api/v1/organisations/{ids[row]}", json={"competences": ["BAT-02"]})
            assert answer.status_code == 200
        note = {"kind": "visit", "text": "Besuch", "visibility": "office"}
        assert (await client.post(f"/api/v1/organisations/{ids[4]}/notes", json=note)).status_code == 201
        done = await reverted(client, plan)
        assert done["counts"]["reverted"] == {"withdrawn": 1, "deactivated": 1, "restored": 1, "left": 2}
        assert {item["row"]: item["reason"] for item in await rows(client, plan, "left")} == {
            3: "changed_since", 6: "changed_since",
        }  # fmt: skip

        async def gone() -> None:
            assert (await client.get(f"/api/v1/organisations/{ids[2]}")).status_code == 404

        await eventually(gone)
        assert (await organisation(client, ids[4]))["status"] == "deactivated"
        restored = await organisation(client, kept["organisation_id"])
        assert restored["version"] == 3
        assert restored["legal_name"] == kept["legal_name"]
        assert restored["former_names"] == []
        assert restored["internal"] == {"employees": 7, "contact_email": "vorher@beispiel.example"}
        assert (await organisation(client, moved["organisation_id"]))["version"] == 3
        again = await client.post(f"{IMPORTS}/{plan['import_id']}/reversion")
        assert again.status_code == 409
    (tombstone,) = [
        record
        for record in await module_installation.read_topic(ORGANISATION, State.BREMEN, key=ids[2], minimum=2)
        if record.data is None
    ]
    assert (tombstone.change, tombstone.sequence) == ("erased", 2)


async def test_an_import_is_cancelled_and_what_it_wrote_stays(registry: Running) -> None:
    async with registry.client() as client:
        made = await staged(client, csv_of(HEADING, line("stop-1")), source="Abbruch")
        cancelled = await client.post(f"{IMPORTS}/{made['import_id']}/cancellation")
        assert cancelled.json()["status"] == "cancelled"
        assert (await client.post(f"{IMPORTS}/{made['import_id']}/cancellation")).status_code == 200
        late = await client.put(f"{IMPORTS}/{made['import_id']}/mapping", json={"columns": made["columns"]})
        assert (late.status_code, late.json()["code"]) == (409, "import_status")


async def test_one_import_of_a_state_writes_at_a_time(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client, registry.client(state="hh") as hh:
        one = await planned(client, csv_of(HEADING, line("eins-1")), source="Eins")
        other = await planned(client, csv_of(HEADING, line("zwei-1")), source="Zwei")
        connection = await module_installation.connect()
        try:
            # Somebody else's worker has it, and has not begun.
            await connection.execute(
                "update registry.import set status = 'applying', lease_owner = gen_random_uuid(), "
                "lease_until = now() + interval '1 hour' where id = $1",
                one["import_id"],
            )
            refused = await client.post(f"{IMPORTS}/{other['import_id']}/application")
            assert (refused.status_code, refused.json()["code"]) == (409, "import_running")
            at_once = await imported(client, csv_of("id;legal_name;place;state", "x-1;Beispiel X;Bremen;DE-HB"))
            assert (at_once.status_code, at_once.json()["code"]) == (409, "import_running")
            seat = {"land": "Hamburg", "ort": "Hamburg", "plz": "20457"}
            await applied(hh, await planned(hh, csv_of(HEADING, line("drei-1", **seat)), source="Drei"))
            await connection.execute("update registry.import set lease_until = now() where id = $1", one["import_id"])
            await reached(client, one, "applied")
            await applied(client, other)
        finally:
            await connection.close()


async def test_clusters_bodies_and_members_come_from_one_list(registry: Running) -> None:
    async with registry.client() as client:
        await cluster(client, "LST")
        table = csv_of(
            "Kennung;Name;Art;Clusterkürzel;Ort;PLZ;Cluster;Cluster seit;Rollen",
            "l-1;Beispiel Netz e.V.;Cluster;NTZ;;;;;cluster",
            "l-2;Beispiel Amt;Öffentliche Stelle;;;;;;administration",
            "l-3;Beispiel Mitglied GmbH;Unternehmen;;Bremen;28195;LST;01.01.2024;tier1, service",
            "l-4;Beispiel Fremd GmbH;Unternehmen;;Bremen;28195;NIX;;boss",
        )
        plan = await planned(client, table, source="Netz")
        found = by_row(await rows(client, plan))
        assert [found[row]["outcome"] for row in (2, 3, 4, 5)] == ["create", "create", "create", "error"]
        assert {item["code"] for item in found[5]["errors"]} == {"role"}
        await applied(client, plan)
        member = await organisation(client, found[4]["organisation_id"])
        assert member["roles"] == ["tier1", "service"]
        assert [(item["cluster_code"], item["valid_from"]) for item in member["memberships"]] == [("LST", "2024-01-01")]
        assert (await organisation(client, found[2]["organisation_id"]))["cluster_code"] == "NTZ"


async def test_two_rows_that_mean_one_organisation_are_told_apart_by_row(registry: Running) -> None:
    number = vat()
    async with registry.client() as client:
        known = await registered(client, vat_id=number, own_id="doppelt-1")
        table = csv_of(
            "Kennung;Firma;PLZ;Ort;USt-IdNr;LEI",
            f"x-1;{known['legal_name']};28197;Bremen;{number};",
            f"doppelt-1;{known['legal_name']};28197;Bremen;;",
            "x-3;Beispiel Drei;28195;Bremen;;5299000J2N45DDNE4Y28",
            "x-4;Beispiel Vier;28195;Bremen;;5299000J2N45DDNE4Y28",
        )
        plan = await planned(client, table, source="Doppelt")
        found = by_row(await rows(client, plan))
        assert [item["code"] for item in found[3]["errors"]] == ["repeated_row"]
        assert found[4]["outcome"] in {"create", "error"}
        assert [item["code"] for item in found[5]["errors"]][:1] in (["repeated_number"], ["identifier_taken"])


async def test_an_import_is_the_offices_own(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        made = await planned(client, csv_of(HEADING, line("eigen-1")), source="Eigen")
    path = f"{IMPORTS}/{made['import_id']}"
    for state, role in (("hh", "office"), ("hh", "lead"), ("ni", "office")):
        async with registry.client(state=state, role=role) as other:
            for answer in (
                await other.get(path),
                await other.get(f"{path}/rows"),
                await other.get(f"{path}/refused-rows"),
                await other.post(f"{path}/application"),
                await other.post(f"{path}/reversion"),
                await other.put(f"{path}/mapping", json={"columns": made["columns"]}),
            ):
                assert answer.status_code == 404, answer.text
            assert made["import_id"] not in (await other.get(IMPORTS)).text
            assert "Eigen" not in [item["name"] for item in (await other.get(f"{IMPORTS}/sources")).json()]
    connection = await module_installation.connect(role="norda_registry", system=False)
    try:
        await connection.execute("set search_path to registry, public")
        for state, role, seen in (("hb", "office", True), ("hb", "pr", False), ("hh", "lead", False)):
            await connection.execute(
                "select set_config('norda.subject', 'x', false), set_config('norda.state', $1, false), "
                "set_config('norda.roles', $2, false)",
                state,
                role,
            )
            for table in ("import_row", "import_plan"):
                found = await connection.fetch(f"select from {table} where import_id = $1", made["import_id"])
                assert bool(found) is seen, (state, role, table)
            assert bool(await connection.fetch("select from import where id = $1", made["import_id"])) is seen
            assert bool(await connection.fetch("select from import_source where name = 'Eigen'")) is seen
    finally:
        await connection.close()


async def test_no_contact_address_is_in_logs_topics_or_the_audit_log(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        await applied(client, await planned(client, csv_of(HEADING, line("still-1")), source="Still"))
    connection = await module_installation.connect()
    try:
        said = await connection.fetch("select before, after from registry.audit_log")
    finally:
        await connection.close()
    assert "contact_email" in str(said)
    assert "kontakt@still-1.example" not in str(said)
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, minimum=1)
    mine = [
        record.data for record in records if isinstance(record.data, Organisation) and record.data.own_id == "still-1"
    ]
    assert len(mine) == 1
    assert "kontakt@" not in mine[0].model_dump_json()
    assert "kontakt@still-1.example" not in registry.log.read_text()


async def test_rows_are_forgotten_after_thirty_days(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        made = await applied(client, await planned(client, csv_of(HEADING, line("alt-1")), source="Alt"))
    fresh = module_installation
    connection = await fresh.connect()
    try:
        await connection.execute(
            "update registry.import set ended_at = now() - interval '31 days' where id = $1", made["import_id"]
        )
        other = fresh.start("registry", wait=False)
        try:

            async def forgotten() -> None:
                left = await connection.fetchval(
                    "select count(*) from registry.import_row where import_id = $1", made["import_id"]
                )
                assert left == 0

            await eventually(forgotten, within=30)
        finally:
            other.stop()
    finally:
        await connection.close()
    async with registry.client() as client:
        assert (await client.get(f"{IMPORTS}/{made['import_id']}")).json()["forgotten_at"]
        assert (await client.post(f"{IMPORTS}/{made['import_id']}/reversion")).status_code == 409
