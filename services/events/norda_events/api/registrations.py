"""Routes of registrations: register, list, get, withdraw, erase the person."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from norda_common.requests import Cursor, Limit, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep

from ..rules.registration import RegistrationStatus
from ..store import registrations
from ..usecases.commands import RegisterParticipant
from ..usecases.loading import visible_event
from ..usecases.registering import (
    erase_person,
    register_participant,
    registration_of,
    withdraw_registration,
)
from .edge import Desk, IdempotencyDep, NowDep, Reader, registration_place
from .views import RegisteredView, RegistrationPage, RegistrationView, registration_view

router = APIRouter(prefix="/api/v1/events/{event_id}/registrations", tags=["registrations"])


@router.post(
    "",
    status_code=201,
    summary="Register a participant",
    responses={200: {"model": RegisteredView, "description": "The person was registered before; nothing changed"}},
)
async def register(
    event_id: UUID,
    command: RegisterParticipant,
    response: Response,
    runtime: RuntimeDep,
    office: Desk,
    idempotency_key: IdempotencyDep,
    now: NowDep,
) -> RegisteredView:
    """By the lead's office for anybody, by another hosting state's office for its own state's participants.

    The answer's `status` is `confirmed`, or `waitlisted` when no seat is free for that state. 200 with
    `already_registered` when the person, or the Idempotency-Key, is known for this event.
    """
    async with runtime.database.transaction(office.caller) as connection:
        registered = await register_participant(
            connection, event_id, command, office=office, idempotency_key=idempotency_key, now=now
        )
    if registered.already:
        response.status_code = 200
    view = registration_view(registered.event, registered.row, office=office)
    return RegisteredView(**dict(view), already_registered=registered.already)


@router.get("", summary="List an event's registrations")
async def list_registrations(
    event_id: UUID,
    runtime: RuntimeDep,
    office: Reader,
    status: RegistrationStatus | None = None,
    state: Annotated[State | None, Query(description="The participants' state")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RegistrationPage:
    """For the offices of the lead and the hosting states, in the event's order. Persons are shown to the lead's office,
    and to the others for participants of their own state.
    """
    after = registration_place(cursor)
    async with runtime.database.read(office.caller) as connection:
        event = await visible_event(connection, event_id, office=office)
        office.require_host(event)
        found = await registrations.page(
            connection, event_id, status=status, state=state.value if state else None, after=after, limit=limit + 1
        )
    shown = found[:limit]
    return RegistrationPage(
        items=[registration_view(event, row, office=office) for row in shown],
        next_cursor=write_cursor(shown[-1].registration.position) if len(found) > limit else None,
    )


@router.get("/{registration_id}", summary="Get a registration")
async def get_registration(
    event_id: UUID, registration_id: UUID, runtime: RuntimeDep, office: Reader
) -> RegistrationView:
    """For the offices of the lead and the hosting states."""
    async with runtime.database.read(office.caller) as connection:
        event = await visible_event(connection, event_id, office=office)
        office.require_host(event)
        row = await registration_of(connection, event, registration_id)
    return registration_view(event, row, office=office)


@router.post("/{registration_id}/withdrawal", summary="Withdraw a registration")
async def withdraw(
    event_id: UUID, registration_id: UUID, runtime: RuntimeDep, office: Desk, now: NowDep
) -> RegistrationView:
    """No body. The next in order who may take the seat is promoted. Again changes nothing."""
    async with runtime.database.transaction(office.caller) as connection:
        event, row = await withdraw_registration(connection, event_id, registration_id, office=office, now=now)
    return registration_view(event, row, office=office)


@router.delete("/{registration_id}/person", status_code=204, summary="Erase a registration's person")
async def erase(event_id: UUID, registration_id: UUID, runtime: RuntimeDep, office: Desk, now: NowDep) -> None:
    """Name and address are removed for good, and both topics get tombstones; a seat held is given up."""
    async with runtime.database.transaction(office.caller) as connection:
        await erase_person(connection, event_id, registration_id, office=office, now=now)
