"""Who is meant by a request, in one state: by addresses, by the pseudonym of contact persons, and by what both lead to.

Whoever has no address is meant by the pseudonym alone. It is a state's own: to other states and services the person is
known by their addresses only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from norda_common.addresses import address_key, written
from norda_common.database import Connection
from norda_common.states import State

from ..rules.people import phone_key
from ..store import people
from ..store.people import Person


@dataclass(frozen=True, slots=True)
class Whom:
    """A person in one state: their records as contact person, and every address they are known by, each once."""

    found: Sequence[Person]
    emails: tuple[str, ...]
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
    def person_id(self) -> UUID | None:
        """Their pseudonym; None where there is no record."""
        return self.found[0].person_id if self.found else None

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
    def written(self) -> list[tuple[str, str]]:
        """How their addresses may be written, in lower case, each with the address."""
        return [(way, email) for email in self.emails for way in written(email)]

    @property
    def known_by(self) -> list[str]:
        """The keys of their addresses and phone numbers."""
        phones = {known_phone(person.phone) for person in self.found if person.phone}
        return sorted({*self.email_keys, *(phone for phone in phones if phone)})


async def whom_in(
    connection: Connection, state: State, addresses: Sequence[str], person_id: UUID | None, *, lock: bool
) -> Whom:
    """Who is meant in that state by these addresses and this pseudonym; their records locked if they are to change."""
    known: dict[str, str] = {}
    for email in addresses:
        known.setdefault(address_key(email), email)
    found = await people.of_person(connection, state, list(known), person_id, lock=lock)
    for person in found:
        if person.email:
            known.setdefault(address_key(person.email), person.email)
    return Whom(found, tuple(known.values()), person_id)


def known_phone(phone: str) -> str | None:
    """How a phone number stands among the keys by which a proof is found; no address looks so."""
    key = phone_key(phone)
    return f"tel:{key}" if key else None
