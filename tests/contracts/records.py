"""One real record of each kind and state, made once through the services' own APIs and topics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from norda_common.contracts import events as events_contract
from norda_common.contracts import registry as registry_contract
from norda_common.contracts.registry import ORGANISATION
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics
from support.installation import Installation, Running, in_thread
from support.waiting import eventually

Ids = Mapping[str, str]
"""What a path is filled with: names of its parameters and their values."""
NEXT = {"hb": "hh", "hh": "ni", "ni": "hb"}
"""Which state hosts a state's events with it, and where its organisations move to."""
PLACES = {
    "hb": ("Bremen", "Bremen"),
    "hh": ("Hamburg", "Hamburg"),
    "ni": ("Stuhr", "Walsrode"),
}
"""A place and its register court."""


async def _nothing(_state: str) -> Ids:
    raise AssertionError("this service has no record that is used up")


@dataclass
class Records:
    """Records by state and name. `fresh` makes one more of what an allowed request uses up, a draft."""

    of: dict[str, dict[str, Ids]] = field(default_factory=dict)
    fresh: Callable[[str], Awaitable[Ids]] = _nothing


@dataclass
class Clients:
    """Programs of each state's office at one service."""

    running: Running
    stack: AsyncExitStack
    known: dict[tuple[str, str], httpx2.AsyncClient] = field(default_factory=dict)

    async def call(self, state: str, method: str, path: str, body: Any = None, *, role: str = "office") -> Any:
        """What the office is answered, which must be a success."""
        client = self.known.get((state, role))
        if client is None:
            client = await self.stack.enter_async_context(self.running.client(state=state, role=role))
            self.known[state, role] = client
        answer = await client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path} of {state}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


async def records_of(running: Running, installation: Installation, stack: AsyncExitStack) -> Records:
    """The records of that service. `stack` keeps what they are made with open."""
    makers = {"registry": _registry, "events": _events, "notifications": _notifications}
    return await makers[running.name](Clients(running, stack), installation)


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


async def _registry(clients: Clients, _installation: Installation) -> Records:
    """An organisation with a site, a membership and notes; one to be released over and over, one that is released."""
    records, base = Records(), "/api/v1/organisations"
    for place, state in enumerate(NEXT):
        code = f"TEST{state.upper()}"
        cluster = organisation(state, "Cluster", "0", kind="cluster", cluster_code=code)
        cluster = {name: value for name, value in cluster.items() if name != "register_entry"} | {"legal_form": "590"}
        joined = await clients.call(state, "POST", base, cluster)
        own = await clients.call(state, "POST", base, organisation(state, "Werk", f"88000{place}", clusters=[code]))
        here = f"{base}/{own['organisation_id']}"
        site = {"name": "Zweigwerk", "address": {"place": PLACES[state][0], "state": State(state).iso}}
        with_site = await clients.call(state, "POST", f"{here}/sites", site)
        ids = {
            "organisation_id": own["organisation_id"],
            "site_id": with_site["sites"][0]["site_id"],
            "cluster_id": joined["organisation_id"],
        }
        records.of[state] = {"organisation": ids}
        for visibility, role in (("alliance", "office"), ("office", "office"), ("confidential", "lead")):
            body = {"visibility": visibility, "text": f"Beispielvermerk {visibility}"}
            note = await clients.call(state, "POST", f"{here}/notes", body, role=role)
            records.of[state][f"{visibility} note"] = ids | {"note_id": note["id"]}
        for name, number in (("released", f"88100{place}"), ("in turn", f"88200{place}")):
            other = await clients.call(state, "POST", base, organisation(state, name, number))
            records.of[state][name] = {"organisation_id": other["organisation_id"]}
        released = records.of[state]["released"]["organisation_id"]
        await clients.call(state, "PUT", f"{base}/{released}/release", role="pr")
    # Others' records are found in the directory, which follows the topics.
    for state in NEXT:
        public = f"{base}?released=true&state={state}"
        await eventually(lambda path=public: _some(clients, path))
    return records


async def _some(clients: Clients, path: str, state: str = "hb") -> Any:
    found = await clients.call(state, "GET", path)
    assert found["items"], path
    return found["items"]


