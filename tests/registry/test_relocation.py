"""A seat moves: numbers change, the W-IdNr stays, both states learn of it, old numbers go on resolving."""

from __future__ import annotations

from norda_common.contracts.envelope import Received
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import in_directory, in_stuhr, registered, relocated, vat


async def test_a_move_to_another_state_is_said_on_both_topics_with_the_same_sequence(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as old, registry.client(state="ni") as new:
        number = vat()
        made = await registered(old, vat_id=number, widnr=f"{number}-00001")
        path = f"/api/v1/organisations/{made['organisation_id']}"
        offered = (await old.post(f"{path}/relocation", json=in_stuhr("811001"))).json()
        assert (offered["responsible_state"], offered["handover"]["to_state"], offered["version"]) == ("hb", "ni", 2)
        answer = await new.post(f"{path}/relocation/acceptance", json={})
        assert answer.status_code == 200, answer.text
        moved = answer.json()
        assert (moved["responsible_state"], moved["previous_state"], moved["version"]) == ("ni", "hb", 3)
        assert "handover" not in moved
        assert moved["widnr"] == made["widnr"]
        before, now = moved["register_entries"]
        assert (before["euid"], before["valid_to"]) == (made["register_entries"][0]["euid"], "2026-12-01")
        assert (now["euid"], now["valid_from"]) == ("DEP2716.HRB811001", "2026-12-01")

        assert (await old.patch(path, json={"own_id": "x"})).status_code == 403
        assert (await new.patch(path, json={"own_id": "x"})).status_code == 200

        async def both_said() -> list[Received]:
            found = []
            for state in (State.BREMEN, State.NIEDERSACHSEN):
                said = await module_installation.read_topic(ORGANISATION, state)
                found += [r for r in said if str(r.key) == made["organisation_id"] and r.change == "seat_relocated"]
            assert [(r.sequence, r.source) for r in found] == [(3, "/hb/registry"), (3, "/ni/registry")]
            return found

        records = await eventually(both_said)
        assert records[0].event_id != records[1].event_id
        assert records[0].data == records[1].data
        assert isinstance(records[0].data, Organisation)
        assert records[0].data.previous_state == "hb"

        item = await in_directory(new, made["organisation_id"], lambda found: found["version"] == 4)
        assert item["responsible_state"] == "ni"


async def test_old_numbers_go_on_resolving_and_say_so(registry: Running) -> None:
    async with registry.client() as client, registry.client(state="ni") as new:
        made = await registered(client, register_entry={"court": "Bremen", "type": "HRB", "number": "811002"})
        path = f"/api/v1/organisations/{made['organisation_id']}"
        await relocated(client, new, path, in_stuhr("811003"))
        await in_directory(client, made["organisation_id"], lambda item: item["version"] == 3)
        expected = {
            "DEH1101.HRB811002HB": ("euid", False),
            "deh1101.hrb 811002 hb": ("euid", False),
            "Amtsgericht Bremen, HRB 811002": ("register", False),
            "HRB 811002 HB": ("number", False),
            "HRB 811002": ("number", False),
            "DEP2716.HRB811003": ("euid", True),
            "HRB 811003 Walsrode": ("register", True),
            made["vat_id"].replace("DE", "de "): ("vat", True),
            made["own_id"]: ("own", True),
        }
        for identifier, (kind, current) in expected.items():
            answer = await client.get("/api/v1/organisations/lookup", params={"identifier": identifier})
            (hit,) = answer.json()["items"]
            assert (hit["matched"], hit["current"]) == (kind, current), identifier
            assert hit["organisation"]["organisation_id"] == made["organisation_id"]
        nobody = await client.get("/api/v1/organisations/lookup", params={"identifier": "DEP2716.HRB899999"})
        assert nobody.json()["items"] == []


async def test_a_move_within_the_state_is_one_event(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}/relocation"
        seat = {"place": "Bremerhaven", "postal_code": "27568", "state": "DE-HB", "ags": "04012", "nuts": "DE502"}
        body = {"seat": seat, "date": "2026-11-01"}
        moved = (await client.post(path, json=body)).json()
        assert (moved["responsible_state"], moved["seat"]["place"], moved["version"]) == ("hb", "Bremerhaven", 2)
        assert "previous_state" not in moved
        assert len(moved["register_entries"]) == 1
        assert (await client.post(path, json=body)).json()["version"] == 2

    async def published() -> None:
        records = await module_installation.read_topic(ORGANISATION, State.BREMEN)
        mine = [record.change for record in records if str(record.key) == made["organisation_id"]]
        assert mine == ["registered", "seat_relocated"]

    await eventually(published)


async def test_an_offer_needs_a_possible_date_seat_and_entry(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(
            client, register_entry={"court": "Bremen", "type": "HRB", "number": "811004", "valid_from": "2020-01-01"}
        )
        path = f"/api/v1/organisations/{made['organisation_id']}/relocation"
        body = in_stuhr()
        cases = [
            (body | {"date": "2019-12-31"}, {"date"}),
            (body | {"date": "2031-01-01"}, {"date"}),
            (body | {"date": "2026-02-30"}, {"date"}),
            (body | {"seat": body["seat"] | {"ags": "04011"}}, {"seat.ags"}),
            (body | {"register_entry": body["register_entry"] | {"type": "VR"}}, {"register_entry.type"}),
        ]
        for wrong, fields in cases:
            answer = await client.post(path, json=wrong)
            assert answer.status_code == 422, wrong
            assert {error["field"] for error in answer.json()["errors"]} == fields
        assert (await client.get(path.removesuffix("/relocation"))).json()["version"] == 1


async def test_a_deactivated_organisation_does_not_move(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client)
        path = f"/api/v1/organisations/{made['organisation_id']}"
        assert (await client.post(f"{path}/deactivation", json={"date": "2026-11-01"})).json()["version"] == 2
        assert (await client.post(f"{path}/deactivation", json={})).json()["version"] == 2
        assert (await client.post(f"{path}/relocation", json=in_stuhr())).json()["code"] == "deactivated"
