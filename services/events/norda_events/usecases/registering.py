"""Registering a participant, withdrawing, and erasing the person; under the event's lock, so a seat is given once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from norda_common import outbox
from norda_common.addresses import address_key
from norda_common.database import Connection, acting_as_system
from norda_common.errors import Conflict, FieldError, Forbidden, InvalidInput, NotFound, Text
from norda_common.identifiers import new_id

from ..rules.announcements import registration_erased, registrations_announced
from ..rules.event import Event
from ..rules.lifecycle import require_open
from ..rules.registration import Participant, Registration, RegistrationStatus
from ..rules.seats import SeatPlan
from ..store import events, organisations, registrations
from ..store.organisations import KnownOrganisation
from ..store.registrations import RegistrationRow
from .auditing import PERSON, record_registration
from .commands import RegisterParticipant
from .loading import locked_event
from .office import Office
from .promoting import promote_waiting
from .reading import organisation_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The outcome of registering; `already` when the person was registered before and nothing changed."""

    event: Event
    row: RegistrationRow
    already: bool


async def register_participant(
    connection: Connection,
    event_id: UUID,
    command: RegisterParticipant,
    *,
    office: Office,
    idempotency_key: str | None = None,
    now: datetime,
) -> Registered:
    """Give a seat (`confirmed`) or a place on the waiting list (`waitlisted`).

    For an organisation that has been merged it is made for the one that took it in. One registration per person and
    event: the same person, or the same idempotency key, gets the existing one. Somebody
    who withdrew is registered anew, at the end of the order. Raises InvalidInput, Forbidden, Conflict.
    """
    # Before the event: whoever follows a merger takes them in this order, too.
    held = await organisations.hold(connection, command.organisation_id) if command.organisation_id else None
    event = await locked_event(connection, event_id, office=office, allowed=office.require_host)
    require_open(event, now=now)
    organisation = await _organisation(connection, held)
    state = _participant_state(command, organisation)
    _require_desk(event, state, organisation, office=office)
    key, hashed = address_key(command.email), _hashed(idempotency_key, office=office)
    earlier = await _earlier(connection, event, key=key, hashed=hashed)
    if earlier is not None and (earlier.registration.live or earlier.by_key):
        return Registered(event=event, row=earlier.row, already=True)
    plan, taken = SeatPlan.of(event), await registrations.taken(connection, event.id)
    free = plan.may_take(state, taken=taken)
    existing = earlier.registration if earlier else None
    registration = Registration(
        id=existing.id if existing else new_id(),
        event_id=event.id,
        organisation_id=held,
        participant_state=state,
        status=RegistrationStatus.CONFIRMED if free else RegistrationStatus.WAITLISTED,
        position=await events.next_position(connection, event.id),
        version=existing.version + 1 if existing else 1,
        registered_at=now,
        changed_at=now,
    )
    participant = Participant(
        person_id=await registrations.person_of(connection, key, otherwise=new_id()),
        name=command.name,
        email=command.email,
        language=command.language,
    )
    if existing:
        # A person has one registration per event; it may have been another state's, which this office does not see.
        async with acting_as_system(connection):
            await registrations.renew(connection, registration, participant, idempotency_key=hashed)
    else:
        await registrations.insert(
            connection,
            registration,
            participant,
            lead=event.responsible_state,
            email_key=key,
            idempotency_key=hashed,
        )
    await record_registration(
        connection, office.caller, "register", before=existing, after=registration, touched=PERSON
    )
    change = registration.status.value
    await outbox.append(connection, *registrations_announced(event, change, [(registration, participant)], now=now))
    name = organisation.name if organisation else None
    row = RegistrationRow(registration=registration, participant=participant, organisation_name=name)
    return Registered(event=event, row=row, already=False)


