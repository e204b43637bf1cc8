"""Whether a contact person is known: by the address together with the name, and by what they asked for before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from norda_common.addresses import address_key
from norda_common.database import Connection
from norda_common.states import State

from ..rules.names import search_text
from ..rules.people import known_phone, name_key, phone_key, under_name
from ..store import known_persons
from ..store.people import Keys, Person


def keys_of(person: Person) -> Keys:
    """By what the record is found."""
    return Keys(
        email_key=address_key(person.email) if person.email else None,
        phone_key=phone_key(person.phone) if person.phone else None,
        name_key=name_key(person.name),
        search_text=search_text(person.name, person.email, person.phone, phone_key(person.phone or "")),
    )


async def recognised(
    connection: Connection, state: State, persons: Sequence[tuple[Person, Keys]]
) -> list[tuple[Person, Keys]]:
    """The persons with the pseudonyms that their addresses have under their names in this state, and with what they
    asked for before; an objection stays with a record also when its address changes.

    An objection by an address is everybody's who has it; one by a phone number is of who is called so: a switchboard's
    number is many people's. Holds locks on addresses and numbers until the transaction ends.
    """
    asked = {person.id: _objects_by(person, keys) for person, keys in persons}
    locked = {keys.email_key for _, keys in persons if keys.email_key}
    phones = (known_phone(person.phone) for person, _ in persons if person.phone)
    await known_persons.lock(connection, state, locked.union(phone for phone in phones if phone))
    known = sorted({(keys.email_key, keys.name_key) for _, keys in persons if keys.email_key})
    pseudonyms = await known_persons.pseudonyms(connection, state, known) if known else {}
    restricted = await known_persons.restricted(connection, state, known) if known else {}
    objected = await known_persons.objections(connection, {key for each in asked.values() for key in each})
    found = []
    for person, keys in persons:
        since = [objected[key] for key in asked[person.id] if key in objected]
        said = replace(person, objected_at=min(since, default=person.objected_at))
        if keys.email_key:
            who = keys.email_key, keys.name_key
            # One that several organisations of a list name is one person.
            own = pseudonyms.setdefault(who, person.person_id)
            said = replace(said, person_id=own, restricted_at=restricted.get(who))
        found.append((said, keys))
    return found


def _objects_by(person: Person, keys: Keys) -> list[str]:
    """The keys by which an objection of theirs may be known."""
    phone = known_phone(person.phone) if person.phone else None
    named = [under_name(key, person.name) for key in (keys.email_key, phone) if key]
    return [keys.email_key, *named] if keys.email_key else named
