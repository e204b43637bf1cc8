"""Released organisations are shown without signing in as long as they are active; nothing else is."""

from __future__ import annotations

from uuid import UUID

from norda_registry.store import searches
from norda_registry.store.searches import Filters
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import in_directory, registered, relocated
from .test_rights import count, database


async def shown(installation: Installation, key: str) -> tuple[bool, bool]:
    """Whether somebody who has not signed in sees the organisation by its id, and in the list."""
    async with database(installation) as connection:
        one = await searches.get(connection, UUID(key))
        rows = await searches.listed(connection, Filters(released=True), after=None, limit=500)
        assert await searches.listed(connection, Filters(), after=None, limit=5) == []
        for table in ("release", "organisation", "identifier", "figures", "contact", "directory_number"):
            assert await count(connection, table) == 0
        assert await count(connection, "directory") == len(rows)
        return one is not None, UUID(key) in {row["organisation_id"] for row in rows}


async def test_what_is_released_is_shown_to_everybody_until_the_release_ends(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client(role="pr") as pr, registry.client() as office:
        made = await registered(office, employees=12, contact_email="kontakt@ex-530.example")
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        await in_directory(office, key)
        assert await shown(module_installation, key) == (False, False)
        first = await pr.put(f"{path}/release")
        assert first.status_code == 200, first.text
        assert (first.json()["state"], first.json()["released_by"]) == ("hb", "pr-hb")
        assert (await office.put(f"{path}/release")).json() == first.json()
        assert await shown(module_installation, key) == (True, True)
        listed = (await office.get("/api/v1/organisations", params={"released": True})).json()
        assert key in {item["organisation_id"] for item in listed["items"]}
        for _ in range(2):
            assert (await pr.delete(f"{path}/release")).status_code == 204
        assert await shown(module_installation, key) == (False, False)


async def test_who_is_not_responsible_releases_nothing(registry: Running) -> None:
    async with registry.client() as office:
        made = await registered(office)
    path = f"/api/v1/organisations/{made['organisation_id']}/release"
    for role, state, code in (
        ("pr", "hh", "foreign_state"),
        ("lead", "ni", "foreign_state"),
        ("auditor", None, "role_missing"),
        ("integrator", None, "role_missing"),
    ):
        async with registry.client(state=state, role=role) as client:
            for method in ("PUT", "DELETE"):
                answer = await client.request(method, path)
                assert (answer.status_code, answer.json()["code"]) == (403, code)
    async with registry.client() as client:
        unknown = await client.put("/api/v1/organisations/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f/release")
        assert unknown.status_code == 404


async def test_a_deactivated_organisation_is_shown_no_longer_and_not_released(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as office:
        made = await registered(office)
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        await in_directory(office, key)
        assert (await office.put(f"{path}/release")).status_code == 200
        await office.post(f"{path}/deactivation", json={})

        async def gone() -> None:
            assert await shown(module_installation, key) == (False, False)

        await eventually(gone)
        other = await registered(office)
        path = f"/api/v1/organisations/{other['organisation_id']}"
        await office.post(f"{path}/deactivation", json={})
        assert (await office.put(f"{path}/release")).json()["code"] == "deactivated"


async def test_after_a_move_the_new_office_decides(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as old, registry.client(state="ni", role="pr") as new:
        made = await registered(old)
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        assert (await old.put(f"{path}/release")).status_code == 200
        async with registry.client(state="ni") as office:
            await relocated(old, office, path)
        await in_directory(old, key, lambda item: item["version"] == 3)
        assert await shown(module_installation, key) == (True, True)
        assert (await old.delete(f"{path}/release")).json()["code"] == "foreign_state"
        assert (await new.delete(f"{path}/release")).status_code == 204
        assert await shown(module_installation, key) == (False, False)
