"""Telling people: from a change on a topic to a notice and one delivery per recipient and channel.

Runs in the consumer's transaction. Each recipient gets each notice once: the consumer's inbox drops what comes again,
the notice is unique per causing record, and a delivery is unique per recipient, channel and occasion.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from norda_common import outbox
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import PARTICIPATION, Participation, PublishedEvent
from norda_common.contracts.notifications import DELIVERY, Delivery
from norda_common.contracts.registry import CONFIRMATION, Confirmation, Organisation
from norda_common.contracts.searches import SearchMatch
from norda_common.database import Connection
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_common.telemetry import current_traceparent

from ..rules.news import is_news, is_over
from ..rules.notices import SHARED_OCCASIONS, Audience, NoticeRule, Precedence, office_told, rule_for
from ..rules.topics import matches_of
from ..store import notices, recipients


async def tell(
    connection: Connection, record: Received, *, served: frozenset[State], settle_seconds: float, now: datetime
) -> None:
    """Write the notice a change gives rise to, for those of its audience whom this instance serves.

    `served` are the states this instance writes for: participants and offices of others are told by their own.
    `settle_seconds` hold back a subscriber's mail where a participant's notice of the same occasion may follow.
    """
    if record.data is None and (record.topic is PARTICIPATION or record.topic is CONFIRMATION):
        await erase(connection, record.key, now=now)
        return
    rule = rule_for(record)
    if rule is None or is_over(record.data, now=now):
        return
    if not is_news(record.time, began_at=await notices.began_at(connection), now=now):
        return
    if rule.audience is not Audience.SUBSCRIBERS and office_told(rule, record) not in set(served):
        return
    notice_id = new_id()
    subject_id, content = _content_of(record, rule)
    if not await notices.insert(
        connection,
        notice_id,
        kind=rule.kind,
        record=record,
        subject_id=subject_id,
        content=content,
        traceparent=current_traceparent(),
        now=now,
    ):
        return
    await _address(connection, notice_id, rule, record=record, settle_seconds=settle_seconds, now=now)


async def erase(connection: Connection, registration_id: UUID, *, now: datetime) -> None:
    """Forget who took part, or was asked: unsent mails are dropped, the person goes unless something else refers to
    them.
    """
    freed = await notices.erase_registration(connection, registration_id, now=now)
    if freed:
        await recipients.forget(connection, freed)


async def _address(
    connection: Connection,
    notice_id: UUID,
    rule: NoticeRule,
    *,
    record: Received,
    settle_seconds: float,
    now: datetime,
) -> None:
    data = record.data
    if rule.audience is Audience.SUBSCRIBERS and isinstance(data, PublishedEvent):
        hold = settle_seconds if rule.kind in SHARED_OCCASIONS else 0
        await notices.address_subscribers(
            connection,
            notice_id,
            matches=matches_of(data),
            occasion=rule.occasion(record),
            precedence=Precedence.ORDINARY,
            occurred_at=record.time,
            due_at=now + timedelta(seconds=hold),
            now=now,
        )
    elif rule.audience is Audience.PARTICIPANT and isinstance(data, Participation):
        await _address_participant(connection, notice_id, rule.occasion(record), record=record, data=data, now=now)
    elif rule.audience is Audience.CONTACT and isinstance(data, Confirmation):
        await _address_contact(connection, notice_id, rule.occasion(record), record=record, data=data, now=now)
    elif rule.audience in {Audience.OFFICE, Audience.RECEIVING_OFFICE}:
        await _address_office(connection, notice_id, rule, record=record, now=now)
    elif rule.audience is Audience.STAFF and isinstance(data, SearchMatch):
        # Of staff no address is known, so they are told in their inbox alone (docs/decisions/0093).
        staff_id = await recipients.staff(connection, record.state, data.subject, now=now)
        await _tell_within(
            connection, notice_id, rule, record=record, state=record.state, recipient_id=staff_id, now=now
        )
    else:
        raise TypeError(f"{rule.kind} is not told to {rule.audience} from {record.topic.identity}")


async def _address_participant(
    connection: Connection,
    notice_id: UUID,
    occasion: str,
    *,
    record: Received,
    data: Participation,
    now: datetime,
) -> None:
    person = data.participant
    await notices.address_participant(
        connection,
        notice_id,
        recipient_id=await recipients.person(connection, person.email, now=now),
        registration_id=record.key,
        address=person.email[:320],
        name=person.name[:1000],
        language="en" if person.language == "en" else "de",
        state=record.state.value,
        occasion=occasion,
        precedence=Precedence.OWN,
        now=now,
    )


async def _address_contact(
    connection: Connection,
    notice_id: UUID,
    occasion: str,
    *,
    record: Received,
    data: Confirmation,
    now: datetime,
) -> None:
    """One mail to the address, with the link; it belongs to the request, with whose end it is dropped."""
    await notices.address_participant(
        connection,
        notice_id,
        recipient_id=await recipients.person(connection, data.email, now=now),
        registration_id=record.key,
        address=data.email[:320],
        name="",
        language="de",
        state=record.state.value,
        occasion=occasion,
        precedence=Precedence.OWN,
        now=now,
    )
    await notices.keep_link(connection, notice_id, data.link)


async def _address_office(
    connection: Connection, notice_id: UUID, rule: NoticeRule, *, record: Received, now: datetime
) -> None:
    state = State(office_told(rule, record))
    office = await recipients.office(connection, state)
    await _tell_within(connection, notice_id, rule, record=record, state=state, recipient_id=office["id"], now=now)
    if office["address"]:
        await _deliver_to(
            connection,
            notice_id,
            rule,
            record=record,
            state=state,
            recipient_id=office["id"],
            channel="email",
            now=now,
        )


async def _tell_within(
    connection: Connection,
    notice_id: UUID,
    rule: NoticeRule,
    *,
    record: Received,
    state: State,
    recipient_id: UUID,
    now: datetime,
) -> None:
    """Put it into the inbox of an office or one of its people, which is delivery at once."""
    delivery_id = await _deliver_to(
        connection,
        notice_id,
        rule,
        record=record,
        state=state,
        recipient_id=recipient_id,
        channel="inbox",
        now=now,
    )
    if delivery_id is None:
        return
    delivered = Delivery(
        delivery_id=delivery_id,
        notice_id=notice_id,
        responsible_state=state.value,
        notice=rule.kind,
        channel="inbox",
        outcome="delivered",
        caused_by=record.event_id,
        attempts=1,
        changed_at=now,
    )
    await outbox.append(
        connection, DELIVERY.event("delivered", delivered, state=state, key=delivery_id, sequence=1, time=now)
    )


async def _deliver_to(
    connection: Connection,
    notice_id: UUID,
    rule: NoticeRule,
    *,
    record: Received,
    state: State,
    recipient_id: UUID,
    channel: str,
    now: datetime,
) -> UUID | None:
    return await notices.address_within(
        connection,
        notice_id,
        recipient_id=recipient_id,
        state=state.value,
        channel=channel,
        occasion=rule.occasion(record),
        precedence=Precedence.ORDINARY,
        now=now,
    )


def _content_of(record: Received, rule: NoticeRule) -> tuple[UUID, dict[str, Any]]:
    """Whom the notice is about, and the public data its text needs; never the person."""
    data = record.data
    if isinstance(data, PublishedEvent):
        return data.event_id, {"event": data.model_dump(mode="json")}
    if isinstance(data, Participation):
        return data.event.event_id, {
            "event": data.event.model_dump(mode="json"),
            "registration": data.registration.model_dump(mode="json"),
        }
    if isinstance(data, Confirmation):
        # Neither the address nor the link: offices and operators read what notices say.
        said = data.model_dump(mode="json", include={"legal_name", "organisation_id", "state", "expires_at"})
        return data.organisation_id, {"confirmation": said}
    if isinstance(data, Organisation):
        return data.organisation_id, {
            "organisation": data.model_dump(mode="json"),
            "told_office": office_told(rule, record),
        }
    if isinstance(data, SearchMatch):
        found = [item.model_dump(mode="json") for item in data.organisations]
        return data.search_id, {"search": {"name": data.name, "organisations": found}}
    raise TypeError(f"nothing is told of {record.topic.identity}")
