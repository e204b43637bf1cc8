"""Events that each state leads and the next one hosts with it."""

from __future__ import annotations

from typing import Any

from norda_common.contracts.registry import ORGANISATION
from support.installation import Installation
from support.waiting import eventually

from .base import NEXT, Clients, Ids, Records, answers, make_topics, organisation_said


def person(state: str, name: str) -> dict[str, Any]:
    """The body of a registration."""
    return {"participant_state": state, "name": f"Beispiel {name}", "email": f"{name}@person.example", "language": "de"}


async def events(clients: Clients, installation: Installation) -> Records:
    """Each state leads events that the next one hosts with it: drafts and published ones, with people of both."""
    base = "/api/v1/events"
    make_topics(installation, [ORGANISATION])

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

    async def another(_record: str, state: str) -> Ids:
        return await draft(state, "zum Verwerfen")

    records = Records(fresh=another)
    for state, host in NEXT.items():
        event = await published(state, "veröffentlicht")
        for known in (state, host):
            await registered(state, event, known, "known")
        released = await published(state, "freigegeben")
        await clients.call(state, "PUT", f"{base}/{released['event_id']}/release")
        moved = organisation_said("registered", state)
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
        await eventually(lambda path=address: answers(clients, path))
    return records
