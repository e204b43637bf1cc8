"""One events process per module, organisations it knows, and short ways to say what a test is about."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from norda_common.contracts.registry import EXAMPLE, ORGANISATION
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics
from support.installation import Installation, Running, in_thread
from support.waiting import eventually

_PERSONS = itertools.count(1)


def organisation_event(
    *,
    state: str = "hb",
    key: UUID | None = None,
    sequence: int = 1,
    change: str = "registered",
    erased: bool = False,
    topic_state: str | None = None,
    **data: Any,
) -> Event:
    """A record of the organisation topic, as the registry publishes it; `erased` makes it a tombstone."""
    organisation_id = key or new_id()
    fields = {"organisation_id": organisation_id, "responsible_state": state, **data}
    return ORGANISATION.event(
        "erased" if erased else change,
        None if erased else EXAMPLE.model_copy(update=fields),
        state=State(topic_state or state),
        key=organisation_id,
        sequence=sequence,
        time=datetime.now(UTC),
    )


def event_body(**changes: Any) -> dict[str, Any]:
    """A draft's body that is accepted as it stands."""
    body: dict[str, Any] = {
        "title": "Beispieltag Elektromobilität",
        "starts": "2027-02-10T10:00+01:00",
        "ends": "2027-02-10T16:00+01:00",
        "capacity": 10,
    }
    return body | changes


def person_body(state: str | None = "hb", **changes: Any) -> dict[str, Any]:
    """A registration's body of somebody new."""
    number = next(_PERSONS)
    body = {
        "participant_state": state,
        "name": f"Beispiel Person {number}",
        "email": f"person{number}@ex-005.example",
    }
    return body | changes


@dataclass
class Offices:
    """Clients of the three offices at one service."""

    running: Running
    clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict)

    def __getitem__(self, state: str) -> httpx2.AsyncClient:
        return self.clients[state]

    async def draft(self, lead: str = "hb", **changes: Any) -> dict[str, Any]:
        """A stored draft."""
        response = await self[lead].post("/api/v1/events", json=event_body(**changes))
        assert response.status_code == 201, response.text
        document: dict[str, Any] = response.json()
        return document

    async def publish(self, lead: str = "hb", **changes: Any) -> dict[str, Any]:
        """A published event; the other hosting states have agreed."""
        draft = await self.draft(lead, **changes)
        for host in draft["hosts"]:
            if host["kind"] == "state" and not host["agreed"]:
                state = host["state"]
                agreed = await self[state].post(f"/api/v1/events/{draft['event_id']}/hosts/{state}/agreement")
                assert agreed.status_code == 200, agreed.text
        response = await self[lead].post(f"/api/v1/events/{draft['event_id']}/publication")
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    async def register(
        self, event: Mapping[str, Any], state: str | None = "hb", *, by: str = "", **changes: Any
    ) -> Any:
        """A new registration; by the lead's office unless told otherwise."""
        response = await self[by or event["responsible_state"]].post(
            f"/api/v1/events/{event['event_id']}/registrations", json=person_body(state, **changes)
        )
        assert response.status_code in {200, 201}, response.text
        return response.json()

    async def registrations(self, event: Mapping[str, Any], **filters: Any) -> list[dict[str, Any]]:
        """All registrations of an event, as the lead's office sees them."""
        items: list[dict[str, Any]] = []
        parameters = {"limit": 200, **filters}
        while True:
            response = await self[event["responsible_state"]].get(
                f"/api/v1/events/{event['event_id']}/registrations", params=parameters
            )
            assert response.status_code == 200, response.text
            page = response.json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            parameters["cursor"] = page["next_cursor"]

    async def get(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event as it stands now."""
        response = await self[event["responsible_state"]].get(f"/api/v1/events/{event['event_id']}")
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    async def know(self, installation: Installation, *records: Event) -> None:
        """Publish organisations and wait until the service knows them."""
        await installation.publish(*records)
        for record in records:

            async def known(record: Event = record) -> None:
                response = await self["hb"].get(f"/api/v1/organisations/{record.key}")
                if record.change == "merged":
                    assert response.status_code == 308
                    return
                assert response.status_code == 200
                assert response.json()["sequence"] >= record.sequence

            await eventually(known)


@asynccontextmanager
async def offices_at(running: Running) -> AsyncIterator[Offices]:
    """Clients of all three offices, closed at the end."""
    clients = {state: running.client(state=state) for state in ("hb", "hh", "ni")}
    try:
        yield Offices(running, clients)
    finally:
        for client in clients.values():
            await client.aclose()


def start_events(installation: Installation, **options: Any) -> Running:
    """An events process; the topics it only listens to are made as well, as the registry's `setup` would."""
    in_thread(
        ensure_topics(installation.servers.kafka, [ORGANISATION], ALL_STATES, replication=1, prefix=installation.prefix)
    )
    return installation.start("events", **options)


@pytest.fixture(scope="module")
def events(module_installation: Installation) -> Running:
    return start_events(module_installation)


@pytest.fixture
async def offices(events: Running) -> AsyncIterator[Offices]:
    async with offices_at(events) as made:
        yield made
