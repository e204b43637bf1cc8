"""Subscriptions; an ended one stays as the record of the consent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.states import State

_COLUMNS = """
s.id, s.state, s.topic_kind, s.topic_value, s.consent_given_at, s.consent_wording, s.created_at, s.created_by,
s.ended_at, s.ended_by, s.version, s.address as email, s.name, s.language,
has_objected(s.recipient_id) as suppressed, is_restricted(s.recipient_id) as restricted
"""
_INSERT = """
insert into subscription (id, state, recipient_id, topic_kind, topic_value, consent_given_at, consent_wording,
                          created_at, created_by, address, name, language)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (state, recipient_id, topic_kind, topic_value) where ended_at is null do nothing
"""
_CORRECT = "update subscription set name = $2, language = $3, version = version + 1 where id = $1"
_RUNNING = f"""
select {_COLUMNS} from subscription s
where s.state = $1 and s.recipient_id = $2 and s.topic_kind = $3 and s.topic_value = $4 and s.ended_at is null
"""  # noqa: S608 - made of constants
_GET = f"select {_COLUMNS} from subscription s where s.id = $1"  # noqa: S608 - made of constants
_LIST = f"""
select {_COLUMNS} from subscription s
where s.state = $1 and ($2::uuid is null or s.id > $2) and s.ended_at is null
  and ($3::text is null or s.topic_kind = $3) and ($4::text is null or s.topic_value = $4)
  and ($5::text is null or s.recipient_id = (select person_of($5)))
order by s.id limit $6
"""  # noqa: S608 - made of constants
_OF_STATE = """
s.state = $1 and ($2::text is null or s.topic_kind = $2) and ($3::text is null or s.topic_value = $3)
  and ($4::text is null or s.recipient_id = (select person_of($4)))
"""
_ENDED = {True: "s.ended_at is not null", False: "s.ended_at is null"}
_SORTS = {
    "entered": ("(s.id)", "($6::uuid)"),
    "email": ('(s.address collate "de-x-icu", s.id)', "(select address, id from subscription where id = $6)"),
    "topic": (
        "(s.topic_kind, s.topic_value, s.id)",
        "(select topic_kind, topic_value, id from subscription where id = $6)",
    ),
}
"""By what lists are sorted, and where the one with an id stands: a cursor that held its address would name a person."""
_COUNTS = """
select topic_kind, count(*) as number from subscription where state = $1 and ended_at is null group by topic_kind
"""
_END = """
update subscription set ended_at = $2, ended_by = $3, version = version + 1
where id = any($1::uuid[]) and ended_at is null
returning id, ended_at, ended_by, version
"""
_FOUND = f"""
select {_COLUMNS} from subscriptions_about($1, $2) with ordinality as found(id, place) join subscription s using (id)
order by found.place
"""  # noqa: S608 - made of constants


async def insert(
    connection: Connection,
    subscription_id: UUID,
    *,
    state: State,
    recipient_id: UUID,
    kind: str,
    value: str,
    consent_given_at: datetime,
    consent_wording: str,
    created_by: str,
    address: str,
    name: str | None,
    language: str,
    now: datetime,
) -> bool:
    """Enter a subscription; False when the person has the same one running."""
    status = await connection.execute(
        _INSERT,
        subscription_id,
        state.value,
        recipient_id,
        kind,
        value,
        consent_given_at,
        consent_wording,
        now,
        created_by,
        address,
        name,
        language,
    )
    return affected(status) == 1


async def correct(connection: Connection, subscription_id: UUID, *, name: str | None, language: str) -> None:
    """Write name and language; the version grows. The caller holds the lock."""
    await connection.execute(_CORRECT, subscription_id, name, language)


async def running(connection: Connection, state: State, *, recipient_id: UUID, kind: str, value: str) -> Record | None:
    """The running subscription of a person to a topic, kept by this state."""
    return await connection.fetchrow(_RUNNING, state.value, recipient_id, kind, value)


async def get(connection: Connection, subscription_id: UUID, *, lock: bool = False) -> Record | None:
    """A subscription, running or ended; `lock` holds its row until the transaction ends."""
    return await connection.fetchrow(_GET + (" for update" if lock else ""), subscription_id)


async def found(connection: Connection, typed: str, *, limit: int) -> list[Record]:
    """The own state's subscriptions with these words, or their beginnings, in name, address or topic.

    Running ones first, the newest before.
    """
    return await connection.fetch(_FOUND, typed, limit)


async def history(connection: Connection, subscription_id: UUID, *, limit: int) -> list[Record]:
    """What was done to a subscription of the own state, newest first.

    Columns: at, subject, name, state, action, before and after (JSON texts). Without a state it was the service itself;
    subject and name are None for another state's people.
    """
    return await connection.fetch("select * from subscription_history($1, $2)", subscription_id, limit)


async def of_state(
    connection: Connection,
    state: State,
    *,
    after: UUID | None,
    limit: int,
    kind: str | None,
    value: str | None,
    address_key: str | None,
) -> list[Record]:
    """A state's running subscriptions in the order of their ids."""
    return await connection.fetch(_LIST, state.value, after, kind, value, address_key, limit)


async def sorted_page(
    connection: Connection,
    state: State,
    *,
    sort: str,
    descending: bool,
    after: UUID | None,
    limit: int,
    ended: bool,
    kind: str | None,
    value: str | None,
    address_key: str | None,
) -> list[Record]:
    """A state's running or ended subscriptions, sorted, after that one; from the first, where that is gone by now."""
    if after and not await connection.fetchval("select exists (select from subscription where id = $1)", after):
        after = None
    columns, places = _SORTS[sort]
    order, beyond = ("desc", "<") if descending else ("asc", ">")
    by = ", ".join(f"{column} {order}" for column in columns[1:-1].split(", "))
    query = f"""
select {_COLUMNS} from subscription s
where {_OF_STATE} and {_ENDED[ended]} {f"and {columns} {beyond} {places}" if after else ""}
order by {by} limit $5
"""  # noqa: S608 - made of constants
    return await connection.fetch(query, state.value, kind, value, address_key, limit, *([after] if after else ()))


async def counts(connection: Connection, state: State) -> dict[str, int]:
    """How many subscriptions of a state run, by kind of topic."""
    return {row["topic_kind"]: row["number"] for row in await connection.fetch(_COUNTS, state.value)}


async def end(connection: Connection, subscription_ids: list[UUID], *, ended_by: str, now: datetime) -> list[Record]:
    """End those that still run; which these were: id, ended_at, ended_by, version."""
    return await connection.fetch(_END, subscription_ids, now, ended_by)
