"""Requests of persons (GDPR), as every service deals with them: for each state it serves, once, with an answer.

A request of any office reaches all services and states by the registry's private topic. A service does what was asked
in the consumer's transaction and says there what it found and did; when the request is withdrawn, it withdraws its
answers: afterwards no topic holds the address because of the request (docs/decisions/0091-requests-of-persons.md).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from . import audit, outbox
from .auth import Caller
from .contracts.envelope import Received, UnreadableRecord
from .contracts.model import rfc3339
from .contracts.privacy import ANSWERS, PrivacyAnswer, PrivacyRequest
from .contracts.topics import Event, Topic
from .database import Connection
from .states import State
from .waiting_records import Waiting, forget_waiting, waiting_about

MOST_BYTES = 300_000
"""So much of a person's records one answer holds; an event may have 500,000 bytes (`outbox.MAX_VALUE_BYTES`)."""
ASKED, WITHDRAWN = 1, 2
"""The sequences of a request, and of an answer: there is no third."""


class RequestKind(StrEnum):
    """What a person may ask for."""

    ACCESS = "access"
    """Art. 15 and 20: what is stored of them."""
    ERASURE = "erasure"
    """Art. 17."""
    RESTRICTION = "restriction"
    """Art. 18: it stays stored, and is used for nothing."""
    LIFTING = "lifting"
    """The end of a restriction (Art. 18, 3)."""
    OBJECTION = "objection"
    """Art. 21: no advertising, at once and for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was found of a person and done about it; `records` for access."""

    found: int
    changed: int = 0
    records: Sequence[dict[str, str]] = ()


Deal = Callable[[Connection, PrivacyRequest, State, datetime], Awaitable[Done]]
"""Does for one state's records what a request asks. Idempotent: what is done already is found, and not changed."""


async def deal_with(
    connection: Connection, record: Received, *, service: str, served: Iterable[State], deal: Deal, now: datetime
) -> None:
    """Do what the request asks for the rows of each state served, and answer; of a withdrawn one withdraw the answers.

    Runs in the consumer's transaction. Raises UnreadableRecord for a kind of a later release.
    """
    topic = ANSWERS[service]
    request = record.data
    if not isinstance(request, PrivacyRequest):
        await outbox.append(connection, *(_withdrawn(topic, state, record, now=now) for state in served))
        return
    if request.kind not in set(RequestKind):
        raise UnreadableRecord("unknown_kind", "this release knows no such request")
    for place, state in enumerate(served):
        done = await deal(connection, request, state, now)
        if place == 0:
            done = _with(done, await _of_waiting(connection, request, state, now))
        answer = PrivacyAnswer(
            request_id=request.request_id,
            state=state.value,
            service=service,
            kind=request.kind,
            found=done.found,
            changed=done.changed,
            records=tuple(_fitting(done.records)) if request.kind == RequestKind.ACCESS else (),
            answered_at=now,
        )
        await outbox.append(
            connection,
            topic.event("answered", answer, state=state, key=request.request_id, sequence=ASKED, time=now),
        )


async def _of_waiting(connection: Connection, request: PrivacyRequest, state: State, now: datetime) -> Done:
    """The same for what waits to be handled or sent again, which is of no state; the first one's answer tells of it."""
    if request.kind not in {RequestKind.ACCESS, RequestKind.ERASURE}:
        return Done(found=0)
    found = await waiting_about(connection, request.addresses)
    if request.kind == RequestKind.ACCESS:
        return Done(found=len(found), records=[as_record("waiting", kind=w.topic, created_at=w.since) for w in found])
    await forget_waiting(connection, found, now=now)
    await audit.record(connection, system_of(state), *(_forgotten(each, request) for each in found))
    return Done(found=len(found), changed=len(found))


def _with(done: Done, further: Done) -> Done:
    return Done(
        found=done.found + further.found,
        changed=done.changed + further.changed,
        records=[*done.records, *further.records],
    )


def _forgotten(record: Waiting, request: PrivacyRequest) -> audit.Entry:
    return audit.Entry(f"{record.place}.erase", record.place, record.id, after={"request_id": str(request.request_id)})


def system_of(state: State) -> Caller:
    """Who did what a person asked for, in audit logs: the service itself, for that state."""
    return Caller(subject="system", name="system", roles=frozenset(), state=state)


def as_record(kind: str, /, **fields: object) -> dict[str, str]:
    """One record for an access report: its fields as text, instants in UTC; what is empty is left out."""
    texts = {name: _text(value) for name, value in fields.items()}
    return {"record": kind} | {name: text for name, text in texts.items() if text}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _fitting(records: Sequence[dict[str, str]]) -> Iterable[dict[str, str]]:
    """The records as far as they fit, then how many did not."""
    size = 0
    for place, record in enumerate(records):
        size += len(json.dumps(record).encode())
        if size > MOST_BYTES:
            yield {"record": "left_out", "number": str(len(records) - place)}
            return
        yield record


def _withdrawn(topic: Topic, state: State, record: Received, *, now: datetime) -> Event:
    return topic.event("erased", None, state=state, key=record.key, sequence=WITHDRAWN, time=now)
