"""Requests of persons and the answers to them. Addresses stay until all have answered, then keyed hashes do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.privacy import PrivacyAnswer
from norda_common.database import Connection, affected
from norda_common.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as stored. `emails` are None once it is completed, and `addresses` stays: by how many the person was
    looked for, beside `person_id`. `records_until` is for access reports, and `erased_at` since when an erasure has
    taken one.
    """

    id: UUID
    state: State
    kind: str
    emails: tuple[str, ...] | None
    addresses: int
    person_id: UUID | None
    asked_at: datetime
    asked_by: str
    completed_at: datetime | None
    records_until: datetime | None
    erased_at: datetime | None = None

    def __repr__(self) -> str:
        """Without the addresses, so that no traceback or log shows it."""
        return f"Request({self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service found and did for a state; `records` of an access request, as long as they are kept."""

    service: str
    state: State
    found: int
    changed: int
    answered_at: datetime
    records: Sequence[Mapping[str, str]] | None


_COLUMNS = "id, state, kind, emails, addresses, person_id, asked_at, asked_by, completed_at, records_until, erased_at"
_HASHES = "array(select keyed_hash(key) from unnest({keys}::text[]) as key order by 1)"
_ONE = f"select {_COLUMNS} from privacy_request where id = $1"  # noqa: S608 - constants
_NEWEST = f"""
select {_COLUMNS} from privacy_request
 where state = $1 and ($2::uuid is null or id < $2) and ($3::text is null or keyed_hash($3) = any(known_by))
 order by id desc limit $4
"""  # noqa: S608
_UNANSWERED = f"""
select {_COLUMNS} from privacy_request
 where state = $1 and kind = $2 and known_by = {_HASHES.format(keys="$3")} and person_id is not distinct from $4
   and completed_at is null
   and not exists (select from privacy_answer where request_id = privacy_request.id)
 order by id desc limit 1
"""  # noqa: S608


async def add(connection: Connection, request: Request, *, known_by: Sequence[str]) -> None:
    """Store a new request; `known_by` are keys of addresses and phone numbers, by which its proof is found."""
    await connection.execute(
        f"""insert into privacy_request ({_COLUMNS}, known_by)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {_HASHES.format(keys="$12")})""",  # noqa: S608
        request.id,
        request.state,
        request.kind,
        None if request.emails is None else list(request.emails),
        request.addresses,
        request.person_id,
        request.asked_at,
        request.asked_by,
        request.completed_at,
        request.records_until,
        request.erased_at,
        list(known_by),
    )


async def unanswered(
    connection: Connection, state: State, kind: str, *, known_by: Sequence[str], person_id: UUID | None
) -> Request | None:
    """A request of this kind about exactly this person that nobody has answered yet."""
    row = await connection.fetchrow(_UNANSWERED, state, kind, list(known_by), person_id)
    return _request(row) if row else None


async def get(connection: Connection, request_id: UUID) -> Request | None:
    """One request."""
    row = await connection.fetchrow(_ONE, request_id)
    return _request(row) if row else None


async def lock(connection: Connection, request_id: UUID) -> Request | None:
    """The same, its row locked until the transaction ends."""
    row = await connection.fetchrow(f"{_ONE} for update", request_id)
    return _request(row) if row else None


async def newest(
    connection: Connection, state: State, *, before: object = None, key: str | None = None, limit: int
) -> Sequence[Request]:
    """A state's requests, newest first, below that id; about one address or phone number where its key is given."""
    return [_request(row) for row in await connection.fetch(_NEWEST, state, before, key, limit)]


async def answered(connection: Connection, request_ids: Sequence[UUID]) -> Mapping[UUID, set[tuple[str, State]]]:
    """Who has answered each of these requests."""
    rows = await connection.fetch(
        "select request_id, service, state from privacy_answer where request_id = any($1)", request_ids
    )
    found: dict[UUID, set[tuple[str, State]]] = {request_id: set() for request_id in request_ids}
    for row in rows:
        found[row["request_id"]].add((row["service"], State(row["state"])))
    return found


