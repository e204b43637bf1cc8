"""The one way a change of an organisation is kept: row, numbers, version and event, in the caller's transaction.

Invariant: the event's sequence is the organisation's version, drawn while its row is locked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, NotFound, StaleVersion, Text
from norda_common.states import State

from ..rules.handovers import ANSWERED_LATER_BY, open_offer
from ..rules.merging import MERGED
from ..rules.profile import ACTIVE, identifiers
from ..rules.rights import CHANGE
from ..rules.size_class import Figures
from ..store import matches, organisations, searches
from ..store.matches import Match
from ..store.organisations import Change, NumberTaken, Stored

FIELDS = {
    "euid": "euid", "register": "register_entry", "vat": "vat_id", "widnr": "widnr", "lei": "lei",
    "cluster": "cluster_code",
}  # fmt: skip
"""The field in which a number of this kind is entered."""
ITEM = "organisation"
"""What the audit log calls an organisation."""
CONTACT = "contact_email"
FIGURES = tuple(each.name for each in fields(Figures))
"""Fields beside the document, of which the audit log has no more than the names."""
_SAID_BESIDE = {"organisation_id", "changed_at"}


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
    while_offered: bool = False,
) -> Stored:
    """The organisation, locked, when the caller may change it here.

    Raises NotFound, Forbidden (another state's), StaleVersion or Conflict: `state_not_served`, `merged`, or
    `relocation_offered` unless what is done is about the offer (`while_offered`).
    """
    stored = await organisations.lock(connection, organisation_id)
    state = stored.organisation.responsible_state if stored else await searches.state_of(connection, organisation_id)
    if state is None:
        raise no_such_organisation()
    caller.require(CHANGE, State(state))
    caller.require_served(CHANGE, served)
    # Policies keep what another state keeps from being locked; it may have come to this one since.
    stored = stored or await organisations.lock(connection, organisation_id)
    if stored is None:
        raise kept_elsewhere()
    if stored.organisation.status == MERGED:
        raise already_merged(stored.organisation)
    require_version(stored, expected_version)
    if not while_offered:
        refuse_offered(stored.organisation)
    return stored


def require_version(stored: Stored, expected_version: int | None) -> None:
    """Raises StaleVersion unless the version is the one the caller has seen; None is any."""
    if expected_version is not None and expected_version != stored.version:
        raise StaleVersion(
            f"Inzwischen gilt Version {stored.version}, Sie haben {expected_version} geändert.",
            f"Version {stored.version} is current, you changed {expected_version}.",
            current_version=stored.version,
        )


def refuse_offered(organisation: Organisation) -> None:
    """Raises Conflict while the organisation is offered to another state: its office accepts what it has seen."""
    offer = open_offer(organisation)
    if offer is not None:
        label = state_label(offer.to_state)
        raise Conflict(
            f"Die Verlegung nach {label} ist angeboten; bis zur Antwort ändert sich nichts. Man kann sie zurücknehmen.",
            f"The relocation to {label} is offered; nothing changes until it is answered. It can be taken back.",
            code="relocation_offered",
        )


def state_label(code: str) -> str:
    """A state's name; a code this release does not know stands for itself."""
    try:
        return State(code).label
    except ValueError:
        return code.upper()


def no_such_organisation() -> NotFound:
    """The refusal for an id that no instance has published."""
    return NotFound("Diese Organisation gibt es nicht.", "There is no such organisation.")


def already_merged(organisation: Organisation) -> Conflict:
    """The refusal for an organisation that has become part of another."""
    return Conflict(
        f"„{organisation.legal_name[:120]}“ ist in einer anderen Organisation aufgegangen.",
        f"“{organisation.legal_name[:120]}” has become part of another organisation.",
        code="merged",
        merged_into=str(organisation.merged_into),
    )


def kept_elsewhere() -> Conflict:
    """The refusal for an organisation that is known from its topic alone."""
    return Conflict(
        "Diese Organisation wird in einer anderen Instanz geführt.",
        "This organisation is kept by another instance.",
        code="kept_elsewhere",
    )


async def record(
    connection: Connection,
    organisation: Organisation,
    *,
    before: Stored | None,
    change: str,
    action: str,
    caller: Caller,
    now: datetime,
    figures: Figures,
    old_state: State | None = None,
    holders: Sequence[Match] | None = None,
    touched: Collection[str] = (),
    taken_over: bool = False,
) -> Stored:
    """Store the new version, publish it, and enter it in the audit log as that action.

    After a relocation it is said on the old state's topic too, with the same sequence, unless another instance writes
    there (`old_state` None). `taken_over`: `before` is what such an instance published, and this database has no row
    yet. `touched` are fields beside the document that were changed, of which the log gets no more than the names.
    `holders` are those of its numbers, where the caller has looked them up already. Raises Conflict when another active
    organisation holds one of its numbers.
    """
    version = before.version + (ANSWERED_LATER_BY if taken_over else 1) if before else 1
    stored = Stored(organisation.model_copy(update={"changed_at": now}), version, figures)
    refuse_taken(stored.organisation, await holders_of(connection, organisation) if holders is None else holders)
    try:
        await organisations.store(
            connection,
            [
                Change(
                    stored=stored,
                    change=change,
                    changed_by=caller.subject,
                    changed_at=now,
                    created=before is None or taken_over,
                )
            ],
        )
    except NumberTaken as error:
        found = raced_error(error.number)
        raise Conflict(
            f"{found.field}: {found.text.de}", f"{found.field}: {found.text.en}", code=found.code, errors=[found]
        ) from error
    state = State(organisation.responsible_state)
    states = [state] if old_state is None or old_state is state else [old_state, state]
    await outbox.append(connection, *(event_of(stored, change=change, state=each) for each in states))
    await audit.record(connection, caller, entry_of(stored, before=before, action=action, touched=touched))
    return stored


def entry_of(stored: Stored, *, before: Stored | None, action: str, touched: Collection[str] = ()) -> audit.Entry:
    """The audit log's entry: of the published document what changed, of figures and `touched` only that they did.

    What is new is only named: its first version holds it whole.
    """
    earlier = before.figures if before else Figures()
    names = {*touched, *(name for name in FIGURES if getattr(stored.figures, name) != getattr(earlier, name))}
    said = {"touched": sorted(names)} if names else {}
    key = str(stored.organisation.organisation_id)
    if before is None:
        named = {
            "legal_name": stored.organisation.legal_name,
            "responsible_state": stored.organisation.responsible_state,
        }
        return audit.Entry(action, ITEM, key, after=named | {"version": stored.version} | said)
    changed = {
        name
        for name in Organisation.model_fields.keys() - _SAID_BESIDE
        if getattr(before.organisation, name) != getattr(stored.organisation, name)
    }
    old, new = audit.difference(_document(before, changed), _document(stored, changed))
    return audit.Entry(action, ITEM, key, old, new | said)


def _document(stored: Stored, names: set[str]) -> dict[str, Any]:
    """These fields as published, and the version."""
    document = stored.organisation.model_dump(mode="json", exclude_none=True, include=names)
    return document | {"version": stored.version}


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


def raced_error(number: tuple[str, str], *, row: int | None = None) -> FieldError:
    """What is said when somebody else takes a number at the same moment."""
    return FieldError(
        field=FIELDS.get(number[0], "own_id"),
        code="identifier_taken",
        text=Text("gehört schon zu einer anderen Organisation", "already belongs to another organisation"),
        row=row,
    )
