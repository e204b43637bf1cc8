"""Recipients and objections: a person is the key of an address and nothing else, an objection only its hash."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.addresses import address_key
from norda_common.database import Connection
from norda_common.states import State

from ..rules.addresses import address_hash

_PERSON = "select enter_person($1, $2)"
_OFFICES = "select id, state, name, address, language, version, changed_at from recipient where kind = 'office'"
_OFFICE = _OFFICES + " and state = $1"
_LOCK_OFFICE = _OFFICE + " for update"
_SET_CONTACT = """
update recipient set name = $2, address = $3, address_key = $4, language = $5, version = version + 1, changed_at = $6
where kind = 'office' and state = $1
returning id, state, name, address, language, version
"""
_STAFF = """
insert into recipient (kind, state, subject, changed_at) values ('staff', $1, $2, $3)
on conflict (state, subject) where kind = 'staff' do update set changed_at = recipient.changed_at
returning id
"""
_INBOXES = """
select id from recipient
where kind = 'office' and state = $1 or kind = 'staff' and state = $1 and subject = $2
"""
_SUPPRESS = """
insert into suppression (address_hash, state, created_at) values ($1, $2, $3)
on conflict (address_hash) do nothing
returning created_at
"""
_FORGET = """
delete from recipient
where kind = 'person' and id = any($1::uuid[])
  and not exists (select from subscription where recipient_id = recipient.id and ended_at is null)
  and not exists (select from delivery where recipient_id = recipient.id)
"""


async def person(connection: Connection, address: str, *, now: datetime) -> UUID:
    """The person with this address, entered if new. Locks the row, so that nobody forgets them meanwhile.

    Persons are hidden from offices, also from the one that subscribes them: the function answers the id alone.
    """
    recipient_id: UUID = await connection.fetchval(_PERSON, address_key(address), now)
    return recipient_id


async def office(connection: Connection, state: State, *, lock: bool = False) -> Record:
    """A state's office; there is always one."""
    row = await connection.fetchrow(_LOCK_OFFICE if lock else _OFFICE, state.value)
    if row is None:
        raise LookupError(f"no office of {state.value}")
    return row


async def staff(connection: Connection, state: State, subject: str, *, now: datetime) -> UUID:
    """A person of a state's office, entered if new."""
    recipient_id: UUID = await connection.fetchval(_STAFF, state.value, subject, now)
    return recipient_id


async def inboxes(connection: Connection, state: State, subject: str) -> list[UUID]:
    """Whose inboxes a person of that state's office reads: the office's, and their own once something came."""
    return [row["id"] for row in await connection.fetch(_INBOXES, state.value, subject)]


async def offices(connection: Connection) -> list[Record]:
    """The offices of all states."""
    return await connection.fetch(_OFFICES)


async def set_office_contact(
    connection: Connection, state: State, *, name: str, address: str | None, language: str, now: datetime
) -> Record:
    """Write an office's contact; the version grows."""
    key = None if address is None else address_key(address)
    row = await connection.fetchrow(_SET_CONTACT, state.value, name, address, key, language, now)
    if row is None:
        raise LookupError(f"no office of {state.value}")
    return row


async def office_history(connection: Connection, state: State, *, limit: int) -> list[Record]:
    """What was done to the own office's contact, newest first, as `subscriptions.history`; nothing for anybody else."""
    return await connection.fetch("select * from office_history($1, $2)", state.value, limit)


async def suppress(connection: Connection, address: str, *, state: State, now: datetime) -> bool:
    """Remember an objection; False when it was known."""
    return await connection.fetchval(_SUPPRESS, address_hash(address), state.value, now) is not None


async def forget(connection: Connection, recipient_ids: list[UUID]) -> None:
    """Delete those persons who subscribe to nothing and to whom no delivery refers any more."""
    await connection.execute(_FORGET, recipient_ids)
