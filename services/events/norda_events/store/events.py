"""Events with their hosts and quotas: stored, locked, read and found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from norda_common.database import Connection
from norda_common.states import State

from ..rules.event import Event, EventStatus, Host, Quota
from ..rules.planning import LONGEST
from ..rules.search import query_words, search_words

COLUMNS = """e.id, e.responsible_state, e.own_id, e.status, e.version, e.sequence, e.title, e.title_en, e.description,
       e.starts_at, e.ends_at, e.time_zone, e.venue, e.online, e.capacity, e.quota_release_at, e.competences,
       e.clusters, e.cancellation_reason, e.created_at, e.changed_at, e.released_at"""
_DETAILS = """
select e.id,
       (select json_agg(json_build_array(
                   h.state, case when h.organisation_id is not null then successor_of(h.organisation_id) end,
                   h.agreed_at) order by h.position)
        from host as h where h.event_id = e.id) as hosts,
       (select json_agg(json_build_array(q.state, q.seats, q.released_at) order by q.state)
        from quota as q where q.event_id = e.id) as quotas
from event as e where e.id = any($1)
"""
_INSERT = """
insert into event (id, responsible_state, own_id, status, version, sequence, title, title_en, description, starts_at,
                   ends_at, time_zone, venue, online, capacity, quota_release_at, competences, clusters,
                   cancellation_reason, search_text, created_at, changed_at, released_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
on conflict (responsible_state, own_id) where own_id is not null do nothing
returning id
"""
_UPDATE = """
update event set own_id = $3, status = $4, version = $5, sequence = $6, title = $7, title_en = $8, description = $9,
       starts_at = $10, ends_at = $11, time_zone = $12, venue = $13, online = $14, capacity = $15,
       quota_release_at = $16, competences = $17, clusters = $18, cancellation_reason = $19, search_text = $20,
       changed_at = $22, released_at = $23
where id = $1 and responsible_state = $2 and created_at = $21
"""
_INSERT_HOSTS = """
insert into host (event_id, position, state, organisation_id, agreed_at)
select $1, position, state, organisation_id, agreed_at
from unnest($2::text[], $3::uuid[], $4::timestamptz[]) with ordinality
     as row(state, organisation_id, agreed_at, position)
"""
_AGREE = """
update host as h set agreed_at = row.agreed_at
from unnest($2::timestamptz[]) with ordinality as row(agreed_at, position)
where h.event_id = $1 and h.position = row.position and h.agreed_at is distinct from row.agreed_at
"""
_INSERT_QUOTAS = """
insert into quota (event_id, state, seats, released_at)
select $1, * from unnest($2::text[], $3::int[], $4::timestamptz[])
"""
_RELEASE_QUOTAS = """
update quota as q set released_at = row.released_at
from unnest($2::text[], $3::timestamptz[]) as row(state, released_at)
where q.event_id = $1 and q.state = row.state and q.released_at is distinct from row.released_at
"""
FEW_EVENTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What a list is narrowed to; None means everything. Drafts are shown to their lead and hosting states only."""

    seen_by: State | None
    state: State | None = None
    status: EventStatus | None = None
    competence: str | None = None
    cluster: str | None = None
    starts_before: datetime | None = None
    ends_after: datetime | None = None
    words: str | None = None
    own_id: str | None = None
    released: bool = False


@dataclass(frozen=True, slots=True)
class EventOrder:
    """What a list is sorted by; events alike in it by their id."""

    column: Literal["starts_at", "changed_at"]
    descending: bool = False


BY_START = EventOrder("starts_at")


async def insert(connection: Connection, event: Event) -> bool:
    """Store a new event; False when its own id is taken in its state."""
    inserted = await connection.fetchval(_INSERT, *_values(event))
    if inserted is None:
        return False
    await _insert_hosts(connection, event)
    await _insert_quotas(connection, event)
    return True


async def update(connection: Connection, event: Event, *, before: Event) -> None:
    """Store a locked event's new state; hosts and quotas only where they differ.

    Who they are and how many seats each has is the lead's to write; a host may agree for itself, a state release its
    own quota.
    """
    await connection.execute(_UPDATE, *_values(event))
    if [host.same_as for host in event.hosts] != [host.same_as for host in before.hosts]:
        await connection.execute("delete from host where event_id = $1", event.id)
        await _insert_hosts(connection, event)
    elif event.hosts != before.hosts:
        await connection.execute(_AGREE, event.id, [host.agreed_at for host in event.hosts])
    if [(quota.state, quota.seats) for quota in event.quotas] != [(q.state, q.seats) for q in before.quotas]:
        await connection.execute("delete from quota where event_id = $1", event.id)
        await _insert_quotas(connection, event)
    elif event.quotas != before.quotas:
        states = [quota.state.value for quota in event.quotas]
        await connection.execute(_RELEASE_QUOTAS, event.id, states, [quota.released_at for quota in event.quotas])


async def delete(connection: Connection, event_id: UUID) -> None:
    """Remove an event that has no registrations, with its hosts and quotas."""
    await connection.execute("delete from event where id = $1", event_id)


async def lock(connection: Connection, event_id: UUID, *, skip_locked: bool = False) -> Event | None:
    """The event as it stands, locked until the transaction ends.

    None when there is none, when the caller may not write to it (row-level security passes over it), and when it is
    locked and that is to be skipped. Hosts and quotas are read after the lock is held: a sub-select of the locking
    statement would see them as they were before it waited.
    """
    suffix = " skip locked" if skip_locked else ""
    row = await connection.fetchrow(f"select {COLUMNS} from event as e where e.id = $1 for update{suffix}", event_id)  # noqa: S608 - constants
    return (await with_details(connection, [row]))[0] if row else None


async def get(connection: Connection, event_id: UUID) -> Event | None:
    """The event, not locked."""
    row = await connection.fetchrow(f"select {COLUMNS} from event as e where e.id = $1", event_id)  # noqa: S608 - constants
    return (await with_details(connection, [row]))[0] if row else None


async def id_of_own(connection: Connection, state: State, own_id: str) -> UUID | None:
    """The id of the event a state calls by this own id."""
    found: UUID | None = await connection.fetchval(
        "select id from event where responsible_state = $1 and own_id = $2", state.value, own_id
    )
    return found


async def page(
    connection: Connection,
    wanted: EventFilter,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    order: EventOrder = BY_START,
) -> list[Event]:
    """Events in that order, by default of their start, then id; those after a place in it, at most `limit`."""
    conditions, values = _conditions(wanted)
    column, way, beyond = order.column, "desc" if order.descending else "asc", "<" if order.descending else ">"
    await _narrow_to_words(connection, wanted, conditions, values)
    if after is not None:
        values += after
        conditions.append(f"(e.{column}, e.id) {beyond} (${len(values) - 1}, ${len(values)})")
    values.append(limit)
    query = (
        f"select {COLUMNS} from event as e where {' and '.join(conditions)} "  # noqa: S608 - constants and placeholders
        f"order by e.{column} {way}, e.id {way} limit ${len(values)}"
    )
    return await with_details(connection, await connection.fetch(query, *values))


async def count(connection: Connection, wanted: EventFilter, *, most: int) -> int:
    """How many there are; it stops counting at `most`."""
    conditions, values = _conditions(wanted)
    await _narrow_to_words(connection, wanted, conditions, values)
    found: int = await connection.fetchval(
        f"select count(*) from (select from event as e where {' and '.join(conditions)} "  # noqa: S608 - as above
        f"limit ${len(values) + 1}) as found",
        *values,
        most,
    )
    return found


async def due_quota_releases(
    connection: Connection, *, now: datetime, apart_from: Sequence[UUID] = (), limit: int
) -> list[UUID]:
    """Published events whose quotas should be released by now and are not, longest due first."""
    rows = await connection.fetch(
        """select e.id from event as e
           where e.status = 'published' and e.quota_release_at <= $1
             and e.id <> all($2)
             and exists (select from quota as q where q.event_id = e.id and q.released_at is null)
           order by e.quota_release_at limit $3""",
        now,
        apart_from,
        limit,
    )
    return [row["id"] for row in rows]


async def history(connection: Connection, event_id: UUID, *, limit: int) -> list[asyncpg.Record]:
    """What was done to an event, newest first: at, subject, name, state, action, before and after (JSON texts).

    Nothing but for auditors and the hosts' offices; subject and name are None for people of another state's office.
    """
    return await connection.fetch("select * from event_history($1, $2)", event_id, limit)


async def last_trace(connection: Connection, event_id: UUID) -> str | None:
    """The trace of the last thing done to an event; None for all but operators."""
    trace_id: str | None = await connection.fetchval("select last_trace_of('event', $1)", str(event_id))
    return trace_id


async def next_position(connection: Connection, event_id: UUID) -> int:
    """Draw the next place in the order of a locked event's registrations."""
    position: int = await connection.fetchval(
        "update event set last_position = last_position + 1 where id = $1 returning last_position", event_id
    )
    return position


def _conditions(wanted: EventFilter) -> tuple[list[str], list[Any]]:
    values: list[Any] = [wanted.seen_by.value if wanted.seen_by else None]
    # Looked up event by event: an `exists` is answered by reading all hosts of that state first.
    hosted = "(select true from host as h where h.event_id = e.id and h.state = {0})"
    conditions = [f"(e.status <> 'draft' or e.responsible_state = $1 or {hosted.format('$1')})"]
    simple: Sequence[tuple[object, str]] = (
        (wanted.state, f"(e.responsible_state = {{0}} or {hosted})"),
        (wanted.status, "e.status = {0}"),
        (
            wanted.competence,
            "exists (select from unnest(e.competences) as c where c = {0} or starts_with(c, {0} || '-'))",
        ),
        (wanted.cluster, "{0} = any(e.clusters)"),
        (wanted.starts_before, "e.starts_at < {0}"),
        (wanted.ends_after, "e.ends_at > {0}"),
        # Follows from the line above, as no event lasts longer; the index knows starts, so the past is not read.
        (wanted.ends_after and wanted.ends_after - LONGEST, "e.starts_at > {0}"),
        (wanted.own_id, "e.own_id = {0}"),
    )
    for value, condition in simple:
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    if wanted.released:
        conditions.append("e.released_at is not null")
    return conditions, values


async def _narrow_to_words(
    connection: Connection, wanted: EventFilter, conditions: list[str], values: list[Any]
) -> None:
    """Few events are looked up in the index of words; of many the first ones are soon met in order."""
    # The longest word is looked up: it is found least often. Words hold letters and digits, so no wildcards.
    patterns = [f"%{word}%" for word in sorted(query_words(wanted.words or ""), key=len, reverse=True)]
    if not patterns:
        return
    few: list[UUID] = await connection.fetchval(
        "select array(select * from events_with($1, $2))", patterns, FEW_EVENTS + 1
    )
    if len(few) <= FEW_EVENTS:
        values.append(few)
        conditions.append(f"e.id = any(${len(values)})")
    else:
        values.append(patterns)
        conditions.append(f"e.search_text like all(${len(values)})")


def _values(event: Event) -> tuple[Any, ...]:
    texts = (event.title, event.title_en, event.description, event.venue, event.own_id)
    return (
        event.id,
        event.responsible_state.value,
        event.own_id,
        event.status.value,
        event.version,
        event.sequence,
        event.title,
        event.title_en,
        event.description,
        event.starts_at,
        event.ends_at,
        event.time_zone,
        event.venue,
        event.online,
        event.capacity,
        event.quota_release_at,
        list(event.competences),
        list(event.clusters),
        event.cancellation_reason,
        " ".join(word for text in texts if text for word in search_words(text)),
        event.created_at,
        event.changed_at,
        event.released_at,
    )


async def _insert_hosts(connection: Connection, event: Event) -> None:
    await connection.execute(
        _INSERT_HOSTS,
        event.id,
        [host.state.value if host.state else None for host in event.hosts],
        [host.organisation_id for host in event.hosts],
        [host.agreed_at for host in event.hosts],
    )


async def _insert_quotas(connection: Connection, event: Event) -> None:
    await connection.execute(
        _INSERT_QUOTAS,
        event.id,
        [quota.state.value for quota in event.quotas],
        [quota.seats for quota in event.quotas],
        [quota.released_at for quota in event.quotas],
    )


async def with_details(connection: Connection, rows: Sequence[asyncpg.Record]) -> list[Event]:
    """The events of rows with COLUMNS, with their hosts and quotas; in the rows' order."""
    if not rows:
        return []
    details = {row["id"]: row for row in await connection.fetch(_DETAILS, [row["id"] for row in rows])}
    return [_event(row, details[row["id"]]) for row in rows]


def _event(row: asyncpg.Record, details: asyncpg.Record) -> Event:
    fields = dict(row.items())
    for name in ("competences", "clusters"):
        fields[name] = tuple(fields[name])
    fields["responsible_state"] = State(fields["responsible_state"])
    fields["status"] = EventStatus(fields["status"])
    return Event(
        **fields,
        hosts=tuple(
            Host(
                state=State(state) if state else None,
                organisation_id=UUID(organisation) if organisation else None,
                agreed_at=_instant(agreed),
            )
            for state, organisation, agreed in _array(details["hosts"])
        ),
        quotas=tuple(
            Quota(state=State(state), seats=seats, released_at=_instant(released))
            for state, seats, released in _array(details["quotas"])
        ),
    )


def _array(text: str | None) -> Iterable[list[Any]]:
    array: list[list[Any]] = json.loads(text) if text else []
    return array


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
