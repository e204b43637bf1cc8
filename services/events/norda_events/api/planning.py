"""Routes of what happens to an event: agreement of hosts, publication, new time, cancellation, release of quotas and
for the public.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.requests import ExpectedVersion
from norda_common.states import State
from norda_common.web import RuntimeDep

from ..usecases.changing import cancel_event, publish_event, reschedule_event
from ..usecases.commands import CancelEvent, RescheduleEvent
from ..usecases.drafting import agree_to_host
from ..usecases.quotas import release_quota, release_quotas
from ..usecases.releasing import release_event, withdraw_release
from .edge import NowDep, Planner, Releaser
from .events import show
from .views import EventView

router = APIRouter(prefix="/api/v1/events/{event_id}", tags=["events"])


@router.post("/hosts/{state}/agreement", summary="Agree to host")
async def agree(
    event_id: UUID, state: State, response: Response, runtime: RuntimeDep, office: Planner, now: NowDep
) -> EventView:
    """By that state's own office, while the event is a draft; no body. Every hosting state but the lead must agree
    before publication.
    """
    async with runtime.database.transaction(office.caller) as connection:
        agreed = await agree_to_host(connection, event_id, state, office=office, now=now)
        return await show(connection, agreed, response)


@router.post("/publication", summary="Publish an event")
async def publish(
    event_id: UUID,
    response: Response,
    runtime: RuntimeDep,
    office: Planner,
    expected_version: ExpectedVersion,
    now: NowDep,
) -> EventView:
    """By the lead's office; no body. 409 `agreement_missing` names the states that have not agreed (`missing`)."""
    async with runtime.database.transaction(office.caller) as connection:
        published = await publish_event(connection, event_id, office=office, expected_version=expected_version, now=now)
        return await show(connection, published, response)


@router.post("/reschedule", summary="Reschedule a published event")
async def reschedule(
    event_id: UUID,
    command: RescheduleEvent,
    response: Response,
    runtime: RuntimeDep,
    office: Planner,
    expected_version: ExpectedVersion,
    now: NowDep,
) -> EventView:
    """By the lead's office. Every confirmed and waiting participant is told."""
    async with runtime.database.transaction(office.caller) as connection:
        moved = await reschedule_event(
            connection, event_id, command, office=office, expected_version=expected_version, now=now
        )
        return await show(connection, moved, response)


@router.post("/cancellation", summary="Cancel a published event")
async def cancel(
    event_id: UUID,
    command: CancelEvent,
    response: Response,
    runtime: RuntimeDep,
    office: Planner,
    expected_version: ExpectedVersion,
    now: NowDep,
) -> EventView:
    """By the lead's office. Every confirmed and waiting participant is told once, nobody is promoted."""
    async with runtime.database.transaction(office.caller) as connection:
        cancelled = await cancel_event(
            connection, event_id, command, office=office, expected_version=expected_version, now=now
        )
        return await show(connection, cancelled, response)


@router.post("/quota-release", summary="Release all quotas early")
async def release_all(
    event_id: UUID, response: Response, runtime: RuntimeDep, office: Planner, now: NowDep
) -> EventView:
    """By the lead's office; no body. Unused seats open to everybody who waits, in order."""
    async with runtime.database.transaction(office.caller) as connection:
        released = await release_quotas(connection, event_id, office=office, now=now)
        return await show(connection, released, response)


@router.post("/quotas/{state}/release", summary="Release one state's quota early")
async def release_one(
    event_id: UUID, state: State, response: Response, runtime: RuntimeDep, office: Planner, now: NowDep
) -> EventView:
    """By the lead's or that state's own office; no body. Its unused seats open to everybody who waits, in order."""
    async with runtime.database.transaction(office.caller) as connection:
        released = await release_quota(connection, event_id, state, office=office, now=now)
        return await show(connection, released, response)


@router.put("/release", summary="Release an event for the public")
async def release(event_id: UUID, response: Response, runtime: RuntimeDep, office: Releaser, now: NowDep) -> EventView:
    """By the lead's office, for a published event; no body. From then on everybody may see it without signing in, as
    cancelled too; the topics say nothing of it. Again changes nothing.
    """
    async with runtime.database.transaction(office.caller) as connection:
        released = await release_event(connection, event_id, office=office, now=now)
        return await show(connection, released, response)


@router.delete("/release", summary="Take an event's release for the public back")
async def unrelease(
    event_id: UUID, response: Response, runtime: RuntimeDep, office: Releaser, now: NowDep
) -> EventView:
    """By the lead's office, at any time. Whoever has signed in goes on seeing the event. Again changes nothing."""
    async with runtime.database.transaction(office.caller) as connection:
        event = await withdraw_release(connection, event_id, office=office, now=now)
        return await show(connection, event, response)
