"""Step 4: Bremen offers a company, Niedersachsen accepts; identifiers resolve, services follow, offices are told."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from .companies import examples
from .world import World

OWN_ID, NAME = "ex-005", "Beispiel Roland"
OLD_EUID, NEW_EUID = "DEH1101.HRB990005HB", "DEP2716.HRB990105"
NEW_SEAT = {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"}
NEW_ENTRY = {"court": "Walsrode", "type": "HRB", "number": "990105"}


def relocate(world: World) -> None:
    """Bremen offers Roland, Niedersachsen accepts it. Run again, it checks what the first run left."""
    roland = examples(world)[OWN_ID]
    url = f"{world.registry}/api/v1/organisations/{roland['organisation_id']}"
    widnr = world.get(url)["widnr"]
    if roland["responsible_state"] == "hb":
        refused = _offer(world, url, state="ni", accept=(403,))
        world.expect(
            "Niedersachsen cannot move Bremen's company itself (403)", refused.status_code == 403, refused.text
        )
        # 409: a run before this one offered it and was stopped; that offer stands.
        _offer(world, url, state="hb", accept=(409,))
        _accept(world, url)
    else:
        world.show("    [dim]Roland had already moved.[/]")
    roland = world.get(url)
    current = [entry["euid"] for entry in roland["register_entries"] if not entry.get("valid_to")]
    world.expect(
        "new court, number and EUID, the W-IdNr stays", (current, roland["widnr"]) == ([NEW_EUID], widnr), current
    )
    key = str(roland["organisation_id"])
    for identifier in (OLD_EUID, "Amtsgericht Bremen HRB 990005 HB", NEW_EUID):
        world.expect_soon(f"{identifier!r} resolves to the same company", partial(_lookup, world, identifier), key)
    world.expect_soon("the events service follows", partial(_state_in_events, world, key), "ni")
    for state in ("hb", "ni"):
        world.expect_soon(
            f"the office {state.upper()} was told once", partial(_told, world, state, key), 1, lasting=True
        )
    refused = world.call("PATCH", url, state="hb", json={"competences": []}, accept=(403,))
    world.expect("Bremen can no longer change it (403)", refused.status_code == 403, refused.text)


def _offer(world: World, url: str, *, state: str, accept: tuple[int, ...] = ()) -> Any:
    body = {"responsible_state": "ni", "seat": NEW_SEAT, "date": datetime.now(UTC).date().isoformat()}
    return world.post(f"{url}/relocation", body, state=state, accept=accept)


def _accept(world: World, url: str) -> None:
    """Niedersachsen's office knows the register entry that Bremen did not."""
    world.post(f"{url}/relocation/acceptance", {"register_entry": NEW_ENTRY}, state="ni")


def _lookup(world: World, identifier: str) -> str:
    answer = world.call(
        "GET",
        f"{world.registry}/api/v1/organisations/lookup",
        state="hh",
        params={"identifier": identifier},
        accept=(404,),
    )
    found = answer.json() if answer.is_success else {}
    items = found.get("items") or [found]
    return str((items[0].get("organisation") or items[0]).get("organisation_id"))


def _state_in_events(world: World, organisation_id: str) -> str:
    return str(world.get(f"{world.events}/api/v1/organisations/{organisation_id}")["responsible_state"])


def _told(world: World, state: str, organisation_id: str) -> int:
    return sum(
        entry["kind"] == "organisation_relocated"
        and entry["content"]["organisation"]["organisation_id"] == organisation_id
        for entry in world.pages(f"{world.notifications}/api/v1/inbox", state=state)
    )
