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
            state = _state_of(event)
            if state in offices:
                must[offices[state]].add(_occasion_of_move(event))
        elif event.topic.endswith(ORGANISATION.identity) and change == "relocation_offered":
            state = data["handover"]["to_state"]
            if state in offices:
                must[offices[state]].add(_occasion_of_offer(event))
    return Expected(
        must={address: frozenset(occasions) for address, occasions in must.items()},
        may={address: frozenset(occasions) for address, occasions in may.items()},
    )


def occasions_told(committed: Iterable[Committed], caused: Mapping[str, tuple[str, str, str]]) -> dict[str, str]:
    """What each delivery tells of, by its id; not those of which no such event tells.

    `caused` is what the service noted of a delivery's notice: kind, and source and id of the event that caused it. What
    happened is read from that event, as it was committed.
    """
    known = {
        (kind, event.source, event.event_id): occasion
        for event in committed
        if event.value is not None
        for kind, occasion in _notice_of(event, json.loads(event.value))
    }
    return {delivery: known[cause] for delivery, cause in caused.items() if cause in known}


def _notice_of(event: Committed, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The kind of notice that the event gives rise to, and its occasion; nothing when nobody is told of it."""
    change = event.type.split(".")[-2]
    if event.topic.endswith(EVENT.identity) and change in SUBSCRIBERS_ARE_TOLD:
        yield f"event_{change}", _occasion_of_event(change, data, event)
    elif event.topic.endswith(PARTICIPATION.identity) and change in PARTICIPANTS_ARE_TOLD:
        yield f"participation_{change}", _occasion_of_participation(change, data, event)
    elif event.topic.endswith(ORGANISATION.identity) and change == "seat_relocated":
        yield "organisation_relocated", _occasion_of_move(event)
    elif event.topic.endswith(ORGANISATION.identity) and change == "relocation_offered":
        yield "organisation_offered", _occasion_of_offer(event)


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


def _occasion_of_move(event: Committed) -> str:
    return f"relocated:{event.key}:{event.sequence}:{_state_of(event)}"


def _occasion_of_offer(event: Committed) -> str:
    return f"offered:{event.key}:{event.sequence}"


def _state_of(event: Committed) -> str:
    """The state on whose topic an organisation's event is."""
    return event.topic.removesuffix(ORGANISATION.identity).rstrip(".").rpartition(".")[2]
