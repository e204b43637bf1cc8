"""The registry's records: organisations with all that belongs to them, and what two offices have to do with."""

from __future__ import annotations

from typing import Any

from norda_common.states import State
from support.installation import Installation
from support.waiting import eventually

from .base import NEXT, PLACES, Clients, Records, some
from .imports import each_phase, source
from .people import answered_confirmation, contact_person, met_request, search

BASE = "/api/v1/organisations"


def organisation(state: str, name: str, number: str, **changes: Any) -> dict[str, Any]:
    """The body of an organisation that is accepted as it stands."""
    place, court = PLACES[state]
    return {
        "legal_name": f"Beispiel {name} {state.upper()} GmbH",
        "legal_form": "350",
        "seat": {"place": place, "state": State(state).iso},
        "register_entry": {"court": court, "type": "HRB", "number": number},
        **changes,
    }


async def registry(clients: Clients, installation: Installation) -> Records:
    """What stands in `Registry`, of each state."""
    makers = Registry(clients, installation)
    records = Records(fresh=makers.fresh)
    for state in NEXT:
        records.of[state] = await makers.organisations(state)
    # Others' records are found in the directory, which follows the topics.
    for state in NEXT:
        public = f"{BASE}?released=true&state={state}"
        await eventually(lambda path=public: some(clients, path))
    for state in NEXT:
        records.of[state] |= await makers.between_two(state)
        records.of[state] |= await makers.of_the_office(state, records.of[state]["organisation"]["organisation_id"])
    for state in NEXT:
        records.of[state]["decided proposal"] = await makers.decided_proposal(state, records)
    return records


class Registry:
    """Makes the registry's records."""

    def __init__(self, clients: Clients, installation: Installation) -> None:
        self._clients, self._installation = clients, installation
        self._count = 0

    async def fresh(self, record: str, state: str) -> dict[str, str]:
        """One more of what is used up."""
        self._count += 1
        match record:
            case "own search" | "shared search":
                name = f"Suche {self._count}"
                return await search(self._clients, state, name=name, shared=record == "shared search")
            case "source":
                return await source(self._clients, state, f"Quelle {self._count}")
            case "proposed":
                return await self._proposed(state)
        raise AssertionError(f"nobody makes one more {record}")

    async def registered(self, state: str, name: str, **changes: Any) -> str:
        """An organisation with a register number of its own, whatever there is like it."""
        self._count += 1
        body = organisation(state, name, str(890_000 + self._count), **changes)
        made = await self._clients.call(state, "POST", f"{BASE}?ignore_duplicates=true", body)
        return str(made["organisation_id"])

    async def organisations(self, state: str) -> dict[str, Any]:
        """What belongs to the state alone."""
        code, call = f"TEST{state.upper()}", self._clients.call
        cluster = organisation(state, "Cluster", "0", kind="cluster", cluster_code=code)
        cluster = {name: value for name, value in cluster.items() if name != "register_entry"} | {"legal_form": "590"}
        joined = await call(state, "POST", BASE, cluster)
        other = await self.registered(state, "Schwesterwerk")
        known = organisation(state, "Werk", f"88000{list(NEXT).index(state)}", clusters=[code])
        own = await call(state, "POST", f"{BASE}?ignore_duplicates=true", known)
        here = f"{BASE}/{own['organisation_id']}"
        await call(state, "PUT", f"{here}/links/{other}", {"kind": "linked"})
        site = {"name": "Zweigwerk", "address": {"place": PLACES[state][0], "state": State(state).iso}}
        with_site = await call(state, "POST", f"{here}/sites", site)
        ids = {
            "organisation_id": own["organisation_id"],
            "site_id": with_site["sites"][0]["site_id"],
            "cluster_id": joined["organisation_id"],
            "other_id": other,
        }
        made: dict[str, Any] = {"organisation": ids}
        for visibility, role in (("alliance", "office"), ("office", "office"), ("confidential", "lead")):
            body = {"visibility": visibility, "text": f"Beispielvermerk {visibility}"}
            note = await call(state, "POST", f"{here}/notes", body, role=role)
            made[f"{visibility} note"] = ids | {"note_id": note["id"]}
        for name in ("released", "in turn"):
            made[name] = {"organisation_id": await self.registered(state, name)}
        await call(state, "PUT", f"{BASE}/{made['released']['organisation_id']}/release", role="pr")
        return made

    async def between_two(self, state: str) -> dict[str, Any]:
        """What the next state has a part in: an offer, a pair, mergers that are proposed, and one that is done."""
        host, call = NEXT[state], self._clients.call
        offered = await self.registered(state, "Umzug")
        place, court = PLACES[host]
        move = {
            "responsible_state": host,
            "seat": {"place": place, "state": State(host).iso},
            "register_entry": {"court": court, "type": "HRB", "number": f"88300{list(NEXT).index(state)}"},
            "date": "2026-11-01",
        }
        await call(state, "POST", f"{BASE}/{offered}/relocation", move)
        one, other = await self.registered(state, "Zwilling"), await self.registered(host, "Zwilling")
        merged = await self._proposed(state)
        await call(state, "POST", f"{BASE}/{merged['organisation_id']}/merger/acceptance")
        return {
            "offered": {"organisation_id": offered},
            "across": {"organisation_id": one, "other_id": other},
            "pair": {"one_id": one, "other_id": other},
            "proposed": await self._proposed(state),
            "agreed to": await self._proposed(state),
            "merged": merged,
        }

    async def _proposed(self, state: str) -> dict[str, str]:
        """An organisation of that state which the next one's office proposes to merge into one of its own."""
        host = NEXT[state]
        merged, kept = await self.registered(state, "Teil"), await self.registered(host, "Ganzes")
        body = {"into": kept, "kind": "duplicate"}
        await self._clients.call(host, "POST", f"{BASE}/{merged}/merger", body)
        return {"organisation_id": merged, "other_id": kept}

    async def of_the_office(self, state: str, organisation_id: str) -> dict[str, Any]:
        """What is the office's alone, or a person's of it."""
        asking = await self.registered(state, "Bestätigung", contact_email=f"{state}@ex-900.example")
        return {
            "answered": await answered_confirmation(self._clients, self._installation, state, asking),
            "contact person": await contact_person(self._clients, state, organisation_id),
            "request": await met_request(self._clients, self._installation, state),
            "third search": await search(self._clients, state, name="Vergeben", shared=False),
            "own search": await search(self._clients, state, name="Eigene Suche", shared=False),
            "shared search": await search(self._clients, state, name="Gemeinsame Suche", shared=True),
            "source": await source(self._clients, state, f"Quelle {state}"),
            **await each_phase(self._clients, state),
        }

    async def decided_proposal(self, state: str, records: Records) -> dict[str, str]:
        """A membership that the office before proposed to this one, which refused it."""
        before = next(code for code, host in NEXT.items() if host == state)
        cluster = records.of[before]["organisation"]["cluster_id"]
        name = organisation(state, "in turn", "0")["legal_name"]
        body = {"rows": [{"name": name}], "apply": {"on": "2026-06-01", "source": "Mitgliederliste"}}

        async def found() -> None:
            applied = await self._clients.call(
                before, "POST", f"/api/v1/clusters/{cluster}/members/reconciliation", body
            )
            assert applied["joins"], "the directory does not have it yet"

        await eventually(found)
        (proposal,) = await some(self._clients, "/api/v1/membership-proposals", state)
        proposals = f"/api/v1/membership-proposals/{proposal['proposal_id']}/decision"
        await self._clients.call(state, "POST", proposals, {"take": False})
        return {"proposal_id": proposal["proposal_id"]}
