"""What follows from an import: classes of enterprises that count others in, rows of what became another."""

from __future__ import annotations

from typing import Any

import httpx2
from support.installation import Running

from .conftest import imported, in_directory, registered, vat
from .staged import applied, csv_of, decided, planned, reverted, rows

LIST = "/api/v1/organisations"


async def read(client: httpx2.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"{LIST}/{made['organisation_id']}", follow_redirects=True)
    document: dict[str, Any] = answer.json()
    return document


async def linked(client: httpx2.AsyncClient, whole: dict[str, Any], part: dict[str, Any]) -> None:
    path = f"{LIST}/{whole['organisation_id']}/links/{part['organisation_id']}"
    assert (await client.put(path, json={"kind": "linked"})).status_code == 200


async def merged(client: httpx2.AsyncClient, one: dict[str, Any], into: dict[str, Any]) -> None:
    body = {"into": into["organisation_id"], "kind": "merger", "take": []}
    answer = await client.post(f"{LIST}/{one['organisation_id']}/merger", json=body)
    assert answer.status_code == 200, answer.text


async def test_figures_of_an_import_change_the_classes_of_whoever_counts_them_in(registry: Running) -> None:
    async with registry.client() as client:
        part, whole = [await registered(client, employees=4, turnover_eur="1000", vat_id=vat()) for _ in range(2)]
        await linked(client, whole, part)
        # The preview says the class of the enterprise, not that of the row: the part counts in.
        heading = "USt-IdNr;Mitarbeiter;Umsatz"
        table = csv_of(heading, f"{part['vat_id']};300;60.000.000", f"{whole['vat_id']};5;2.000")
        plan = await planned(client, table, source="Zahlen")
        found = {item["row"]: item for item in await rows(client, plan)}
        changes = {item["field"]: item.get("new") for item in found[2]["differences"]}
        assert (changes["employees"], changes["size_class"]) == (300, "large")
        await applied(client, plan)
        assert [(await read(client, each))["size_class"] for each in (part, whole)] == ["large", "large"]
        # What followed from the import goes back with it.
        done = await reverted(client, plan)
        assert done["counts"]["reverted"] == {"restored": 2}
        assert [(await read(client, each))["size_class"] for each in (part, whole)] == ["micro", "micro"]
        assert (await read(client, whole))["internal"]["employees"] == 4


async def test_an_import_at_once_computes_linked_classes_too(registry: Running) -> None:
    async with registry.client() as client:
        part, whole = [await registered(client, employees=4, turnover_eur="1000", vat_id=vat()) for _ in range(2)]
        await linked(client, whole, part)
        table = csv_of(
            "id;legal_name;place;state;vat_id;employees;turnover_meur",
            f"{part['own_id']};{part['legal_name']};Bremen;DE-HB;{part['vat_id']};300;60",
        )
        assert (await imported(client, table)).json()["changed"] == 1
        assert [(await read(client, each))["size_class"] for each in (part, whole)] == ["large", "large"]


async def test_a_class_needs_two_years_also_where_an_import_says_the_second(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client, vat_id=vat())
        for kind, value in (("employees", 4), ("turnover", "1000")):
            body = {"kind": kind, "value": value, "on": "2024-12-31", "source": "JA"}
            assert (await client.post(f"{LIST}/{made['organisation_id']}/figures", json=body)).status_code == 201
        assert (await read(client, made))["size_class"] == "micro"
        table = csv_of("USt-IdNr;Mitarbeiter;Umsatz", f"{made['vat_id']};30;5.000.000")
        await applied(client, await planned(client, table, source="Zweites Jahr"))
        now = await read(client, made)
        assert (now["size_class"], now["internal"]["employees"]) == ("micro", 30)


async def test_a_row_of_an_organisation_that_became_another_means_that_one_and_changes_nothing(
    registry: Running,
) -> None:
    async with registry.client() as client:
        ended, further, kept = [await registered(client, vat_id=vat()) for _ in range(3)]
        await merged(client, ended, further)
        await merged(client, further, kept)
        before = await read(client, kept)
        heading = "Norda-Kennung;Mitgliedsnummer;Firma;PLZ;Ort;USt-IdNr;Mitarbeiter"
        table = csv_of(
            heading,
            f";neu-zahl;{ended['legal_name']};28197;Bremen;{ended['vat_id']};99",
            f";{further['own_id']};Beispiel Anders;28197;Bremen;;98",
            f"{ended['organisation_id']};;Beispiel Anders;28197;Bremen;;97",
        )
        plan = await planned(client, table, source="Aufgegangen")
        found = await rows(client, plan)
        assert [item["outcome"] for item in found] == ["unchanged"] * 3
        assert {item["organisation_id"] for item in found} == {kept["organisation_id"]}
        for item in found:
            assert [warning["code"] for warning in item["warnings"]] == ["merged"]
            assert kept["legal_name"] in item["warnings"][0]["de"]
        assert await read(client, kept) == before
        # At once, too.
        once = csv_of("id;legal_name;place;state", f"{ended['own_id']};{ended['legal_name']};Bremen;DE-HB")
        answer = (await imported(client, once)).json()
        assert (answer["unchanged"], answer["created"], answer["changed"]) == (1, 0, 0)


async def test_a_row_known_by_the_name_of_what_became_another_is_suspected_as_that_one(registry: Running) -> None:
    name = "Beispiel Aufgegangene Quittenpresse GmbH"
    async with registry.client() as client:
        ended = await registered(client, legal_name=name)
        kept = await registered(client)
        await merged(client, ended, kept)
        await in_directory(client, ended["organisation_id"], lambda item: item["status"] == "merged")
        plan = await planned(client, csv_of("Firma;PLZ;Ort", f"{name};28197;Bremen"), source="Nur Namen")
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["organisation_id"]) == ("duplicate", kept["organisation_id"])
        assert await decided(client, plan, 2, "same") == 204
        (row,) = await rows(client, plan)
        assert (row["outcome"], row["warnings"][-1]["code"]) == ("unchanged", "merged")


async def test_a_row_whose_organisation_became_another_states_is_that_states(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="ni") as ni:
        seat = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI"}
        kept = await registered(ni, seat=seat, register_entry=...)
        ended = await registered(client, vat_id=vat())
        body = {"into": kept["organisation_id"], "kind": "merger", "take": []}
        path = f"{LIST}/{ended['organisation_id']}/merger"
        asked = await ni.post(path, json=body)
        assert asked.status_code in {200, 202}, asked.text
        agreed = await client.post(f"{path}/acceptance", json={})
        assert agreed.status_code == 200, agreed.text
        table = csv_of("Firma;PLZ;Ort;USt-IdNr", f"{ended['legal_name']};28197;Bremen;{ended['vat_id']}")
        plan = await planned(client, table, source="Weggegangen")
        (row,) = await rows(client, plan)
        assert row["outcome"] == "foreign"
        assert "Niedersachsen" in row["warnings"][0]["de"]
