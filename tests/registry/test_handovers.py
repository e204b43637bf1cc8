"""Offers between states in one instance: what is offered waits, and one of acceptance, refusal and withdrawal wins."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import imported, in_directory, in_stuhr, registered
from .test_audit import entries
from .test_rights import act_as, caller, database

SOURCE = "Handelsregister"


async def offered(client: httpx2.AsyncClient, body: dict[str, Any] | None = None, **fields: Any) -> str:
    """A company of Bremen that is offered to Niedersachsen; its path."""
    made = await registered(client, **fields)
    path = f"/api/v1/organisations/{made['organisation_id']}"
    answer = await client.post(f"{path}/relocation", json=body or in_stuhr())
    assert answer.status_code == 200, answer.text
    return path


def without_entry() -> dict[str, Any]:
    return {name: value for name, value in in_stuhr().items() if name != "register_entry"}


async def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_the_receiving_office_sees_the_offer_and_completes_it(registry: Running) -> None:
    async with registry.client() as old, registry.client(state="ni") as new, registry.client(state="hh") as third:
        path = await offered(old, without_entry())
        key = path.rpartition("/")[2]

        async def listed() -> None:
            items = (await new.get("/api/v1/relocations")).json()["items"]
            assert [(i["from_state"], i["handover"]["moves_on"]) for i in items if i["organisation_id"] == key] == [
                ("hb", "2026-12-01")
            ]

        await eventually(listed)
        outgoing = (await old.get("/api/v1/relocations", params={"direction": "outgoing"})).json()["items"]
        assert key in [item["organisation_id"] for item in outgoing]
        for client in (old, third):
            mine = (await client.get("/api/v1/relocations")).json()["items"]
            assert key not in [item["organisation_id"] for item in mine]
            assert await code_of(await client.post(f"{path}/relocation/acceptance", json={})) == (409, "not_offered")
        incomplete = await new.post(f"{path}/relocation/acceptance", json={})
        assert [error["field"] for error in incomplete.json()["errors"]] == ["register_entry"]
        seat = {"place": "Syke", "postal_code": "28857", "state": "DE-NI", "ags": "03251"}
        entry = {"court": "Walsrode", "type": "HRB", "number": "812001"}
        body = {"seat": seat, "register_entry": entry, "date": "2026-11-15", "source": SOURCE}
        taken = (await new.post(f"{path}/relocation/acceptance", json=body)).json()
        assert (taken["responsible_state"], taken["seat"]["place"]) == ("ni", "Syke")
        assert taken["former_seats"][0]["address"]["place"] == "Bremen"
        assert taken["former_seats"][0]["valid_to"] == "2026-11-15"
        assert (taken["since"]["seat"], taken["since"]["seat_source"]) == ("2026-11-15", SOURCE)
        assert (taken["register_entries"][1]["valid_from"], taken["register_entries"][1]["source"]) == (
            "2026-11-15",
            SOURCE,
        )
        again = await new.post(f"{path}/relocation/acceptance", json=body)
        assert (again.status_code, again.json()["version"]) == (200, taken["version"])

        async def gone() -> None:
            items = (await new.get("/api/v1/relocations")).json()["items"]
            assert key not in [item["organisation_id"] for item in items]

        await gone()
        await in_directory(new, key, lambda item: item["version"] == taken["version"])
        await gone()


async def test_a_refusal_says_why_and_leaves_the_organisation_where_it_is(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as old, registry.client(state="ni", role="lead") as new:
        path = await offered(old)
        key = path.rpartition("/")[2]
        assert (await new.post(f"{path}/relocation/refusal", json={})).status_code == 422
        refused = (await new.post(f"{path}/relocation/refusal", json={"reason": "Nur ein Briefkasten."})).json()
        assert (refused["responsible_state"], refused["handover"]["refusal"]) == ("hb", "Nur ein Briefkasten.")
        for what, body in (("acceptance", {}), ("refusal", {"reason": "x"})):
            assert await code_of(await new.post(f"{path}/relocation/{what}", json=body)) == (409, "not_offered")
        assert (await old.patch(path, json={"own_id": "frei"})).status_code == 200
        put_away = (await old.post(f"{path}/relocation/withdrawal")).json()
        assert "handover" not in put_away
        assert (await old.post(f"{path}/relocation", json=in_stuhr())).status_code == 200

        async def said() -> None:
            records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=key)
            assert [record.change for record in records] == [
                "registered", "relocation_offered", "relocation_withdrawn", "changed", "relocation_withdrawn",
                "relocation_offered",
            ]  # fmt: skip
            assert [record.sequence for record in records] == [1, 2, 3, 4, 5, 6]

        await eventually(said)
    actions = [entry["action"] for entry in await entries(module_installation, key)]
    assert actions[1:4] == ["organisation.offer_relocation", "organisation.refuse_relocation", "organisation.change"]


async def test_what_is_offered_does_not_change_until_it_is_answered(registry: Running) -> None:
    async with registry.client() as old:
        body = in_stuhr()
        path = await offered(old, body, own_id="warte-1", legal_name="Beispiel Warten GmbH")
        site = {"name": "Werk", "address": {"place": "Bremen", "state": "DE-HB"}}
        writes = [
            old.patch(path, json={"legal_name": "Beispiel Anders GmbH"}),
            old.post(f"{path}/deactivation", json={}),
            old.post(f"{path}/dissolution", json={}),
            old.post(f"{path}/sites", json=site),
            old.post(f"{path}/relocation", json=in_stuhr() | {"responsible_state": "hh"}),
            old.post(f"{path}/relocation", json=in_stuhr() | {"responsible_state": "hb"}),
        ]
        for answer in await asyncio.gather(*writes):
            assert await code_of(answer) == (409, "relocation_offered")
        # The same offer again is the same offer.
        again = await old.post(f"{path}/relocation", json=body)
        assert (again.status_code, again.json()["version"]) == (200, 2)
        file = b"id,legal_name,place,state\nwarte-1,Beispiel Warten Anders GmbH,Bremen,DE-HB\n"
        answer = await imported(old, file)
        assert [warning["code"] for warning in answer.json()["warnings"]] == ["relocation_offered"]
        assert (await old.get(path)).json()["legal_name"] == "Beispiel Warten GmbH"
        assert (await old.post(f"{path}/relocation/withdrawal")).json()["version"] == 3
        assert (await old.post(f"{path}/relocation/withdrawal")).json()["version"] == 3
        assert (await old.patch(path, json={"legal_name": "Beispiel Anders GmbH"})).status_code == 200


async def test_of_acceptance_refusal_and_withdrawal_at_once_one_wins(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as old, registry.client(state="ni") as new:
        for _ in range(6):
            path = await offered(old)
            answers = await asyncio.gather(
                new.post(f"{path}/relocation/acceptance", json={}),
                old.post(f"{path}/relocation/withdrawal"),
                new.post(f"{path}/relocation/refusal", json={"reason": "Nein"}),
                new.post(f"{path}/relocation/acceptance", json={}, headers={"if-match": '"2"'}),
            )
            assert all(answer.status_code in {200, 403, 409, 412} for answer in answers), [a.text for a in answers]
            document = (await new.get(path)).json()
            key = document["organisation_id"]
            records = await module_installation.read_topic(
                ORGANISATION, State.BREMEN, key=key, minimum=document["version"]
            )
            sequences = [record.sequence for record in records]
            assert sequences == sorted(set(sequences)), "no sequence twice"
            changes = [record.change for record in records]
            assert changes.count("seat_relocated") == (document["responsible_state"] == "ni")
            assert changes[2] in {"seat_relocated", "relocation_withdrawn"}


async def test_two_offers_at_once_make_one(registry: Running) -> None:
    async with registry.client() as old:
        made = await registered(old)
        path = f"/api/v1/organisations/{made['organisation_id']}"
        bodies = [in_stuhr() | {"responsible_state": state} for state in ("ni", "hh")]
        answers = await asyncio.gather(*(old.post(f"{path}/relocation", json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert (await old.get(path)).json()["version"] == 2


async def test_an_answer_is_for_the_version_that_was_seen(registry: Running) -> None:
    async with registry.client() as old, registry.client(state="ni") as new:
        path = await offered(old)
        await old.post(f"{path}/relocation/withdrawal")
        await old.post(f"{path}/relocation", json=in_stuhr() | {"date": "2026-11-20"})
        seen = {"if-match": '"2"'}
        assert (await new.post(f"{path}/relocation/acceptance", json={}, headers=seen)).status_code == 412
        refusal = await new.post(f"{path}/relocation/refusal", json={"reason": "Nein"}, headers=seen)
        assert refusal.status_code == 412


async def test_a_number_that_somebody_holds_is_refused_at_the_acceptance(registry: Running) -> None:
    async with registry.client() as old, registry.client(state="ni") as new:
        body = in_stuhr()
        held = body["register_entry"]
        await registered(new, seat=body["seat"], register_entry=held, vat_id=...)
        path = await offered(old, body)
        assert await code_of(await new.post(f"{path}/relocation/acceptance", json={})) == (409, "identifier_taken")
        assert (await old.get(path)).json()["responsible_state"] == "hb"


async def test_the_database_lets_nobody_else_take_an_organisation(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as old:
        key = (await offered(old)).rpartition("/")[2]
        other = (await registered(old))["organisation_id"]
    take = "update organisation set responsible_state = $2 where id = $1"
    async with database(module_installation) as connection:
        await act_as(connection, caller("office", "hh"))
        assert await connection.execute(take, key, "hh") == "UPDATE 0"
        await act_as(connection, caller("pr", "ni"))
        assert await connection.execute(take, key, "ni") == "UPDATE 0"
        await act_as(connection, caller("office", "ni"))
        assert await connection.execute(take, other, "ni") == "UPDATE 0", "it was not offered"
        assert await connection.execute("delete from organisation where id = $1", key) == "DELETE 0"
        # The losing office does not give it away by itself, the receiving one to nobody else.
        await act_as(connection, caller("office", "hb"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "update organisation set responsible_state = 'hh', data = data - 'handover' where id = $1", key
            )
        await act_as(connection, caller("office", "ni"))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "update organisation set responsible_state = 'hh', data = data - 'handover' where id = $1", key
            )
        answer = """insert into handover_answer
                           (organisation_id, offered_at, to_state, answer, version, answered_at, answered_by)
                    values ($1, now(), 'hb', 'accepted', 9, now(), 'x')"""
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(answer, key)


async def test_what_was_offered_is_published_whole_and_without_persons(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as old:
        path = await offered(old, contact_email="kontakt@ex-530.example", employees=7)
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=path.rpartition("/")[2], minimum=2)
    data = records[-1].data
    assert isinstance(data, Organisation)
    assert data.handover is not None
    assert (data.handover.to_state, data.seat.place, data.handover.seat.place) == ("ni", "Bremen", "Stuhr")
    assert data.handover.register_entry is not None
    assert data.handover.register_entry.euid is not None
    assert "@ex-530" not in data.model_dump_json()
