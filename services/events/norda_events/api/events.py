"""Routes of events: draft, get, list, change, discard."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response
from norda_common.database import Connection
from norda_common.requests import Cursor, ExpectedVersion, Limit, QueryText, etag, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep

from ..rules.event import Event, EventStatus
from ..store import events, registrations
from ..usecases.changing import change_event
from ..usecases.commands import ChangeEvent, DraftEvent
from ..usecases.drafting import discard_draft, draft_event
from ..usecases.loading import visible_event
from .edge import Day, NowDep, Planner, Reader, event_place
from .views import EventPage, EventView, event_view

router = APIRouter(prefix="/api/v1/events", tags=["events"])

_DAYS_IN = ZoneInfo("Europe/Berlin")
"""Dates in filters are days as people in the three states count them."""


@router.post("", status_code=201, summary="Draft an event")
async def draft(
    command: DraftEvent, response: Response, runtime: RuntimeDep, office: Planner, now: NowDep
) -> EventView:
    """The caller's state leads. Times carry an offset or are local times of `time_zone`; local times that do not exist
    are refused. 409 `own_id_taken` names the event (`event_id`) that has this own id already.
    """
    async with runtime.database.transaction(office.caller) as connection:
        return await show(connection, await draft_event(connection, command, office=office, now=now), response)


@router.get("", summary="List and search events")
async def list_events(
    runtime: RuntimeDep,
    office: Reader,
    state: Annotated[State | None, Query(description="Leads or hosts")] = None,
    status: EventStatus | None = None,
    competence: Annotated[QueryText | None, Query(description="`BAT` finds `BAT-02` too")] = None,
    cluster: QueryText | None = None,
    from_: Annotated[Day | None, Query(alias="from", description="First day (Europe/Berlin)")] = None,
    to: Annotated[Day | None, Query(description="Last day (Europe/Berlin)")] = None,
    q: Annotated[QueryText | None, Query(description="Words of title, text, venue or own id")] = None,
    own_id: QueryText | None = None,
    released: Annotated[bool, Query(description="Only events released for the public")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EventPage:
    """Events in order of their start. Drafts are listed for their lead and hosting states' offices only."""
    wanted = events.EventFilter(
        seen_by=office.state,
        state=state,
        status=status,
        competence=competence,
        cluster=cluster,
        ends_after=_start_of(from_) if from_ else None,
        starts_before=_start_of(to + timedelta(days=1)) if to else None,
        words=q,
        own_id=own_id,
        released=released,
    )
    async with runtime.database.read(office.caller) as connection:
        found = await events.page(connection, wanted, after=event_place(cursor), limit=limit + 1)
        shown = found[:limit]
        counts = await registrations.counts(connection, [event.id for event in shown])
    more = len(found) > limit
    return EventPage(
        items=[event_view(event, counts[event.id]) for event in shown],
        next_cursor=write_cursor(shown[-1].starts_at, shown[-1].id) if more else None,
    )


@router.get("/{event_id}", summary="Get an event")
async def get_event(event_id: UUID, response: Response, runtime: RuntimeDep, office: Reader) -> EventView:
    """With ETag, and how its seats stand."""
    async with runtime.database.read(office.caller) as connection:
        return await show(connection, await visible_event(connection, event_id, office=office), response)


@router.patch("/{event_id}", summary="Change an event")
async def change(
    event_id: UUID,
    command: ChangeEvent,
    response: Response,
    runtime: RuntimeDep,
    office: Planner,
    expected_version: ExpectedVersion,
    now: NowDep,
) -> EventView:
    """Only the fields given change, by the lead's office. A published event's times are changed by rescheduling. More
    seats promote waiting registrations in order. In a draft the other hosts' agreements fall when times, seats, quotas
    or hosts change.
    """
    async with runtime.database.transaction(office.caller) as connection:
        changed = await change_event(
            connection, event_id, command, office=office, expected_version=expected_version, now=now
        )
        return await show(connection, changed, response)


@router.delete("/{event_id}", status_code=204, summary="Discard a draft")
async def discard(event_id: UUID, runtime: RuntimeDep, office: Planner) -> None:
    """Only drafts can be discarded; what was published is cancelled."""
    async with runtime.database.transaction(office.caller) as connection:
        await discard_draft(connection, event_id, office=office)


async def show(connection: Connection, event: Event, response: Response) -> EventView:
    """The event with its seats as this connection sees them; sets the ETag."""
    counts = await registrations.counts(connection, [event.id])
    response.headers["etag"] = etag(event.version)
    return event_view(event, counts[event.id])


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), _DAYS_IN).astimezone(UTC)
