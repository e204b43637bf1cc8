"""One registry process per module, and short ways to say what a test is about; numbers are invented and valid."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stdnum.iso7064 import mod_11_10
from support.installation import Installation, Running
from support.waiting import eventually

DATA = Path(__file__).parent / "data"
COMPANIES = (DATA / "seed_companies.csv").read_bytes()
BODIES = (DATA / "organisations.csv").read_bytes()
_NUMBERS = itertools.count(1)


def vat() -> str:
    """A valid USt-IdNr no other test has."""
    base = f"{70_000_000 + next(_NUMBERS) * 7:08d}"
    return f"DE{base}{mod_11_10.calc_check_digit(base)}"


def company(**changes: Any) -> dict[str, Any]:
    """The body of a company in Bremen that is accepted as it stands; every one has numbers of its own."""
    number = str(500_000 + next(_NUMBERS))
    body: dict[str, Any] = {
        "legal_name": f"Beispiel Werft {number} GmbH",
        "legal_form": "350",
        "own_id": f"t-{number}",
        "seat": {"place": "Bremen", "postal_code": "28197", "state": "DE-HB", "ags": "04011", "nuts": "DE501"},
        "register_entry": {"court": "Amtsgericht Bremen", "type": "hrb", "number": number},
        "vat_id": vat(),
        "activities": [{"edition": "WZ2025", "code": "29.20.0"}],
        "competences": ["PRD-01"],
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def in_stuhr(number: str | None = None) -> dict[str, Any]:
    """The body of a relocation to Niedersachsen."""
    return {
        "responsible_state": "ni",
        "seat": {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"},
        "register_entry": {"court": "Walsrode", "type": "HRB", "number": number or str(700_000 + next(_NUMBERS))},
        "date": "2026-12-01",
    }


async def relocated(
    old: httpx2.AsyncClient, new: httpx2.AsyncClient, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Move an organisation to Niedersachsen: the old office offers it, the new one accepts."""
    offer = await old.post(f"{path}/relocation", json=body or in_stuhr())
    assert offer.status_code == 200, offer.text
    answer = await new.post(f"{path}/relocation/acceptance", json={})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def registered(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Register a company, whatever there is like it, and give what was answered."""
    answer = await client.post("/api/v1/organisations", params={"ignore_duplicates": True}, json=company(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def cluster(client: httpx2.AsyncClient, code: str) -> dict[str, Any]:
    """Register a cluster with that code."""
    return await registered(
        client,
        kind="cluster",
        legal_name=f"Beispiel Cluster {code} e.V.",
        legal_form="590",
        cluster_code=code,
        register_entry=...,
        vat_id=...,
        activities=[],
    )


async def imported(client: httpx2.AsyncClient, table: bytes, **parameters: Any) -> httpx2.Response:
    """Send a table as the body, whatever there is like its rows."""
    return await client.post(
        "/api/v1/imports/organisations",
        content=table,
        params={"ignore_duplicates": True} | parameters,
        headers={"content-type": "text/csv"},
    )


async def in_directory(
    client: httpx2.AsyncClient, organisation_id: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True
) -> dict[str, Any]:
    """Wait until the directory's list shows the organisation as wanted."""

    async def look() -> dict[str, Any]:
        cursor: str | None = None
        while True:
            parameters = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/api/v1/organisations", params=parameters)).json()
            for item in page["items"]:
                if item["organisation_id"] == organisation_id and holds(item):
                    found: dict[str, Any] = item
                    return found
            cursor = page.get("next_cursor")
            assert cursor, "not in the directory yet"

    return await eventually(look)


@pytest.fixture(scope="module")
def registry(module_installation: Installation) -> Running:
    """A registry for all three states."""
    return module_installation.start("registry")