async def answers(connection: Connection, request_id: UUID) -> Sequence[Answer]:
    """The answers to a request, by service and state."""
    rows = await connection.fetch(
        """select service, state, found, changed, answered_at, records from privacy_answer
            where request_id = $1 order by service, state""",
        request_id,
    )
    return [
        Answer(
            **dict(row)
            | {
                "state": State(row["state"]),
                "records": None if row["records"] is None else json.loads(row["records"]),
            }
        )
        for row in rows
    ]


async def keep_answer(connection: Connection, answer: PrivacyAnswer, *, with_records: bool) -> None:
    """Store an answer; again changes nothing. The caller holds the request's lock."""
    await connection.execute(
        """insert into privacy_answer (request_id, service, state, found, changed, answered_at, records)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (request_id, service, state) do nothing""",
        answer.request_id,
        answer.service,
        answer.state,
        answer.found,
        answer.changed,
        answer.answered_at,
        json.dumps(answer.records, ensure_ascii=False) if with_records else None,
    )


async def complete(connection: Connection, request_id: UUID, *, at: datetime, records_until: datetime | None) -> None:
    """Close a request and forget the addresses. The caller holds its lock."""
    await connection.execute(
        "update privacy_request set completed_at = $2, records_until = $3, emails = null where id = $1",
        request_id,
        at,
        records_until,
    )


async def waiting(connection: Connection, states: Sequence[State]) -> Sequence[Request]:
    """These states' requests that somebody has not answered yet, the oldest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from privacy_request
             where state = any($1) and completed_at is null order by id limit 1000""",  # noqa: S608
        states,
    )
    return [_request(row) for row in rows]


async def forget_reports(connection: Connection, state: State, *, now: datetime, limit: int) -> int:
    """Delete the records of access reports whose time is over; how many requests' that were."""
    return affected(
        await connection.execute(
            """with over as (
                   select id from privacy_request where state = $1 and records_until <= $2
                    limit $3 for update skip locked
               ), emptied as (
                   update privacy_answer set records = null from over where request_id = over.id
               )
               update privacy_request set records_until = null from over where privacy_request.id = over.id""",
            state,
            now,
            limit,
        )
    )


# By a shared address: of those that named it, and so are about all who have it, not of another person's.
_ABOUT = f"""(person_id = any($3::uuid[]) or known_by && {_HASHES.format(keys="$2")}
              or person_id is null and known_by && {_HASHES.format(keys="$4")})"""
_ERASE_REPORTS = f"""
with about as materialized (
    select id from privacy_request
     where state = $1 and kind = 'access' and {_ABOUT} and erased_at is null
       and (completed_at is null or records_until is not null)
     order by id for update
), emptied as (
    update privacy_answer set records = null from about where request_id = about.id
)
update privacy_request set records_until = null, erased_at = $5 from about where privacy_request.id = about.id
"""  # noqa: S608 - constants


async def erase_reports(
    connection: Connection,
    state: State,
    email_keys: Sequence[str],
    person_ids: Sequence[UUID],
    *,
    shared: Sequence[str],
    now: datetime,
) -> int:
    """Delete the state's access reports about these addresses or pseudonyms, or about all who have one of the `shared`
    addresses, also those that are still being gathered; how many.
    """
    return affected(
        await connection.execute(_ERASE_REPORTS, state, list(email_keys), list(person_ids), list(shared), now)
    )


async def reports_about(
    connection: Connection,
    state: State,
    email_keys: Sequence[str],
    person_ids: Sequence[UUID],
    *,
    shared: Sequence[str],
) -> Sequence[Request]:
    """The state's access reports as `erase_reports` would delete them, of those that can be read now."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from privacy_request
             where state = $1 and kind = 'access' and {_ABOUT} and records_until is not null
             order by id""",  # noqa: S608
        state,
        list(email_keys),
        list(person_ids),
        list(shared),
    )
    return [_request(row) for row in rows]


async def forget_proofs(connection: Connection, state: State, *, completed_before: datetime, limit: int) -> int:
    """Delete what is left of requests completed before then, their answers with them; how many."""
    return affected(
        await connection.execute(
            """delete from privacy_request where id in (
                   select id from privacy_request
                    where state = $1 and completed_at < $2 limit $3 for update skip locked)""",
            state,
            completed_before,
            limit,
        )
    )


def _request(row: Record) -> Request:
    emails = row["emails"]
    return Request(**dict(row) | {"state": State(row["state"]), "emails": None if emails is None else tuple(emails)})
