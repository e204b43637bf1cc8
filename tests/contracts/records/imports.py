"""Imports of each phase, and sources."""

from __future__ import annotations

from typing import Any

from support.waiting import eventually

from .base import PLACES, Clients

IMPORTS = "/api/v1/imports"
WORDS = {"hb": "Anker Boje Dalben Ewer Fleet", "hh": "Giek Heuer Jolle Kimm Luke", "ni": "Mole Naute Pier Quast Reede"}
"""Names that nobody takes for one another."""


async def each_phase(clients: Clients, state: str) -> dict[str, Any]:
    """One import of each phase in which it stays."""
    first, *words = WORDS[state].split()
    made: dict[str, Any] = {"mapping import": await _staged(clients, state, first, "Liste")}
    for phase, word in zip(("planned", "applied", "reverted", "cancelled"), words, strict=True):
        made[f"{phase} import"] = ids = await _planned(clients, state, word, "Liste")
        if phase in {"applied", "reverted"}:
            await _done(clients, state, ids, "application", "applied")
        if phase == "reverted":
            await _done(clients, state, ids, "reversion", "reverted")
        if phase == "cancelled":
            await clients.call(state, "POST", f"{IMPORTS}/{ids['import_id']}/cancellation")
    return made


async def source(clients: Clients, state: str, name: str) -> dict[str, str]:
    """A source whose columns were mapped; the import is given up."""
    ids = await _planned(clients, state, name, name)
    await clients.call(state, "POST", f"{IMPORTS}/{ids['import_id']}/cancellation")
    return {"name": name}


async def _staged(clients: Clients, state: str, name: str, named: str) -> dict[str, str]:
    place = PLACES[state][0]
    # Other columns in each, so that none is mapped as the one before.
    table = (
        f"Firma {name};Ort;Bundesland;Kennung\nBeispiel {name} GmbH;{place};DE-{state.upper()};{name}-1\n"
        f"Beispiel {name} Fehler GmbH;{place};DE-XX;{name}-2\n"
    )
    files = {"file": ("liste.csv", table.encode())}
    made = await clients.call(state, "POST", IMPORTS, files=files, data={"source": named})
    assert made["status"] == "mapping", made
    return {"import_id": made["import_id"], "row_id": "2"}


async def _planned(clients: Clients, state: str, name: str, named: str) -> dict[str, str]:
    ids = await _staged(clients, state, name, named)
    columns = {"columns": ["legal_name", "place", "state", "own_id"]}
    await clients.call(state, "PUT", f"{IMPORTS}/{ids['import_id']}/mapping", columns)
    await _reached(clients, state, ids, "planned")
    return ids


async def _done(clients: Clients, state: str, ids: dict[str, str], step: str, status: str) -> None:
    await clients.call(state, "POST", f"{IMPORTS}/{ids['import_id']}/{step}")
    await _reached(clients, state, ids, status)


async def _reached(clients: Clients, state: str, ids: dict[str, str], status: str) -> None:
    async def look() -> None:
        found = await clients.call(state, "GET", f"{IMPORTS}/{ids['import_id']}")
        assert found["status"] == status, found

    await eventually(look, within=20)
