"""What callers get to see: events, registrations (persons only where allowed) and the read model of organisations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from norda_common.contracts.model import UtcInstant
from norda_common.states import State
from pydantic import BaseModel, Field

from ..rules.event import Event, EventStatus
from ..rules.registration import RegistrationStatus
from ..rules.times import local_text
from ..store.organisations import KnownOrganisation
from ..store.registrations import RegistrationRow
from ..usecases.office import Office

Counts = Sequence[tuple[str, str | None, int]]


class HostView(BaseModel):
    """A host; `agreed` says whether a hosting state's office has agreed (null: organisations are not asked)."""

    kind: str = Field(examples=["state"])
    state: State | None = None
    organisation_id: UUID | None = None
    agreed: bool | None = None


class QuotaView(BaseModel):
    """A state's quota."""

    state: State
    seats: int
    released_at: UtcInstant | None = None


class StateCountView(BaseModel):
    """Confirmed and waiting participants of one state; null stands for participants from elsewhere."""

    state: str | None
    confirmed: int
    waitlisted: int


class SeatsView(BaseModel):
    """How the seats stand; `free` is null when the event is unlimited."""

    confirmed: int
    waitlisted: int
    free: int | None
    by_state: list[StateCountView]


class EventView(BaseModel):
    """An event as it stands. `version` is the ETag, `sequence` the number of published changes (0: a draft)."""

    event_id: UUID
    responsible_state: State
    own_id: str | None
    status: EventStatus
    version: int
    sequence: int
    title: str
    title_en: str | None
    description: str | None
    starts_at: UtcInstant
    ends_at: UtcInstant
    starts_local: str = Field(examples=["2027-02-10T10:00:00+01:00"])
    ends_local: str
    duration_minutes: int = Field(description="Real minutes between start and end, clock changes included")
    time_zone: str
    venue: str | None
    online: bool
    hosts: list[HostView]
    capacity: int | None
    quotas: list[QuotaView]
    quota_release_at: UtcInstant | None
    competences: list[str]
    clusters: list[str]
    cancellation_reason: str | None
    seats: SeatsView
    created_at: UtcInstant
    changed_at: UtcInstant
    released_at: UtcInstant | None = Field(description="Since when everybody may see it without signing in")


class EventPage(BaseModel):
    """Events in order of their start."""

    items: list[EventView]
    next_cursor: str | None


class ParticipantView(BaseModel):
    """The person; shown to the lead's office and to the hosting office of the participant's own state."""

    person_id: UUID
    name: str
    email: str
    language: str
    restricted_at: UtcInstant | None = Field(default=None, description="Since when the person asked for restriction")


class RegistrationView(BaseModel):
    """A registration; `participant` is null when the caller may not see the person, or it was erased."""

    registration_id: UUID
    event_id: UUID
    organisation_id: UUID | None
    organisation_name: str | None
    participant_state: str | None
    status: RegistrationStatus
    position: int = Field(description="Place in the order of the event; the waiting list is promoted in this order")
    version: int
    registered_at: UtcInstant
    changed_at: UtcInstant
    erased_at: UtcInstant | None
    participant: ParticipantView | None


class RegisteredView(RegistrationView):
    """The outcome of registering; `already_registered` says that the person was registered before (status 200)."""

    already_registered: bool


class RegistrationPage(BaseModel):
    """Registrations in the order of the event."""

    items: list[RegistrationView]
    next_cursor: str | None


class OrganisationView(BaseModel):
    """What this service knows of an organisation, from the registry's topic; `sequence` is the registry's version."""

    organisation_id: UUID
    responsible_state: str
    name: str
    status: str
    kind: str
    competences: list[str]
    sequence: int
    merged_into: UUID | None = Field(default=None, description="Of a merged one: whom it has become part of")


class OrganisationPage(BaseModel):
    """Organisations in id order."""

    items: list[OrganisationView]
    next_cursor: str | None


def event_view(event: Event, counts: Counts) -> EventView:
    """The event with its local times and seats."""
    return EventView(
        event_id=event.id,
        responsible_state=event.responsible_state,
        own_id=event.own_id,
        status=event.status,
        version=event.version,
        sequence=event.sequence,
        title=event.title,
        title_en=event.title_en,
        description=event.description,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        starts_local=local_text(event.starts_at, zone=event.time_zone),
        ends_local=local_text(event.ends_at, zone=event.time_zone),
        duration_minutes=int((event.ends_at - event.starts_at).total_seconds() // 60),
        time_zone=event.time_zone,
        venue=event.venue,
        online=event.online,
        hosts=[_host_view(event, index) for index in range(len(event.hosts))],
        capacity=event.capacity,
        quotas=[QuotaView(state=q.state, seats=q.seats, released_at=q.released_at) for q in event.quotas],
        quota_release_at=event.quota_release_at,
        competences=list(event.competences),
        clusters=list(event.clusters),
        cancellation_reason=event.cancellation_reason,
        seats=_seats_view(event, counts),
        created_at=event.created_at,
        changed_at=event.changed_at,
        released_at=event.released_at,
    )


def registration_view(event: Event, row: RegistrationRow, *, office: Office) -> RegistrationView:
    """The registration as this caller may see it."""
    registration, person = row.registration, row.participant
    seen = person is not None and office.may_see_person(event, registration.participant_state)
    return RegistrationView(
        registration_id=registration.id,
        event_id=registration.event_id,
        organisation_id=registration.organisation_id,
        organisation_name=row.organisation_name,
        participant_state=registration.participant_state,
        status=registration.status,
        position=registration.position,
        version=registration.version,
        registered_at=registration.registered_at,
        changed_at=registration.changed_at,
        erased_at=registration.erased_at,
        participant=ParticipantView(
            person_id=person.person_id,
            name=person.name,
            email=person.email,
            language=person.language,
            restricted_at=person.restricted_at,
        )
        if seen and person is not None
        else None,
    )


def organisation_view(organisation: KnownOrganisation) -> OrganisationView:
    """The read model's entry."""
    return OrganisationView(
        organisation_id=organisation.id,
        responsible_state=organisation.state,
        name=organisation.name,
        status=organisation.status,
        kind=organisation.kind,
        competences=list(organisation.competences),
        sequence=organisation.sequence,
        merged_into=organisation.merged_into,
    )


def _host_view(event: Event, index: int) -> HostView:
    host = event.hosts[index]
    if host.state is None:
        return HostView(kind="organisation", organisation_id=host.organisation_id)
    agreed = host.agreed_at is not None or host.state is event.responsible_state
    return HostView(kind="state", state=host.state, agreed=agreed)


def _seats_view(event: Event, counts: Counts) -> SeatsView:
    by_state: dict[str | None, dict[str, int]] = {}
    for status, state, seats in counts:
        by_state.setdefault(state, {})[status] = seats
    states = [
        StateCountView(state=state, confirmed=found.get("confirmed", 0), waitlisted=found.get("waitlisted", 0))
        for state, found in sorted(by_state.items(), key=lambda item: item[0] or "~")
    ]
    confirmed = sum(item.confirmed for item in states)
    return SeatsView(
        confirmed=confirmed,
        waitlisted=sum(item.waitlisted for item in states),
        free=None if event.capacity is None else event.capacity - confirmed,
        by_state=states,
    )
