"""Contact persons. Policies pass over those of another state, in lists and locks alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.states import State

ONCE = "contact_person_once"
"""The constraint by which an organisation has an address once within a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact person as stored; `person_id` is pseudonymous, `retain_until` the last day of the record."""

    id: UUID
    organisation_id: UUID
    state: State
    person_id: UUID
    name: str
    email: str | None
    phone: str | None
    language: str
    roles: tuple[str, ...]
    source: str
    purposes: tuple[str, ...]
    legal_basis: str
    consent_given_on: date | None
    consent_wording: str | None
    retain_until: date
    restricted_at: datetime | None
    objected_at: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    version: int

    def __repr__(self) -> str:
        """The pseudonym alone, so that no traceback or log shows the person."""
        return f"Person({self.person_id})"


@dataclass(frozen=True, slots=True)
class Invited:
    """Who agreed to be invited, as public relations see them."""

    id: UUID
    organisation_id: UUID
    organisation_name: str | None
    name: str
    email: str
    language: str
    roles: tuple[str, ...]


class Keys(NamedTuple):
    """By what a record is found, beside its name."""

    email_key: str | None
    phone_key: str | None
    name_key: str
    search_text: str


_NAMES = tuple(each.name for each in fields(Person))
_COLUMNS = ", ".join(f"p.{name}" for name in _NAMES)
_ONE = f"select {_COLUMNS} from contact_person as p where p.id = $1"  # noqa: S608 - constants
_OF_ORGANISATION = f"""
select {_COLUMNS} from contact_person as p where p.organisation_id = any($1)
 order by lower(p.name) collate "de-x-icu", p.id limit $2
"""  # noqa: S608
_OF_PERSON = f"""
select {_COLUMNS} from contact_person as p
 where p.state = $1
   and (p.email_key = any($2)
        or p.person_id = any(array(select (array_agg(person_id))[1] from contact_person
                                    where state = $1 and email_key = any($2)
                                    group by email_key having count(distinct person_id) = 1)
                             || array_remove(array[$3::uuid], null)))
 order by p.id
"""  # noqa: S608
_OF_PHONE = f"""
select {_COLUMNS} from contact_person as p where p.state = $1 and p.phone_key = $2
 order by lower(p.name) collate "de-x-icu", p.id limit $3
"""  # noqa: S608
# By the index of words, which is used through the views alone: behind a policy PostgreSQL asks none.
_WORDS = "array_to_tsvector(string_to_array(ltrim(p.search_text), ' '))"
_NAME = 'lower(p.name) collate "de-x-icu"'
# The directory is behind the own row for a moment, and knows those that have moved away.
_TYPES = {
    "id": "uuid", "organisation_id": "uuid", "person_id": "uuid", "consent_given_on": "date", "retain_until": "date",
    "restricted_at": "timestamptz", "objected_at": "timestamptz", "created_at": "timestamptz",
    "changed_at": "timestamptz", "version": "bigint",
}  # fmt: skip
_STORED = (*_NAMES, *Keys._fields)
_FROM_TEXT = {name: f"array(select jsonb_array_elements_text({name}::jsonb))" for name in ("roles", "purposes")}
_ADD = f"""
insert into contact_person ({", ".join(_STORED)})
select {", ".join(_FROM_TEXT.get(name, name) for name in _STORED)}
  from unnest({", ".join(f"${place}::{_TYPES.get(name, 'text')}[]" for place, name in enumerate(_STORED, 1))})
       as row({", ".join(_STORED)})
on conflict on constraint {ONCE} do nothing
returning id
"""  # noqa: S608
_ORGANISATION_NAME = "coalesce(o.legal_name, d.data ->> 'legal_name')"
_ORGANISATION = """left join organisation as o on o.id = p.organisation_id
  left join directory_shown as d on d.organisation_id = p.organisation_id"""
_SEARCH = f"""
select {_COLUMNS}, {_ORGANISATION_NAME} as organisation_name
  from person_kept as p {_ORGANISATION}
"""  # noqa: S608
_TO_INVITE = f"""
select p.id, p.organisation_id, {_ORGANISATION_NAME} as organisation_name, p.name, p.email, p.language, p.roles
  from person_to_invite as p {_ORGANISATION}
