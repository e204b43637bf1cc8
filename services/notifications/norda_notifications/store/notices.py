"""Notices, and the deliveries each gives rise to: written once whatever is redelivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.envelope import Received
from norda_common.database import Connection, affected

from ..rules.topics import Matches
from .orders import in_both_orders

FOUND_AT_MOST = 1_000

_BEGAN = "select began_at from beginning"
_INSERT = """
insert into notice (id, kind, state, subject_id, caused_by, source, occurred_at, content, traceparent, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (source, caused_by) do nothing
returning id
"""
# One row per person: the reasons are all the matching subscriptions; state, address, name and language are those of the
# oldest one.
_TO_SUBSCRIBERS = """
insert into delivery (notice_id, recipient_id, state, address, name, language, channel, occasion, precedence, reasons,
                      unsubscribe_token, due_at, created_at)
select $1, s.recipient_id, (array_agg(s.state order by s.created_at, s.id))[1],
       (array_agg(s.address order by s.created_at, s.id))[1], (array_agg(s.name order by s.created_at, s.id))[1],
       (array_agg(s.language order by s.created_at, s.id))[1], 'email', $2, $3,
       jsonb_agg(jsonb_build_object('id', s.id, 'kind', s.topic_kind, 'value', s.topic_value)
                 order by s.created_at, s.id),
       -- 244 random bits (RFC 9562, version 4, twice): nobody guesses another person's link.
       replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), $4, $5
from subscription s join recipient r on r.id = s.recipient_id
where s.ended_at is null and s.created_at <= $6
  and (s.topic_kind, s.topic_value) in (
        select 'state', unnest($7::text[]) union all select 'competence', unnest($8::text[])
        union all select 'cluster', unnest($9::text[]) union all select 'event', $10::text)
  and not exists (select from suppression where address_hash = sha256(convert_to(r.address_key, 'UTF8')))
  and not exists (select from restriction where address_hash = sha256(convert_to(r.address_key, 'UTF8')))
group by s.recipient_id
on conflict (recipient_id, channel, occasion) do nothing
"""
# The participant's own notice takes the place of a subscriber's one that has not gone out: one that waits, and one that
# was dropped, because an unsubscription or objection does not concern a registration. Reasons and link stay for a
# worker that is sending the subscriber's one just now: its link must work. Should that attempt fail, the next one sends
# the participant's.
_TO_PARTICIPANT = """
insert into delivery as d (notice_id, recipient_id, state, channel, occasion, precedence, registration_id,
                           address, name, language, due_at, created_at)
values ($1, $2, $3, 'email', $4, $5, $6, $7, $8, $9, $10, $10)
on conflict (recipient_id, channel, occasion) do update
    set notice_id = excluded.notice_id, state = excluded.state, precedence = excluded.precedence,
        registration_id = excluded.registration_id, address = excluded.address, name = excluded.name,
        language = excluded.language, status = 'due', due_at = excluded.due_at, created_at = excluded.created_at,
        settled_at = null, last_error = null
    where d.precedence < excluded.precedence and d.status in ('due', 'dropped')
"""
_WITHIN_OFFICE = """
insert into delivery (notice_id, recipient_id, state, channel, occasion, precedence, status, attempts, due_at,
                      settled_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, case $7 when 'delivered' then 1 else 0 end, $8,
        case $7 when 'delivered' then $8::timestamptz end, $8)
on conflict (recipient_id, channel, occasion) do nothing
returning id
"""
_KEEP_LINK = """
insert into delivery_link (delivery_id, link)
select id, $2 from delivery where notice_id = $1 and status = 'due' on conflict do nothing
"""
_LIST = in_both_orders(
    """
select n.id, n.kind, n.state, n.subject_id, n.caused_by, n.occurred_at, n.created_at,
       title_of(n.content) as title, deliveries_of(n.id) as deliveries
from notice n
where ($1::uuid is null or n.id {after} $1) and ($2::text is null or n.kind = $2)
  and ($3::uuid is null or n.subject_id = $3) and ($5::text is null or n.state = $5)
  and ($6::text is null or n.id = any (array(select notices_about($6, $7))))
order by n.id {order} limit $4
"""
)
_GET = """
select n.id, n.kind, n.state, n.subject_id, n.content, n.occurred_at, n.created_at, n.traceparent,
       deliveries_of(n.id) as deliveries
