"""A filled world to be fuzzed: what the demo leaves, one more of each kind of record, and the ids of what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from support.installation import Installation, Running
from support.waiting import eventually

Row = Sequence[str]
TABLE = "Unternehmen;Ort;PLZ;Land\nBeispiel Fuge GmbH;Bremen;28195;DE-HB\nBeispiel Spalt GmbH;Bremen;281;DE-HB\n"
"""A table for an import, one row of which is refused."""

IDS: dict[str, dict[tuple[str, ...], str]] = {
    "registry": {
        ("organisation_id",): """
            select id from organisation
            order by data ->> 'handover' is null, responsible_state <> 'hb', status <> 'active', id limit 40""",
        ("cluster_id",): "select id from organisation where kind = 'cluster' order by responsible_state, id limit 9",
        ("organisation_id", "cluster_id"): """
            select id, m ->> 'cluster_id' from organisation, jsonb_array_elements(data -> 'memberships') as m
            order by responsible_state <> 'hb', id limit 40""",
        ("organisation_id", "site_id"): """
            select id, s ->> 'site_id' from organisation, jsonb_array_elements(data -> 'sites') as s
            order by responsible_state <> 'hb', id limit 40""",
        ("organisation_id", "note_id"): "select organisation_id, id from note order by state <> 'hb', id limit 20",
        ("organisation_id", "other_id"): """
            select one.id, other.id from organisation as one, organisation as other
            where one.responsible_state = 'hb' order by md5(one.id::text || other.id) limit 40""",
        ("one_id", "other_id"): "select first_id, second_id from suspect order by (-score), first_id limit 20",
        ("confirmation_id",): "select id from confirmation order by id desc limit 10",
        ("proposal_id",): "select id from membership_proposal order by id desc limit 10",
        ("import_id",): "select min(id::text) from import group by status order by status",
        ("import_id", "row_id"): "select import_id, row from import_plan order by import_id desc, row limit 10",
        ("key",): "select id from contact_person order by id desc limit 10",
        ("name",): "select name from import_source order by name limit 10",
        ("request_id",): "select id from privacy_request order by id desc limit 10",
        ("search_id",): "select id from saved_search order by id desc limit 10",
    },
    "events": {
        ("event_id",): "select id from event order by responsible_state <> 'hb', id limit 20",
        ("event_id", "state"): "select event_id, coalesce(state, 'ni') from host order by event_id limit 20",
        ("event_id", "registration_id"): """
            select registration.event_id, registration.id from registration join event on event.id = event_id
            order by event.responsible_state <> 'hb', registration.status = 'withdrawn', 2 limit 20""",
        ("organisation_id",): "select id from organisation order by id limit 20",
    },
    "notifications": {
        ("subscription_id",): "select id from subscription order by state <> 'hb', id limit 20",
        ("entry_id",): "select id from delivery where state = 'hb' and channel = 'inbox' order by id desc limit 20",
        ("state",): "select unnest(array['hb', 'hh', 'ni'])",
    },
}
"""What finds the values of a path's parameters, by service, in its schema."""
OPERATIONS: dict[tuple[str, ...], str] = {
    ("identity",): "select unnest(array['registry.organisation.v1', 'events.event.v1', 'notifications.delivery.v1'])",
    ("letter_id",): "select id from dead_letter order by id limit 5",
    ("row_id",): "select id::text from outbox order by id limit 5",
    ("postal_code",): "select unnest(array['28195', '21039', '49808'])",
    ("token",): "select repeat('0', 64)",
}
"""The same for what all services have."""


async def fill(registry: Running, installation: Installation) -> None:
    """Add what the demo has none of: people, notes, imports, suspects, requests, searches, offers, a dead letter."""
    async with registry.client("hb", "lead") as lead, registry.client("ni", "lead") as other:
        mine = await _organisations(lead, "hb")
        path = f"/api/v1/organisations/{mine[0]}"
        for one in mine[:4]:
            site = {"name": "Zweigwerk", "address": {"place": "Bremen", "state": "DE-HB"}}
            await _said(lead, f"/api/v1/organisations/{one}/sites", site)
        await _said(lead, f"{path}/notes", {"visibility": "office", "text": "Beispielvermerk"})
        keep = (datetime.now(UTC).date() + timedelta(days=365)).isoformat()
        person = {"name": "Beispiel Kontakt", "email": "kontakt@ex-600.example", "source": "Visitenkarte"}
        person |= {"purposes": ["support"], "legal_basis": "public_task", "retain_until": keep}
        await _said(lead, f"{path}/people", person)
        await _said(lead, "/api/v1/privacy-requests", {"kind": "access", "email": "kontakt@ex-600.example"})
        await _said(lead, "/api/v1/searches", {"name": "Beispielsuche", "q": "Werft", "notify": True})
        await _said(lead, f"/api/v1/organisations/{mine[1]}/release", {}, method="PUT")
        for _ in range(2):
            await _said(
                lead,
                "/api/v1/organisations?ignore_duplicates=true",
                {
                    "legal_name": "Beispiel Doppelwerft GmbH",
                    "legal_form": "350",
                    "seat": {"place": "Bremen", "postal_code": "28195", "state": "DE-HB"},
                },
            )
        await _import(lead)
        offer = {"responsible_state": "hb", "seat": {"place": "Bremen", "state": "DE-HB"}, "date": "2026-12-01"}
        for one in (await _organisations(other, "ni"))[:6]:
            await _said(other, f"/api/v1/organisations/{one}/relocation", offer)
    await installation.produce(ORGANISATION.name(State.BREMEN), key=b"no id", value=b"no JSON")


async def _organisations(client: httpx2.AsyncClient, state: str) -> list[str]:
    answer = await client.get("/api/v1/organisations", params={"state": state, "kind": "company", "limit": 50})
    return [item["organisation_id"] for item in answer.json()["items"] if item["status"] == "active"]


async def _said(client: httpx2.AsyncClient, path: str, body: Any, *, method: str = "POST") -> None:
    answer = await client.request(method, path, json=body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"


async def _import(client: httpx2.AsyncClient) -> None:
    """One import that is done, and one that waits for a word."""
    base = "/api/v1/imports"

    async def reached(import_id: str, status: str) -> None:
        assert (await client.get(f"{base}/{import_id}")).json()["status"] == status

    for file in ("eins.csv", "zwei.csv"):
        answer = await client.post(base, files={"file": (file, TABLE.encode())}, data={"source": file})
        made = answer.json()
        if made["status"] != "planning":
            await _said(client, f"{base}/{made['import_id']}/mapping", {"columns": made["columns"]}, method="PUT")
        await eventually(lambda made=made: reached(made["import_id"], "planned"), within=20)
        if file == "eins.csv":
            await _said(client, f"{base}/{made['import_id']}/application", None)
            await eventually(lambda made=made: reached(made["import_id"], "applied"), within=20)


async def read_ids(installation: Installation, service: str, names: tuple[str, ...]) -> list[Row]:
    """Values for these parameters of a path, as they are in the database now; empty if there are none."""
    query = IDS[service].get(names) or OPERATIONS.get(names)
    assert query is not None, f"say in {__name__} which {names} the service {service} has"
    connection = await installation.connect()
    try:
        await connection.execute(f'set search_path = "{service}", public')
        return [tuple(str(value) for value in row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def ids_of(installation: Installation, service: str, names: tuple[str, ...]) -> list[Row]:
    """The same, where no loop runs."""
    return asyncio.run(read_ids(installation, service, names))
