"""Subscribing a person to a topic, by an office that has their consent; correcting how they are addressed; ending it.

The audit log has what was subscribed to and when that ended; of the person only which fields were touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from asyncpg import Record
from norda_common import audit
from norda_common.addresses import EmailAddress
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, StaleVersion, Text
from norda_common.identifiers import new_id
from norda_common.input import Command, Line, Paragraph
from norda_common.states import State
from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from ..rules.rights import SUBSCRIBE
from ..rules.topics import TopicKind, normal_value
from ..store import recipients, subscriptions

CLOCK_TOLERANCE = timedelta(minutes=5)
ENTERED = ("address", "name", "language", "consent_wording")
"""What an entered subscription says of its person."""
CORRECTED = ("name", "language")
"""What may be corrected; what was agreed to stays as it was."""


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


class CorrectSubscription(Command):
    """What is given is corrected; a name of null is taken away. Address, topic and consent are what was agreed to."""

    name: Annotated[Line, Field(max_length=200)] | None = None
    language: Literal["de", "en"] | None = None

    @model_validator(mode="after")
    def _keeps_a_language(self) -> CorrectSubscription:
        if "language" in self.model_fields_set and self.language is None:
            raise PydanticCustomError(
                "missing",
                "language cannot be removed",
                {"de": "language darf nicht fehlen", "en": "language cannot be removed"},
            )
        return self


async def subscribe(
    connection: Connection, command: Subscribe, *, caller: Caller, served: frozenset[State], now: datetime
) -> tuple[Record, bool]:
    """Enter the subscription in the caller's state; the same person and topic again gives the running one (False).

    That one stays as it is: it is corrected by `correct_subscription`, for a version that was seen. Name and language
    are the subscription's own, and no other subscription's. Raises Forbidden, Conflict (state_not_served),
    InvalidInput. An address that objected still gets nothing.
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
    row = await subscriptions.running(connection, state, recipient_id=recipient_id, kind=kind, value=value)
    if row is None:
        raise LookupError("the subscription just entered is gone")
    if created:
        entered = {name: row[name] for name in ("topic_kind", "topic_value", "consent_given_at", "version")}
        await audit.record(connection, caller, _entry(row["id"], "enter", after=entered, touched=ENTERED))
    return row, created


async def correct_subscription(
    connection: Connection,
    subscription_id: UUID,
    command: CorrectSubscription,
    *,
    caller: Caller,
    served: frozenset[State],
    expected_version: int | None = None,
) -> Record:
    """Correct how the person is addressed; what changes nothing is no new version. Idempotent.

    Raises NotFound (also for another state's), Forbidden, Conflict for an ended one, StaleVersion.
    """
    caller.require_served(SUBSCRIBE, served)
    row = await own_subscription(connection, subscription_id, caller=caller, lock=True)
    if expected_version is not None and expected_version != row["version"]:
        raise StaleVersion(
            f"Das Abonnement hat inzwischen Version {row['version']}.",
            f"The subscription has version {row['version']} by now.",
            version=row["version"],
        )
    require_running(row)
    corrected = {name: getattr(command, name) if name in command.model_fields_set else row[name] for name in CORRECTED}
    touched = [name for name in CORRECTED if corrected[name] != row[name]]
    if not touched:
        return row
    await subscriptions.correct(connection, subscription_id, name=corrected["name"], language=corrected["language"])
    changed = await own_subscription(connection, subscription_id, caller=caller)
    before, after = ({"version": each["version"]} for each in (row, changed))
    await audit.record(
        connection, caller, _entry(subscription_id, "correct", before=before, after=after, touched=touched)
    )
    return changed


def require_running(row: Record) -> None:
    """Raises Conflict for a subscription that has ended: it is the record of what was."""
    if row["ended_at"] is not None:
        raise Conflict("Dieses Abonnement ist beendet.", "This subscription has ended.", code="subscription_ended")


async def end_subscription(
    connection: Connection, subscription_id: UUID, *, caller: Caller, served: frozenset[State], now: datetime
) -> None:
    """End it, by the office of its state; idempotent. Raises NotFound, also for another state's."""
    caller.require_served(SUBSCRIBE, served)
    await own_subscription(connection, subscription_id, caller=caller)
    ended = await subscriptions.end(connection, [subscription_id], ended_by="office", now=now)
    await audit.record(connection, caller, *ended_entries(ended))


def ended_entries(ended: Sequence[Record]) -> list[audit.Entry]:
    """What the audit log says of subscriptions that have ended just now, by whoever."""
    return [
        _entry(
            row["id"],
            "end",
            before={"ended_at": None, "ended_by": None, "version": row["version"] - 1},
            after={name: row[name] for name in ("ended_at", "ended_by", "version")},
        )
        for row in ended
    ]


async def own_subscription(
    connection: Connection, subscription_id: UUID, *, caller: Caller, lock: bool = False
) -> Record:
    """A subscription of the caller's state, also an ended one: it is the record of the consent.

    `lock` holds its row until the transaction ends. Raises NotFound, also for another state's: it is personal data the
    caller has nothing to do with.
    """
    state = caller.require_own_state(SUBSCRIBE)
    row = await subscriptions.get(connection, subscription_id, lock=lock)
    if row is None or row["state"] != state.value:
        raise NotFound("Dieses Abonnement gibt es nicht.", "There is no such subscription.")
    return row


def _entry(
    subscription_id: UUID,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    touched: Sequence[str] = (),
) -> audit.Entry:
    """`touched` are fields that hold what is the person's."""
    said = after | {"touched": list(touched)} if touched else after
    return audit.Entry(f"subscription.{action}", "subscription", str(subscription_id), before, said)


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
