"""The one way a change of an organisation is kept: row, numbers, version and event, in the caller's transaction.

Invariant: the event's sequence is the organisation's version, drawn while its row is locked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
from norda_common import outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, NotFound, StaleVersion, Text
from norda_common.states import State

from ..rules.profile import ACTIVE, identifiers
from ..rules.rights import CHANGE
from ..rules.size_class import Figures
from ..store import matches, organisations, searches
from ..store.matches import Match
from ..store.organisations import Change, Stored

FIELDS = {
    "euid": "euid", "register": "register_entry", "vat": "vat_id", "widnr": "widnr", "lei": "lei",
    "cluster": "cluster_code",
}  # fmt: skip
"""The field in which a number of this kind is entered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a use case did: the organisation as it is now, and what the office should look at."""

    stored: Stored
    changed: bool = True
    warnings: Sequence[FieldError] = field(default_factory=tuple)


async def lock_own(
    connection: Connection,
    organisation_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    expected_version: int | None,
) -> Stored:
    """The organisation, locked, when the caller may change it here.

    Raises NotFound, Forbidden (another state's), Conflict (`state_not_served`) or StaleVersion.
    """
    stored = await organisations.lock(connection, organisation_id)
    state = stored.organisation.responsible_state if stored else await searches.state_of(connection, organisation_id)
    if state is None:
        raise NotFound("Diese Organisation gibt es nicht.", "There is no such organisation.")
    caller.require(CHANGE, State(state))
    caller.require_served(CHANGE, served)
    if stored is None:
        raise Conflict(
            "Diese Organisation wird in einer anderen Instanz geführt.",
            "This organisation is kept by another instance.",
            code="kept_elsewhere",
        )
    if expected_version is not None and expected_version != stored.version:
        raise StaleVersion(
            f"Inzwischen gilt Version {stored.version}, Sie haben {expected_version} geändert.",
            f"Version {stored.version} is current, you changed {expected_version}.",
            current_version=stored.version,
        )
    return stored


async def record(
    connection: Connection,
    organisation: Organisation,
    *,
    before: Stored | None,
    change: str,
    caller: Caller,
    now: datetime,
    figures: Figures,
    old_state: State | None = None,
    holders: Sequence[Match] | None = None,
) -> Stored:
    """Store the new version and publish it; after a relocation on the old state's topic too, with the same sequence.

    `holders` are those of its numbers, where the caller has looked them up already. Raises Conflict when another active
    organisation holds one of its numbers.
    """
    version = before.version + 1 if before else 1
    stored = Stored(organisation.model_copy(update={"changed_at": now}), version, figures)
    refuse_taken(stored.organisation, await holders_of(connection, organisation) if holders is None else holders)
    try:
        await organisations.store(
            connection,
            [Change(stored=stored, change=change, changed_by=caller.subject, changed_at=now, created=before is None)],
        )
    except asyncpg.UniqueViolationError as error:
        found = raced_error(taken_number(error))
        raise Conflict(
            f"{found.field}: {found.text.de}", f"{found.field}: {found.text.en}", code=found.code, errors=[found]
        ) from error
    state = State(organisation.responsible_state)
    states = [state] if old_state is None or old_state is state else [old_state, state]
    await outbox.append(connection, *(event_of(stored, change=change, state=each) for each in states))
    return stored


def event_of(stored: Stored, *, change: str, state: State) -> Event:
    """The event that says this version on a state's topic."""
    return ORGANISATION.event(
        change,
        stored.organisation,
        state=state,
        key=stored.organisation.organisation_id,
        sequence=stored.version,
        time=stored.organisation.changed_at,
    )


def held_numbers(organisation: Organisation) -> list[tuple[str, str]]:
    """The numbers that are this organisation's alone as long as it is active, as (kind, value)."""
    if organisation.status != ACTIVE:
        return []
    return [(item.kind, item.value) for item in identifiers(organisation) if item.current]


async def holders_of(connection: Connection, organisation: Organisation) -> list[Match]:
    """Which organisations have or had one of its numbers."""
    return await matches.find(connection, held_numbers(organisation))


def refuse_taken(organisation: Organisation, holders: Sequence[Match]) -> None:
    """Raises Conflict naming every number that another active organisation holds, in any state."""
    held = set(held_numbers(organisation))
    taken = [
        match
        for match in holders
        if match.current and match.organisation_id != organisation.organisation_id and (match.kind, match.value) in held
    ]
    if taken:
        errors = [taken_error(match) for match in taken]
        first = errors[0]
        raise Conflict(
            f"{first.field}: {first.text.de}",
            f"{first.field}: {first.text.en}",
            code="identifier_taken",
            errors=errors,
            organisation_id=str(taken[0].organisation_id),
        )


def taken_error(match: Match, *, row: int | None = None) -> FieldError:
    """What is said when a number belongs to somebody else."""
    who = f"{match.legal_name[:120]} ({State(match.responsible_state).label})"
    return FieldError(
        field=FIELDS.get(match.kind, match.kind),
        code="identifier_taken",
        text=Text(f"gehört schon zu {who}", f"already belongs to {who}"),
        row=row,
    )


def taken_number(error: asyncpg.UniqueViolationError) -> tuple[str, str]:
    """The (kind, value) that somebody else took since it was looked up; the database names it in any language."""
    found = re.search(r"=\((\w+), (.*)\)", str(error.detail or ""))
    if error.constraint_name != "identifier_held_once" or found is None:
        raise error
    return found[1], found[2]


def raced_error(number: tuple[str, str], *, row: int | None = None) -> FieldError:
    """What is said when somebody else takes a number at the same moment."""
    return FieldError(
        field=FIELDS[number[0]],
        code="identifier_taken",
        text=Text("gehört schon zu einer anderen Organisation", "already belongs to another organisation"),
        row=row,
    )
