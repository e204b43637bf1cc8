"""What the notifications service publishes: that a notice was delivered or could not be, never to whom."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode, UtcInstant
from .privacy import ANSWERS
from .topics import Topic, TopicKind


class Delivery(EventData):
    """The fate of one notice to one recipient, without the recipient."""

    delivery_id: UUID
    notice_id: UUID
    responsible_state: StateCode
    notice: str = Field(description="Which notice it was", examples=["event_published"])
    channel: str = Field(description="email or inbox; open")
    outcome: str = Field(description="delivered or failed; open")
    caused_by: UUID = Field(description="ce_id of the event that gave rise to the notice")
    attempts: int = Field(ge=1)
    changed_at: UtcInstant


DELIVERY = Topic(
    service="notifications",
    aggregate="delivery",
    kind=TopicKind.LOG,
    data=Delivery,
    description="What became of each notice, without the recipient.",
    example=Delivery.model_validate(
        {
            "delivery_id": "0199d1a0-9000-7c4b-9a53-0d5a7c1b2e3f",
            "notice_id": "0199d1a0-9100-7c4b-9a53-0d5a7c1b2e3f",
            "responsible_state": "hb",
            "notice": "event_published",
            "channel": "email",
            "outcome": "delivered",
            "caused_by": "0199d1a0-9200-7c4b-9a53-0d5a7c1b2e3f",
            "attempts": 1,
            "changed_at": "2026-11-23T15:00:00Z",
        }
    ),
    changes={
        "delivered": "The notice reached its channel.",
        "failed": "The notice could not be delivered for good.",
    },
)

TOPICS = (DELIVERY, ANSWERS["notifications"])