"""  # noqa: S608
_PLACE = "select name from {view} where id = $1"


async def get(connection: Connection, key: UUID) -> Person | None:
    """One contact person."""
    return _found(await connection.fetchrow(_ONE, key))


async def lock(connection: Connection, key: UUID) -> Person | None:
    """The same, its row locked until the transaction ends."""
    return _found(await connection.fetchrow(f"{_ONE} for update", key))


async def of_organisations(connection: Connection, organisation_ids: Sequence[UUID], *, limit: int) -> Sequence[Person]:
    """The contact persons of these organisations that the caller's office keeps, by name."""
    return [_person(row) for row in await connection.fetch(_OF_ORGANISATION, organisation_ids, limit)]


async def search(
    connection: Connection, words: Sequence[str], *, after: UUID | None, limit: int
) -> Sequence[tuple[Person, str | None]] | None:
    """The contact persons of the caller's office by name, each with its organisation's; `words` are folded and begin
    words of name, address or phone. `after` is the last one's id: None when that one is there no longer.
    """
    name = await _name_of(connection, "person_kept", after)
    if after is not None and name is None:
        return None
    statement, parameters = search_statement(words, name=name, after=after, limit=limit)
    rows = await connection.fetch(statement, *parameters)
    return [(_person(row), row["organisation_name"]) for row in rows]


async def to_invite(
    connection: Connection, words: Sequence[str], *, after: UUID | None, limit: int
) -> Sequence[Invited] | None:
    """Who of the contact persons of the caller's state agreed to be invited, by name; as `search`."""
    name = await _name_of(connection, "person_to_invite", after)
    if after is not None and name is None:
        return None
    statement, parameters = search_statement(words, name=name, after=after, limit=limit, invited=True)
    rows = await connection.fetch(statement, *parameters)
    return [Invited(**dict(row) | {"roles": tuple(row["roles"])}) for row in rows]


def search_statement(
    words: Sequence[str], *, name: str | None, after: UUID | None, limit: int, invited: bool = False
) -> tuple[str, list[object]]:
    """The statement of a page of `search` or `to_invite`, and its parameters; `name` is that of the one behind which it
    begins. What is not asked is not in it, so that its plan fits what is.
    """
    parameters: list[object] = [limit]
    conditions = ["true"]
    if words:
        # Folded words consist of letters and digits, so nothing in them is special to a tsquery; `:*` is a beginning.
        parameters.append(" & ".join(f"{word}:*" for word in words))
        conditions.append(f"{_WORDS} @@ ${len(parameters)}::tsquery")
    if after is not None:
        parameters += [name, after]
        conditions.append(f"({_NAME}, p.id) > (lower(${len(parameters) - 1}::text), ${len(parameters)}::uuid)")
    statement = _TO_INVITE if invited else _SEARCH
    return f"{statement} where {' and '.join(conditions)} order by {_NAME}, p.id limit $1", parameters


async def _name_of(connection: Connection, view: str, key: UUID | None) -> str | None:
    name: str | None = None if key is None else await connection.fetchval(_PLACE.format(view=view), key)
    return name


async def add(connection: Connection, persons: Sequence[tuple[Person, Keys]]) -> set[UUID]:
    """Store new contact persons, each with the keys by which it is found; which were stored.

    One with an address that the organisation has already (`ONCE`) is not.
    """
    rows = await connection.fetch(
        _ADD,
        *([_said(getattr(person, name)) for person, _ in persons] for name in _NAMES),
        *([getattr(keys, name) for _, keys in persons] for name in Keys._fields),
    )
    return {row["id"] for row in rows}


def _said(value: object) -> object:
    """Lists as JSON: an array of arrays would have to be a rectangle."""
    return json.dumps(value) if isinstance(value, tuple) else value


async def known(connection: Connection, state: State, organisation_ids: Sequence[UUID]) -> list[Record]:
    """Whom that state keeps of these organisations: organisation_id, email_key, phone_key, name_key."""
    return await connection.fetch(
        """select organisation_id, email_key, phone_key, name_key from contact_person
            where state = $1 and organisation_id = any($2)""",
        state,
        list(organisation_ids),
    )


async def remove_untouched(connection: Connection, keys: Sequence[UUID]) -> list[Person]:
    """Delete those of these records that are as they were entered; they are given once more."""
    rows = await connection.fetch(
        f"""delete from contact_person as p where p.id = any($1) and p.version = 1 and p.restricted_at is null
            returning {_COLUMNS}""",  # noqa: S608 - constants
        list(keys),
    )
    return [_person(row) for row in rows]


