"""Subscribing a person to a topic, by an office that has their consent; and ending it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from asyncpg import Record
from norda_common import audit
from norda_common.addresses import EmailAddress
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import FieldError, InvalidInput, NotFound, Text
from norda_common.identifiers import new_id
from norda_common.input import Command, Line, Paragraph
from norda_common.states import State
from pydantic import AwareDatetime, Field

from ..rules.rights import SUBSCRIBE
from ..rules.topics import TopicKind, normal_value
from ..store import recipients, subscriptions

CLOCK_TOLERANCE = timedelta(minutes=5)
ENTERED = ["address", "name", "language", "topic", "consent"]


class TopicChoice(Command):
    """What is subscribed to: `BAT` includes `BAT-02`; `event` takes the event's id."""

    kind: TopicKind
    value: Annotated[Line, Field(max_length=64, examples=["BAT"])]


class ConsentGiven(Command):
    """When and to which words the person agreed (section 7 UWG)."""

    given_at: AwareDatetime
    wording: Annotated[Paragraph, Field(min_length=1, examples=["newsletter-2026-1"])]


class Subscribe(Command):
    """Tell this person about this topic by mail."""

    email: EmailAddress = Field(examples=["person@ex-005.example"])
    name: Annotated[Line, Field(max_length=200)] | None = None
    language: Literal["de", "en"] = "de"
    topic: TopicChoice
    consent: ConsentGiven


async def subscribe(
    connection: Connection, command: Subscribe, *, caller: Caller, served: frozenset[State], now: datetime
) -> tuple[Record, bool]:
    """Enter the subscription in the caller's state; the same person and topic again gives the running one (False).

    Name and language are the subscription's own: entering it again corrects them there, and in no other subscription.
    Raises Forbidden, Conflict (state_not_served), InvalidInput. An address that objected still gets nothing.
    """
    state = caller.require_served(SUBSCRIBE, served)
    value = _checked(command, now=now)
    recipient_id = await recipients.person(connection, command.email, now=now)
    kind = command.topic.kind.value
    created = await subscriptions.insert(
        connection,
        new_id(),
        state=state,
        recipient_id=recipient_id,
        kind=kind,
        value=value,
        consent_given_at=command.consent.given_at,
        consent_wording=command.consent.wording,
        created_by=caller.subject,
        address=command.email,
        name=command.name,
        language=command.language,
        now=now,
    )
    touched = ENTERED
    if not created:
        touched = await subscriptions.correct(
            connection,
            state,
            recipient_id=recipient_id,
            kind=kind,
            value=value,
            name=command.name,
            language=command.language,
        )
    row = await subscriptions.running(connection, state, recipient_id=recipient_id, kind=kind, value=value)
    if row is None:
        raise LookupError("the subscription just entered is gone")
    if touched:
        action = "subscription.enter" if created else "subscription.correct"
        await audit.record(connection, caller, _entry(action, row["id"], touched))
    return row, created


async def end_subscription(
    connection: Connection, subscription_id: UUID, *, caller: Caller, served: frozenset[State], now: datetime
) -> None:
    """End it, by the office of its state; idempotent. Raises NotFound, also for another state's."""
    caller.require_served(SUBSCRIBE, served)
    await own_subscription(connection, subscription_id, caller=caller)
    for ended in await subscriptions.end(connection, [subscription_id], ended_by="office", now=now):
        await audit.record(connection, caller, _entry("subscription.end", ended, ["ended_at", "ended_by"]))


async def own_subscription(connection: Connection, subscription_id: UUID, *, caller: Caller) -> Record:
    """A subscription of the caller's state, also an ended one: it is the record of the consent.

    Raises NotFound, also for another state's: it is personal data the caller has nothing to do with.
    """
    state = caller.require_own_state(SUBSCRIBE)
    row = await subscriptions.get(connection, subscription_id)
    if row is None or row["state"] != state.value:
        raise NotFound("Dieses Abonnement gibt es nicht.", "There is no such subscription.")
    return row


def _entry(action: str, subscription_id: UUID, touched: list[str]) -> audit.Entry:
    """Which fields were touched, and nothing of what they hold: it is a person's."""
    return audit.Entry(action, "subscription", str(subscription_id), after={"fields": touched})


def _checked(command: Subscribe, *, now: datetime) -> str:
    errors: list[FieldError] = []
    value = normal_value(command.topic.kind, command.topic.value)
    if value is None:
        text = Text(
            f"{command.topic.value!r} gibt es als {command.topic.kind.value} nicht",
            f"there is no {command.topic.kind.value} {command.topic.value!r}",
        )
        errors.append(FieldError(field="topic.value", code="unknown_topic", text=text))
    if command.consent.given_at > now + CLOCK_TOLERANCE:
        text = Text("liegt in der Zukunft", "is in the future")
        errors.append(FieldError(field="consent.given_at", code="in_the_future", text=text))
    if value is None or errors:
        raise InvalidInput.of(errors)
    return value
