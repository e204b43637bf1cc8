"""The table of notices: which change of which topic is told as what, and to whom. Pure.

A new notice is a line in RULES, a text per language in `mail/texts`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from norda_common.contracts.envelope import Received
from norda_common.contracts.events import EVENT, PARTICIPATION, Participation, PublishedEvent
from norda_common.contracts.registry import CONFIRMATION, ORGANISATION, Organisation
from norda_common.contracts.searches import SEARCH_MATCH


class Audience(StrEnum):
    """Who is told."""

    SUBSCRIBERS = "subscribers"
    PARTICIPANT = "participant"
    CONTACT = "contact"
    """The address an organisation can be reached at, which the change itself names."""
    OFFICE = "office"
    """The office of the state on whose topic the change is said."""
    RECEIVING_OFFICE = "receiving_office"
    """The office that an organisation is offered to."""
    STAFF = "staff"
    """A person of that office, who asked to be told."""


class Precedence(IntEnum):
    """Which of two notices of the same occasion a person gets: the one that concerns them more closely."""

    ORDINARY = 1
    OWN = 2


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """One line of the table. `occasion` names what happened, once, whichever topic tells of it.

    `applies` says of which records with that change somebody is told.
    """

    kind: str
    audience: Audience
    occasion: Callable[[Received], str]
    applies: Callable[[Received], bool] = lambda _: True


def _published(record: Received) -> str:
    return f"event:{record.key}:published"


def _cancelled(record: Received) -> str:
    return f"event:{_event_of(record).event_id}:cancelled"


def _rescheduled(record: Received) -> str:
    # Each change of an event has its own instant; the participations carry the same one in their copy of the event.
    event = _event_of(record)
    return f"event:{event.event_id}:rescheduled:{event.changed_at.isoformat()}"


def _by_sequence(record: Received) -> str:
    return f"{record.topic.aggregate}:{record.key}:{record.change}:{record.sequence}"


def _refused(record: Received) -> bool:
    """Whether the losing state's own topic says that its offer was refused; the receiving one's may say it before."""
    data = record.data
    return (
        isinstance(data, Organisation)
        and data.responsible_state == record.state.value
        and data.handover is not None
        and data.handover.refused_at is not None
    )


def office_told(rule: NoticeRule, record: Received) -> str:
    """The state whose office is told, by its code; it may be one that this release does not know."""
    data = record.data
    if rule.audience is Audience.RECEIVING_OFFICE and isinstance(data, Organisation) and data.handover is not None:
        return data.handover.to_state
    return record.state.value


def _event_of(record: Received) -> PublishedEvent:
    data = record.data
    if isinstance(data, Participation):
        return data.event
    if isinstance(data, PublishedEvent):
        return data
    raise TypeError(f"{record.topic.identity} tells of no event")


RULES: dict[tuple[str, str], NoticeRule] = {
    (EVENT.identity, "published"): NoticeRule("event_published", Audience.SUBSCRIBERS, _published),
    (EVENT.identity, "changed"): NoticeRule("event_changed", Audience.SUBSCRIBERS, _by_sequence),
    (EVENT.identity, "rescheduled"): NoticeRule("event_rescheduled", Audience.SUBSCRIBERS, _rescheduled),
    (EVENT.identity, "cancelled"): NoticeRule("event_cancelled", Audience.SUBSCRIBERS, _cancelled),
    (PARTICIPATION.identity, "confirmed"): NoticeRule("participation_confirmed", Audience.PARTICIPANT, _by_sequence),
    (PARTICIPATION.identity, "waitlisted"): NoticeRule("participation_waitlisted", Audience.PARTICIPANT, _by_sequence),
    (PARTICIPATION.identity, "promoted"): NoticeRule("participation_promoted", Audience.PARTICIPANT, _by_sequence),
    (PARTICIPATION.identity, "withdrawn"): NoticeRule("participation_withdrawn", Audience.PARTICIPANT, _by_sequence),
    (PARTICIPATION.identity, "event_rescheduled"): NoticeRule(
        "participation_event_rescheduled", Audience.PARTICIPANT, _rescheduled
    ),
    (PARTICIPATION.identity, "event_cancelled"): NoticeRule(
        "participation_event_cancelled", Audience.PARTICIPANT, _cancelled
    ),
    (CONFIRMATION.identity, "requested"): NoticeRule("organisation_confirmation", Audience.CONTACT, _by_sequence),
    (ORGANISATION.identity, "seat_relocated"): NoticeRule("organisation_relocated", Audience.OFFICE, _by_sequence),
    (ORGANISATION.identity, "relocation_offered"): NoticeRule(
        "organisation_offered", Audience.RECEIVING_OFFICE, _by_sequence
    ),
    (ORGANISATION.identity, "relocation_withdrawn"): NoticeRule(
        "organisation_refused", Audience.OFFICE, _by_sequence, _refused
    ),
    (SEARCH_MATCH.identity, "found"): NoticeRule("search_matched", Audience.STAFF, _by_sequence),
}
SHARED_OCCASIONS = frozenset({"event_rescheduled", "event_cancelled"})
"""Kinds for subscribers that participants are told by a notice of their own."""


def rule_for(record: Received) -> NoticeRule | None:
    """The table's line for a change; None when nobody is told of it (also: a tombstone, an unknown change)."""
    rule = None if record.data is None else RULES.get((record.topic.identity, record.change))
    return rule if rule is not None and rule.applies(record) else None
