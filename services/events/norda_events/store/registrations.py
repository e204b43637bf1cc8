"""Registrations and, apart from them, their participants. What writes runs while the event is locked.

Persons are read where the caller may see them: a registration comes without its person else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from norda_common.addresses import address_key
from norda_common.database import Connection, affected
from norda_common.states import State

from ..rules.registration import Participant, Registration, RegistrationStatus
from ..rules.seats import Waiting

_COLUMNS = """r.id, r.event_id, r.organisation_id, r.participant_state, r.status, r.position, r.version,
       r.registered_at, r.changed_at, r.erased_at"""
_PERSON = "p.person_id, p.name, p.email, p.language, p.restricted_at"
_ROWS_AT_ONCE = 1_000

_ADVANCE = f"""
with changed as (
    update registration as r
    set status = coalesce($3, r.status), version = r.version + 1, changed_at = $4
    where r.event_id = $1 and r.status = any($2) and ($5::uuid[] is null or r.id = any($5))
    returning {_COLUMNS})
select r.*, {_PERSON} from changed as r join participant as p on p.registration_id = r.id order by r.position
"""  # noqa: S608 - constants
# Made for an organisation that has become part of another, or no longer has: an erased person's is not said anew.
_FOLLOW = f"""
with wanted as materialized (
    select id, origin, successor_of(origin) as organisation_id
    from (select id, coalesce(merged_from, organisation_id) as origin from registration
          where event_id = $1 and (merged_from is null and organisation_id = any($2) or merged_from = any($2))) as made
), changed as (
    update registration as r
    set organisation_id = wanted.organisation_id,
        merged_from = nullif(wanted.origin, wanted.organisation_id),
        version = r.version + case when r.erased_at is null then 1 else 0 end,
        changed_at = case when r.erased_at is null then $3 else r.changed_at end
    from wanted
    where r.id = wanted.id and r.organisation_id <> wanted.organisation_id
    returning {_COLUMNS})
select r.*, {_PERSON} from changed as r join participant as p on p.registration_id = r.id order by r.position
"""  # noqa: S608 - constants
_WAITING = """
select w.id, s.participant_state, w.position
from (select distinct participant_state from registration where event_id = $1 and status = 'waitlisted') as s
cross join lateral (
    select id, position from registration
    where event_id = $1 and status = 'waitlisted' and participant_state is not distinct from s.participant_state
    order by position limit $2) as w
"""
_PAGE = f"""
select {_COLUMNS}, {_PERSON}, o.name as organisation_name
from registration as r
left join participant as p on p.registration_id = r.id
left join organisation as o on o.id = r.organisation_id
where r.event_id = $1 and r.position > $2
  and ($3::text is null or r.status = $3) and ($4::text is null or r.participant_state = $4)
order by r.position limit $5
"""  # noqa: S608 - constants
_ONE = f"""
select {_COLUMNS}, {_PERSON}, o.name as organisation_name
from registration as r
left join participant as p on p.registration_id = r.id
left join organisation as o on o.id = r.organisation_id
"""  # noqa: S608 - constants
_FOUND = f"""
select {_COLUMNS}, {_PERSON}, o.name as organisation_name, e.title, e.title_en
from persons_found($1, $2, $3) with ordinality as found(id, place)
join registration as r on r.id = found.id
join event as e on e.id = r.event_id
left join participant as p on p.registration_id = r.id
left join organisation as o on o.id = r.organisation_id
order by found.place
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """A registration with its person (None when erased, or not for the caller to see) and the organisation's name as
    the read model has it.
    """

    registration: Registration
    participant: Participant | None
    organisation_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRegistration:
    """A registration found by its person, with its event's titles."""

    row: RegistrationRow
    title: str
    title_en: str | None


async def insert(
    connection: Connection,
    registration: Registration,
    participant: Participant,
    *,
    lead: State,
    email_key: str,
    idempotency_key: bytes | None,
) -> None:
    """Store a new registration and its person; `lead` is the event's."""
    await connection.execute(
        """insert into registration (id, event_id, organisation_id, participant_state, status, position, version,
                                     idempotency_key, registered_at, changed_at, responsible_state)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        registration.id,
        registration.event_id,
        registration.organisation_id,
        registration.participant_state,
        registration.status.value,
        registration.position,
        registration.version,
        idempotency_key,
        registration.registered_at,
        registration.changed_at,
        lead.value,
    )
    await connection.execute(
        """insert into participant (registration_id, event_id, person_id, name, email, email_key, language,
                                    responsible_state)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        registration.id,
        registration.event_id,
        participant.person_id,
        participant.name,
        participant.email,
        email_key,
        participant.language,
        lead.value,
    )


