"""Deliveries under way: claimed with a lease, settled by its holder; and what operators and offices see of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected

from .orders import in_both_orders

COUNTED_AT_MOST = 10_001

# What is claimed is either dropped here or leased: a participant's notice that comes meanwhile waits for the row's lock
# and then sees which.
_CLAIM = """
with due as (
    select id, recipient_id, reasons, unsubscribe_token, registration_id, address from delivery
    where status = 'due' and channel = 'email' and due_at <= $2 and (lease_until is null or lease_until <= $5)
      and id <> all($6::uuid[])
    order by due_at, id limit $4
    for update skip locked
), judged as (
    select due.id,
           coalesce(due.address, r.address) is null
           -- Objections and unsubscriptions hold at once, also for what was written before them.
           or due.registration_id is null and due.unsubscribe_token is not null and (
               exists (select from suppression where address_hash = sha256(convert_to(r.address_key, 'UTF8')))
               or not exists (select from jsonb_to_recordset(due.reasons) as reason(id uuid)
                              join subscription s on s.id = reason.id where s.ended_at is null))
           -- Restriction stops all mail to the person, also about their registrations.
           or r.kind = 'person'
              and exists (select from restriction where address_hash = sha256(convert_to(r.address_key, 'UTF8')))
               as unwanted
    from due left join recipient r on r.id = due.recipient_id
), dropped as (
    update delivery set status = 'dropped', settled_at = $2, last_error = 'unwanted', address = null, name = null,
                        lease_owner = null, lease_until = null
    from judged where delivery.id = judged.id and judged.unwanted
), claimed as (
    update delivery set lease_owner = $1, lease_until = $3, attempts = attempts + 1
    from judged where delivery.id = judged.id and not judged.unwanted
    returning delivery.*
)
select d.id, d.notice_id, d.state, d.attempts, d.created_at, d.lease_until, n.kind, n.content, n.traceparent,
       n.caused_by,
       coalesce(d.address, r.address) as address, coalesce(d.name, r.name) as name,
       coalesce(d.language, r.language) as language,
       case when d.registration_id is null then d.reasons else '[]' end as reasons,
       case when d.registration_id is null then d.unsubscribe_token end as unsubscribe_token,
       l.link
from claimed d join notice n on n.id = d.notice_id left join recipient r on r.id = d.recipient_id
               left join delivery_link l on l.delivery_id = d.id
order by d.due_at, d.id
"""
# The notice is the one that was sent, also where another has taken its place meanwhile.
_SETTLE = """
update delivery set status = $3, settled_at = $4, last_error = $5, notice_id = $6, address = null, name = null,
                    lease_owner = null, lease_until = null
where id = $1 and lease_owner = $2 and status = 'due' and ($3 = 'delivered' or notice_id = $6)
"""
_POSTPONE = """
update delivery set due_at = $3, last_error = $4, lease_owner = null, lease_until = null
where id = $1 and lease_owner = $2 and status = 'due'
"""
_GIVE_BACK = """
update delivery set attempts = attempts - 1, lease_owner = null, lease_until = null
where id = $1 and lease_owner = $2 and status = 'due'
"""
_FATE = """
select id, notice_id, kind, subject_id, traceparent, state, channel, status, attempts, due_at, settled_at, last_error,
       created_at, recipient
from delivery_fate
"""
_LIST = in_both_orders(
    _FATE
    + """
where ($1::text is null or status = $1) and ($2::text is null or channel = $2)
  and ($3::uuid is null or notice_id = $3) and ($4::uuid is null or id {after} $4) and ($6::text is null or state = $6)
order by id {order} limit $5
"""
)
_COUNTS = """
select status, (select count(*) from (select from delivery_fate d where d.status = wanted.status limit $2) as counted)
from unnest($1::text[]) as wanted(status)
"""
_BEHIND_LINK = """
select d.id, d.recipient_id, d.reasons, d.language,
       array(select s.id from jsonb_to_recordset(d.reasons) as reason(id uuid) join subscription s on s.id = reason.id
             where s.ended_at is null) as running
from delivery d
where d.unsubscribe_token = $1
"""
_ENTRY_COLUMNS = """
select d.id, d.notice_id, n.kind, n.subject_id, n.content, n.occurred_at, n.traceparent, d.created_at, d.read_at
from delivery d join notice n on n.id = d.notice_id
"""
_ENTRY = _ENTRY_COLUMNS + "where d.recipient_id = any($1::uuid[]) and d.channel = 'inbox'"
# The index has the entries of each inbox in their order: so many of each are read, and those put in order.
_INBOX = in_both_orders(
    """
select entry.* from unnest($1::uuid[]) as box(id) cross join lateral ("""
    + _ENTRY_COLUMNS
    + """
where d.recipient_id = box.id and d.channel = 'inbox'
  and ($2::uuid is null or d.id {after} $2) and (not $3 or d.read_at is null)
order by d.id {order} limit $4) as entry
order by entry.id {order} limit $4
"""
)
_INBOX_FOUND = (
    _ENTRY
    + """
  and d.id = any (array(select inbox_about($2, $3)))
order by d.id desc
"""
)
_FOUND = (
    _FATE
    + """
