"""The directory is built from topics alone: two instances that share nothing else, replays, tombstones and garbage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from norda_common.contracts.events import REGISTRATION, Registration
from norda_common.contracts.registry import EXAMPLE, ORGANISATION
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import cluster, company, in_directory, in_stuhr, registered


def said(key: UUID, sequence: int, *, state: State = State.NIEDERSACHSEN, **fields: Any) -> Event:
    """A record about an organisation as some registry would publish it; `erased=True` makes it a tombstone."""
    erased = fields.pop("erased", False)
    data = EXAMPLE.model_copy(update={"organisation_id": key, "legal_name": f"Beispiel {key}"} | fields)
    return ORGANISATION.event(
        "erased" if erased else "changed",
        None if erased else data,
        state=state,
        key=key,
        sequence=sequence,
        time=datetime.now(UTC),
    )


async def test_a_one_state_instance_beside_a_shared_one_both_show_all_states(installation: Installation) -> None:
    await installation.make_topics()
    shared = installation.start("registry", states="hh,ni")
    alone = installation.start("registry", states="hb", database=await installation.new_database())
    async with alone.client() as hb, shared.client(state="hh") as hh, shared.client(state="ni") as ni:
        made = {
            "hb": await registered(hb),
            "hh": await registered(hh, seat={"place": "Hamburg", "state": "DE-HH"}),
            "ni": await cluster(ni, "ITS"),
        }
        for client in (hb, hh):
            for state, organisation in made.items():
                item = await in_directory(client, organisation["organisation_id"])
                assert item["responsible_state"] == state
                read = await client.get(f"/api/v1/organisations/{organisation['organisation_id']}")
                assert read.json()["legal_name"] == organisation["legal_name"]
        # What another instance keeps can be joined, not written and not taken.
        path = f"/api/v1/organisations/{made['hb']['organisation_id']}"
        joined = await hb.post(f"{path}/memberships", json={"cluster_code": "ITS"})
        assert joined.status_code == 201, joined.text
        assert (await hh.patch(path, json={"own_id": "x"})).status_code == 403
        async with shared.client(state="hb") as wrong_door:
            assert (await wrong_door.patch(path, json={"own_id": "x"})).json()["code"] == "state_not_served"
            assert (await wrong_door.post("/api/v1/organisations", json=company())).json()["code"] == "state_not_served"
        taken = await hh.post("/api/v1/organisations", json=company(vat_id=made["hb"]["vat_id"]))
        assert (taken.status_code, taken.json()["organisation_id"]) == (409, made["hb"]["organisation_id"])
        away = await hb.post(f"{path}/relocation", json=in_stuhr())
        assert (away.status_code, away.json()["handover"]["to_state"]) == (200, "ni")
        assert (await hb.get(path)).json()["responsible_state"] == "hb"


async def test_newer_records_win_whatever_the_order_and_however_often(
    registry: Running, module_installation: Installation
) -> None:
    key, marker = new_id(), new_id()
    later = said(key, 3, legal_name="Beispiel Dritte")
    await module_installation.publish(
        said(key, 2, state=State.BREMEN, legal_name="Beispiel Zweite"),
        later,
        said(key, 2, state=State.BREMEN, legal_name="Beispiel Zweite"),
        later,
        said(key, 1, state=State.BREMEN, legal_name="Beispiel Erste"),
        said(marker, 1),
    )
    async with registry.client() as client:
        await in_directory(client, str(marker))
        item = await in_directory(client, str(key), lambda found: found["version"] == 3)
    assert item["legal_name"] == "Beispiel Dritte"


async def test_a_withdrawn_organisation_is_gone_and_an_older_record_does_not_bring_it_back(
    registry: Running, module_installation: Installation
) -> None:
    key, marker = new_id(), new_id()
    await module_installation.publish(said(key, 2))
    async with registry.client() as client:
        await in_directory(client, str(key))
        await module_installation.publish(said(key, 4, erased=True))

        async def gone() -> None:
            assert (await client.get(f"/api/v1/organisations/{key}")).status_code == 404

        await eventually(gone)
        await module_installation.publish(said(key, 3, state=State.BREMEN), said(marker, 1, state=State.BREMEN))
        await in_directory(client, str(marker))
        await gone()


async def test_garbage_goes_to_the_dead_letters_and_the_partition_goes_on(
    registry: Running, module_installation: Installation
) -> None:
    name = "hh.registry.organisation.v1"
    for value, headers in (
        (b"\xff\x00garbage", []),
        (b"{}", [("ce_specversion", None)]),
        (b"{}", [("ce_specversion", b"\xff")]),
        (b"{", [("ce_specversion", b"1.0"), ("ce_type", b"norda.registry.organisation.changed.v9")]),
    ):
        await module_installation.produce(name, key=b"x", value=value, headers=headers)
    key = new_id()
    await module_installation.publish(said(key, 1, state=State.HAMBURG))
    async with registry.client() as client, registry.client(state=None, role="operator") as operator:
        await in_directory(client, str(key))

        async def buried() -> None:
            letters = (await operator.get("/api/v1/dead-letters")).json()["items"]
            assert len(letters) >= 4

        await eventually(buried)


async def test_search_finds_german_spellings_prefixes_places_and_former_names(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(
            client,
            legal_name="Beispiel Übersee Größenmeßtechnik Zzyx GmbH",
            seat={"place": "Bremerhaven", "state": "DE-HB"},
            competences=["BAT-02"],
        )
        other = await registered(client, legal_name="Beispiel Zzyx Ende GmbH")
        path = f"/api/v1/organisations/{other['organisation_id']}"
        await client.patch(path, json={"legal_name": "Beispiel Anders GmbH"})
        await in_directory(client, other["organisation_id"], lambda item: item["version"] == 2)
        await in_directory(client, made["organisation_id"])

        async def found(**parameters: str) -> set[str]:
            answer = await client.get("/api/v1/organisations", params=parameters)
            assert answer.status_code == 200, answer.text
            return {item["organisation_id"] for item in answer.json()["items"]}

        mine, renamed = made["organisation_id"], other["organisation_id"]
        for query in (
            "zzyx uebersee",
            "ZZYX ÜBERSEE",
            "ubersee zzyx",
            "zzyx U\u0308bersee",
            "groess zzy",
            "bremerh zzyx",
        ):
            assert await found(q=query) == {mine}, query
        assert await found(q="zzyx") == {mine, renamed}
        assert await found(q="zzyx", competence="bat") == {mine}
        assert await found(q="zzyx", competence="BAT-03") == set()
        assert await found(q="zzyx", state="hh") == set()
        assert await found(q="zzyx", kind="cluster") == set()
        assert await found(q="zzyx", status="deactivated") == set()
        assert await found(q="%") != set()
        assert await found(q="messtechnikzzyx") == set()
        wrong = await client.get("/api/v1/organisations", params={"state": "by", "limit": 1000, "cursor": "x"})
        assert {error["field"] for error in wrong.json()["errors"]} == {"state", "limit"}
        cursor = await client.get("/api/v1/organisations", params={"cursor": "bm8"})
        assert cursor.status_code == 422


@pytest.mark.parametrize("junk", ["\x00", "a\x00b", "a\x07b", "a\u202eb", "x" * 301])
@pytest.mark.parametrize("name", ["q", "cluster", "competence", "status", "kind", "state", "cursor", "identifier"])
async def test_text_no_database_takes_is_refused_in_every_parameter(registry: Running, name: str, junk: str) -> None:
    path = "/api/v1/organisations/lookup" if name == "identifier" else "/api/v1/organisations"
    async with registry.client() as client:
        answer = await client.get(path, params={name: junk})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("cursor", ["bm8", "W10", "WyJhIl0", "WyJhIiwiYiJd", "WyJhIiwxXQ", "bnVsbA"])
@pytest.mark.parametrize("path", ["", "/{id}/versions", "/{id}/participations"])
async def test_a_cursor_nobody_gave_out_is_refused(registry: Running, path: str, cursor: str) -> None:
    async with registry.client() as client:
        answer = await client.get(f"/api/v1/organisations{path.format(id=new_id())}", params={"cursor": cursor})
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


async def test_pages_follow_each_other_without_gap_or_repetition(registry: Running) -> None:
    async with registry.client() as client:
        made = [await registered(client, legal_name="Beispiel Seitenweise GmbH") for _ in range(5)]
        await in_directory(client, made[-1]["organisation_id"])
        await in_directory(client, made[0]["organisation_id"])
        seen: list[str] = []
        parameters = {"q": "seitenweise", "limit": "2"}
        while True:
            page = (await client.get("/api/v1/organisations", params=parameters)).json()
            seen += [item["organisation_id"] for item in page["items"]]
            if "next_cursor" not in page:
                break
            parameters["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(item["organisation_id"] for item in made)


def registration(key: UUID, sequence: int, status: str, *, organisation: UUID | None, erased: bool = False) -> Event:
    """A registration as the events service publishes it."""
    data = Registration(
        registration_id=key,
        event_id=new_id(),
        responsible_state="hb",
        organisation_id=organisation,
        participant_state="ni",
        status=status,
        registered_at=datetime.now(UTC),
        changed_at=datetime.now(UTC),
    )
    change = "erased" if erased else status
    return REGISTRATION.event(
        change, None if erased else data, state=State.BREMEN, key=key, sequence=sequence, time=datetime.now(UTC)
    )


async def shown(client: httpx2.AsyncClient, organisation: UUID, expected: dict[UUID, str]) -> None:
    """Wait until the organisation's participations are these registrations with these statuses."""

    async def look() -> None:
        items = (await client.get(f"/api/v1/organisations/{organisation}/participations")).json()["items"]
        assert {UUID(item["registration_id"]): item["status"] for item in items} == expected

    await eventually(look)