async def renew(
    connection: Connection,
    registration: Registration,
    participant: Participant,
    *,
    idempotency_key: bytes | None,
) -> None:
    """Store a withdrawn registration that was made again; its id stays."""
    await connection.execute(
        """update registration set organisation_id = $2, merged_from = null, participant_state = $3, status = $4,
                  position = $5, version = $6, idempotency_key = $7, registered_at = $8, changed_at = $9
           where id = $1""",
        registration.id,
        registration.organisation_id,
        registration.participant_state,
        registration.status.value,
        registration.position,
        registration.version,
        idempotency_key,
        registration.registered_at,
        registration.changed_at,
    )
    await connection.execute(
        "update participant set name = $2, email = $3, language = $4 where registration_id = $1",
        registration.id,
        participant.name,
        participant.email,
        participant.language,
    )


async def advance(
    connection: Connection,
    event_id: UUID,
    *,
    of: Sequence[RegistrationStatus],
    to: RegistrationStatus | None,
    now: datetime,
    only: Sequence[UUID] | None = None,
) -> list[tuple[Registration, Participant]]:
    """Raise the version of an event's registrations in these statuses, and move them to another (None: keep it).

    One statement however many there are; returns them in order of position. `only` narrows it to these ids. Those
    whose registration or person is not the caller's to change are left alone and left out.
    """
    rows = await connection.fetch(
        _ADVANCE, event_id, [status.value for status in of], to.value if to else None, now, only
    )
    return await _with_persons(rows)


