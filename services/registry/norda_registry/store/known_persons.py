"""By what persons are known again within a state: an address together with a name, a phone number with a name.

Several may share an address or a number. A pseudonym is found by address and name, an objection by a keyed hash.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from norda_common.database import Connection
from norda_common.states import State

Known = tuple[str, str]
"""An address' key and a name's."""
# One by one: for a batch of a list a join would read all records there are.
PSEUDONYMS = """
select asked.email_key, asked.name_key, known.person_id
  from unnest($2::text[], $3::text[]) as asked(email_key, name_key)
 cross join lateral (select p.person_id from contact_person as p
                      where p.state = $1 and p.email_key = asked.email_key and p.name_key = asked.name_key
                      order by p.created_at, p.id limit 1) as known
"""
RESTRICTED = """
select email_key, name_key, max(restricted_at) as since, bool_and(restricted_at is not null) as whole
  from contact_person
 where state = $1
   and email_key = any(array(select email_key from contact_person
                              where state = $1 and email_key = any($2) and restricted_at is not null))
 group by email_key, name_key
"""


async def lock(connection: Connection, state: State, keys: Collection[str]) -> None:
    """Lock these keys of addresses and phone numbers until the transaction ends: who enters a person by one, and who
    does what a person asks, wait for each other.

    One of the state's 256 locks for each, taken in their order, so that a list of thousands holds no more than these.
    What was committed while they were awaited is seen by the next statement.
    """
    await connection.execute(
        """select count(pg_advisory_xact_lock(hashtext('norda.person.' || $1::text), bucket))
             from (select distinct hashtext(key) & 255 as bucket from unnest($2::text[]) as key
                    order by 1) as buckets""",
        state,
        list(keys),
    )


async def pseudonyms(connection: Connection, state: State, known: Sequence[Known]) -> dict[Known, UUID]:
    """The pseudonyms of who has this address under this name in that state, of those that have one. The caller holds
    the addresses' locks, so that a new person does not get two.
    """
    rows = await connection.fetch(PSEUDONYMS, state, [address for address, _ in known], [name for _, name in known])
    return {(row["email_key"], row["name_key"]): row["person_id"] for row in rows}


async def restricted(connection: Connection, state: State, known: Sequence[Known]) -> dict[Known, datetime]:
    """Since when who has this address under this name is restricted in that state, of those that are.

    Where all who have the address are restricted, it is whoever has it: under a name written otherwise it is hardly
    somebody else.
    """
    addresses = list({address for address, _ in known})
    rows = await connection.fetch(RESTRICTED, state, addresses)
    own = {(row["email_key"], row["name_key"]): row["since"] for row in rows if row["since"] is not None}
    shared = {row["email_key"] for row in rows if not row["whole"]}
    everybody: dict[str, datetime] = {}
    for (address, _), since in own.items():
        if address not in shared:
            everybody[address] = max(since, everybody.get(address, since))
    found = {each: own.get(each) or everybody.get(each[0]) for each in known}
    return {each: since for each, since in found.items() if since is not None}


async def objections(connection: Connection, keys: Collection[str]) -> dict[str, datetime]:
    """Of these keys those by which somebody objected, to whichever state, and when."""
    rows = await connection.fetch("select known_by, objected_at from objections($1)", list(keys))
    return {row["known_by"]: row["objected_at"] for row in rows}


async def remember_objection(connection: Connection, keys: Collection[str], *, at: datetime) -> None:
    """Remember for good that whoever is known by one of these keys objected. Idempotent."""
    await connection.execute(
        """insert into objection (known_by, objected_at)
           select keyed_hash(key), $2::timestamptz from unnest($1::text[]) as key order by 1
           on conflict (known_by) do nothing""",
        list(keys),
        at,
    )


async def shared(
    connection: Connection, state: State, email_keys: Collection[str], person_ids: Collection[UUID]
) -> set[str]:
    """Which of these addresses somebody else has, too, than the persons with these pseudonyms."""
    rows = await connection.fetch(
        """select distinct email_key from contact_person
            where state = $1 and email_key = any($2) and person_id <> all($3::uuid[])""",
        state,
        list(email_keys),
        list(person_ids),
    )
    return {row["email_key"] for row in rows}


async def has_others(connection: Connection, state: State, person_id: UUID, *, beside: UUID) -> bool:
    """Whether a state keeps another record of that pseudonym than the one with that id."""
    found: bool = await connection.fetchval(
        "select exists (select from contact_person where state = $1 and person_id = $2 and id <> $3)",
        state,
        person_id,
        beside,
    )
    return found
