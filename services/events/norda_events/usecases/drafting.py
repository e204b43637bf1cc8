"""Drafting an event, discarding a draft, and the agreement of the other hosting states' offices."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from norda_common.database import Connection
from norda_common.errors import Conflict, Forbidden
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules.event import Event, EventStatus
from ..rules.lifecycle import require_draft
from ..rules.planning import require_sound
from ..rules.rights import PLAN
from ..store import events
from .auditing import record_event
from .commands import DraftEvent
from .loading import locked_event, require_version
from .office import Office
from .reading import read_hosts, read_moments, read_quotas


async def draft_event(connection: Connection, command: DraftEvent, *, office: Office, now: datetime) -> Event:
    """Store a draft; the lead is the caller's state. Nothing is published.

    Raises InvalidInput, Forbidden, and Conflict with the existing `event_id` when the own id is taken.
    """
    lead = office.drafting_state()
    moments = read_moments(
        {"starts": command.starts, "ends": command.ends, "quota_release_at": command.quota_release_at},
        zone=command.time_zone,
    )
    starts_at, ends_at = moments["starts"], moments["ends"]
    assert starts_at is not None and ends_at is not None  # noqa: S101, PT018 - required by the command
    event = Event(
        id=new_id(),
        responsible_state=lead,
        own_id=command.own_id,
        status=EventStatus.DRAFT,
        version=1,
        sequence=0,
        title=command.title,
        title_en=command.title_en,
        description=command.description,
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=command.time_zone,
        venue=command.venue,
        online=command.online,
        capacity=command.capacity,
        hosts=await read_hosts(connection, command.hosts, lead=lead, now=now),
        quotas=read_quotas(command.quotas),
        quota_release_at=moments["quota_release_at"],
        competences=tuple(command.competences),
        clusters=tuple(command.clusters),
        cancellation_reason=None,
        created_at=now,
        changed_at=now,
    )
    require_sound(event, now=now)
    if not await events.insert(connection, event):
        raise await _own_id_taken(connection, lead, command.own_id or "")
    await record_event(connection, office.caller, "draft", before=None, after=event)
    return event


async def discard_draft(
    connection: Connection, event_id: UUID, *, office: Office, expected_version: int | None = None
) -> None:
    """Remove a draft for good. Raises Conflict once it was published, StaleVersion."""
    event = await locked_event(connection, event_id, office=office, allowed=office.require_lead)
    require_version(event, expected_version)
    require_draft(event)
    await events.delete(connection, event.id)
    await record_event(connection, office.caller, "discard", before=event, after=None)


async def agree_to_host(
    connection: Connection,
    event_id: UUID,
    state: State,
    *,
    office: Office,
    expected_version: int | None = None,
    now: datetime,
) -> Event:
    """Record that a hosting state's office agrees to the draft. Idempotent; the lead agreed by drafting.

    Raises Forbidden for any other office and for states that are no hosts, Conflict when it is no draft any more.
    """

    def allowed(event: Event) -> None:
        office.caller.require(PLAN, state)
        office.require_host(event)

    event = await locked_event(connection, event_id, office=office, allowed=allowed)
    require_version(event, expected_version)
    host = next((host for host in event.hosts if host.state is state), None)
    if host is None:
        raise Forbidden(
            f"{state.label} richtet diese Veranstaltung nicht mit aus.",
            f"{state.label} is no host of this event.",
            code="no_host",
        )
    if host.agreed_at is not None:
        return event
    require_draft(event)
    agreed = replace(
        event,
        hosts=tuple(replace(item, agreed_at=now) if item is host else item for item in event.hosts),
        version=event.version + 1,
        changed_at=now,
    )
    await events.update(connection, agreed, before=event)
    await record_event(connection, office.caller, "agree", before=event, after=agreed)
    return agreed


async def _own_id_taken(connection: Connection, lead: State, own_id: str) -> Conflict:
    existing = await events.id_of_own(connection, lead, own_id)
    return Conflict(
        f"{lead.label} hat schon eine Veranstaltung {own_id}.",
        f"{lead.label} already has an event {own_id}.",
        code="own_id_taken",
        event_id=str(existing),
    )