from notice n where n.id = $1
"""
_ERASE = """
update delivery set status = case status when 'due' then 'dropped' else status end, recipient_id = null,
                    address = null, name = null, settled_at = coalesce(settled_at, $2)
from (select id, recipient_id from delivery where registration_id = $1 for update) as old
where delivery.id = old.id
returning old.recipient_id
"""


def beginnings(words: Sequence[str]) -> str | None:
    """A tsquery for words that begin so; None without a word. Words hold letters and digits alone."""
    return " & ".join(f"{word}:*" for word in words) or None


async def began_at(connection: Connection) -> datetime:
    """When this database began."""
    began: datetime = await connection.fetchval(_BEGAN)
    return began


async def insert(
    connection: Connection,
    notice_id: UUID,
    *,
    kind: str,
    record: Received,
    subject_id: UUID,
    content: Mapping[str, Any],
    traceparent: str | None,
    now: datetime,
) -> bool:
    """Write a notice; False when this record has given rise to it before."""
    written = await connection.fetchval(
        _INSERT,
        notice_id,
        kind,
        record.state.value,
        subject_id,
        record.event_id,
        record.source,
        record.time,
        json.dumps(content),
        traceparent,
        now,
    )
    return written is not None


async def address_subscribers(
    connection: Connection,
    notice_id: UUID,
    *,
    matches: Matches,
    occasion: str,
    precedence: int,
    occurred_at: datetime,
    due_at: datetime,
    now: datetime,
) -> int:
    """One due mail to each person with a matching subscription from before the change, objections aside; how many."""
    status = await connection.execute(
        _TO_SUBSCRIBERS,
        notice_id,
        occasion,
        precedence,
        due_at,
        now,
        occurred_at,
        matches.states,
        matches.competences,
        matches.clusters,
        matches.event,
    )
    return affected(status)


async def address_participant(
    connection: Connection,
    notice_id: UUID,
    *,
    recipient_id: UUID,
    registration_id: UUID,
    address: str,
    name: str,
    language: str,
    state: str,
    occasion: str,
    precedence: int,
    now: datetime,
) -> None:
    """One due mail to a participant, unless they were told of this occasion already."""
    await connection.execute(
        _TO_PARTICIPANT,
        notice_id,
        recipient_id,
        state,
        occasion,
        precedence,
        registration_id,
        address,
        name,
        language,
        now,
    )


async def keep_link(connection: Connection, notice_id: UUID, link: str) -> None:
    """Keep the link that a notice's mail hands over, until it is settled."""
    await connection.execute(_KEEP_LINK, notice_id, link)


async def address_within(
    connection: Connection,
    notice_id: UUID,
    *,
    recipient_id: UUID,
    state: str,
    channel: str,
    occasion: str,
    precedence: int,
    now: datetime,
) -> UUID | None:
    """One delivery within an office: a mail due or an inbox entry delivered; None when it was told already."""
    status = "delivered" if channel == "inbox" else "due"
    delivery_id: UUID | None = await connection.fetchval(
        _WITHIN_OFFICE, notice_id, recipient_id, state, channel, occasion, precedence, status, now
    )
    return delivery_id


async def newest(
    connection: Connection,
    *,
    last: UUID | None,
    kind: str | None,
    subject_id: UUID | None,
    limit: int,
    state: str | None = None,
    words: Sequence[str] = (),
    oldest_first: bool = False,
) -> list[Record]:
    """Notices after `last` in this order, with how many deliveries stand where; `words` begin words of the title.

    With words, of the newest FOUND_AT_MOST that match.
    """
    wanted = beginnings(words)
    return await connection.fetch(_LIST[oldest_first], last, kind, subject_id, limit, state, wanted, FOUND_AT_MOST)


async def get(connection: Connection, notice_id: UUID) -> Record | None:
    """One notice with its content, and how many deliveries stand where."""
    return await connection.fetchrow(_GET, notice_id)


async def erase_registration(connection: Connection, registration_id: UUID, *, now: datetime) -> list[UUID]:
    """Part the deliveries of a registration from their person, unsent ones are dropped; who that was."""
    rows = await connection.fetch(_ERASE, registration_id, now)
    return sorted({row["recipient_id"] for row in rows if row["recipient_id"]})
