"""Organisation records as the registry's relay sends them, made by the number: realistic in size and in their words.

Invariants: the same number and version make the same data; values have 600 to 900 bytes; every header of the envelope
is there, both trace headers too; a key's records lie on one partition in the order of their versions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiokafka import AIOKafkaProducer
from norda_common.contracts.competences import competences
from norda_common.contracts.envelope import encode_headers, encode_value
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics

NUMBERS_IN_FLIGHT = 5_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEMS = (
    "Getriebe", "Karosserie", "Batterie", "Sensor", "Leichtbau", "Gießerei", "Werkzeug", "Lack", "Antrieb",
    "Elektronik", "Kabel", "Fahrwerk", "Brems", "Kunststoff", "Prüf", "Logistik", "Software", "Hydraulik", "Dicht",
    "Zerspanungs",
)  # fmt: skip
ENDINGS = ("technik", "systeme", "werke", "bau", "dienste", "lösungen", "komponenten", "fertigung", "labor", "montage")
PLACES = (
    ("Bremen", "28195", "DE-HB", "04011", "DE501"),
    ("Hamburg", "20095", "DE-HH", "02000", "DE600"),
    ("Osnabrück", "49074", "DE-NI", "03404", "DE944"),
    ("Stuhr", "28816", "DE-NI", "03251", "DE922"),
)


def organisation(number: int, version: int = 1) -> Organisation:
    """Organisation `number` after `version - 1` changes: each change enters another competence, one in ten renames."""
    chance = random.Random(number)  # noqa: S311 - nobody is to be surprised
    changed = random.Random(number * 1_000 + version)  # noqa: S311
    codes = sorted(competences())
    place, postal_code, state, ags, nuts = PLACES[number % len(PLACES)]
    name = f"Beispiel {chance.choice(STEMS)}{chance.choice(ENDINGS)} {chance.choice(STEMS)}bau {number} GmbH"
    if version > 1 and changed.random() < 0.1:
        name = name.replace("Beispiel", f"Beispiel {changed.choice(STEMS)}")
    return Organisation.model_validate(
        {
            "organisation_id": key_of(number),
            "responsible_state": state_of(number).value,
            "kind": "company",
            "status": "active",
            "legal_name": name,
            "legal_form": "350",
            "own_id": f"ex-{number}",
            "seat": {
                "place": place,
                "postal_code": postal_code,
                "street": f"Werkstraße {chance.randrange(200)}",
                "state": state,
                "ags": ags,
                "nuts": nuts,
            },
            "register_entries": [
                {
                    "court_code": "H1101",
                    "court": "Bremen",
                    "type": "HRB",
                    "number": str(number),
                    "suffix": "HB",
                    "euid": f"DEH1101.HRB{number}HB",
                    "valid_from": "2019-11-08",
                }
            ],
            "vat_id": f"DE{number:09}",
            "widnr": f"DE{number:09}-00001",
            "activities": [{"edition": "WZ2025", "code": "27.20.0"}],
            "competences": changed.sample(codes, 3),
            "size_class": "medium",
            "changed_at": BEGAN + timedelta(seconds=version),
        }
    )


def key_of(number: int) -> UUID:
    """The organisation's id: a UUID of version 7 whose time grows with the number, as real ones do."""
    milliseconds = int(BEGAN.timestamp() * 1000) + number
    scattered = random.Random(number).getrandbits(62)  # noqa: S311
    return UUID(int=milliseconds << 80 | 7 << 76 | (number % 4096) << 64 | 2 << 62 | scattered)


def state_of(number: int) -> State:
    """Whose organisation it is."""
    return ALL_STATES[number % len(ALL_STATES)]


def fill(
    bootstrap_servers: str,
    prefix: str,
    records: Iterable[tuple[int, int]],
    *,
    key: Callable[[int], UUID] = key_of,
) -> None:
    """Make the organisation topics below the prefix and put one record per (number, version) on them.

    `key` gives an organisation's id, where it is to be one that a table was filled with.
    """
    asyncio.run(_fill(bootstrap_servers, prefix, ((key(number), number, version) for number, version in records)))


async def _fill(bootstrap_servers: str, prefix: str, records: Iterable[tuple[UUID, int, int]]) -> None:
    await ensure_topics(bootstrap_servers, [ORGANISATION], ALL_STATES, replication=1, prefix=prefix)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=20, max_batch_size=128 << 10
    ) as producer:
        waiting: list[asyncio.Future[object]] = []
        for key, number, version in records:
            waiting.append(await _send(producer, prefix, _event(key, number, version), number))
            if len(waiting) == NUMBERS_IN_FLIGHT:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)


async def _send(producer: AIOKafkaProducer, prefix: str, event: Event, number: int) -> asyncio.Future[object]:
    future: asyncio.Future[object] = await producer.send(
        ORGANISATION.name(event.state, prefix=prefix),
        key=str(event.key).encode(),
        value=encode_value(event),
        headers=[*encode_headers(event, traceparent=_trace(number)), ("traceparent", _trace(number).encode())],
        partition=number // len(ALL_STATES) % ORGANISATION.partitions,
    )
    return future


def _event(key: UUID, number: int, version: int) -> Event:
    data = organisation(number, version).model_copy(update={"organisation_id": key})
    change = "registered" if version == 1 else "changed"
    return ORGANISATION.event(change, data, state=state_of(number), key=key, sequence=version, time=data.changed_at)


def _trace(number: int) -> str:
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


def topic_names(prefix: str) -> Sequence[str]:
    """The organisation topics of all states below the prefix."""
    return [ORGANISATION.name(state, prefix=prefix) for state in ALL_STATES]
