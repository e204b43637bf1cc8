"""Memberships that other offices propose, as said on their topics; each is decided by the organisation's office."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection
from norda_common.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One proposal; `state` decides, `proposed_by` found it in the list `source`. `taken` None: not decided."""

    id: UUID
    sequence: int
    organisation_id: UUID
    state: State
    proposed_by: State
    cluster_id: UUID
    cluster_code: str
    change: str
    kind: str | None
    on: date
    source: str
    proposed_at: datetime
    decided_at: datetime | None = None
    taken: bool | None = None


_COLUMNS = (
    "id, sequence, organisation_id, state, proposed_by, cluster_id, cluster_code, change, kind, on_day, source, "
    "proposed_at, decided_at, taken"
)
_PUT = f"""
insert into membership_proposal ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (id) do update
   set sequence = excluded.sequence, decided_at = excluded.decided_at, taken = excluded.taken
 where membership_proposal.sequence < excluded.sequence
"""  # noqa: S608 - constants


async def put(connection: Connection, proposals: Sequence[Proposal]) -> None:
    """Store proposals, or what became of them; what is older than what is there changes nothing."""
    await connection.executemany(_PUT, [_row(each) for each in proposals])


async def decide(connection: Connection, proposal: Proposal, *, subject: str) -> None:
    """Store the decision of the organisation's office."""
    await connection.execute(
        """update membership_proposal set sequence = $2, decided_at = $3, taken = $4, decided_by = $5 where id = $1""",
        proposal.id,
        proposal.sequence,
        proposal.decided_at,
        proposal.taken,
        subject,
    )


async def remove(connection: Connection, ids: Sequence[UUID]) -> None:
    """Forget proposals that were withdrawn."""
    await connection.execute("delete from membership_proposal where id = any($1)", list(ids))


async def lock(connection: Connection, proposal_id: UUID) -> Proposal | None:
    """One proposal, locked until the transaction ends; None also where the caller may not decide it."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from membership_proposal where id = $1 for update",  # noqa: S608 - constants
        proposal_id,
    )
    return _read(row) if row else None


async def undecided(connection: Connection, *, state: State, after: UUID | None, limit: int) -> list[Proposal]:
    """What that state's office has to decide, the oldest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from membership_proposal
             where state = $1 and decided_at is null and ($2::uuid is null or id > $2)
             order by id limit $3""",  # noqa: S608 - constants
        state,
        after,
        limit,
    )
    return [_read(row) for row in rows]


async def known(connection: Connection, cluster_id: UUID, organisation_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """Of these organisations those for which a change in the cluster waits already: (organisation, change)."""
    rows = await connection.fetch(
        """select organisation_id, change from membership_proposal
            where cluster_id = $1 and organisation_id = any($2) and decided_at is null""",
        cluster_id,
        list(organisation_ids),
    )
    return {(row["organisation_id"], row["change"]) for row in rows}


def _row(each: Proposal) -> tuple[object, ...]:
    return (
        each.id, each.sequence, each.organisation_id, each.state, each.proposed_by, each.cluster_id,
        each.cluster_code, each.change, each.kind, each.on, each.source, each.proposed_at, each.decided_at, each.taken,
    )  # fmt: skip


def _read(row: Record) -> Proposal:
    values = dict(row)
    values["on"] = values.pop("on_day")
    return Proposal(**values | {"state": State(values["state"]), "proposed_by": State(values["proposed_by"])})
