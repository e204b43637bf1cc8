"""What must hold whatever happens: pure judgements over what was collected. None of them knows what was injected where.

Each returns its violations in words, an empty list when all is well. `tests/chaos` plants a violation for each.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from norda_local.chaos.ledger import Promise

SHOWN_SECONDS = 10.0
HANDED_OVER_SECONDS = 3.0
STOPPED_SECONDS = 10.0
CAUGHT_UP_SECONDS = 10.0
EARLIER_SECONDS, LATER_SECONDS = 2.0, 12.0
"""A kill this long before a mail arrived, or after it, was in its send: what the server said is committed soon, but not
while the database is away.
"""
LEAST_SHARE, ENOUGH_RECORDS = 0.05, 50
"""Of a service's records in a calm phase; of fewer, one replica may by chance get none."""
MOST_TOLD = 20
"""Violations of one invariant that are told one by one."""


@dataclass(frozen=True, slots=True)
class Said:
    """A record on a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    sequence: int
    type: str
    value: bytes | None
    source: str = ""
    time: str = ""
    data_schema: str = ""

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it stands."""
        return self.topic, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Committed:
    """An event in the outbox of a transaction that committed; `at` is seconds since the epoch, by the database.

    `time` is what the event says of itself, as RFC 3339, as it stands in the record's header.
    """

    schema: str
    outbox_id: int
    topic: str
    key: str
    event_id: str
    type: str
    sequence: int
    value: bytes | None
    at: float
    source: str = ""
    time: str = ""
    data_schema: str = ""


