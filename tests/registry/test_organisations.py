"""Registering, changing and reading organisations over HTTP, and what is published of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import cluster, company, in_directory, registered, vat


def errors(answer: Any) -> dict[str, str]:
    """Field to code."""
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


async def test_a_registered_company_is_normalised_published_and_found(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        body = company(
            register_entry={"court": "Amtsgericht Bremen", "type": "hrb", "number": "HRB 411001"},
            legal_form="GmbH",
            employees=240,
            turnover_eur="48000000.00",
            contact_email="kontakt@ex-411.example",
        )
        answer = await client.post("/api/v1/organisations", json=body)
        assert answer.status_code == 201
        made = answer.json()
        assert made["register_entries"][0]["euid"] == "DEH1101.HRB411001HB"
        assert (made["legal_form"], made["size_class"], made["version"]) == ("350", "medium", 1)
        assert answer.headers["etag"] == '"1"'
        read = await client.get(answer.headers["location"])
        assert read.json()["internal"] == {
            "employees": 240,
            "turnover_eur": "48000000",
            "contact_email": "kontakt@ex-411.example",
        }
        await in_directory(client, made["organisation_id"])
    async with registry.client(state="ni") as other:
        assert "internal" not in (await other.get(answer.headers["location"])).json()
    (record,) = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=made["organisation_id"])
    assert (record.change, record.sequence) == ("registered", 1)
    assert isinstance(record.data, Organisation)
    assert "kontakt@" not in record.data.model_dump_json()
    assert "employees" not in record.data.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"vat_id": "DE999000018"}, "vat_id", "vat_checksum"),
        ({"vat_id": "DE012345679"}, "vat_id", "vat_first_digit"),
        ({"widnr": "DE999000017-00000"}, "widnr", "widnr_suffix"),
        ({"widnr": "DE999000017-00001"}, "widnr", "widnr_differs"),
        ({"lei": "5299000J2N45DDNE4Y29"}, "lei", "lei_checksum"),
        ({"legal_form": "KdöR"}, "legal_form", "legal_form"),
        ({"legal_form": "400"}, "register_entry.type", "register_type_of_form"),
        ({"euid": "DEH1101.HRB1HB"}, "euid", "euid_differs"),
        ({"competences": ["PRD-01", "XXX-01"]}, "competences.1", "competence"),
        ({"activities": [{"edition": "WZ2025", "code": "99.99.9"}]}, "activities.0.code", "activity_code"),
        ({"clusters": ["NIX"]}, "clusters", "unknown_cluster"),
        ({"colour": "red"}, "colour", "extra_forbidden"),
        ({"legal_name": "Bei\u0000spiel"}, "legal_name", "control_character"),
        ({"legal_name": "Bei\u202espiel"}, "legal_name", "control_character"),
        ({"legal_name": "x" * 501}, "legal_name", "string_too_long"),
        ({"legal_name": " "}, "legal_name", "blank"),
        ({"employees": -1}, "employees", "greater_than_equal"),
        ({"contact_email": "kein(at)example"}, "contact_email", "invalid_email"),
        ({"cluster_code": "ABC"}, "cluster_code", "cluster_code"),
        ({"seat": {"place": "Bremen", "state": "DE-HB", "ags": "03101"}}, "seat.ags", "ags_state"),
        (
            {"register_entry": {"court": "Bremen", "type": "HRB", "number": "1", "valid_from": "2026-02-30"}},
            "register_entry.valid_from",
            "date_from_datetime_parsing",
        ),
    ],
)
async def test_what_is_wrong_is_refused_with_field_and_both_languages(
    registry: Running, changes: dict[str, Any], field: str, code: str
) -> None:
    async with registry.client() as client:
        answer = await client.post("/api/v1/organisations", json=company(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert errors(answer) == {field: code}
    (error,) = answer.json()["errors"]
    assert error["de"] != error["en"]


async def test_all_faults_are_named_at_once(registry: Running) -> None:
    async with registry.client() as client:
        answer = await client.post(
            "/api/v1/organisations", json=company(vat_id="DE1", lei="X", competences=["A"], legal_form="?")
        )
    assert set(errors(answer)) == {"vat_id", "lei", "competences.0", "legal_form"}


async def test_a_refusal_does_not_repeat_the_contact_address(registry: Running) -> None:
    async with registry.client() as client:
        answer = await client.post("/api/v1/organisations", json=company(contact_email="geheim@@ex.example"))
    assert answer.status_code == 422
    assert "geheim" not in answer.text
    assert "geheim" not in registry.log.read_text()


async def test_unusual_but_possible_is_a_warning(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(
            client,
            seat={"place": "Bremen", "postal_code": "80331", "state": "DE-HB"},
            register_entry={"court": "Hamburg", "type": "HRB", "number": "411002"},
            employees=5,
            turnover_eur="100000",
            size_class="large",
        )
    assert {warning["code"] for warning in made["warnings"]} == {
        "postal_code_elsewhere",
        "court_elsewhere",
        "size_class_differs",
    }
    assert made["size_class"] == "micro"


@pytest.mark.parametrize("field", ["register_entry", "vat_id", "widnr", "lei"])
async def test_a_number_of_an_active_organisation_is_nobody_elses(registry: Running, field: str) -> None:
    number = vat()
    numbers = {
        "register_entry": {"court": "Bremen", "type": "HRB", "number": "411003"},
        "vat_id": number,
        "widnr": f"{number}-00001",
        "lei": "5299000J2N45DDNE4Y28",
    }
    only = {name: numbers[name] if name == field else ... for name in numbers}
    async with registry.client() as client, registry.client(state="hh") as other:
        first = await registered(client, **only)
        seat = {"place": "Hamburg", "state": "DE-HH"}
        answer = await other.post("/api/v1/organisations", json=company(seat=seat, **only))
        assert answer.status_code == 409
        assert answer.json()["code"] == "identifier_taken"
        assert answer.json()["organisation_id"] == first["organisation_id"]
        expected = {"register_entry": {"euid", "register_entry"}}.get(field, {field})
        assert set(errors(answer)) == expected
        path = f"/api/v1/organisations/{first['organisation_id']}/deactivation"
        assert (await client.post(path, json={})).json()["status"] == "deactivated"
        # It may be the same company come back, of which whoever enters it is warned.
        ignoring = {"ignore_duplicates": True}
        again = await other.post("/api/v1/organisations", params=ignoring, json=company(seat=seat, **only))
        assert again.status_code == 201, again.text
        await other.post(f"/api/v1/organisations/{again.json()['organisation_id']}/deactivation", json={})


async def test_two_who_register_the_same_number_at_once_make_one(registry: Running) -> None:
    body = company()
    async with registry.client() as client:
        answers = await asyncio.gather(*(client.post("/api/v1/organisations", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_another_states_record_is_refused_for_every_write(registry: Running) -> None:
    async with registry.client() as owner, registry.client(state="hh") as other:
        made = await registered(owner)
        path = f"/api/v1/organisations/{made['organisation_id']}"
        writes = [
            other.patch(path, json={"legal_name": "Neu GmbH"}),
            other.post(f"{path}/deactivation", json={}),
            other.post(f"{path}/relocation", json={"seat": {"place": "X", "state": "DE-HH"}, "date": "2026-11-01"}),
            other.post(f"{path}/sites", json={"name": "X", "address": {"place": "X", "state": "DE-HH"}}),
            other.post(f"{path}/memberships", json={"cluster_code": "ITS"}),
            other.post("/api/v1/organisations", json=company(responsible_state="hb")),
        ]
        for answer in await asyncio.gather(*writes):
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "foreign_state"
        assert (await owner.get(path)).json()["version"] == 1
    async with registry.client(role="integrator") as reader:
        assert (await reader.post("/api/v1/organisations", json=company())).status_code == 403


async def test_who_may_only_read_sees_what_is_published_even_of_the_own_state(registry: Running) -> None:
    async with registry.client() as office, registry.client(role="auditor") as auditor:
        made = await registered(office, employees=12, contact_email="kontakt@ex-412.example")
        path = f"/api/v1/organisations/{made['organisation_id']}"
        read = await auditor.get(path)
        assert read.status_code == 200, read.text
        assert read.headers["etag"] == '"1"'
        assert "internal" not in read.json()
        assert (await office.get(path)).json()["internal"]["employees"] == 12


async def test_nobody_reads_without_a_token(registry: Running) -> None:
    async with registry.client() as client:
        answer = await client.get("/api/v1/organisations", headers={"authorization": ""})
    assert answer.status_code == 401


async def test_a_change_is_a_version_and_no_change_is_none(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}"
        changed = await client.patch(path, json={"legal_name": "Beispiel Neue Werft GmbH", "competences": ["MAT-01"]})
        assert changed.json()["version"] == 2
        assert [name["legal_name"] for name in changed.json()["former_names"]] == [made["legal_name"]]
        same = await client.patch(path, json={"legal_name": "Beispiel Neue Werft GmbH"})
        assert same.json()["version"] == 2
        assert same.headers["etag"] == '"2"'
        emptied = await client.patch(path, json={"vat_id": None})
        assert "vat_id" not in emptied.json()
        refused = await client.patch(path, json={"legal_name": None, "seat": None})
        assert set(errors(refused)) == {"legal_name", "seat"}
        history = (await client.get(f"{path}/versions", params={"limit": 2})).json()
        assert [item["change"] for item in history["items"]] == ["changed", "renamed"]
        rest = (await client.get(f"{path}/versions", params={"cursor": history["next_cursor"]})).json()
        assert [(item["version"], item["change"]) for item in rest["items"]] == [(1, "registered")]

    async def published() -> None:
        records = await module_installation.read_topic(ORGANISATION, State.BREMEN)
        mine = [record.sequence for record in records if str(record.key) == made["organisation_id"]]
        assert mine == [1, 2, 3]

    await eventually(published)


async def test_who_changed_an_older_version_is_told(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}"
        fresh = await client.patch(path, json={"own_id": "t-new"}, headers={"if-match": '"1"'})
        assert fresh.status_code == 200
        stale = await client.patch(path, json={"own_id": "t-newer"}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
        odd = await client.patch(path, json={"own_id": "t-newer"}, headers={"if-match": "yesterday"})
        assert errors(odd) == {"If-Match": "invalid"}


async def test_an_unknown_organisation_is_not_found(registry: Running) -> None:
    path = "/api/v1/organisations/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f"
    async with registry.client() as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.patch(path, json={})).status_code == 404
        assert (await client.get(f"{path}/versions")).status_code == 404
        assert errors(await client.get("/api/v1/organisations/42")) == {"organisation_id": "uuid_parsing"}


async def test_sites_come_and_go(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}/sites"
        site = {"name": "Werk 2", "address": {"place": "Stuhr", "postal_code": "28816", "state": "NI"}}
        added = await client.post(path, json=site)
        assert added.status_code == 201
        assert added.json()["sites"][0]["address"]["state"] == "DE-NI"
        assert (await client.post(path, json=site)).json()["version"] == 2
        bad = await client.post(path, json={"name": "W", "address": {"place": "X", "state": "DE-NI", "ags": "04011"}})
        assert errors(bad) == {"sites.1.address.ags": "ags_state"}
        site_id = added.json()["sites"][0]["site_id"]
        assert (await client.delete(f"{path}/{site_id}")).json()["sites"] == []
        assert (await client.delete(f"{path}/{site_id}")).status_code == 404


async def test_memberships_are_dated_and_do_not_overlap(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="ni") as other:
        joined = await cluster(other, "MEM")
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}/memberships"
        answer = await client.post(path, json={"cluster_code": "mem", "valid_from": "2024-01-01"})
        assert answer.status_code == 201
        assert (await client.post(path, json={"cluster_id": joined["organisation_id"]})).json()["version"] == 2
        end = f"{path}/{joined['organisation_id']}/end"
        assert errors(await client.post(end, json={"valid_to": "2023-01-01"})) == {"valid_to": "before_begin"}
        ended = await client.post(end, json={"valid_to": "2025-01-01"})
        assert ended.json()["memberships"][0]["valid_to"] == "2025-01-01"
        early = await client.post(path, json={"cluster_code": "MEM", "valid_from": "2024-06-01"})
        assert errors(early) == {"valid_from": "overlap"}
        again = await client.post(path, json={"cluster_code": "MEM", "valid_from": "2025-06-01"})
        assert len(again.json()["memberships"]) == 2
        assert errors(await client.post(path, json={"cluster_code": "NIX"})) == {"clusters": "unknown_cluster"}
        assert await in_directory(client, made["organisation_id"], lambda item: item["clusters"] == ["MEM"])


async def test_bodies_of_single_records_are_bounded(registry: Running) -> None:
    async with registry.client() as client:
        announced = await client.post("/api/v1/organisations", json={"legal_name": "x" * 300_000})
        assert announced.status_code == 413

        async def endless() -> Any:
            for _ in range(300):
                yield b" " * 1024

        chunked = await client.post(
            "/api/v1/organisations", content=endless(), headers={"content-type": "application/json"}
        )
        assert chunked.status_code == 413
        assert chunked.json()["code"] == "too_large"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"legal_name": "\xc3"}', b"null", b"[]"])
async def test_what_is_no_json_object_is_refused(registry: Running, body: bytes) -> None:
    async with registry.client() as client:
        answer = await client.post("/api/v1/organisations", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