async def withdraw_registration(
    connection: Connection, event_id: UUID, registration_id: UUID, *, office: Office, now: datetime
) -> tuple[Event, RegistrationRow]:
    """Withdraw a registration; the next who may take the seat is promoted. Idempotent.

    Raises Forbidden, NotFound, and Conflict when the event was cancelled or has begun.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_host)
    row = await registration_of(connection, event, registration_id)
    office.require_desk_for(event, row.registration.participant_state)
    if row.registration.status is RegistrationStatus.WITHDRAWN:
        return event, row
    require_open(event, now=now)
    changed = await registrations.advance(
        connection,
        event.id,
        of=[row.registration.status],
        to=RegistrationStatus.WITHDRAWN,
        now=now,
        only=[registration_id],
    )
    withdrawn = changed[0][0]
    await outbox.append(connection, *registrations_announced(event, "withdrawn", changed, now=now))
    await record_registration(connection, office.caller, "withdraw", before=row.registration, after=withdrawn)
    await promote_waiting(connection, event, now=now)
    return event, replace(row, registration=withdrawn)


async def erase_person(
    connection: Connection, event_id: UUID, registration_id: UUID, *, office: Office, now: datetime
) -> None:
    """Erase the person of a registration: columns nulled, tombstones on both topics (Art. 17 GDPR). Idempotent.

    Possible at any time, unless the person asked that it stay (Art. 18): Conflict, `person_restricted`. A seat or a
    place in the waiting list is given up, and the next is promoted.
    """
    event = await locked_event(connection, event_id, office=office, allowed=office.require_host)
    row = await registration_of(connection, event, registration_id)
    office.require_desk_for(event, row.registration.participant_state)
    if row.participant is not None and row.participant.restricted_at is not None:
        raise Conflict(
            "Diese Person hat die Einschränkung verlangt: Ihre Angaben bleiben, wie sie sind.",
            "This person asked for restriction: their record stays as it is.",
            code="person_restricted",
        )
    await erase_participant(connection, event, row.registration, office=office, now=now)


async def erase_participant(
    connection: Connection, event: Event, registration: Registration, *, office: Office, now: datetime
) -> None:
    """Erase the person of a registration of this event, which the caller has locked. Idempotent."""
    if registration.erased_at is not None:
        return
    erased = replace(
        registration,
        status=RegistrationStatus.WITHDRAWN if registration.live else registration.status,
        version=registration.version + 1,
        changed_at=now,
        erased_at=now,
    )
    await registrations.erase_person(connection, erased)
    await outbox.append(connection, *registration_erased(event, erased, now=now))
    await record_registration(connection, office.caller, "erase", before=registration, after=erased, touched=PERSON)
    await promote_waiting(connection, event, now=now)


async def registration_of(connection: Connection, event: Event, registration_id: UUID) -> RegistrationRow:
    """A registration of the event. Raises NotFound."""
    row = await registrations.get(connection, event.id, registration_id)
    if row is None:
        raise NotFound("Diese Anmeldung gibt es nicht.", "There is no such registration.")
    return row


@dataclass(frozen=True, slots=True)
class _Earlier:
    row: RegistrationRow
    by_key: bool

    @property
    def registration(self) -> Registration:
        return self.row.registration


async def _earlier(connection: Connection, event: Event, *, key: str, hashed: bytes | None) -> _Earlier | None:
    """What this request or person registered before. Raises Conflict when the key was another person's."""
    by_key = await registrations.id_of_idempotency_key(connection, event.id, hashed) if hashed else None
    by_person = await registrations.id_of_person(connection, event.id, key)
    if by_key is not None and by_key != by_person:
        raise Conflict(
            "Dieser Idempotency-Key gehört zu einer anderen Anmeldung.",
            "This Idempotency-Key belongs to another registration.",
            code="idempotency_key_reused",
        )
    if by_person is None:
        return None
    return _Earlier(await registration_of(connection, event, by_person), by_key=by_key is not None)


async def _organisation(connection: Connection, organisation_id: UUID | None) -> KnownOrganisation | None:
    if organisation_id is None:
        return None
    organisation = await organisations.get(connection, organisation_id)
    fault = organisation_fault(organisation)
    if fault is not None:
        code, text = fault
        raise InvalidInput.of([FieldError(field="organisation_id", code=code, text=text)])
    return organisation


def _participant_state(command: RegisterParticipant, organisation: KnownOrganisation | None) -> str | None:
    if command.participant_state is not None:
        return command.participant_state.value
    if organisation is not None:
        return organisation.state
    if "participant_state" not in command.model_fields_set:
        text = Text(
            "fehlt: ohne Organisation ist das Land anzugeben (null: keines der drei)",
            "is missing: without an organisation name the state (null: none of the three)",
        )
        raise InvalidInput.of([FieldError(field="participant_state", code="missing", text=text)])
    return None


def _require_desk(event: Event, state: str | None, organisation: KnownOrganisation | None, *, office: Office) -> None:
    office.require_desk_for(event, state)
    own = office.require_host(event)
    if own is not event.responsible_state and organisation is not None and organisation.state != own.value:
        raise Forbidden(
            f"{own.label} darf nur eigene Organisationen anmelden.",
            f"{own.label} may register its own organisations only.",
            code="foreign_organisation",
        )


def _hashed(idempotency_key: str | None, *, office: Office) -> bytes | None:
    """The key as it is stored: hashed, since a client may put anything into it, and apart for each state."""
    if idempotency_key is None:
        return None
    state = office.caller.state
    return hashlib.sha256(f"{state.value if state else ''}:{idempotency_key}".encode()).digest()
