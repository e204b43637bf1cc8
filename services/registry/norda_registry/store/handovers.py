"""Offers of relocations between states, and what was answered to them. Callers hold the transaction.

The losing instance's row is locked by whoever answers in the same database; an offer of another instance is answered
once, by the key of `handover_answer`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection, affected
from norda_common.states import State
from norda_common.telemetry import current_trace_id

from ..rules.size_class import Figures
from .organisations import Stored
from .searches import Entry

ACCEPTED, REFUSED, LET_GO = "accepted", "refused", "let_go"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to one offer of another instance's organisation; `version` is that of the answer's record."""

    organisation_id: UUID
    offered_at: datetime
    to_state: State
    answer: str
    version: int
    answered_at: datetime
    answered_by: str


async def lock_offered(connection: Connection, organisation_id: UUID, state: State) -> Stored | None:
    """The own row that is offered to this state, locked. Its figures are none of that state's business, and unknown."""
    row = await connection.fetchrow(
        "select version, data from organisation where id = $1 and offered_to = $2 for update", organisation_id, state
    )
    return Stored(Organisation.model_validate_json(row["data"]), row["version"], Figures()) if row else None


async def add_answer(connection: Connection, answer: Answer) -> bool:
    """Keep the answer; False when this offer has one. Waits for somebody who answers at the same moment."""
    status = await connection.execute(
        """insert into handover_answer
                  (organisation_id, offered_at, to_state, answer, version, answered_at, answered_by)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing""",
        answer.organisation_id,
        answer.offered_at,
        answer.to_state,
        answer.answer,
        answer.version,
        answer.answered_at,
        answer.answered_by,
    )
    return affected(status) > 0


_INCOMING = """
select directory.data, directory.sequence
  from directory
 where directory.offered_to = $1
   and not exists (select from organisation
                    where id = directory.organisation_id and version > directory.sequence)
   and not exists (select from handover_answer
                    where organisation_id = directory.organisation_id and version > directory.sequence)
 order by directory.organisation_id limit $2
"""
_OUTGOING = """
select data, version as sequence from organisation
 where responsible_state = $1 and offered_to is not null order by id limit $2
"""


async def incoming(connection: Connection, state: State, *, limit: int) -> list[Entry]:
    """What other offices offer to this state's, as last published, but for what is answered already."""
    rows = await connection.fetch(_INCOMING, state, limit)
    return [Entry(Organisation.model_validate_json(row["data"]), row["sequence"]) for row in rows]


async def outgoing(connection: Connection, state: State, *, limit: int) -> list[Entry]:
    """What this state's office offers, and is not answered yet."""
    rows = await connection.fetch(_OUTGOING, state, limit)
    return [Entry(Organisation.model_validate_json(row["data"]), row["sequence"]) for row in rows]


async def offered_away(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Which of these are own organisations that are offered to somebody."""
    rows = await connection.fetch(
        "select id from organisation where offered_to is not null and id = any($1)", list(ids)
    )
    return {row["id"] for row in rows}


async def let_go(connection: Connection, stored: Stored, *, changed_by: str) -> None:
    """The own row leaves for another instance with this, its last version here; the history stays."""
    await _add_version(connection, stored, change="seat_relocated", changed_by=changed_by)
    await connection.execute("delete from organisation where id = $1", stored.organisation.organisation_id)


async def settle(connection: Connection, stored: Stored, *, changed_by: str) -> None:
    """The own row stays: its offer was refused, or is taken back for good."""
    await _add_version(connection, stored, change="relocation_withdrawn", changed_by=changed_by)
    await connection.execute(
        "update organisation set version = $2, data = $3 where id = $1",
        stored.organisation.organisation_id,
        stored.version,
        stored.organisation.model_dump_json(exclude_none=True),
    )


async def _add_version(connection: Connection, stored: Stored, *, change: str, changed_by: str) -> None:
    await connection.execute(
        """insert into organisation_version (organisation_id, version, change, changed_at, changed_by, data, trace_id)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        stored.organisation.organisation_id,
        stored.version,
        change,
        stored.organisation.changed_at,
        changed_by,
        stored.organisation.model_dump_json(exclude_none=True),
        current_trace_id(),
    )


def latest(entries: Sequence[Entry]) -> list[Entry]:
    """The offers, the newest first."""
    return sorted(entries, key=lambda entry: entry.organisation.changed_at, reverse=True)