async def made_for(connection: Connection, organisation_ids: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """The events with registrations made for these organisations or what has become part of them, and all of those."""
    row = await connection.fetchrow(
        """with part as materialized (select array(select predecessors_of($1)) as ids)
           select part.ids as organisations,
                  array(select distinct event_id from registration
                        where organisation_id = any(part.ids) and merged_from is null or merged_from = any(part.ids)
                        order by event_id) as events
           from part""",
        list(organisation_ids),
    )
    return (list(row["events"]), list(row["organisations"])) if row else ([], [])


async def follow(
    connection: Connection, event_id: UUID, organisation_ids: Sequence[UUID], *, now: datetime
) -> list[tuple[Registration, Participant]]:
    """Give a locked event's registrations, made for one of these organisations, to whom that has become part of.

    Returns those that changed, in order of position, but for those whose person was erased.
    """
    return await _with_persons(await connection.fetch(_FOLLOW, event_id, list(organisation_ids), now))


async def _with_persons(rows: Sequence[asyncpg.Record]) -> list[tuple[Registration, Participant]]:
    found: list[tuple[Registration, Participant]] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        found += [(_registration(r), _participant(r)) for r in rows[start : start + _ROWS_AT_ONCE] if r["name"]]
        # A cancellation can return 10,000 rows; between the pieces other requests have their turn.
        await asyncio.sleep(0)
    return found


async def erase_person(connection: Connection, registration: Registration) -> None:
    """Null the person's columns and remember when; the row and its pseudonym stay."""
    await connection.execute(
        """update registration set status = $2, version = $3, changed_at = $4, erased_at = $4, idempotency_key = null
           where id = $1""",
        registration.id,
        registration.status.value,
        registration.version,
        registration.changed_at,
    )
    await connection.execute(
        """update participant set name = null, email = null, email_key = null, language = null, restricted_at = null
           where registration_id = $1""",
        registration.id,
    )


async def of_addresses(connection: Connection, lead: State, email_keys: Sequence[str]) -> Sequence[tuple[UUID, UUID]]:
    """The (event, registration) of everything these addresses are registered for with that state in the lead."""
    rows = await connection.fetch(
        """select event_id, registration_id from participant where responsible_state = $1 and email_key = any($2)
           order by event_id, registration_id""",
        lead.value,
        list(email_keys),
    )
    return [(row["event_id"], row["registration_id"]) for row in rows]


async def restrict(connection: Connection, lead: State, email_keys: Sequence[str], *, at: datetime | None) -> int:
    """Restrict the records of these addresses since then, or no longer (None); how many that changed."""
    status = await connection.execute(
        """update participant set restricted_at = $3
           where responsible_state = $1 and email_key = any($2)
             and (restricted_at is null) <> ($3::timestamptz is null)""",
        lead.value,
        list(email_keys),
        at,
    )
    return affected(status)


async def get(connection: Connection, event_id: UUID, registration_id: UUID) -> RegistrationRow | None:
    """One registration of the event."""
    return _row(await connection.fetchrow(f"{_ONE} where r.event_id = $1 and r.id = $2", event_id, registration_id))


async def id_of_person(connection: Connection, event_id: UUID, email_key: str) -> UUID | None:
    """The registration of the person with this address for the event, also where the person is not for the caller to
    see; there is one at most.
    """
    found: UUID | None = await connection.fetchval("select registration_of($1, $2)", event_id, email_key)
    return found


async def id_of_idempotency_key(connection: Connection, event_id: UUID, key: bytes) -> UUID | None:
    """The registration a request with this key made for the event."""
    found: UUID | None = await connection.fetchval(
        "select id from registration where event_id = $1 and idempotency_key = $2", event_id, key
    )
    return found


async def page(
    connection: Connection,
    event_id: UUID,
    *,
    status: RegistrationStatus | None,
    state: str | None,
    after: int,
    limit: int,
) -> list[RegistrationRow]:
    """Registrations in order of position, after a position."""
    rows = await connection.fetch(_PAGE, event_id, after, status.value if status else None, state, limit)
    return [found for row in rows if (found := _row(row)) is not None]


async def found(connection: Connection, typed: str, *, limit: int) -> list[FoundRegistration]:
    """Registrations of persons the caller's office sees, by the beginnings of words of their names or by their whole
    address; newest first.
    """
    address = address_key(typed) if "@" in typed else None
    rows = await connection.fetch(_FOUND, typed, address, limit)
    return [
        FoundRegistration(row=row, title=record["title"], title_en=record["title_en"])
        for record in rows
        if (row := _row(record)) is not None
    ]


async def history(connection: Connection, registration_id: UUID, *, limit: int) -> list[asyncpg.Record]:
    """What was done to a registration, as `events.history` of an event."""
    return await connection.fetch("select * from registration_history($1, $2)", registration_id, limit)


async def taken(connection: Connection, event_id: UUID) -> dict[str | None, int]:
    """Confirmed seats by participants' state."""
    rows = await connection.fetch(
        """select participant_state, count(*) as seats from registration
           where event_id = $1 and status = 'confirmed' group by participant_state""",
        event_id,
    )
    return {row["participant_state"]: row["seats"] for row in rows}


async def counts(connection: Connection, event_ids: Sequence[UUID]) -> Mapping[UUID, list[tuple[str, str | None, int]]]:
    """Of each event the caller sees how many are confirmed and how many wait, by participants' state."""
    rows = await connection.fetch("select * from seats_taken($1)", event_ids)
    found: dict[UUID, list[tuple[str, str | None, int]]] = {event_id: [] for event_id in event_ids}
    for row in rows:
        found[row["event_id"]].append((row["status"], row["participant_state"], row["seats"]))
    return found


async def waiting(connection: Connection, event_id: UUID, *, per_state: int) -> list[Waiting[UUID]]:
    """The first of each state's waiting registrations; more than the free seats cannot be promoted anyway."""
    rows = await connection.fetch(_WAITING, event_id, per_state)
    return [Waiting(row["id"], row["participant_state"], row["position"]) for row in rows]


async def person_of(connection: Connection, email_key: str, *, otherwise: UUID) -> UUID:
    """The pseudonym of the person with this address; `otherwise` for an address that is not known yet.

    Holds a lock on the address until the transaction ends, so that two events registering the same new person at once
    do not draw two pseudonyms. Taken after the event's lock, one address per transaction: nobody waits in a circle.
    """
    person: UUID = await connection.fetchval("select person_of($1, $2)", email_key, otherwise)
    return person


def _row(row: asyncpg.Record | None) -> RegistrationRow | None:
    if row is None:
        return None
    return RegistrationRow(
        registration=_registration(row),
        participant=_participant(row) if row["name"] is not None else None,
        organisation_name=row["organisation_name"] or None,
    )


def _registration(row: asyncpg.Record) -> Registration:
    return Registration(
        id=row["id"],
        event_id=row["event_id"],
        organisation_id=row["organisation_id"],
        participant_state=row["participant_state"],
        status=RegistrationStatus(row["status"]),
        position=row["position"],
        version=row["version"],
        registered_at=row["registered_at"],
        changed_at=row["changed_at"],
        erased_at=row["erased_at"],
    )


def _participant(row: asyncpg.Record) -> Participant:
    return Participant(
        person_id=row["person_id"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        restricted_at=row["restricted_at"],
    )