async def change(connection: Connection, person: Person, keys: Keys) -> None:
    """Store what is said of the person now; the caller holds the lock. Raises as `add`."""
    given = [name for name in _NAMES if name not in {"id", "organisation_id", "state", "created_at", "created_by"}]
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate([*given, *Keys._fields], start=2))
    await connection.execute(
        f"update contact_person set {sets} where id = $1",  # noqa: S608 - names of fields
        person.id,
        *(getattr(person, name) for name in given),
        *keys,
    )


async def remove(connection: Connection, key: UUID) -> bool:
    """Delete the record; whether there was one."""
    return affected(await connection.execute("delete from contact_person where id = $1", key)) > 0


async def of_person(
    connection: Connection, state: State, email_keys: Sequence[str], person_id: UUID | None, *, lock: bool
) -> Sequence[Person]:
    """All that a state keeps with these addresses or this pseudonym, by id; locked if it is to be changed.

    An address that one person alone has leads to all records of theirs, other addresses among them; one that several
    have leads to the records with it, and no further.
    """
    return [
        _person(row)
        for row in await connection.fetch(
            f"{_OF_PERSON} {'for update' if lock else ''}",
            state,
            list(email_keys),
            person_id,
        )
    ]


async def of_phone(connection: Connection, state: State, phone_key: str, *, limit: int) -> Sequence[Person]:
    """Whom a state keeps with this phone number, by name; a number may be several persons'."""
    return [_person(row) for row in await connection.fetch(_OF_PHONE, state, phone_key, limit)]


async def erase(connection: Connection, ids: Sequence[UUID]) -> int:
    """Delete these records; how many there were."""
    return affected(await connection.execute("delete from contact_person where id = any($1)", list(ids)))


async def restrict(connection: Connection, ids: Sequence[UUID], *, at: datetime | None) -> int:
    """Restrict these records since then, or no longer (None); how many that changed."""
    return affected(
        await connection.execute(
            """update contact_person set restricted_at = $2, version = version + 1
                where id = any($1) and (restricted_at is null) <> ($2::timestamptz is null)""",
            list(ids),
            at,
        )
    )


async def object_to_advertising(connection: Connection, ids: Sequence[UUID], *, at: datetime) -> int:
    """Mark these records as objected to; how many of them that changed."""
    return affected(
        await connection.execute(
            """update contact_person set objected_at = $2, version = version + 1
                where id = any($1) and objected_at is null""",
            list(ids),
            at,
        )
    )


async def general_addresses(
    connection: Connection, state: State, ways: Sequence[tuple[str, str]]
) -> Sequence[tuple[UUID, str]]:
    """A state's organisations whose general address is, or was before a merger, one of these ways of writing one, each
    with the address."""
    addresses = dict(ways)
    rows = await connection.fetch(
        "select organisation_id, written from organisations_at($1, $2)", state, list(addresses)
    )
    return [(row["organisation_id"], addresses[row["written"]]) for row in rows]


async def erase_general_addresses(
    connection: Connection, organisation_ids: Sequence[UUID], addresses: Sequence[str]
) -> int:
    """Delete these addresses, in lower case, of these organisations; of how many."""
    erased: int = await connection.fetchval("select erase_addresses($1, $2)", organisation_ids, addresses)
    return erased


async def forget_replaced_addresses(connection: Connection, state: State, *, merged_before: datetime) -> int:
    """Delete a state's addresses from before mergers that cannot be undone any more, or have been; how many."""
    forgotten: int = await connection.fetchval("select forget_replaced_addresses($1, $2)", state, merged_before)
    return forgotten


async def remove_expired(connection: Connection, state: State, *, today: date, limit: int) -> int:
    """Delete a state's records whose last day is over, but for restricted ones; how many."""
    return affected(
        await connection.execute(
            """delete from contact_person where id in (
                   select id from contact_person
                    where state = $1 and retain_until < $2 and restricted_at is null
                    limit $3 for update skip locked)""",
            state,
            today,
            limit,
        )
    )


def _found(row: Record | None) -> Person | None:
    return _person(row) if row else None


def _person(row: Record) -> Person:
    values = {name: row[name] for name in _NAMES}
    return Person(
        **values | {"state": State(row["state"]), "roles": tuple(row["roles"]), "purposes": tuple(row["purposes"])}
    )
