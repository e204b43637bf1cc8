"""Identity over time through HTTP and topic: what was, what is, what was on a day; what ends, splits, comes back."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.identifiers import new_id
from norda_common.migrate import read_migrations, set_up_schema
from norda_common.states import State
from norda_registry.service import SERVICE
from norda_registry.usecases.lookup import find_by_identifier
from support.installation import Installation, Running, dsn_for

from .conftest import cluster, in_directory, registered, vat
from .test_rights import act_as, caller, database

SEAT = {"place": "Bremen", "postal_code": "28197", "state": "DE-HB"}


def path_of(document: dict[str, Any]) -> str:
    return f"/api/v1/organisations/{document['organisation_id']}"


async def changes_of(installation: Installation, document: dict[str, Any], minimum: int) -> list[str]:
    records = await installation.read_topic(
        ORGANISATION, State.BREMEN, key=document["organisation_id"], minimum=minimum
    )
    return [record.change for record in records]


async def looked_up(client: httpx2.AsyncClient, identifier: str, **asked: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/organisations/lookup", params={"identifier": identifier} | asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["organisation"]["organisation_id"] for item in items]


def notes(document: dict[str, Any]) -> dict[str, str]:
    return {item["field"]: item["code"] for item in document["unknown"]}


async def test_name_form_seat_and_entry_keep_what_was_with_day_and_source(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        entry = {"court": "Bremen", "type": "HRA", "number": "821001"}
        made = await registered(
            client, legal_name="Beispiel Alt KG", legal_form="220", seat=SEAT, register_entry=entry,
            on="2010-01-01", source="Gesellschaftsvertrag",
        )  # fmt: skip
        path = path_of(made)
        assert made["since"]["legal_name"] == made["since"]["seat"] == "2010-01-01"
        renamed = await client.patch(
            path, json={"legal_name": "Beispiel Neu KG", "on": "2015-05-01", "source": "Handelsregister"}
        )
        assert renamed.json()["former_names"] == [
            {"legal_name": "Beispiel Alt KG", "valid_from": "2010-01-01", "valid_to": "2015-05-01",
             "source": "Gesellschaftsvertrag"},
        ]  # fmt: skip
        new_entry = {"court": "Bremen", "type": "HRB", "number": "821002"}
        body = {"legal_form": "350", "legal_name": "Beispiel Neu GmbH", "register_entry": new_entry,
                "on": "2020-07-01", "source": "Handelsregister"}  # fmt: skip
        converted = (await client.patch(path, json=body)).json()
        assert converted["former_legal_forms"] == [
            {"legal_form": "220", "valid_from": "2010-01-01", "valid_to": "2020-07-01",
             "source": "Gesellschaftsvertrag"},
        ]  # fmt: skip
        before, now = converted["register_entries"]
        assert (before["valid_from"], before["valid_to"], before["source"]) == (
            "2010-01-01", "2020-07-01", "Gesellschaftsvertrag",
        )  # fmt: skip
        assert (now["number"], now["valid_from"], now["source"]) == ("821002", "2020-07-01", "Handelsregister")
        harbour = {"place": "Bremerhaven", "postal_code": "27568", "state": "DE-HB"}
        moved = (await client.patch(path, json={"seat": harbour, "on": "2023-01-01"})).json()
        assert moved["former_seats"][0]["valid_to"] == "2023-01-01"
        # A typing error put right is no change of the identity.
        right = await client.patch(path, json={"legal_name": "Beispiel Neue GmbH", "correction": True})
        assert [item["legal_name"] for item in right.json()["former_names"]] == ["Beispiel Alt KG", "Beispiel Neu KG"]
        assert await changes_of(module_installation, made, 5) == [
            "registered", "renamed", "converted", "seat_relocated", "changed",
        ]  # fmt: skip

        days = {
            "2012-03-01": ("Beispiel Alt KG", "220", "Bremen", ["821001"]),
            "2015-04-30": ("Beispiel Alt KG", "220", "Bremen", ["821001"]),
            "2015-05-01": ("Beispiel Neu KG", "220", "Bremen", ["821001"]),
            "2020-07-01": ("Beispiel Neue GmbH", "350", "Bremen", ["821002"]),
            "2026-05-01": ("Beispiel Neue GmbH", "350", "Bremerhaven", ["821002"]),
        }
        for day, (name, form, place, numbers) in days.items():
            then = (await client.get(path, params={"as_of": day})).json()
            assert (then["as_of"], then["legal_name"], then["legal_form"]) == (day, name, form), day
            assert then["seat"]["place"] == place
            assert [item["number"] for item in then["register_entries"]] == numbers
            assert notes(then) == {"vat_id": "undated"}
        too_early = (await client.get(path, params={"as_of": "2009-12-31"})).json()
        assert "legal_name" not in too_early
        assert notes(too_early)["legal_name"] == notes(too_early)["register_entries"] == "not_known"
        assert (await client.get(path, params={"as_of": "2026-02-30"})).status_code == 422


async def test_old_names_and_numbers_are_found(registry: Running) -> None:
    async with registry.client() as client:
        entry = {"court": "Bremen", "type": "HRB", "number": "82100377"}
        made = await registered(client, legal_name="Beispiel Vormals Größenmeßtechnik GmbH", register_entry=entry)
        path = path_of(made)
        await client.patch(path, json={"legal_name": "Beispiel Heute GmbH"})
        new_entry = {"court": "Bremen", "type": "HRB", "number": "82100388"}
        assert (await client.patch(path, json={"register_entry": new_entry})).json()["version"] == 3
        await in_directory(client, made["organisation_id"], lambda item: item["version"] == 3)
        old_name = "vormals größenmeßtechnik"
        for words in (old_name, unicodedata.normalize("NFD", old_name), "Vormals Groessenmesstechnik", "82100377"):
            items = (await client.get("/api/v1/organisations", params={"q": words})).json()["items"]
            assert [item["organisation_id"] for item in items] == [made["organisation_id"]], words


async def test_a_change_on_an_impossible_day_is_refused(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client, on="2010-01-01", source="Handelsregister")
        tomorrow = (date.today() + timedelta(days=2)).isoformat()  # noqa: DTZ011 - far enough from midnight anywhere
        for day, code in (
            ("2009-12-31", "before_present"),
            (tomorrow, "future_date"),
            ("1066-01-01", "impossible_date"),
        ):
            answer = await client.patch(path_of(made), json={"legal_name": "Beispiel Anders GmbH", "on": day})
            assert answer.status_code == 422, day
            assert code in [error["code"] for error in answer.json()["errors"]]
        assert (await client.get(path_of(made))).json()["version"] == 1


async def test_who_held_a_number_on_a_day(registry: Running) -> None:
    async with registry.client() as client:
        number, number_vat = "821010", vat()
        entry = {"court": "Bremen", "type": "HRB", "number": number}
        first = await registered(
            client, legal_name="Beispiel Erste GmbH", register_entry=entry, vat_id=number_vat, on="2010-01-01"
        )
        assert (await client.post(f"{path_of(first)}/dissolution", json={"date": "2015-01-01"})).status_code == 200
        second = await registered(
            client, legal_name="Beispiel Zweite GmbH", register_entry=entry, vat_id=number_vat, on="2018-01-01"
        )
        euid = f"DEH1101.HRB{number}HB"
        for identifier in (euid, f"Amtsgericht Bremen HRB {number}", f"HRB {number} HB"):
            early = await looked_up(client, identifier, as_of="2012-06-01")
            assert ids(early) == [first["organisation_id"]]
            assert (early[0]["held"], early[0]["organisation"]["legal_name"]) == (True, "Beispiel Erste GmbH")
            assert await looked_up(client, identifier, as_of="2016-06-01") == []
            assert ids(await looked_up(client, identifier, as_of="2020-06-01")) == [second["organisation_id"]]
        # Of a VAT number nobody says since when; what was dissolved holds it no more.
        uncertain = await looked_up(client, number_vat, as_of="2012-06-01")
        assert {item["organisation"]["organisation_id"]: item.get("held") for item in uncertain} == {
            first["organisation_id"]: None, second["organisation_id"]: None,
        }  # fmt: skip
        assert ids(await looked_up(client, number_vat, as_of="2020-06-01")) == [second["organisation_id"]]


async def test_what_is_dissolved_ends_and_can_be_reopened_while_its_numbers_are_free(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        await cluster(client, "DIS")
        entry = {"court": "Bremen", "type": "HRB", "number": "821020", "valid_from": "2010-01-01"}
        made = await registered(client, register_entry=entry, clusters=["DIS"])
        path = path_of(made)
        assert (await client.post(f"{path}/dissolution", json={"date": "2009-01-01"})).status_code == 422
        assert (await client.post(f"{path}/dissolution", json={"date": "2999-01-01"})).status_code == 422
        gone = (await client.post(f"{path}/dissolution", json={"date": "2026-10-01"})).json()
        assert (gone["status"], gone["dissolved_on"]) == ("dissolved", "2026-10-01")
        assert gone["register_entries"][0]["valid_to"] == "2026-10-01"
        assert gone["memberships"][0]["valid_to"] is not None
        assert (await client.post(f"{path}/dissolution", json={})).json()["version"] == 2
        assert (await client.get(path, params={"as_of": "2026-09-30"})).json()["status"] == "active"
        assert (await client.get(path, params={"as_of": "2026-10-01"})).json()["status"] == "dissolved"
        # Its numbers are free: somebody else takes them, and it cannot come back until they are free again.
        other = await registered(client, vat_id=made["vat_id"])
        taken = await client.post(f"{path}/reopening")
        assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")
        assert taken.json()["organisation_id"] == other["organisation_id"]
        await client.post(f"{path_of(other)}/deactivation", json={})
        again = (await client.post(f"{path}/reopening")).json()
        assert (again["status"], again.get("dissolved_on")) == ("active", None)
        assert "valid_to" not in again["register_entries"][0]
        assert again["memberships"][0]["valid_to"] is not None
        assert (await client.post(f"{path}/reopening")).json()["version"] == again["version"]
        assert (await client.post("/api/v1/organisations", json={"legal_name": "Beispiel Nochmal GmbH",
                "seat": SEAT, "vat_id": made["vat_id"]})).status_code == 409  # fmt: skip
        assert await changes_of(module_installation, made, 3) == ["registered", "dissolved", "reopened"]


async def test_what_was_deactivated_by_mistake_is_reopened(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="ni") as other:
        made = await registered(client)
        await client.post(f"{path_of(made)}/deactivation", json={})
        assert (await other.post(f"{path_of(made)}/reopening")).json()["code"] == "foreign_state"
        again = (await client.post(f"{path_of(made)}/reopening")).json()
        assert (again["status"], again["version"]) == ("active", 3)
        (hit,) = await looked_up(client, made["vat_id"])
        assert hit["current"] is True


async def test_a_part_is_split_off_with_its_sites(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = path_of(made)
        for name in ("Werk Nord", "Werk Süd"):
            body = {"name": name, "address": {"place": "Bremen", "state": "DE-HB"}}
            sites = (await client.post(f"{path}/sites", json=body)).json()["sites"]
        part = {
            "legal_name": "Beispiel Teil GmbH", "legal_form": "350", "seat": SEAT, "sites": [sites[0]["site_id"]],
            "register_entry": {"court": "Bremen", "type": "HRB", "number": "821030"},
            "on": "2026-10-01", "source": "Handelsregister",
        }  # fmt: skip
        taken = await client.post(f"{path}/split", json=part | {"vat_id": made["vat_id"]})
        assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")
        foreign = await client.post(f"{path}/split", json=part | {"sites": [made["organisation_id"]]})
        assert [error["field"] for error in foreign.json()["errors"]] == ["sites"]
        assert (await client.get(path)).json()["version"] == 3, "all or nothing"
        answer = await client.post(f"{path}/split", json=part)
        assert answer.status_code == 201, answer.text
        new, whole = answer.json()["part"], answer.json()["whole"]
        assert answer.headers["location"] == path_of(new)
        assert new["split_from"] == made["organisation_id"]
        assert new["since"]["legal_name"] == new["register_entries"][0]["valid_from"] == "2026-10-01"
        assert [site["name"] for site in new["sites"]] == ["Werk Nord"]
        assert ([site["name"] for site in whole["sites"]], whole["version"]) == (["Werk Süd"], 4)
        assert (await changes_of(module_installation, made, 4))[-1] == "split"
        records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=new["organisation_id"])
        assert isinstance(records[0].data, Organisation)
        assert (records[0].change, str(records[0].data.split_from)) == ("registered", made["organisation_id"])


@pytest.mark.parametrize(
    "text",
    [
        "Amtsgericht Osnabrück HRB 822001 (früher Nordhorn)",
        "Osnabrück HRB 822001 früher Amtsgericht Nordhorn",
        "Amtsgericht Osnabrück (früher Nordhorn) HRB 822001",
        "HRB 822001, Osnabrück (vormals AG Nordhorn)",
        "hrb 822001 früher Nordhorn, Osnabrueck",
        unicodedata.normalize("NFD", "Amtsgericht Osnabrück HRB 822001 (früher: Nordhorn)"),
    ],
)
async def test_entries_of_merged_courts_are_told_apart_in_every_notation(registry: Running, text: str) -> None:
    entry = {"court": "Osnabrück", "type": "HRB", "number": "822001"}
    async with registry.client(state="ni") as client:
        known = await looked_up(client, "DEP2716.HRB1")
        assert known == []
        found = await looked_up(client, "HRB 822001")
        if not found:
            seat = {"place": "Osnabrück", "state": "DE-NI"}
            plain = await registered(client, legal_name="Beispiel Ohne GmbH", seat=seat, register_entry=entry)
            former = await registered(
                client, legal_name="Beispiel Nordhorn GmbH", seat=seat,
                register_entry=entry | {"former_court": "Amtsgericht Nordhorn"},
            )  # fmt: skip
            assert plain["register_entries"][0]["euid"] == former["register_entries"][0]["euid"]
        (hit,) = await looked_up(client, text)
        assert (hit["organisation"]["legal_name"], hit["matched"], hit["current"]) == (
            "Beispiel Nordhorn GmbH", "register", True,
        )  # fmt: skip
        # Without the former court, and by the EUID that both share, both are found, and both hold it.
        for shared in ("Amtsgericht Osnabrück HRB 822001", hit["organisation"]["register_entries"][0]["euid"]):
            names = {item["organisation"]["legal_name"]: item["current"] for item in await looked_up(client, shared)}
            assert names == {"Beispiel Ohne GmbH": True, "Beispiel Nordhorn GmbH": True}, shared


async def test_old_letters_name_the_court_that_was(registry: Running) -> None:
    entry = {"court": "Osnabrück", "type": "HRB", "number": "822055", "former_court": "Nordhorn"}
    seat = {"place": "Osnabrück", "state": "DE-NI"}
    async with registry.client(state="ni") as client:
        made = await registered(client, seat=seat, register_entry=entry)
        # The same number of another court, also of another one that was merged.
        await registered(client, seat=seat, register_entry=entry | {"former_court": "Bad Iburg"})
        await registered(client, seat=seat, register_entry={"court": "Hannover", "type": "HRB", "number": "822055"})
        for text in ("Amtsgericht Nordhorn HRB 822055", "HRB 0822055, AG Nordhorn", "nordhorn hrb 822055",
                     "Registergericht Nordhorn, HRB822055"):  # fmt: skip
            hits = await looked_up(client, text)
            assert [(hit["organisation"]["organisation_id"], hit["matched"], hit["current"]) for hit in hits] == [
                (made["organisation_id"], "former", True)
            ], text
        for text in ("Amtsgericht Nordhorn HRA 822055", "Amtsgericht Meppen HRB 822055", "Nordhorn HRB 822056"):
            assert await looked_up(client, text) == [], text
        # A former number leads to its company as it is now.
        new = {"register_entry": {"court": "Osnabrück", "type": "HRB", "number": "822057"}, "on": "2026-06-01",
               "source": "Handelsregister"}  # fmt: skip
        assert (await client.patch(path_of(made), json=new)).status_code == 200
        (hit,) = await looked_up(client, "Amtsgericht Nordhorn HRB 822055")
        assert (hit["organisation"]["organisation_id"], hit["current"]) == (made["organisation_id"], False)


async def test_old_notations_are_found_of_what_was_stored_before(installation: Installation) -> None:
    name = f"{installation.database}_before"
    admin = await installation.connect()
    await admin.execute(f'create database "{name}"')
    await admin.close()
    migrations = read_migrations("registry", SERVICE.migrations)
    until = next(place for place, item in enumerate(migrations) if (item.source, item.name) == ("registry", "identity"))
    setting = {
        "admin_dsn": dsn_for(installation.servers.postgres, database=name),
        "service_dsn": installation.dsn("registry", database=name),
        "schema": "registry",
        "extensions": SERVICE.extensions,
    }
    await set_up_schema(migrations=migrations[:until], **setting)  # type: ignore[arg-type]
    admin = await installation.connect(database=name)
    key = new_id()
    await admin.execute(
        """insert into registry.organisation (id, version, responsible_state, status, kind, legal_name, data)
           values ($1, 1, 'ni', 'active', 'company', 'x', '{}')""",
        key,
    )
    await admin.executemany(
        "insert into registry.identifier (organisation_id, kind, value, held) values ($1, 'register', $2, true)",
        [(key, "P2406|HRB|55||nordhorn"), (key, "P2406|HRB|56||")],
    )
    await set_up_schema(migrations=migrations, **setting)  # type: ignore[arg-type]
    rows = await admin.fetch("select value, held from registry.identifier where kind = 'former'")
    await admin.close()
    assert [tuple(row) for row in rows] == [("HRB55|nordhorn", False)]


class _Counting:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.asked = 0

    async def fetch(self, *asked: Any) -> Any:
        self.asked += 1
        return await self._connection.fetch(*asked)


async def test_a_number_that_many_have_costs_as_many_queries_as_one(
    registry: Running, module_installation: Installation
) -> None:
    seat = {"place": "Osnabrück", "state": "DE-NI"}
    async with registry.client(state="ni") as client:
        for number, court in (("822061", "Osnabrück"), ("822060", "Osnabrück"), ("822060", "Hannover"),
                              ("822060", "Lüneburg"), ("822060", "Walsrode")):  # fmt: skip
            entry = {"court": court, "type": "HRB", "number": number}
            await registered(client, seat=seat, register_entry=entry)
    async with database(module_installation) as connection:
        await act_as(connection, caller("auditor", None))
        asked = []
        for text, found in (("HRB 822061", 1), ("HRB 822060", 4)):
            counting: Any = _Counting(connection)
            hits = await find_by_identifier(counting, text)
            assert len(hits) == found
            asked.append(counting.asked)
        assert asked == [2, 2]


async def test_entries_that_differ_by_their_suffix_are_told_apart_also_when_they_have_ended(
    registry: Running, module_installation: Installation
) -> None:
    """Courts that took others over kept their numbers and added letters; one lives beside removed ones."""
    seat = {"place": "Oldenburg", "state": "DE-NI"}
    entry = {"court": "Oldenburg", "type": "HRB", "number": "822010"}
    async with registry.client(state="ni") as client:
        made = {
            suffix: await registered(
                client, legal_name=f"Beispiel Endung {suffix or 'Ohne'} GmbH", seat=seat,
                register_entry=entry | ({"suffix": suffix} if suffix else {}),
            )
            for suffix in ("", "DEL", "NOR")
        }  # fmt: skip
        for suffix, one in made.items():
            (its,) = one["register_entries"]
            assert its["euid"] == f"DEP3210.HRB822010{suffix}"
            for text in (its["euid"], its["euid"].lower(), f"Amtsgericht Oldenburg HRB 822010 {suffix}",
                         f"hrb822010{suffix.lower()}, AG Oldenburg (Oldenburg)"):  # fmt: skip
                hits = await looked_up(client, text)
                assert [(hit["organisation"]["organisation_id"], hit["current"]) for hit in hits] == [
                    (one["organisation_id"], True)
                ], text
        # Without court all are found that may be meant; with another entry the old one goes on leading to its company.
        new = {"court": "Osnabrück", "type": "HRB", "number": "822011"}
        body = {"register_entry": new, "on": "2026-06-01", "source": "Handelsregister"}
        assert (await client.patch(path_of(made["DEL"]), json=body)).status_code == 200
        (hit,) = await looked_up(client, "DEP3210.HRB822010DEL")
        assert (hit["organisation"]["organisation_id"], hit["current"]) == (made["DEL"]["organisation_id"], False)
        # The number is free again: somebody else has it now, and a day tells the two apart.
        heir = await registered(
            client, legal_name="Beispiel Nachfolgerin GmbH", seat=seat, on="2026-09-01",
            register_entry=entry | {"suffix": "DEL"},
        )  # fmt: skip
        both = await looked_up(client, "HRB 822010 DEL Oldenburg")
        assert [(hit["organisation"]["organisation_id"], hit["current"]) for hit in both] == [
            (heir["organisation_id"], True), (made["DEL"]["organisation_id"], False),
        ]  # fmt: skip
        assert ids(await looked_up(client, "DEP3210.HRB822010DEL", as_of="2026-10-01")) == [heir["organisation_id"]]
        assert ids(await looked_up(client, "DEP3210.HRB822010DEL", as_of="2026-07-15")) == []
        then = await looked_up(client, "DEP3210.HRB822010DEL", as_of="2025-01-01")
        assert [(item["organisation"]["organisation_id"], item.get("held")) for item in then] == [
            (made["DEL"]["organisation_id"], None),
        ]  # fmt: skip
    records = await module_installation.read_topic(
        ORGANISATION, State.NIEDERSACHSEN, key=made["DEL"]["organisation_id"], minimum=2
    )
    assert isinstance(records[1].data, Organisation)
    assert [item.euid for item in records[1].data.register_entries] == ["DEP3210.HRB822010DEL", "DEP3313.HRB822011"]
