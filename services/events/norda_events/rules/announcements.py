"""What the service says on its topics of an event and its registrations. The person is on the private topic only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from norda_common.contracts import events as published
from norda_common.contracts.topics import Event as TopicEvent

from .event import Event
from .registration import Participant, Registration


def event_announced(event: Event, change: str, *, now: datetime) -> TopicEvent:
    """The event's full public state; its sequence was raised by the caller."""
    return published.EVENT.event(
        change,
        published_event(event),
        state=event.responsible_state,
        key=event.id,
        sequence=event.sequence,
        time=now,
    )


def registrations_announced(
    event: Event, change: str, registrations: Iterable[tuple[Registration, Participant]], *, now: datetime
) -> Iterator[TopicEvent]:
    """For each registration its public state, then the private one with the person; both have its version."""
    # The description can be 20,000 characters long and no message about a registration needs it; a cancellation of
    # 10,000 would otherwise store it 10,000 times.
    snapshot = published_event(event).model_copy(update={"description": None})
    for registration, participant in registrations:
        public = _published_registration(event, registration)
        private = published.Participation(
            registration=public,
            participant=published.Participant(
                person_id=participant.person_id,
                name=participant.name,
                email=participant.email,
                language=participant.language,
            ),
            event=snapshot,
        )
        for topic, data in ((published.REGISTRATION, public), (published.PARTICIPATION, private)):
            yield topic.event(
                change,
                data,
                state=event.responsible_state,
                key=registration.id,
                sequence=registration.version,
                time=now,
            )


def registration_erased(event: Event, registration: Registration, *, now: datetime) -> Iterator[TopicEvent]:
    """Tombstones on both topics."""
    for topic in (published.REGISTRATION, published.PARTICIPATION):
        yield topic.event(
            "erased",
            None,
            state=event.responsible_state,
            key=registration.id,
            sequence=registration.version,
            time=now,
        )


def published_event(event: Event) -> published.PublishedEvent:
    """The contract's form of an event."""
    return published.PublishedEvent(
        event_id=event.id,
        responsible_state=event.responsible_state.value,
        status=event.status.value,
        title=event.title,
        title_en=event.title_en,
        description=event.description,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        time_zone=event.time_zone,
        venue=event.venue,
        online=event.online,
        # Two hosting organisations can have become one.
        hosts=tuple(
            dict.fromkeys(
                published.Host(kind="state", state=host.state.value)
                if host.state is not None
                else published.Host(kind="organisation", organisation_id=host.organisation_id)
                for host in event.hosts
            )
        ),
        capacity=event.capacity,
        quotas=tuple(
            published.Quota(state=quota.state.value, seats=quota.seats, released_at=quota.released_at)
            for quota in event.quotas
        ),
        quota_release_at=event.quota_release_at,
        competences=event.competences,
        clusters=event.clusters,
        cancellation_reason=event.cancellation_reason,
        changed_at=event.changed_at,
    )


def _published_registration(event: Event, registration: Registration) -> published.Registration:
    return published.Registration(
        registration_id=registration.id,
        event_id=event.id,
        responsible_state=event.responsible_state.value,
        organisation_id=registration.organisation_id,
        participant_state=registration.participant_state,
        status=registration.status.value,
        registered_at=registration.registered_at,
        changed_at=registration.changed_at,
    )
