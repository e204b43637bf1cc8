"""All that is kept of one person, found by the key of their address: for what persons ask under the GDPR."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.states import State

_FIND = "select id from recipient where kind = 'person' and address_key = $1 for update"
_SUBSCRIPTIONS = """
select id, address, name, language, topic_kind, topic_value, consent_given_at, consent_wording, created_at, ended_at
from subscription where recipient_id = $1 and state = $2 order by id
"""
_DELIVERIES = """
select d.id, n.kind, n.subject_id, d.channel, d.status, d.registration_id, d.address, d.name, d.language, d.created_at,
       d.settled_at
from delivery d join notice n on n.id = d.notice_id
where d.recipient_id = $1 and d.state = $2 order by d.id
"""
_END_SUBSCRIPTIONS = "delete from subscription where recipient_id = $1 and state = $2"
# A worker that sends one of these just now finds it settled; its link leads nowhere any more.
_PART_DELIVERIES = """
update delivery set status = case status when 'due' then 'dropped' else status end, recipient_id = null,
                    address = null, name = null, reasons = '[]', unsubscribe_token = null,
                    settled_at = coalesce(settled_at, $3)
where recipient_id = $1 and state = $2
"""
# Ended subscriptions of another state are still to be counted, and go with the recipient otherwise.
_FORGET = """
delete from recipient
where id = $1 and not exists (select from subscription where recipient_id = $1)
  and not exists (select from delivery where recipient_id = $1)
"""
_RESTRICT = """
insert into restriction (address_hash, state, created_at) values ($1, $2, $3)
on conflict (address_hash, state) do nothing
"""
_LIFT = "delete from restriction where address_hash = $1 and state = $2"
_RESTRICTED_AT = "select created_at from restriction where address_hash = $1 and state = $2"
_OBJECTED = "select state, created_at from suppression where address_hash = $1"


async def find(connection: Connection, address_key: str) -> UUID | None:
    """The recipient who is this person, locked."""
    found: UUID | None = await connection.fetchval(_FIND, address_key)
    return found


async def subscriptions(connection: Connection, recipient_id: UUID, state: State) -> list[Record]:
    """A state's subscriptions of the person, ended ones too."""
    return await connection.fetch(_SUBSCRIPTIONS, recipient_id, state.value)


async def deliveries(connection: Connection, recipient_id: UUID, state: State) -> list[Record]:
    """What a state told the person or is about to tell."""
    return await connection.fetch(_DELIVERIES, recipient_id, state.value)


async def erase(connection: Connection, recipient_id: UUID, state: State, *, now: datetime) -> int:
    """Delete a state's subscriptions of the person and part its deliveries from them, dropping unsent ones; how many.

    The recipient goes with the last of them, whichever state's.
    """
    ended = await connection.execute(_END_SUBSCRIPTIONS, recipient_id, state.value)
    parted = await connection.execute(_PART_DELIVERIES, recipient_id, state.value, now)
    await connection.execute(_FORGET, recipient_id)
    return affected(ended) + affected(parted)


async def restrict(connection: Connection, address_hash: bytes, state: State, *, now: datetime) -> bool:
    """Remember the restriction; False when it was known."""
    return affected(await connection.execute(_RESTRICT, address_hash, state.value, now)) > 0


async def lift(connection: Connection, address_hash: bytes, state: State) -> bool:
    """Forget the restriction; whether there was one."""
    return affected(await connection.execute(_LIFT, address_hash, state.value)) > 0


async def restricted_at(connection: Connection, address_hash: bytes, state: State) -> datetime | None:
    """Since when that state restricts the person."""
    found: datetime | None = await connection.fetchval(_RESTRICTED_AT, address_hash, state.value)
    return found


async def objection(connection: Connection, address_hash: bytes) -> Record | None:
    """Whose office recorded the person's objection and when."""
    return await connection.fetchrow(_OBJECTED, address_hash)
