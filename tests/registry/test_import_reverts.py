"""What a revert takes back beside the record: what is left is left whole, and no figure is invented or lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from support.installation import Installation, Running

from .conftest import registered, vat
from .staged import applied, csv_of, planned, reverted, rows
from .test_import_further import TERMS, mark, notes_of, people_of, read

LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).isoformat()


async def figures_of(client: httpx2.AsyncClient, organisation_id: str) -> list[tuple[str, str, int]]:
    found = (await client.get(f"/api/v1/organisations/{organisation_id}/figures")).json()
    return sorted((item["on"], item["source"], int(item["value"])) for item in found)


async def said_by_hand(client: httpx2.AsyncClient, organisation_id: str, on: str, value: int) -> None:
    body = {"kind": "employees", "value": value, "on": on, "source": "Anruf"}
    answer = await client.post(f"/api/v1/organisations/{organisation_id}/figures", json=body)
    assert answer.status_code == 201, answer.text


async def beside(client: httpx2.AsyncClient, organisation_id: str) -> tuple[int, int, list[Any]]:
    """How many persons and notes there are, and the sourced figures."""
    people, notes = await people_of(client, organisation_id), await notes_of(client, organisation_id)
    return len(people), len(notes), [row for row in await figures_of(client, organisation_id) if row[1] != "office"]


async def test_a_row_that_is_left_keeps_its_person_note_and_figures(registry: Running) -> None:
    key, before, after = mark(), vat(), vat()
    async with registry.client() as client:
        changed, renumbered, back = [
            await registered(client, own_id=f"{key}-{place}", vat_id=number)
            for place, number in enumerate((vat(), before, vat()))
        ]
        numbers = (changed["vat_id"], after, back["vat_id"])
        lines = [
            f"{each['own_id']};{each['legal_name']};{number};12;Änne {key};aenne-{place}-{key}@ex-560.example;Ruft an"
            for place, (each, number) in enumerate(zip((changed, renumbered, back), numbers, strict=True))
        ]
        heading = "Kennung;Firma;USt-IdNr;Mitarbeiter 2023;Ansprechpartner;E-Mail Ansprechpartner;Bemerkung"
        table = csv_of(heading, *lines)
        source = f"Bleibt {key}"
        plan = await planned(client, table, source=source, persons=TERMS)
        await applied(client, plan)
        said = (1, 1, [("2023-12-31", source, 12)])
        ids = [each["organisation_id"] for each in (changed, renumbered, back)]
        for each in ids:
            assert await beside(client, each) == said
        # Of one another field is changed since, of one the number that it had is somebody else's by now.
        answer = await client.patch(f"/api/v1/organisations/{ids[0]}", json={"competences": ["BAT-02"]})
        assert answer.status_code == 200, answer.text
        await registered(client, vat_id=before)
        done = await reverted(client, plan)
        assert done["counts"]["reverted"] == {"left": 2, "restored": 1}
        assert {row["organisation_id"]: row["reason"] for row in await rows(client, plan, "left")} == {
            ids[0]: "changed_since", ids[1]: "number_taken",
        }  # fmt: skip
        assert [await beside(client, each) for each in ids] == [said, said, (0, 0, [])]
        assert (await read(client, ids[1]))["vat_id"] == after


async def test_a_figure_entered_by_hand_since_holds_after_a_revert(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known, empty = [await registered(client, own_id=f"{key}-{place}") for place in range(2)]
        ids = [each["organisation_id"] for each in (known, empty)]
        await said_by_hand(client, ids[0], "2022-12-31", 30)
        lines = [f"{each['own_id']};{each['legal_name']};50" for each in (known, empty)]
        plan = await planned(client, csv_of("Kennung;Firma;Mitarbeiter", *lines), source=f"Zahlen {key}")
        await applied(client, plan)
        versions = [(await read(client, each))["version"] for each in ids]
        for each in ids:
            await said_by_hand(client, each, LAST_MONTH, 40)
        assert [(await read(client, each))["version"] for each in ids] == versions, "the import's figure is newer"
        done = await reverted(client, plan)
        assert done["counts"]["reverted"] == {"restored": 2}
        assert [(await read(client, each))["internal"] for each in ids] == [{"employees": 40}] * 2
        assert await figures_of(client, ids[0]) == [("2022-12-31", "Anruf", 30), (LAST_MONTH, "Anruf", 40)]
        assert await figures_of(client, ids[1]) == [(LAST_MONTH, "Anruf", 40)]


async def test_a_revert_computes_the_class_of_what_was_entered_by_hand_since(registry: Running) -> None:
    key = mark()
    async with registry.client() as client:
        known = await registered(client, own_id=f"{key}-k", turnover_eur="90000000", employees=20)
        path = f"/api/v1/organisations/{known['organisation_id']}"
        before = (await read(client, known["organisation_id"]))["size_class"]
        table = csv_of("Kennung;Firma;Mitarbeiter", f"{key}-k;{known['legal_name']};300")
        plan = await planned(client, table, source=f"Klasse {key}")
        await applied(client, plan)
        await reverted(client, plan)
        found = await read(client, known["organisation_id"])
        assert (found["size_class"], found["internal"]["employees"]) == (before, 20)
        rows_ = (await client.get(f"{path}/figures")).json()
        assert sorted((item["kind"], item["source"]) for item in rows_) == [
            ("employees", "office"), ("turnover", "office"),
        ]  # fmt: skip


async def test_what_another_import_said_of_figures_outlives_a_revert(registry: Running) -> None:
    key = mark()
    name = f"Beispiel Zweite Quelle {key} GmbH"
    async with registry.client() as client:
        first = await planned(
            client, csv_of("Kennung;Firma;PLZ;Ort;Mitarbeiter", f"{key};{name};28195;Bremen;38"), source=f"Eins {key}"
        )
        (row,) = await rows(client, first)
        await applied(client, first)
        second = await planned(
            client, csv_of("Kennung;Firma;Mitarbeiter 2021", f"{key};{name};20"), source=f"Zwei {key}"
        )
        assert (await applied(client, second))["counts"]["result"] == {"changed": 1}
        assert (await read(client, row["organisation_id"]))["version"] == 1
        # Somebody refers to it: the second list.
        done = await reverted(client, first)
        assert done["counts"]["reverted"] == {"deactivated": 1}
        found = await figures_of(client, row["organisation_id"])
        assert ("2021-12-31", f"Zwei {key}", 20) in found
        assert (await read(client, row["organisation_id"]))["status"] == "deactivated"


async def test_what_the_import_itself_said_keeps_nobody(registry: Running, module_installation: Installation) -> None:
    key = mark()
    line = f"{key};Beispiel Allein {key} GmbH;28195;Bremen;20;38;Ruft an"
    async with registry.client() as client:
        plan = await planned(
            client, csv_of("Kennung;Firma;PLZ;Ort;Mitarbeiter 2021;Umsatz;Bemerkung", line), source=f"Allein {key}"
        )
        (row,) = await rows(client, plan)
        await applied(client, plan)
        assert (await reverted(client, plan))["counts"]["reverted"] == {"withdrawn": 1}
    connection = await module_installation.connect()
    try:
        left = await connection.fetchval(
            "select count(*) from registry.figure where organisation_id = $1", row["organisation_id"]
        )
    finally:
        await connection.close()
    assert left == 0
