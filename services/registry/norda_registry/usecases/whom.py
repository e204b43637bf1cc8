"""Who is meant by a request, in one state: by addresses, by the pseudonym of contact persons, and by what both lead to.

Whoever has no address is meant by the pseudonym alone. It is a state's own: to other states and services the person is
known by their addresses only. An address that others have, too, leads to all who have it when it is named, and to
nobody when it only stands in a record of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from norda_common.addresses import address_key, written
from norda_common.database import Connection
from norda_common.states import State

from ..rules.people import known_phone, under_name
from ..store import known_persons, people
from ..store.people import Person


@dataclass(frozen=True, slots=True)
class Whom:
    """A person in one state: their records as contact person, and every address they are known by, each once."""

    found: Sequence[Person]
    emails: tuple[str, ...]
    shared: tuple[str, ...]
    """Addresses in their records that somebody else has, too, and that were not named: they are not looked for."""
    named: UUID | None
    """The pseudonym they were named by; perhaps another state's."""

    def __repr__(self) -> str:
        """Without names and addresses, so that no traceback or log shows them."""
        return f"Whom({len(self.found)} records, {len(self.emails)} addresses)"

    @property
    def ids(self) -> list[UUID]:
        """Of their records."""
        return [person.id for person in self.found]

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return list(dict.fromkeys(person.name for person in self.found))

    @property
    def several(self) -> bool:
        """Whether they are several persons, who share an address that was named."""
        return len({person.person_id for person in self.found}) > 1

    @property
    def person_id(self) -> UUID | None:
        """Their pseudonym; None where there is no record, or several persons have the address."""
        return None if self.several or not self.found else self.found[0].person_id

    @property
    def person_ids(self) -> list[UUID]:
        """Every pseudonym they were named by or have."""
        named = () if self.named is None else (self.named,)
        return list(dict.fromkeys((*named, *(person.person_id for person in self.found))))

    @property
    def email_keys(self) -> list[str]:
        """The keys of their addresses, in one order for all who lock by them."""
        return sorted(address_key(email) for email in self.emails)

    @property
    def shared_keys(self) -> list[str]:
        """The keys of the addresses that others have, too."""
        return sorted(address_key(email) for email in self.shared)

    @property
    def written(self) -> list[tuple[str, str]]:
        """How their addresses may be written, in lower case, each with the address."""
        return [(way, email) for email in self.emails for way in written(email)]

    @property
    def known_by(self) -> list[str]:
        """The keys of all addresses and phone numbers of theirs."""
        phones = {known_phone(person.phone) for person in self.found if person.phone}
        return sorted({*self.email_keys, *self.shared_keys, *(phone for phone in phones if phone)})

    @property
    def objects_by(self) -> list[str]:
        """The keys by which an objection of theirs is known again: their addresses; and under their names the numbers
        and addresses that may be others', too.
        """
        own = frozenset(self.email_keys)
        keys = set(own)
        for person in self.found:
            address = address_key(person.email) if person.email else None
            number = known_phone(person.phone) if person.phone else None
            keys.update(under_name(key, person.name) for key in (address, number) if key and key not in own)
        return sorted(keys)


async def whom_in(
    connection: Connection, state: State, addresses: Sequence[str], person_id: UUID | None, *, lock: bool
) -> Whom:
    """Who is meant in that state by these addresses and this pseudonym; their records locked if they are to change."""
    known: dict[str, str] = {}
    for email in addresses:
        known.setdefault(address_key(email), email)
    found = await people.of_person(connection, state, list(known), person_id, lock=lock)
    further: dict[str, str] = {}
    for person in found:
        if person.email and (key := address_key(person.email)) not in known:
            further.setdefault(key, person.email)
    others = await known_persons.shared(connection, state, further, {person.person_id for person in found})
    own = (email for key, email in further.items() if key not in others)
    return Whom(
        found,
        emails=(*known.values(), *own),
        shared=tuple(email for key, email in further.items() if key in others),
        named=person_id,
    )


async def locked_whom(connection: Connection, state: State, addresses: Sequence[str], person_id: UUID | None) -> Whom:
    """The same, with all that is theirs locked: records, and the addresses and numbers by which somebody might just be
    entered, who is waited for and then among them. Records first, as whoever changes one does.
    """
    held: set[str] = set()
    while True:
        whom = await whom_in(connection, state, addresses, person_id, lock=True)
        if held.issuperset(whom.known_by):
            return whom
        held.update(whom.known_by)
        await known_persons.lock(connection, state, held)
