"""What the events service publishes: events and registrations in public, participants in private."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode, UtcInstant
from .privacy import ANSWERS
from .topics import Topic, TopicKind


class Host(EventData):
    """Who holds the event: a state's office or an organisation."""

    kind: str = Field(description="state or organisation; open")
    state: StateCode | None = None
    organisation_id: UUID | None = None


class Quota(EventData):
    """Seats set aside for one state's participants until they are released."""

    state: StateCode
    seats: int = Field(ge=0)
    released_at: UtcInstant | None = None


class PublishedEvent(EventData):
    """The full public state of an event; drafts are not published."""

    event_id: UUID
    responsible_state: StateCode
    status: str = Field(description="published, cancelled; open")
    title: str
    title_en: str | None = None
    description: str | None = None
    starts_at: UtcInstant
    ends_at: UtcInstant
    time_zone: str = Field(default="Europe/Berlin", description="IANA zone the local times are meant in")
    venue: str | None = None
    online: bool | None = Field(default=None, description="Whether one can take part online")
    hosts: tuple[Host, ...]
    capacity: int | None = Field(default=None, ge=0, description="Seats in all; absent means unlimited")
    quotas: tuple[Quota, ...] = ()
    quota_release_at: UtcInstant | None = Field(default=None, description="When unused quotas open to everybody")
    competences: tuple[str, ...] = ()
    clusters: tuple[str, ...] = Field(default=(), examples=[["ITS"]])
    cancellation_reason: str | None = None
    changed_at: UtcInstant


class Registration(EventData):
    """The public state of a registration: which organisation takes part, not who."""

    registration_id: UUID
    event_id: UUID
    responsible_state: StateCode
    organisation_id: UUID | None = None
    participant_state: StateCode | None = Field(default=None, description="Whose quota the seat counts against")
    status: str = Field(description="confirmed, waitlisted, withdrawn or event_cancelled; open")
    registered_at: UtcInstant
    changed_at: UtcInstant


class Participant(EventData):
    """Personal data of a participant; only on the private topic. `person_id` is pseudonymous."""

    person_id: UUID
    name: str
    email: str
    language: str = Field(default="de", examples=["de"])


class Participation(EventData):
    """A registration with its person and what a message about it must say; private."""

    registration: Registration
    participant: Participant
    event: PublishedEvent


_EVENT = {
    "event_id": "0199d1a0-6000-7c4b-9a53-0d5a7c1b2e3f",
    "responsible_state": "hb",
    "status": "published",
    "title": "Transformationsforum Nord",
    "starts_at": "2027-02-10T09:00:00Z",
    "ends_at": "2027-02-10T15:00:00Z",
    "hosts": [{"kind": "state", "state": code} for code in ("hb", "hh", "ni")],
    "capacity": 120,
    "quotas": [{"state": "hb", "seats": 30}, {"state": "hh", "seats": 30}, {"state": "ni", "seats": 60}],
    "quota_release_at": "2027-02-02T23:00:00Z",
    "competences": ["SRV-04"],
    "clusters": ["ANW"],
    "changed_at": "2026-11-23T15:00:00Z",
}
_REGISTRATION = {
    "registration_id": "0199d1a0-7000-7c4b-9a53-0d5a7c1b2e3f",
    "event_id": _EVENT["event_id"],
    "responsible_state": "hb",
    "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
    "participant_state": "ni",
    "status": "confirmed",
    "registered_at": "2026-11-23T15:00:00Z",
    "changed_at": "2026-11-23T15:00:00Z",
}

EVENT = Topic(
    service="events",
    aggregate="event",
    kind=TopicKind.STATE,
    data=PublishedEvent,
    description="Events that were published, in full after every change.",
    example=PublishedEvent.model_validate(_EVENT),
    changes={
        "published": "The event was announced.",
        "changed": "Title, venue, quotas or the like changed.",
        "rescheduled": "The event has a new time.",
        "quota_released": "Unused seats of quotas were opened to everybody.",
        "cancelled": "The event will not take place.",
        "erased": "The record was withdrawn; a tombstone.",
    },
)
_REGISTRATION_CHANGES = {
    "confirmed": "A seat was given.",
    "waitlisted": "No seat was free; the registration waits.",
    "promoted": "A waiting registration got a seat (Nachrücker).",
    "withdrawn": "The participant withdrew.",
    "event_rescheduled": "The event has a new time.",
    "event_cancelled": "The event was cancelled.",
    "organisation_changed": "The organisation became part of another one, under which it takes part now; or back.",
    "erased": "The record was withdrawn; a tombstone.",
}
REGISTRATION = Topic(
    service="events",
    aggregate="registration",
    kind=TopicKind.STATE,
    data=Registration,
    description="Registrations of organisations for events, without the person.",
    example=Registration.model_validate(_REGISTRATION),
    changes=_REGISTRATION_CHANGES,
)
PARTICIPATION = Topic(
    service="events",
    aggregate="participation",
    kind=TopicKind.PRIVATE,
    data=Participation,
    description="Registrations with the participating person, for the platform's own services only.",
    example=Participation.model_validate(
        {
            "registration": _REGISTRATION,
            "participant": {
                "person_id": "0199d1a0-8000-7c4b-9a53-0d5a7c1b2e3f",
                "name": "Beispiel Person",
                "email": "person@ex-005.example",
            },
            "event": _EVENT,
        }
    ),
    changes=_REGISTRATION_CHANGES,
)

TOPICS = (EVENT, REGISTRATION, PARTICIPATION, ANSWERS["events"])