@dataclass(frozen=True, slots=True)
class Copies:
    """A read model's rows by id, and what they must be."""

    name: str
    copy: Mapping[str, tuple[Any, ...]]
    source: Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Mailed:
    """A mail to one recipient; `message_id` is the same on every copy of one mail. `at` is seconds since the epoch."""

    recipient: str
    message_id: str
    subject: str
    at: float = 0.0

    @property
    def delivery(self) -> str:
        """The id of the delivery it is, which its Message-ID is made of."""
        return self.message_id.strip("<>").partition("@")[0]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription; `created_at` is seconds since the epoch by the clock of the service."""

    id: str
    address_key: str
    topic_kind: str
    topic_value: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What recipients have to be told, by address: occasions that must be told, and those that may."""

    must: Mapping[str, frozenset[str]]
    may: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Planted:
    """A stall that was planted, and after how many seconds it was seen from outside; None: not while it lasted."""

    what: str
    shown_after: float | None
    lasted: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Something that may take only so long."""

    what: str
    seconds: float
    limit: float

    @property
    def kept(self) -> bool:
        """Whether it was quick enough."""
        return self.seconds <= self.limit


def promises_kept(
    promises: Iterable[Promise],
    stored: Mapping[tuple[str, str], tuple[int, int]],
    said: Iterable[Said],
) -> list[str]:
    """Every command answered 2xx is in the database, and its event on a topic, at least once."""
    told = {(record.key, record.sequence) for record in said}
    found: list[str] = []
    for promise in promises:
        version, sequence = stored.get((promise.kind, promise.id), (0, 0))
        if version < promise.version or sequence < promise.sequence:
            found.append(f"{promise.kind} {promise.id}: version {promise.version} was promised, {version} is stored")
        elif promise.sequence and (promise.id, promise.sequence) not in told:
            found.append(f"{promise.kind} {promise.id}: event {promise.sequence} was promised and is on no topic")
    return bounded(found)


def committed_is_said(committed: Iterable[Committed], said: Iterable[Said]) -> list[str]:
    """Every event that was committed is on its topic, as it was committed."""
    contents = {(record.topic, record.event_id): _content(record) for record in said}
    found: list[str] = []
    for event in committed:
        content = contents.get((event.topic, event.event_id))
        if content is None:
            found.append(f"{event.topic} {event.key}: event {event.sequence} ({event.event_id}) was never sent")
        elif content != _content(event):
            found.append(f"{event.topic} {event.key}: event {event.event_id} was sent with another content")
    return bounded(found)


def in_order(
    said: Iterable[Said], committed: Iterable[Committed], *, planted: Collection[tuple[str, int, int]]
) -> list[str]:
    """Per key, sequences never go back but as exact redeliveries of the same `ce_id`, and none is left out.

    A key has one partition of each topic: between two, no reader knows an order.
    What a key's sequences are is told by the commits: after a relocation they go on, on another topic, where they were.
    """
    wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in sorted(committed, key=lambda item: (item.schema, item.outbox_id)):
        wanted[event.topic, event.key].append(event.sequence)
    first: dict[tuple[str, str], dict[str, Said]] = defaultdict(dict)
    partitions: dict[tuple[str, str], set[int]] = defaultdict(set)
    found: list[str] = []
    for record in said:
        if record.place in planted:
            continue
        partitions[record.topic, record.key].add(record.partition)
        known = first[record.topic, record.key]
        earlier = known.get(record.event_id)
        if earlier is not None and _content(earlier) != _content(record):
            found.append(f"{record.topic} {record.key}: {record.event_id} came again with another content")
        if earlier is None and any(item.sequence >= record.sequence for item in known.values()):
            newest = max(item.sequence for item in known.values())
            found.append(f"{record.topic} {record.key}: sequence {record.sequence} came after {newest}, as a new event")
        known.setdefault(record.event_id, record)
    for (topic, key), those in partitions.items():
        if len(those) > 1:
            found.append(f"{topic} {key}: is on partitions {sorted(those)}")
    for place, sequences in wanted.items():
        got = [record.sequence for record in first.get(place, {}).values()]
        if got != sequences:
            found.append(f"{place[0]} {place[1]}: sequences {got[:20]} on the topic, {sequences[:20]} were committed")
    return bounded(found)


def only_committed(
    said: Iterable[Said], committed: Iterable[Committed], *, planted: Collection[tuple[str, int, int]]
) -> list[str]:
    """Nothing is on a topic whose transaction did not commit; `planted` are places the harness itself wrote to."""
    known = {(event.topic, event.event_id) for event in committed}
    return bounded(
        [
            f"{record.topic}/{record.partition}@{record.offset}: {record.event_id} of {record.key} was not committed"
            for record in said
            if record.place not in planted and (record.topic, record.event_id) not in known
        ]
    )


def copies_equal(copies: Iterable[Copies]) -> list[str]:
    """Every read model equals its source, row for row."""
    found: list[str] = []
    for item in copies:
        for key in sorted({*item.copy, *item.source}):
            if item.copy.get(key) != item.source.get(key):
                ours, truth = _shown(item.copy.get(key)), _shown(item.source.get(key))
                found.append(f"{item.name} {key}: {ours}, and must be {truth}")
    return bounded(found)


def told_once(
    expected: Expected, mails: Sequence[Mailed], *, occasions: Mapping[str, str], disturbances: Sequence[float] = ()
) -> list[str]:
    """Each recipient was told of each occasion that concerns them, by one mail, and of nothing else.

    `occasions` are what deliveries tell of, by their ids. A disturbance is the kill of one process in the send itself,
    or its connection cut there, at that time: it may repeat the one mail that was under way, once
    (docs/decisions/0042-mail-at-least-once.md).
    """
    told: dict[str, Counter[str]] = defaultdict(Counter)
    found: list[str] = []
    for mail in {(mail.recipient, mail.message_id): mail for mail in mails}.values():
        if mail.delivery in occasions:
            told[mail.recipient][occasions[mail.delivery]] += 1
        else:
            found.append(
                f"{mail.recipient} got {mail.message_id} ({mail.subject!r}), which tells of nothing that happened"
            )
    for recipient in sorted({*told, *expected.must}):
        must, may = expected.must.get(recipient, frozenset()), expected.may.get(recipient, frozenset())
        found += [f"{recipient} was not told of {occasion}" for occasion in sorted(must - set(told[recipient]))]
        for occasion, times in told[recipient].items():
            if occasion not in must | may:
                found.append(f"{recipient} was told of {occasion}, and is not to be")
            elif times > 1:
                found.append(f"{recipient} was told of {occasion} by {times} mails")
    excuses = sorted(disturbances)
    for mail in repeated(mails):
        excuse = next((at for at in excuses if -EARLIER_SECONDS < at - mail.at < LATER_SECONDS), None)
        if excuse is not None:
            excuses.remove(excuse)
        else:
            found.append(f"{mail.message_id} went to {mail.recipient} again, and nothing was killed in its send")
    return bounded(found)


def repeated(mails: Iterable[Mailed]) -> list[Mailed]:
    """Copies after which another copy came, in the order of their arrival."""
    last: dict[tuple[str, str], Mailed] = {}
    found: list[Mailed] = []
    for mail in sorted(mails, key=lambda item: item.at):
        earlier = last.get((mail.recipient, mail.message_id))
        if earlier is not None:
            found.append(earlier)
        last[mail.recipient, mail.message_id] = mail
    return sorted(found, key=lambda item: item.at)


def stalls_shown(planted: Iterable[Planted]) -> list[str]:
    """A stalled relay, a poison message or a stuck partition shows in `/readyz` or metrics within ten seconds."""
    return [
        f"{item.what} was "
        + (f"seen after {item.shown_after:.1f} s" if item.shown_after else f"not seen in {item.lasted:.1f} s")
        for item in planted
        if item.shown_after is None or item.shown_after > SHOWN_SECONDS
    ]


def in_time(timings: Iterable[Timing]) -> list[str]:
    """Handing over, stopping and catching up take no longer than they may."""
    return [f"{item.what}: {item.seconds:.1f} s, allowed are {item.limit:.0f}" for item in timings if not item.kept]


def buried_once(
    junk: Mapping[tuple[str, int, int], Collection[str]], letters: Mapping[str, Mapping[tuple[str, int, int], int]]
) -> list[str]:
    """Every record that cannot be taken over is a dead letter, once, of each service that must bury it; no other is.

    `letters` are by service: how often a place of a topic is among its dead letters.
    """
    found: list[str] = []
    for service, kept in letters.items():
        wanted = {place for place, readers in junk.items() if service in readers}
        found += [f"{service}: {place} is no dead letter" for place in sorted(wanted - set(kept))]
        found += [f"{service}: {place} became a dead letter, and was sound" for place in sorted(set(kept) - wanted)]
        found += [f"{service}: {place} is {times} dead letters" for place, times in kept.items() if times > 1]
    return bounded(found)


def shared(calm_phases: Iterable[Mapping[str, int]], replicas: Collection[str]) -> list[str]:
    """Replicas of a service share its partitions: in some calm phase with enough records each handled a real share.

    That each had its turn, while another was away, does not do; just after a start one may have none for seconds.
    """
    phases, found = list(calm_phases), []
    for service in sorted({name.rpartition("-")[0] for name in replicas}):
        counts = [[phase.get(name, 0) for name in replicas if name.rpartition("-")[0] == service] for phase in phases]
        shares = [min(count) / sum(count) for count in counts if sum(count) >= ENOUGH_RECORDS]
        if shares and max(shares) < LEAST_SHARE:
            found.append(f"{service}: one replica handled {max(shares):.0%} of the records in calm times, at most")
    return found


def bounded(found: list[str]) -> list[str]:
    """The first of many violations, and how many there are."""
    if len(found) <= MOST_TOLD:
        return found
    return [*found[:MOST_TOLD], f"and {len(found) - MOST_TOLD} more"]


def _content(item: Said | Committed) -> tuple[object, ...]:
    """What readers get. A tombstone has no value, which is not the same as an empty one."""
    value = None if item.value is None else hashlib.sha256(item.value).digest()
    return item.key, item.sequence, item.type, item.source, item.time, item.data_schema, value


def _shown(row: tuple[Any, ...] | None) -> str:
    return "missing" if row is None else str(tuple(row))[:200]
