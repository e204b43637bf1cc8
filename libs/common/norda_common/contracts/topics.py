"""Topics: their names, policies and what may be said on them.

A topic is `<state>.<service>.<aggregate>.v<major>`, private ones below `internal.`. A state's instances write only
below their own prefix. The key is always the aggregate's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ..identifiers import new_id
from ..states import State
from .model import EventData

DAY_MS = 24 * 60 * 60 * 1000


class TopicKind(StrEnum):
    """How long a topic remembers, and who may read it."""

    STATE = "state"
    LOG = "log"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event on its way out: what the outbox stores and the relay sends.

    `sequence` is the aggregate's version and only grows; `data` None is a tombstone. `time` is aware UTC.
    """

    topic: Topic
    state: State
    change: str
    key: UUID
    sequence: int
    time: datetime
    data: EventData | None
    event_id: UUID = field(default_factory=new_id)

    @property
    def type(self) -> str:
        """The CloudEvents type: `norda.registry.organisation.seat_relocated.v1`."""
        return self.topic.type_of(self.change)

    @property
    def source(self) -> str:
        """The CloudEvents source: `/ni/registry`; with the id unique, and the same on every redelivery."""
        return f"/{self.state.value}/{self.topic.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A declared topic: one aggregate of one service, once per state.

    `changes` are the past-tense names of what may happen to the aggregate, each with a sentence for the catalogue.
    """

    service: str
    aggregate: str
    kind: TopicKind
    data: type[EventData]
    changes: Mapping[str, str]
    description: str
    example: EventData
    major: int = 1
    partitions: int = 6

    def __post_init__(self) -> None:
        if not isinstance(self.example, self.data):
            raise TypeError(f"the example of {self.identity} is not a {self.data.__name__}")

    @property
    def identity(self) -> str:
        """The state-independent name: `registry.organisation.v1`."""
        return f"{self.service}.{self.aggregate}.v{self.major}"

    @property
    def data_schema(self) -> str:
        """The CloudEvents dataschema, an absolute URI that does not move with hosts."""
        return f"urn:norda:schema:{self.identity}"

    def name(self, state: State, *, prefix: str = "") -> str:
        """The topic's name in Kafka for one state; `prefix` sets whole installations apart on one cluster."""
        private = "internal." if self.kind is TopicKind.PRIVATE else ""
        return f"{prefix}{private}{state.value}.{self.identity}"

    def type_of(self, change: str) -> str:
        """The CloudEvents type of a declared change. Raises KeyError when it is not declared."""
        if change not in self.changes:
            raise KeyError(f"{change!r} is no declared change of {self.identity}: {', '.join(self.changes)}")
        return f"norda.{self.service}.{self.aggregate}.{change}.v{self.major}"

    def config(self) -> dict[str, str]:
        """Kafka's topic settings (see `docs/decisions` and the contract): compaction or retention."""
        if self.kind is TopicKind.LOG:
            return {"cleanup.policy": "delete", "retention.ms": str(14 * DAY_MS)}
        if self.kind is TopicKind.STATE:
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(7 * DAY_MS)}
        return {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}

    def event(
        self, change: str, data: EventData | None, *, state: State, key: UUID, sequence: int, time: datetime
    ) -> Event:
        """Make an event of this topic. Raises when the change is undeclared or the data of another type."""
        self.type_of(change)
        if data is not None and not isinstance(data, self.data):
            raise TypeError(f"{self.identity} carries {self.data.__name__}, not {type(data).__name__}")
        return Event(topic=self, state=state, change=change, key=key, sequence=sequence, time=time, data=data)


def names_of(topics: Iterable[Topic], states: Iterable[State], *, prefix: str = "") -> list[str]:
    """All Kafka names of these topics for these states, in declared order."""
    chosen = list(states)
    return [topic.name(state, prefix=prefix) for topic in topics for state in chosen]
