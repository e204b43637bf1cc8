"""What the first page lists and counts: drafts, and events that somebody waits for."""

from __future__ import annotations

from datetime import datetime

from norda_common.database import Connection
from norda_common.states import State

from ..rules.event import Event
from .events import COLUMNS, with_details

_DRAFTS_LED = f"""
select {COLUMNS} from event as e where e.status = 'draft' and e.responsible_state = $1
"""  # noqa: S608 - constants
_DRAFTS_ASKED = f"""
select {COLUMNS} from event as e
where e.status = 'draft' and e.responsible_state <> $1
  and (select h.agreed_at is null from host as h where h.event_id = e.id and h.state = $1)
"""  # noqa: S608 - constants
_WITH_WAITING = f"""
select {COLUMNS} from event as e
where e.id in (select r.event_id from registration as r where r.status = 'waitlisted')
  and e.status = 'published' and e.starts_at > $1
  and ($2::text is null or e.responsible_state = $2
       or (select true from host as h where h.event_id = e.id and h.state = $2))
"""  # noqa: S608 - constants


async def drafts_led(connection: Connection, state: State, *, limit: int) -> list[Event]:
    """Drafts a state leads, in order of their start."""
    rows = await connection.fetch(f"{_DRAFTS_LED} order by e.starts_at, e.id limit $2", state.value, limit)
    return await with_details(connection, rows)


async def drafts_asked(connection: Connection, state: State, *, limit: int) -> list[Event]:
    """Drafts that wait for a state's agreement, in order of their start."""
    rows = await connection.fetch(f"{_DRAFTS_ASKED} order by e.starts_at, e.id limit $2", state.value, limit)
    return await with_details(connection, rows)


async def with_waiting(connection: Connection, *, state: State | None, now: datetime, limit: int) -> list[Event]:
    """Published events to come, of one state or all, for which somebody waits; in order of their start."""
    rows = await connection.fetch(
        f"{_WITH_WAITING} order by e.starts_at, e.id limit $3", now, state.value if state else None, limit
    )
    return await with_details(connection, rows)


async def count_drafts(connection: Connection, state: State, *, most: int) -> tuple[int, int]:
    """How many drafts a state leads, and how many wait for its agreement; both stop counting at `most`."""
    row = await connection.fetchrow(
        f"""select (select count(*) from ({_DRAFTS_LED} limit $2) as led) as led,
                   (select count(*) from ({_DRAFTS_ASKED} limit $2) as asked) as asked""",  # noqa: S608 - constants
        state.value,
        most,
    )
    return (row["led"], row["asked"]) if row else (0, 0)


async def count_with_waiting(connection: Connection, *, state: State | None, now: datetime, most: int) -> int:
    """How many published events to come there are for which somebody waits; it stops counting at `most`."""
    found: int = await connection.fetchval(
        f"select count(*) from ({_WITH_WAITING} limit $3) as found",  # noqa: S608 - constants
        now,
        state.value if state else None,
        most,
    )
    return found
