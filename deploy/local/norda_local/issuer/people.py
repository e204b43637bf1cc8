"""The people of a local test installation: every role in every state, and those who act for the whole platform.

They are examples and are named so. Their `sub` is stable across restarts and the same in the Keycloak realm, so what
was written by one of them stays theirs whichever provider signs them in.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from norda_common.states import ALL_STATES

ROLES = {
    "office": ("Sachbearbeitung", "case work"),
    "lead": ("Leitung", "head of office"),
    "pr": ("Öffentlichkeitsarbeit", "public relations"),
}
PLATFORM_ROLES = {"operator": ("Betrieb", "operations"), "auditor": ("Revision", "audit")}


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in. `state` is None for those who act for the whole platform."""

    key: str
    name: str
    role: str
    role_label: tuple[str, str]
    state: str | None
    place: tuple[str, str]

    @property
    def subject(self) -> str:
        """The stable pseudonymous id."""
        return subject_of(self.key)

    def claims(self) -> dict[str, object]:
        """What tokens say about the person."""
        said: dict[str, object] = {"sub": self.subject, "name": self.name, "roles": [self.role]}
        return said | ({"state": self.state} if self.state else {})


def subject_of(key: str) -> str:
    """The pseudonymous id that belongs to a key, the same everywhere."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:norda:example:{key}"))


def _everybody() -> Iterable[Person]:
    for state in ALL_STATES:
        for role, label in ROLES.items():
            name = f"Beispiel {state.label} {label[0]}"
            yield Person(f"{state.value}-{role}", name, role, label, state.value, (state.label, state.label))
    for role, label in PLATFORM_ROLES.items():
        yield Person(role, f"Beispiel {label[0]}", role, label, None, ("Ganze Plattform", "Whole platform"))


PEOPLE = {person.key: person for person in _everybody()}


def by_place() -> list[tuple[tuple[str, str], list[Person]]]:
    """Everybody, grouped for the sign-in page."""
    return [(place, list(members)) for place, members in groupby(PEOPLE.values(), key=lambda person: person.place)]
