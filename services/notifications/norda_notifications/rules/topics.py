"""What one can subscribe to: a state, a competence (with what is narrower), a cluster or a single event.

Competences are the published code list of two levels: `BAT` is broader than `BAT-02`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from norda_common.contracts.competences import competences
from norda_common.contracts.events import PublishedEvent
from norda_common.errors import Text
from norda_common.states import State

CLUSTER_PATTERN = re.compile(r"[A-Z][A-Z0-9_-]{1,15}")


class TopicKind(StrEnum):
    """The kinds of topics."""

    STATE = "state"
    COMPETENCE = "competence"
    CLUSTER = "cluster"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Matches:
    """What subscriptions an event matches: values per kind."""

    states: list[str]
    competences: list[str]
    clusters: list[str]
    event: str


def normal_value(kind: TopicKind, value: str) -> str | None:
    """The topic's value in its normal form; None when there is no such topic."""
    match kind:
        case TopicKind.STATE:
            return _state(value)
        case TopicKind.COMPETENCE:
            return value.upper() if value.upper() in competences() else None
        case TopicKind.CLUSTER:
            return value.upper() if CLUSTER_PATTERN.fullmatch(value.upper()) else None
        case TopicKind.EVENT:
            return _event(value)


def broader(codes: Iterable[str]) -> list[str]:
    """The codes and everything broader, sorted: `BAT-02` gives `BAT` and `BAT-02`."""
    return sorted({wider for code in codes for wider in (code, code.partition("-")[0])})


def matches_of(event: PublishedEvent) -> Matches:
    """Which subscriptions an event matches. The responsible state counts as a host, also where a cluster holds it."""
    return Matches(
        states=sorted({event.responsible_state, *(host.state for host in event.hosts if host.state)}),
        competences=broader(event.competences),
        clusters=sorted({code.upper() for code in event.clusters}),
        event=str(event.event_id),
    )


def label_of(kind: str, value: str) -> Text:
    """How a mail names the topic it is sent for."""
    if kind == TopicKind.STATE:
        name = State(value).label
        return Text(f"Veranstaltungen in {name}", f"events in {name}")
    if kind == TopicKind.COMPETENCE:
        known = competences().get(value)
        name_of = known.label if known else Text(value, value)
        return Text(f"Kompetenz {name_of.de} ({value})", f"competence {name_of.en} ({value})")
    if kind == TopicKind.CLUSTER:
        return Text(f"Cluster {value}", f"cluster {value}")
    return Text("diese Veranstaltung", "this event")


def _state(value: str) -> str | None:
    try:
        return State(value.lower().removeprefix("de-")).value
    except ValueError:
        return None


def _event(value: str) -> str | None:
    try:
        return str(UUID(value))
    except ValueError:
        return None
