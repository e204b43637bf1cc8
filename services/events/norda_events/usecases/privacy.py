"""What persons ask for under the GDPR, as far as they are participants of events.

Runs in the consumer's transaction, for the service itself. A registration stays without its person, as after an
office's erasure; one state's are those of the events it leads.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from norda_common.addresses import address_key
from norda_common.contracts.privacy import PrivacyRequest
from norda_common.database import Connection
from norda_common.privacy import Done, RequestKind, as_record, system_of
from norda_common.states import State

from ..store import events, registrations
from .office import Office
from .registering import erase_participant


async def do_own_part(connection: Connection, request: PrivacyRequest, state: State, now: datetime) -> Done:
    """What events keep of the person for that state. There is no advertising here to object to. Idempotent.

    Participants always have an address, so by the request's addresses all of them are found.
    """
    keys = sorted({address_key(each) for each in request.addresses})
    found = await registrations.of_addresses(connection, state, keys)
    match request.kind:
        case RequestKind.ACCESS:
            records = [record for place in found if (record := await _record(connection, *place))]
            return Done(found=len(records), records=records)
        case RequestKind.ERASURE:
            # The events in the order of their ids: two requests that lock several wait for each other in no circle.
            for event_id, registration_id in found:
                await _erase(connection, event_id, registration_id, state=state, now=now)
            return Done(found=len(found), changed=len(found))
        case RequestKind.RESTRICTION:
            return Done(found=len(found), changed=await registrations.restrict(connection, state, keys, at=now))
        case RequestKind.LIFTING:
            return Done(found=len(found), changed=await registrations.restrict(connection, state, keys, at=None))
        case RequestKind.OBJECTION:
            return Done(found=len(found))
        case _:
            raise ValueError("no such kind of request")


async def _erase(connection: Connection, event_id: UUID, registration_id: UUID, *, state: State, now: datetime) -> None:
    event = await events.lock(connection, event_id)
    row = await registrations.get(connection, event_id, registration_id)
    if event is None or row is None:
        raise LookupError("a participant without an event")
    office = Office(system_of(state), frozenset({state}))
    await erase_participant(connection, event, row.registration, office=office, now=now)


async def _record(connection: Connection, event_id: UUID, registration_id: UUID) -> dict[str, str] | None:
    """The record for a report; None when an office has erased the person just now."""
    event = await events.get(connection, event_id)
    row = await registrations.get(connection, event_id, registration_id)
    if event is None or row is None or row.participant is None:
        return None
    registration, person = row.registration, row.participant
    return as_record(
        "registration",
        person_id=person.person_id,
        registration_id=registration.id,
        event_id=event.id,
        event=event.title,
        starts_at=event.starts_at,
        status=registration.status,
        name=person.name,
        email=person.email,
        language=person.language,
        organisation_id=registration.organisation_id,
        registered_at=registration.registered_at,
        changed_at=registration.changed_at,
        restricted_at=person.restricted_at,
    )
