"""What records are, and programs of each state's office that make them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from norda_common.contracts import registry as registry_contract
from norda_common.contracts.registry import ORGANISATION
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics
from support.installation import Installation, Running, in_thread

Ids = Mapping[str, str]
"""What a path is filled with: names of its parameters and their values."""
NEXT = {"hb": "hh", "hh": "ni", "ni": "hb"}
"""Which state has a part in a state's records: hosts its events with it, is offered what moves, keeps what merges."""
PLACES = {
    "hb": ("Bremen", "Bremen"),
    "hh": ("Hamburg", "Hamburg"),
    "ni": ("Stuhr", "Walsrode"),
}
"""A place and its register court."""


async def _nothing(record: str, _state: str) -> Ids:
    raise AssertionError(f"nobody makes one more {record}")


@dataclass
class Records:
    """Records by state and name. `fresh` makes one more of what an allowed request uses up."""

    of: dict[str, dict[str, Ids]] = field(default_factory=dict)
    fresh: Callable[[str, str], Awaitable[Ids]] = _nothing


@dataclass
class Clients:
    """Programs of each state's office at one service."""

    running: Running
    stack: AsyncExitStack
    known: dict[tuple[str, str], httpx2.AsyncClient] = field(default_factory=dict)

    async def call(
        self, state: str, method: str, path: str, body: Any = None, *, role: str = "office", **options: Any
    ) -> Any:
        """What the office is answered, which must be a success."""
        client = self.known.get((state, role))
        if client is None:
            client = await self.stack.enter_async_context(self.running.client(state=state, role=role))
            self.known[state, role] = client
        sent = options if body is None else {"json": body, **options}
        answer = await client.request(method, path, **sent)
        assert answer.is_success, f"{method} {path} of {state}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


async def some(clients: Clients, path: str, state: str = "hb") -> Any:
    """The list's items, of which there must be some."""
    found = await clients.call(state, "GET", path)
    assert found["items"], path
    return found["items"]


async def answers(clients: Clients, path: str) -> None:
    """That there is something at this address."""
    await clients.call("hb", "GET", path)


def make_topics(installation: Installation, topics: Any) -> None:
    """The topics of services that do not run."""
    in_thread(ensure_topics(installation.servers.kafka, topics, ALL_STATES, replication=1, prefix=installation.prefix))


def organisation_said(
    change: str, state: str, *, topic: str | None = None, key: Any = None, previous_state: str | None = None
) -> Any:
    """What the registry says of an organisation of that state, on a state's topic."""
    organisation_id, now = key or new_id(), datetime.now(UTC)
    fields = {"organisation_id": organisation_id, "responsible_state": state, "changed_at": now}
    data = registry_contract.EXAMPLE.model_copy(update=fields | {"previous_state": previous_state})
    return ORGANISATION.event(
        change, data, state=State(topic or state), key=organisation_id, sequence=7 if previous_state else 1, time=now
    )
