"""Requests of persons under the GDPR, as the services tell each other of them: on private topics only.

One office takes a request; the registry says it, each other service that keeps personal data does what was asked and
answers. When all have answered, request and answers are withdrawn by tombstones, and the address with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode, UtcInstant
from .topics import Topic, TopicKind


class PrivacyRequest(EventData):
    """What somebody asked for, by the e-mail addresses they are known by, and by the pseudonym of their record."""

    request_id: UUID
    kind: str = Field(
        description="access (Art. 15, 20), erasure (17), restriction (18), lifting of it, or objection (21); open"
    )
    email: str | None = Field(default=None, description="Absent for who is known by a phone number alone")
    further_emails: tuple[str, ...] = Field(default=(), description="Other addresses of the same person")
    person_id: UUID | None = Field(
        default=None, description="Pseudonym of contact persons' records of that state, where it has one for them"
    )
    state: StateCode = Field(description="Whose office took it")
    requested_at: UtcInstant

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address the person is to be looked for by; perhaps none."""
        return (*((self.email,) if self.email else ()), *self.further_emails)


class PrivacyAnswer(EventData):
    """What a service found and did about a request."""

    request_id: UUID
    state: StateCode
    service: str
    kind: str
    found: int = Field(ge=0, description="Records of that person")
    changed: int = Field(ge=0, description="Of them so many were erased, restricted or objected to now")
    records: tuple[dict[str, str], ...] = Field(default=(), description="For access: each record, field by field")
    answered_at: UtcInstant


PRIVACY_REQUEST = Topic(
    service="registry",
    aggregate="privacyrequest",
    kind=TopicKind.PRIVATE,
    data=PrivacyRequest,
    description="What persons ask for under the GDPR, for the platform's own services only.",
    example=PrivacyRequest.model_validate(
        {
            "request_id": "0199d1a0-9000-7c4b-9a53-0d5a7c1b2e3f",
            "kind": "erasure",
            "email": "person@ex-005.example",
            "state": "hb",
            "requested_at": "2026-11-23T15:00:00Z",
        }
    ),
    changes={"asked": "Somebody asked; each service answers.", "erased": "All have answered; a tombstone."},
    partitions=1,
)


def answers(service: str) -> Topic:
    """The topic on which a service answers requests, with the request's id as the key."""
    return Topic(
        service=service,
        aggregate="privacyanswer",
        kind=TopicKind.PRIVATE,
        data=PrivacyAnswer,
        description=f"What {service} found and did about requests of persons, for the platform's own services only.",
        example=PrivacyAnswer.model_validate(
            {
                "request_id": "0199d1a0-9000-7c4b-9a53-0d5a7c1b2e3f",
                "state": "hb",
                "service": service,
                "kind": "erasure",
                "found": 2,
                "changed": 2,
                "answered_at": "2026-11-23T15:00:01Z",
            }
        ),
        changes={"answered": "The service has done what was asked.", "erased": "The asker has it; a tombstone."},
        partitions=1,
    )


ANSWERS: Mapping[str, Topic] = {name: answers(name) for name in ("registry", "events", "notifications")}
"""Who answers requests: each service that keeps personal data, on a topic of its own."""
