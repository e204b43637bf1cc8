"""Each command leaves an entry: who did what to which record, without figures, addresses or texts."""

from __future__ import annotations

import json
from typing import Any

from support.installation import Installation, Running
from support.people import signed_in, text_of

from .conftest import cluster, imported, in_directory, registered, relocated

HEADER = "id;legal_name;place;plz;state;employees;email"


async def entries(installation: Installation, item: str) -> list[dict[str, Any]]:
    """What the audit log says of a record, oldest first."""
    connection = await installation.connect()
    rows = await connection.fetch("select * from registry.audit_log where item = $1 order by id", item)
    await connection.close()
    return [
        dict(row) | {side: json.loads(row[side]) if row[side] is not None else None for side in ("before", "after")}
        for row in rows
    ]


async def test_every_command_on_an_organisation_is_entered(
    registry: Running, module_installation: Installation
) -> None:
    async with registry.client() as client, registry.client(state="ni") as ni, registry.client(role="pr") as pr:
        joined = await cluster(ni, "AUD")
        made = await registered(client, employees=12, contact_email="geheim@ex-520.example")
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        await client.patch(path, json={"legal_name": "Beispiel Anders GmbH", "employees": 13})
        await client.patch(path, json={"contact_email": "anders@ex-520.example"})
        await client.patch(path, json={"contact_email": "anders@ex-520.example"})
        await client.patch(path, json={"legal_name": "Beispiel Anders GmbH"})
        site = {"name": "Werk 2", "address": {"place": "Stuhr", "state": "NI"}}
        site_id = (await client.post(f"{path}/sites", json=site)).json()["sites"][0]["site_id"]
        await client.delete(f"{path}/sites/{site_id}")
        await client.post(f"{path}/memberships", json={"cluster_code": "AUD"})
        await client.post(f"{path}/memberships/{joined['organisation_id']}/end", json={})
        for method in ("PUT", "PUT", "DELETE", "DELETE"):
            assert (await pr.request(method, f"{path}/release")).status_code in {200, 204}
        assert (await ni.patch(path, json={"legal_name": "Beispiel Fremd GmbH"})).status_code == 403
        await relocated(client, ni, path)
        await ni.post(f"{path}/deactivation", json={})
        await ni.post(f"{path}/deactivation", json={})
    found = await entries(module_installation, key)
    assert [entry["action"] for entry in found] == [
        "organisation.register",
        "organisation.change",
        "organisation.change",
        "organisation.add_site",
        "organisation.remove_site",
        "organisation.join_cluster",
        "organisation.end_membership",
        "organisation.release",
        "organisation.end_release",
        "organisation.offer_relocation",
        "organisation.accept_relocation",
        "organisation.deactivate",
    ]
    assert {entry["kind"] for entry in found} == {"organisation"}
    who = [(entry["subject"], entry["roles"], entry["state"]) for entry in found]
    assert who[0] == ("office-hb", ["office"], "hb")
    assert who[7] == ("pr-hb", ["pr"], "hb")
    assert who[11] == ("office-ni", ["office"], "ni")
    assert all(len(entry["trace_id"]) == 32 for entry in found)
    registering, renaming, contact = found[:3]
    assert registering["before"] is None
    assert registering["after"]["legal_name"] == made["legal_name"]
    assert registering["after"]["touched"] == ["contact_email", "employees"]
    assert renaming["before"]["legal_name"] == made["legal_name"]
    assert renaming["after"]["legal_name"] == "Beispiel Anders GmbH"
    assert (renaming["after"]["version"], renaming["after"]["touched"]) == (2, ["employees"])
    assert "seat" not in renaming["after"]
    assert contact["after"] == {"touched": ["contact_email"]}
    assert found[7]["after"] == {"released": True, "fields": ["competences"]}
    assert (who[9][0], who[10][0]) == ("office-hb", "office-ni")
    assert found[9]["after"]["handover"]["to_state"] == "ni"
    relocating = found[10]
    assert (relocating["before"]["responsible_state"], relocating["after"]["responsible_state"]) == ("hb", "ni")
    text = json.dumps([[entry["before"], entry["after"]] for entry in found])
    assert "@ex-520" not in text
    assert '"employees":' not in text


async def test_an_import_enters_each_organisation_and_a_preview_none(
    registry: Running, module_installation: Installation
) -> None:
    async def total() -> int:
        connection = await module_installation.connect()
        try:
            return int(await connection.fetchval("select count(*) from registry.audit_log"))
        finally:
            await connection.close()

    def table(email: str, employees: int) -> bytes:
        rows = [f"aud-{n};Beispiel Audit {n} GmbH;Bremen;28197;DE-HB;{employees};{email}" for n in range(3)]
        return "\n".join([HEADER, *rows]).encode()

    before = await total()
    async with registry.client() as client:
        assert (await imported(client, table("eins@ex-521.example", 5), dry_run=True)).status_code == 200
        assert await total() == before
        answer = await imported(client, table("eins@ex-521.example", 5))
        keys = [item["organisation_id"] for item in answer.json()["created_organisations"]]
        assert len(keys) == 3
        await imported(client, table("eins@ex-521.example", 5))
        assert await total() == before + 3
        await imported(client, table("zwei@ex-521.example", 5))
        await imported(client, table("zwei@ex-521.example", 6))
    found = await entries(module_installation, keys[0])
    assert [entry["action"] for entry in found] == ["organisation.import"] * 3
    created, contact, employees = (entry["after"] for entry in found)
    assert created["touched"] == ["contact_email", "employees"]
    assert contact == {"touched": ["contact_email"]}
    assert employees == {"version": 2, "touched": ["employees"]}
    assert "@ex-521" not in json.dumps([created, contact, employees])


async def test_the_auditor_reads_it_and_nobody_else(registry: Running) -> None:
    async with registry.client() as client:
        made = await registered(client)
        await in_directory(client, made["organisation_id"])
    path = f"/registry/audit?item={made['organisation_id']}"
    async with signed_in(registry, state=None, roles=("auditor",)) as auditor:
        page = await auditor.get(path)
        assert page.status_code == 200
        assert "organisation.register" in text_of(page)
    async with signed_in(registry, roles=("lead",)) as lead:
        assert (await lead.get(path)).status_code == 403
