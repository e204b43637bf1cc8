"""Who has to be told what, reckoned from what was committed, apart from the service that does it.

An occasion is what happened, once, whoever tells of it; a person is told of it once. Pure.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from norda_common.contracts.events import EVENT, PARTICIPATION
from norda_common.contracts.registry import ORGANISATION

from norda_local.chaos.invariants import Committed, Expected, Subscribed

UNCERTAIN_SECONDS = 25.0
"""A subscription this close to an event may or may not be told of it: clocks are stepped, processes stand still between
the instant they write down and the commit.
"""
SUBSCRIBERS_ARE_TOLD = ("published", "changed", "rescheduled", "cancelled")
PARTICIPANTS_ARE_TOLD = ("confirmed", "waitlisted", "promoted", "withdrawn", "event_rescheduled", "event_cancelled")


def expected_mails(
    committed: Iterable[Committed],
    subscriptions: Iterable[Subscribed],
    *,
    offices: Mapping[str, str],
    settled: Collection[str],
) -> Expected:
    """The occasions by address. `offices` are addresses by state, `settled` subscriptions from before all events."""
    running = list(subscriptions)
    must: dict[str, set[str]] = defaultdict(set)
    may: dict[str, set[str]] = defaultdict(set)
    for event in committed:
        if event.value is None:
            continue
        change, data = event.type.split(".")[-2], json.loads(event.value)
        if event.topic.endswith(EVENT.identity) and change in SUBSCRIBERS_ARE_TOLD:
            for address, certain in _subscribers(data, running, settled=settled, at=event.at):
                (must if certain else may)[address].add(_occasion_of_event(change, data, event))
        elif event.topic.endswith(PARTICIPATION.identity) and change in PARTICIPANTS_ARE_TOLD:
            must[data["participant"]["email"].lower()].add(_occasion_of_participation(change, data, event))
        elif event.topic.endswith(ORGANISATION.identity) and change == "seat_relocated":
            state = event.topic.removesuffix(ORGANISATION.identity).rstrip(".").rpartition(".")[2]
            if state in offices:
                must[offices[state]].add(f"relocated:{event.key}:{event.sequence}:{state}")
    return Expected(
        must={address: frozenset(occasions) for address, occasions in must.items()},
        may={address: frozenset(occasions) for address, occasions in may.items()},
    )


def _subscribers(
    data: Mapping[str, Any], running: Iterable[Subscribed], *, settled: Collection[str], at: float
) -> Iterator[tuple[str, bool]]:
    """Addresses whose subscriptions the event matches, and whether it is certain that they were there before it."""
    competences = data.get("competences", ())
    topics = {
        *(("state", state) for state in (data["responsible_state"], *(host.get("state") for host in data["hosts"]))),
        *(("competence", wider) for code in competences for wider in (code, code.partition("-")[0])),
        *(("cluster", code.upper()) for code in data.get("clusters", ())),
        ("event", data["event_id"]),
    }
    for item in running:
        if (item.topic_kind, item.topic_value) in topics and item.created_at < at + UNCERTAIN_SECONDS:
            yield item.address_key, item.id in settled or item.created_at < at - UNCERTAIN_SECONDS


def _occasion_of_event(change: str, data: Mapping[str, Any], event: Committed) -> str:
    match change:
        case "published" | "cancelled":
            return f"{change}:{event.key}"
        case "rescheduled":
            return f"rescheduled:{event.key}:{data['changed_at']}"
        case _:
            return f"{change}:{event.key}:{event.sequence}"


def _occasion_of_participation(change: str, data: Mapping[str, Any], event: Committed) -> str:
    match change:
        case "event_cancelled":
            return f"cancelled:{data['event']['event_id']}"
        case "event_rescheduled":
            return f"rescheduled:{data['event']['event_id']}:{data['event']['changed_at']}"
        case _:
            return f"{change}:{event.key}:{event.sequence}"
