"""Faults on the topics: a burst of records that nobody can read or handle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from norda_common.contracts.envelope import Headers, write_headers
from norda_common.contracts.events import EVENT, PARTICIPATION, REGISTRATION
from norda_common.contracts.registry import ORGANISATION
from norda_common.contracts.topics import Topic
from norda_common.states import ALL_STATES, State

from norda_local.chaos.faults.fault import Fault
from norda_local.chaos.field import Field
from norda_local.services import SERVICES

READERS: dict[str, tuple[str, ...]] = {
    ORGANISATION.identity: ("registry", "events", "notifications"),
    REGISTRATION.identity: ("registry",),
    EVENT.identity: ("notifications",),
    PARTICIPATION.identity: ("notifications",),
}
"""Which services read a topic, hence bury what cannot be read on it."""
TOPICS = (ORGANISATION, REGISTRATION, EVENT, PARTICIPATION)
COPIERS = ("registry", "events")
"""Who stores an organisation that has changed; the third only tells of moves."""
ROUNDS = (4, 40)
"""Each round writes every kind to every topic, 56 records. A run's first burst is small, later ones are thousands."""
SEEN_SECONDS = 14.0
BURIED_SECONDS = 60.0

Junk = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


class DeadLetterBurst(Fault):
    """Hundreds to thousands of records that cannot be read, of fourteen kinds, and one that cannot be stored."""

    name = "dead-letter-burst"
    measures = True

    async def inject(self) -> None:
        """Write them, look when they are seen, and how long it takes until all are buried."""
        field = self.field
        before = {service: _dead(field, service) for service in SERVICES}
        began = time.monotonic()
        await self._write(ROUNDS[1] if field.junk or self.alone_seconds else ROUNDS[0])
        seen = await field.watch.until(
            lambda: any(_dead(field, service) > before[service] for service in SERVICES), within=SEEN_SECONDS
        )
        took = time.monotonic() - began
        field.shown("poison messages", None if seen is None else took, lasted=took)
        while not await self._all_buried() and time.monotonic() - began < BURIED_SECONDS:
            await field.watch.until(lambda: False, within=0.3)
        field.figure("unreadable records written, all bursts", float(len(field.junk)))
        field.figure("burst buried after, s", time.monotonic() - began)

    async def recover(self) -> None:
        """Dead letters stay for the operator."""

    async def _write(self, rounds: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.field.cluster.bootstrap, acks="all") as producer:
            for topic in TOPICS:
                state = self.field.random.choice(ALL_STATES)
                records = [junk for _ in range(rounds) for junk in unreadable(topic, state)]
                await self._send(producer, topic, state, records, readers=READERS[topic.identity])
            await self._send(producer, ORGANISATION, State.BREMEN, [_unstorable()], readers=COPIERS)

    async def _send(
        self, producer: AIOKafkaProducer, topic: Topic, state: State, records: list[Junk], *, readers: tuple[str, ...]
    ) -> None:
        name = topic.name(state)
        sending = [
            await producer.send(
                name, key=key, value=value, headers=headers, partition=self.field.random.randrange(topic.partitions)
            )
            for key, value, headers in records
        ]
        for future in sending:
            place = await future
            self.field.junk[name, place.partition, place.offset] = readers

    async def _all_buried(self) -> bool:
        for service in SERVICES:
            wanted = {place for place, readers in self.field.junk.items() if service in readers}
            if not wanted <= set(await self.field.witness.dead_letters(service)):
                return False
        return True


def unreadable(topic: Topic, state: State) -> Iterator[Junk]:
    """A record of every kind that no reader can read."""
    sound, key = _headers(topic, state), str(uuid4()).encode()
    body = topic.example.model_dump_json().encode()
    subject = sound["ce_subject"]
    # A compacted topic takes no record without a key, so nobody has to bear one.
    yield key, body, []
    yield subject, body, [(name, value) for name, value in sound.items() if name != "ce_id"]
    yield subject, b"no json", list(sound.items())
    yield subject, b'{"unexpected": true}', list(sound.items())
    yield key, body, list(sound.items())
    yield b"\xff\xfe", body, list(sound.items())
    wrong: dict[str, bytes | None] = {
        "ce_specversion": b"0.3",
        "ce_type": None,
        "ce_subject": b"\xff\xfe",
        "ce_id": b"no uuid",
        "ce_source": b"/xx/nobody",
        "ce_sequence": b"-1",
        "ce_time": b"yesterday",
        "content-type": b"text/plain",
    }
    for name, value in wrong.items():
        yield subject, body, list({**sound, name: value}.items())


def _unstorable() -> Junk:
    """A sound record with a character that PostgreSQL does not store."""
    sound = _headers(ORGANISATION, State.BREMEN)
    document = ORGANISATION.example.model_dump(mode="json") | {
        "organisation_id": sound["ce_subject"].decode(),
        "legal_name": "Beispiel \x00",
    }
    body = type(ORGANISATION.example).model_validate(document).model_dump_json().encode()
    return sound["ce_subject"], body, list(sound.items())


def _headers(topic: Topic, state: State) -> dict[str, bytes]:
    headers: Headers = write_headers(
        event_id=uuid4(),
        source=f"/{state.value}/{topic.service}",
        type_=topic.type_of(next(name for name in topic.changes if name in {"changed", "confirmed"})),
        subject=str(uuid4()).encode(),
        time=datetime.now(UTC),
        data_schema=topic.data_schema,
        sequence=1,
        cause=None,
    )
    return dict(headers)


def _dead(field: Field, service: str) -> int:
    """What the service's replicas tell of dead letters."""
    documents = field.watch.of(service).values()
    counted = sum(numbers["dead"] for seen in documents for numbers in seen["consumers"].values())
    return int(counted + max((seen["dead_letters_open"] for seen in documents), default=0))


FAULTS: tuple[type[Fault], ...] = (DeadLetterBurst,)