async def test_participations_come_from_the_events_services_topic(
    registry: Running, module_installation: Installation
) -> None:
    mine, first, second = new_id(), new_id(), new_id()
    publish = module_installation.publish
    await publish(
        registration(first, 1, "waitlisted", organisation=mine),
        registration(second, 1, "confirmed", organisation=mine),
    )
    await publish(
        registration(first, 2, "withdrawn", organisation=mine),
        registration(first, 1, "waitlisted", organisation=mine),
    )
    path = f"/api/v1/organisations/{mine}/participations"
    async with registry.client() as client:
        await shown(client, mine, {first: "withdrawn", second: "confirmed"})
        page = (await client.get(path, params={"limit": 1})).json()
        rest = (await client.get(path, params={"limit": 1, "cursor": page["next_cursor"]})).json()
        assert {item["registration_id"] for item in page["items"] + rest["items"]} == {str(first), str(second)}
        await publish(registration(second, 2, "erased", organisation=mine, erased=True))
        await shown(client, mine, {first: "withdrawn"})


async def test_a_registration_renewed_without_or_for_another_organisation_leaves_the_former_ones_history(
    registry: Running, module_installation: Installation
) -> None:
    former, other, nobodys, moved, kept = new_id(), new_id(), new_id(), new_id(), new_id()
    publish = module_installation.publish
    await publish(
        *(registration(key, 2, "confirmed", organisation=former) for key in (nobodys, moved, kept)),
    )
    async with registry.client() as client:
        await shown(client, former, dict.fromkeys((nobodys, moved, kept), "confirmed"))
        await publish(
            registration(nobodys, 3, "confirmed", organisation=None),
            registration(moved, 3, "confirmed", organisation=other),
            registration(kept, 1, "confirmed", organisation=None),
        )
        await shown(client, other, {moved: "confirmed"})
        await shown(client, former, {kept: "confirmed"})


async def test_a_service_role_sees_no_other_schema(module_installation: Installation) -> None:
    tables = {
        "registry": ("organisation", "contact", "directory", "outbox"),
        "events": ("event", "participant", "outbox"),
        "notifications": ("subscription", "delivery", "outbox"),
    }
    for role in tables:
        connection = await module_installation.connect(role=f"norda_{role}")
        try:
            for schema, names in tables.items():
                for name in names:
                    if schema == role:
                        await connection.fetchval(f"select count(*) from {schema}.{name}")  # noqa: S608
                        continue
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.fetchval(f"select count(*) from {schema}.{name}")  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"create table {role}.mine (id int)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("create table public.mine (id int)")
        finally:
            await connection.close()