async def _events(clients: Clients, installation: Installation) -> Records:
    """Each state leads events that the next one hosts with it: drafts and published ones, with people of both."""
    base = "/api/v1/events"
    _make_topics(installation, [ORGANISATION])

    async def draft(state: str, title: str) -> dict[str, Any]:
        host = NEXT[state]
        body = {
            "title": f"Beispieltag {title} {state.upper()}",
            "starts": "2027-02-10T10:00+01:00",
            "ends": "2027-02-10T16:00+01:00",
            "capacity": 50,
            "hosts": [{"state": state}, {"state": host}],
            "quotas": {state: 5, host: 5},
        }
        drafted: dict[str, Any] = await clients.call(state, "POST", base, body)
        return {"event_id": drafted["event_id"], "state": host}

    async def published(state: str, title: str) -> dict[str, Any]:
        ids = await draft(state, title)
        await clients.call(ids["state"], "POST", f"{base}/{ids['event_id']}/hosts/{ids['state']}/agreement")
        await clients.call(state, "POST", f"{base}/{ids['event_id']}/publication")
        return ids

    async def registered(state: str, ids: Ids, participant: str, name: str) -> Ids:
        made = await clients.call(
            state, "POST", f"{base}/{ids['event_id']}/registrations", person(participant, f"{name}-{participant}")
        )
        return {**ids, "registration_id": made["registration_id"]}

    records = Records(fresh=lambda state: draft(state, "zum Verwerfen"))
    for state, host in NEXT.items():
        event = await published(state, "veröffentlicht")
        for known in (state, host):
            await registered(state, event, known, "known")
        released = await published(state, "freigegeben")
        await clients.call(state, "PUT", f"{base}/{released['event_id']}/release")
        moved = _organisation_said("registered", state)
        await installation.publish(moved)
        records.of[state] = {
            "draft": await draft(state, "Entwurf"),
            "published": event,
            "released": released,
            "in turn": await published(state, "im Wechsel"),
            "lead's person": await registered(state, event, state, "lead"),
            "host's person": await registered(state, event, host, "host"),
            "organisation": {"organisation_id": str(moved.key)},
        }
        address = f"/api/v1/organisations/{moved.key}"
        await eventually(lambda path=address: _answers(clients, path))
    return records


async def _answers(clients: Clients, path: str) -> None:
    await clients.call("hb", "GET", path)


def person(state: str, name: str) -> dict[str, Any]:
    """The body of a registration."""
    return {"participant_state": state, "name": f"Beispiel {name}", "email": f"{name}@person.example", "language": "de"}


async def _notifications(clients: Clients, installation: Installation) -> Records:
    """A subscription, and what the offices are told when a company moves from each state to the next."""
    _make_topics(installation, [*events_contract.TOPICS, *registry_contract.TOPICS])
    records = Records()
    for state, target in NEXT.items():
        move = _organisation_said("seat_relocated", target, previous_state=state)
        beside = _organisation_said("seat_relocated", target, topic=state, key=move.key, previous_state=state)
        await installation.publish(beside, move)
        body = {
            "email": f"{state}@abonnement.example",
            "topic": {"kind": "competence", "value": "BAT"},
            "consent": {"given_at": "2026-11-01T10:00:00Z", "wording": "newsletter-2026-1"},
        }
        made = await clients.call(state, "POST", "/api/v1/subscriptions", body)
        records.of[state] = {"subscription": {"subscription_id": made["id"]}, "office": {"state": state}}
    for state in NEXT:
        found = await eventually(lambda code=state: _some(clients, "/api/v1/inbox", code), within=20)
        records.of[state]["entry"] = {"entry_id": found[0]["id"]}
        records.of[state]["notice"] = {"notice_id": found[0]["notice_id"]}
        records.of[state]["delivery"] = {"delivery_id": found[0]["id"]}
    return records


def _make_topics(installation: Installation, topics: Any) -> None:
    """The topics of services that do not run."""
    in_thread(ensure_topics(installation.servers.kafka, topics, ALL_STATES, replication=1, prefix=installation.prefix))


def _organisation_said(
    change: str, state: str, *, topic: str | None = None, key: Any = None, previous_state: str | None = None
) -> Any:
    """What the registry says of an organisation of that state, on a state's topic."""
    organisation_id, now = key or new_id(), datetime.now(UTC)
    fields = {"organisation_id": organisation_id, "responsible_state": state, "changed_at": now}
    data = registry_contract.EXAMPLE.model_copy(update=fields | {"previous_state": previous_state})
    return ORGANISATION.event(
        change, data, state=State(topic or state), key=organisation_id, sequence=7 if previous_state else 1, time=now
    )
