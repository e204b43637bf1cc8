"""A revert erases what an import created, whole, unless anybody refers to it: then it is deactivated and stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx2
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import cluster, in_directory, registered
from .staged import applied, csv_of, planned, reverted, rows
from .test_members import members_of
from .test_people import entered
from .test_rights import act_as, caller, database
from .test_staged_imports import HEADING, line

NI_SEAT = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI"}
Referring = Callable[[httpx2.AsyncClient, httpx2.AsyncClient, str], Awaitable[None]]


async def noting(_: httpx2.AsyncClient, ni: httpx2.AsyncClient, key: str) -> None:
    body = {"kind": "visit", "text": "Besuch", "visibility": "confidential"}
    assert (await ni.post(f"/api/v1/organisations/{key}/notes", json=body)).status_code == 201


async def knowing_a_person(hb: httpx2.AsyncClient, _: httpx2.AsyncClient, key: str) -> None:
    await entered(hb, f"/api/v1/organisations/{key}")


async def releasing(hb: httpx2.AsyncClient, _: httpx2.AsyncClient, key: str) -> None:
    assert (await hb.put(f"/api/v1/organisations/{key}/release")).status_code == 200


async def asking_to_confirm(hb: httpx2.AsyncClient, _: httpx2.AsyncClient, key: str) -> None:
    assert (await hb.post(f"/api/v1/organisations/{key}/confirmation")).status_code == 201


async def counting_in(_: httpx2.AsyncClient, ni: httpx2.AsyncClient, key: str) -> None:
    other = await registered(ni, seat=NI_SEAT, register_entry=...)
    path = f"/api/v1/organisations/{other['organisation_id']}"
    assert (await ni.put(f"{path}/links/{key}", json={"kind": "linked"})).status_code == 200
    await in_directory(ni, other["organisation_id"], lambda item: item["version"] == 2)


async def entering_a_past_figure(hb: httpx2.AsyncClient, _: httpx2.AsyncClient, key: str) -> None:
    body = {"kind": "employees", "value": 30, "on": "2019-12-31", "source": "Jahresabschluss 2019"}
    assert (await hb.post(f"/api/v1/organisations/{key}/figures", json=body)).status_code == 201


async def proposing_a_merger(_: httpx2.AsyncClient, ni: httpx2.AsyncClient, key: str) -> None:
    other = await registered(ni, seat=NI_SEAT, register_entry=...)
    body = {"into": other["organisation_id"], "kind": "duplicate"}
    assert (await ni.post(f"/api/v1/organisations/{key}/merger", json=body)).status_code == 202


async def proposing_a_membership(_: httpx2.AsyncClient, ni: httpx2.AsyncClient, key: str) -> None:
    its = await cluster(ni, "REF")
    await in_directory(ni, its["organisation_id"])
    await in_directory(ni, key)
    name = (await ni.get(f"/api/v1/organisations/{key}")).json()["legal_name"]
    body = {"rows": [{"name": name, "place": "Bremen"}], "apply": {"on": "2026-06-01", "source": "Liste"}}
    answer = await ni.post(members_of(its), json=body)
    assert answer.json()["proposed"] == 1, answer.text


async def withdrawing_a_release(hb: httpx2.AsyncClient, ni: httpx2.AsyncClient, key: str) -> None:
    await releasing(hb, ni, key)
    assert (await hb.delete(f"/api/v1/organisations/{key}/release")).status_code == 204


REFERRING: tuple[Referring, ...] = (
    noting, knowing_a_person, releasing, asking_to_confirm, counting_in, entering_a_past_figure, proposing_a_merger,
    proposing_a_membership,
)  # fmt: skip
NOT_REFERRING: tuple[Referring, ...] = (withdrawing_a_release,)


async def test_what_anybody_refers_to_is_not_erased(registry: Running, module_installation: Installation) -> None:
    ways = (*REFERRING, *NOT_REFERRING)
    async with registry.client() as hb, registry.client(state="ni") as ni:
        table = csv_of(HEADING, *(line(f"bezug-{place}") for place in range(len(ways) + 1)))
        plan = await planned(hb, table, source="Bezüge")
        await applied(hb, plan)
        ids = [item["organisation_id"] for item in sorted(await rows(hb, plan), key=lambda item: item["row"])]
        for key, refer in zip(ids, ways, strict=False):
            await refer(hb, ni, key)
        done = await reverted(hb, plan)
        assert done["counts"]["reverted"] == {"deactivated": len(REFERRING), "withdrawn": len(NOT_REFERRING) + 1}
        for key, refer in zip(ids, REFERRING, strict=False):
            assert (await hb.get(f"/api/v1/organisations/{key}")).json()["status"] == "deactivated", refer.__name__

        async def gone() -> None:
            for key in ids[len(REFERRING) :]:
                assert (await hb.get(f"/api/v1/organisations/{key}")).status_code == 404

        await eventually(gone)
    # As if it had never been entered: nothing of it is left, and its topic says that it is erased.
    connection = await module_installation.connect()
    try:
        for table_, column in (
            ("organisation", "id"), ("organisation_version", "organisation_id"), ("figure", "organisation_id"),
            ("figures", "organisation_id"), ("identifier", "organisation_id"), ("contact", "organisation_id"),
        ):  # fmt: skip
            left = f"select count(*) from registry.{table_} where {column} = $1::uuid"  # noqa: S608 - constants
            assert await connection.fetchval(left, ids[-1]) == 0, table_
            assert await connection.fetchval(left, ids[0]) > 0, table_
    finally:
        await connection.close()
    records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=ids[-1], minimum=2)
    assert [(record.change, record.sequence, record.data is None) for record in records] == [
        ("registered", 1, False), ("erased", 2, True),
    ]  # fmt: skip


async def test_the_database_lets_no_office_take_a_history_away(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as hb:
        made = await registered(hb, employees=7)
    key = made["organisation_id"]
    async with database(module_installation) as connection:
        for state in ("ni", "hb"):
            await act_as(connection, caller("lead", state))
            for table_, column in (
                ("organisation", "id"), ("organisation_version", "organisation_id"), ("figure", "organisation_id"),
            ):  # fmt: skip
                statement = f"delete from {table_} where {column} = $1"  # noqa: S608 - constants
                assert await connection.execute(statement, key) == "DELETE 0", (state, table_)
        await act_as(connection, caller("lead", "ni"))
        assert await connection.fetchval("select withdraw_organisations(array[$1::uuid])", key) == 0
