"""What is offered to another state, or has become part of another organisation, is written by nobody: every route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from support.installation import Installation, Running
from support.routes import walked

from .conftest import cluster, imported, in_stuhr, registered
from .test_handovers import code_of

ONE = "/api/v1/organisations/{organisation_id}"
SITE = {"name": "Werk", "address": {"place": "Bremen", "state": "DE-HB"}}
PART = {"legal_name": "Beispiel Abspaltung GmbH", "seat": {"place": "Bremen", "state": "DE-HB"}}
FIGURE = {"kind": "employees", "value": 5, "on": "2026-01-01", "source": "Besuch"}
WRITES: Mapping[str, Mapping[str, Any]] = {
    "PATCH ": {"legal_name": "Beispiel Anders GmbH"},
    "POST /deactivation": {},
    "POST /split": PART,
    "POST /dissolution": {},
    "POST /reopening": {},
    "POST /relocation": in_stuhr() | {"responsible_state": "hh"},
    "POST /sites": SITE,
    "PUT /sites/{site_id}": SITE,
    "DELETE /sites/{site_id}": {},
    "POST /memberships": {"cluster_code": "FRO"},
    "POST /memberships/{cluster_id}/end": {},
    "PATCH /memberships/{cluster_id}": {"kind": "sponsor"},
    "PATCH /profile": {"website": "www.ex-901.example"},
    "PUT /links/{other_id}": {"kind": "linked"},
    "DELETE /links/{other_id}": {},
    "POST /indicators": {"value": 7, "on": "2026-01-01", "source": "Besuch"},
    "POST /figures": FIGURE,
    "POST /codes/decisions": {"code": "29.32.0", "chosen": []},
    "POST /confirmation": {},
}
"""Every way to change an organisation, with what would be accepted if it were not frozen."""
ABOUT_THE_OFFER = {"POST /relocation/withdrawal"}


def test_no_route_that_changes_an_organisation_is_left_out() -> None:
    found = {
        f"{route.method} {route.where.removeprefix(ONE)}"
        for route in walked("registry")
        if route.where.startswith(ONE) and route.right.name == "organisation.change" and route.method != "GET"
    }
    assert found == WRITES.keys() | ABOUT_THE_OFFER


async def whole(client: httpx2.AsyncClient, code: str) -> dict[str, str]:
    """A company with everything that a route may name: the ids by which routes name it."""
    its, other = await cluster(client, code), await registered(client, turnover_eur="500000")
    made = await registered(
        client,
        activities=[{"edition": "WZ2008", "code": "29.32.0"}],
        contact_email="kontakt@ex-901.example",
        clusters=[code],
        employees=12,
        turnover_eur="1000000",
    )
    path = ONE.format(organisation_id=made["organisation_id"])
    site = await client.post(f"{path}/sites", json=SITE)
    assert site.status_code == 201, site.text
    link = await client.put(f"{path}/links/{other['organisation_id']}", json={"kind": "linked"})
    assert link.status_code == 200, link.text
    return {
        "organisation_id": made["organisation_id"],
        "site_id": site.json()["sites"][0]["site_id"],
        "cluster_id": its["organisation_id"],
        "other_id": other["organisation_id"],
    }


async def refused(client: httpx2.AsyncClient, ids: dict[str, str]) -> dict[str, tuple[int, str]]:
    """What each of the routes answers."""
    answers = {}
    for where, body in WRITES.items():
        method, _, rest = where.partition(" ")
        content = {"json": body} if method != "DELETE" else {}
        answer = await client.request(method, (ONE + rest).format(**ids), **content)
        answers[where] = await code_of(answer)
    return answers


async def test_no_route_changes_what_is_offered(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        ids = await whole(client, "FRO")
        path = ONE.format(**ids)
        offer = await client.post(f"{path}/relocation", json=in_stuhr())
        assert offer.status_code == 200, offer.text
        version = offer.json()["version"]
        assert await refused(client, ids) == dict.fromkeys(WRITES, (409, "relocation_offered"))
        other = await registered(client)
        for one, into in (
            (ids["organisation_id"], other["organisation_id"]),
            (other["organisation_id"], ids["organisation_id"]),
        ):
            body = {"into": into, "kind": "duplicate"}
            answer = await client.post(f"/api/v1/organisations/{one}/merger", json=body)
            assert await code_of(answer) == (409, "relocation_offered")
        # A figure of another company that counts in its size class waits, too.
        figure = FIGURE | {"value": 900}
        answer = await client.post(f"/api/v1/organisations/{ids['other_id']}/figures", json=figure)
        assert answer.status_code == 201, answer.text
        assert (await client.post("/api/v1/confirmations/due")).status_code == 200
        held = (await client.get(path)).json()
        assert (held["version"], held.get("size_class")) == (version, None), "of the linked one too little is known"
        records = await module_installation.read_topic(ORGANISATION, State.BREMEN, key=ids["organisation_id"])
        assert records[-1].sequence == version
        # Taken back, it goes on, and what it waited for is made good.
        taken_back = (await client.post(f"{path}/relocation/withdrawal")).json()
        assert (taken_back["version"], taken_back["size_class"]) == (version + 2, "large")
        assert (await client.patch(path, json={"legal_name": "Beispiel Anders GmbH"})).status_code == 200


async def test_no_route_changes_what_has_been_merged(registry: Running, module_installation: Installation) -> None:
    async with registry.client() as client:
        ids = await whole(client, "FRM")
        path, kept = ONE.format(**ids), await registered(client)
        body = {"into": kept["organisation_id"], "kind": "duplicate"}
        merged = await client.post(f"{path}/merger", json=body)
        assert merged.status_code == 200, merged.text
        assert await refused(client, ids) == dict.fromkeys(WRITES, (409, "merged"))
        assert await code_of(await client.post(f"{path}/relocation/withdrawal")) == (409, "merged")
        records = await module_installation.read_topic(
            ORGANISATION, State.BREMEN, key=ids["organisation_id"], minimum=4
        )
        assert [record.change for record in records][3:] == ["merged"]
        # Nor is it given back to itself while the one that took it in is on its way to another state.
        into = f"/api/v1/organisations/{kept['organisation_id']}"
        assert (await client.post(f"{into}/relocation", json=in_stuhr())).status_code == 200
        assert await code_of(await client.post(f"{path}/merger/undo")) == (409, "relocation_offered")
        await client.post(f"{into}/relocation/withdrawal")
        assert (await client.post(f"{path}/merger/undo")).status_code == 200


@pytest.mark.parametrize("what", ["offered", "merged"])
async def test_a_table_changes_neither(registry: Running, what: str) -> None:
    async with registry.client() as client:
        made = await registered(client, own_id=f"frozen-{what}")
        path = f"/api/v1/organisations/{made['organisation_id']}"
        if what == "offered":
            assert (await client.post(f"{path}/relocation", json=in_stuhr())).status_code == 200
        else:
            into = await registered(client)
            body = {"into": into["organisation_id"], "kind": "merger"}
            assert (await client.post(f"{path}/merger", json=body)).status_code == 200
        before = without_trace(await client.get(path))
        euid = made["register_entries"][0]["euid"]
        table = f"id,legal_name,place,state,euid\nfrozen-{what},Beispiel Anders GmbH,Bremen,DE-HB,{euid}\n".encode()
        answer = await imported(client, table)
        assert answer.status_code == 200, answer.text
        assert without_trace(await client.get(path)) == before


def without_trace(answer: httpx2.Response) -> dict[str, Any]:
    """What was answered, but for the request's own trace."""
    return {name: value for name, value in answer.json().items() if name != "trace_id"}