where id = any (array(select deliveries_about($1, $2))) order by id desc
"""
)
_UNREAD = """
select count(*) from (
    select from delivery where recipient_id = any($1::uuid[]) and channel = 'inbox' and read_at is null limit $2
) as counted
"""
_READ = """
update delivery set read_at = coalesce(read_at, $3)
where id = $1 and recipient_id = any($2::uuid[]) and channel = 'inbox'
returning old.read_at is null
"""
_READ_ALL = """
update delivery set read_at = $3
where recipient_id = any($1::uuid[]) and channel = 'inbox' and read_at is null and id <= $2
"""


async def claim(
    connection: Connection,
    *,
    owner: UUID,
    now: datetime,
    lease_until: datetime,
    limit: int,
    ended_by: datetime,
    but: Sequence[UUID],
) -> list[Record]:
    """Take due mails, oldest first, that nobody holds or whose lease ended by `ended_by`; several workers may ask.

    `but` are those the worker itself still has in hand, however old their leases.

    Those that must not go out any more (objection, unsubscription, no address) are dropped on the way.
    """
    return await connection.fetch(_CLAIM, owner, now, lease_until, limit, ended_by, but)


async def settle(
    connection: Connection,
    delivery_id: UUID,
    *,
    owner: UUID,
    notice_id: UUID,
    status: str,
    error: str | None,
    now: datetime,
) -> bool:
    """End a delivery and lock its row; False when another worker holds it or ended it.

    Also False when it failed but another notice has taken its place meanwhile: that one is sent when the lease ends.
    """
    return affected(await connection.execute(_SETTLE, delivery_id, owner, status, now, error, notice_id)) == 1


async def postpone(
    connection: Connection, delivery_id: UUID, *, owner: UUID, due_at: datetime, error: str | None
) -> None:
    """Give a delivery back, to be tried at `due_at`."""
    await connection.execute(_POSTPONE, delivery_id, owner, due_at, error)


async def give_back(connection: Connection, delivery_id: UUID, *, owner: UUID) -> None:
    """Undo a claim: the delivery is due as before, and was not tried."""
    await connection.execute(_GIVE_BACK, delivery_id, owner)


async def newest(
    connection: Connection,
    *,
    status: str | None,
    channel: str | None,
    notice_id: UUID | None,
    last: UUID | None,
    limit: int,
    state: str | None = None,
    oldest_first: bool = False,
) -> list[Record]:
    """Deliveries as operators see them, those after `last` in this order; `recipient` is masked."""
    return await connection.fetch(_LIST[oldest_first], status, channel, notice_id, last, limit, state)


async def found(connection: Connection, beginnings: str, *, limit: int) -> list[Record]:
    """Deliveries, as operators see them, of the newest notices with these words in the title (a tsquery)."""
    return await connection.fetch(_FOUND, beginnings, limit)


async def fate(connection: Connection, delivery_id: UUID) -> Record | None:
    """One delivery as operators see it."""
    return await connection.fetchrow(f"{_FATE} where id = $1", delivery_id)


async def counts(connection: Connection, statuses: Sequence[str]) -> dict[str, int]:
    """How many deliveries have each of these statuses; beyond COUNTED_AT_MOST counting ends."""
    rows = await connection.fetch(_COUNTS, list(statuses), COUNTED_AT_MOST)
    return {row["status"]: row["count"] for row in rows}


async def by_unsubscribe_token(connection: Connection, token: str) -> Record | None:
    """The delivery whose mail carried this link, with the subscriptions behind it that still run."""
    return await connection.fetchrow(_BEHIND_LINK, token)


async def inbox(
    connection: Connection,
    recipient_ids: Sequence[UUID],
    *,
    last: UUID | None,
    unread_only: bool,
    limit: int,
    oldest_first: bool = False,
) -> list[Record]:
    """What came to these inboxes, those entries after `last` in this order."""
    return await connection.fetch(_INBOX[oldest_first], recipient_ids, last, unread_only, limit)


async def inbox_found(
    connection: Connection, recipient_ids: Sequence[UUID], beginnings: str, *, limit: int
) -> list[Record]:
    """The newest entries of these inboxes with these words in the title (a tsquery)."""
    return await connection.fetch(_INBOX_FOUND, recipient_ids, beginnings, limit)


async def inbox_entry(connection: Connection, entry_id: UUID, *, recipient_ids: Sequence[UUID]) -> Record | None:
    """One entry of these inboxes."""
    return await connection.fetchrow(f"{_ENTRY} and d.id = $2", recipient_ids, entry_id)


async def unread_count(connection: Connection, recipient_ids: Sequence[UUID]) -> int:
    """How many entries are unread; beyond COUNTED_AT_MOST counting ends."""
    return int(await connection.fetchval(_UNREAD, recipient_ids, COUNTED_AT_MOST))


async def mark_read(
    connection: Connection, delivery_id: UUID, *, recipient_ids: Sequence[UUID], now: datetime
) -> bool | None:
    """Mark an entry as read; idempotent. False when it was already, None when it is in none of these inboxes."""
    newly: bool | None = await connection.fetchval(_READ, delivery_id, recipient_ids, now)
    return newly


async def mark_all_read(connection: Connection, *, recipient_ids: Sequence[UUID], until: UUID, now: datetime) -> int:
    """Mark the unread entries up to and with this one, ids growing with time; how many there were."""
    return affected(await connection.execute(_READ_ALL, recipient_ids, until, now))
