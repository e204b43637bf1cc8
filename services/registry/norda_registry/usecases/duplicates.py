"""Suspects: whoever enters a company is warned, and an office says of a pair that they are two companies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict, Forbidden
from norda_common.states import State

from ..rules.duplicates import candidate_of
from ..rules.rights import DUPLICATES
from ..store import duplicates, searches
from ..store.duplicates import Suspect
from ..store.matches import Match
from .commands import TellApart
from .recording import no_such_organisation

PAIR = "pair"
"""What the audit log calls two organisations; its id is both ids, the smaller one first."""
MOST_SHOWN = 10
SUSPECTED = "suspected_duplicate"


async def refuse_suspects(
    connection: Connection, organisation: Organisation, *, holders: Sequence[Match] | None = None
) -> None:
    """Raises Conflict with the organisations that the new one may be, when there are any of the broad class."""
    found = await duplicates.suspects(connection, candidate_of(organisation), holders=holders)
    if found:
        raise Conflict(
            f"Vielleicht gibt es das schon: {_named(found)}.",
            f"This may be there already: {_named(found)}.",
            code=SUSPECTED,
            suspects=[document(suspect) for suspect in found[:MOST_SHOWN]],
        )


def _named(found: Sequence[Suspect]) -> str:
    return ", ".join(suspect.known.candidate.name[:120] for suspect in found[:3])


def document(suspect: Suspect) -> dict[str, Any]:
    """A suspect as a problem document shows it."""
    known, judgement = suspect.known, suspect.judgement
    return {
        "organisation_id": str(known.organisation_id),
        "legal_name": known.candidate.name,
        "place": known.candidate.place,
        "responsible_state": known.responsible_state,
        "status": known.status,
        "score": judgement.score,
        "rule": judgement.rule,
        "reasons": [text.as_dict() for text in judgement.reasons],
    }


async def tell_apart(
    connection: Connection,
    one: UUID,
    other: UUID,
    command: TellApart,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> None:
    """Remember that these are two companies, by the office of one of them; also across later changes. Idempotent.

    Raises NotFound, Forbidden and Conflict (state not served).
    """
    first, second, state = await _pair(connection, one, other, caller=caller, served=served)
    told = await duplicates.tell_apart(
        connection, first, second, state=state, reason=command.reason, decided_by=caller.subject, now=now
    )
    if told:
        await audit.record(connection, caller, _entry("duplicate.tell_apart", first, second, {"touched": ["reason"]}))


async def suspect_again(
    connection: Connection, one: UUID, other: UUID, *, caller: Caller, served: Collection[State]
) -> None:
    """Take back that they are two companies. Idempotent. Raises NotFound, Forbidden and Conflict."""
    first, second, _ = await _pair(connection, one, other, caller=caller, served=served)
    if await duplicates.suspect_again(connection, first, second):
        await audit.record(connection, caller, _entry("duplicate.suspect_again", first, second))


async def _pair(
    connection: Connection, one: UUID, other: UUID, *, caller: Caller, served: Collection[State]
) -> tuple[UUID, UUID, State]:
    own = caller.require_served(DUPLICATES, served)
    states = [await searches.state_of(connection, key) for key in (one, other)]
    if one == other or None in states:
        raise no_such_organisation()
    require_part(own, states)
    first, second = sorted((one, other))
    return first, second, own


def require_part(own: State, states: Collection[str | None]) -> None:
    """Raises Forbidden unless one of the two organisations, which are these states', is the own state's."""
    if own not in states:
        raise Forbidden(
            f"Keine der beiden gehört zu {own.label}.", f"Neither belongs to {own.label}.", code="foreign_state"
        )


def _entry(action: str, first: UUID, second: UUID, after: dict[str, Any] | None = None) -> audit.Entry:
    return audit.Entry(action, PAIR, f"{first} {second}", after=after)
