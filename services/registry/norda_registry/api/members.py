"""Members of clusters: a list reconciled with the register, and memberships that other offices propose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.input import Command, clean_line
from norda_common.requests import Cursor, Limit, read_cursor, write_cursor
from norda_common.web import RuntimeDep, caller_with
from pydantic import AfterValidator, BaseModel, Field

from ..rules.reconciling import ListRow, Matched, Reconciled
from ..rules.rights import CHANGE
from ..store import proposals
from ..store.proposals import Proposal
from ..usecases import member_lists
from ..usecases.commands import Addition, MembershipKind
from ..usecases.profile_commands import ApplyList, DecideProposal
from .views import OrganisationView, view

router = APIRouter(prefix="/api/v1", tags=["clusters"])
Officer = Annotated[Caller, caller_with(CHANGE)]
MOST_ROWS = member_lists.MOST_ROWS
LARGEST_LIST_BYTES = 4 * 1024 * 1024


class RowInput(Command):
    """A row of a list of members: a name with a place, or any number, or both."""

    name: Annotated[str, Field(max_length=500), AfterValidator(clean_line)] = ""
    place: Addition = ""
    number: Addition = ""
    kind: MembershipKind | None = None


class MemberList(Command):
    """A cluster's list of members."""

    rows: Annotated[list[RowInput], Field(min_length=1, max_length=MOST_ROWS)]
    apply: ApplyList | None = Field(default=None, description="Absent: compare only, store nothing")

    def entered(self) -> list[ListRow]:
        """As the rules take it; rows count from 1."""
        return [
            ListRow(number, row.name, row.place, row.number, row.kind) for number, row in enumerate(self.rows, start=1)
        ]


class RowView(BaseModel):
    """A row and what it means; `by` says what decided, `organisations` are several when it is not clear."""

    row: int
    name: str
    by: str
    organisations: list[UUID]
    states: list[str]


class MemberView(BaseModel):
    """A member that the list does not name."""

    organisation_id: UUID
    legal_name: str
    responsible_state: str


class ReconciliationView(BaseModel):
    """What the list says. `joined`, `left` and `proposed` tell what was stored; absent when it was only compared."""

    joins: list[RowView]
    stays: int
    leaves: list[MemberView]
    unknown: list[RowView]
    ambiguous: list[RowView]
    repeated: list[RowView]
    joined: int | None = None
    left: int | None = None
    proposed: int | None = None
    refused: list[str] | None = None


class ProposalView(BaseModel):
    """A membership that another state's office proposes."""

    proposal_id: UUID
    organisation_id: UUID
    proposed_by: str
    cluster_id: UUID
    cluster_code: str
    change: str
    kind: str | None = None
    on: str
    source: str
    proposed_at: datetime


class ProposalPage(BaseModel):
    """The oldest first."""

    items: list[ProposalView]
    next_cursor: str | None = None


@router.post(
    "/clusters/{cluster_id}/members/reconciliation",
    summary="Reconcile a list of members",
    response_model_exclude_none=True,
    max_body_size=LARGEST_LIST_BYTES,
)
async def reconcile(cluster_id: UUID, command: MemberList, caller: Officer, runtime: RuntimeDep) -> ReconciliationView:
    """Compare a list with the register, and with `apply` enter what it says of own organisations.

    Joins and leaves of other states' organisations are proposed to their offices. Doing it again changes nothing.
    """
    rows, now = command.entered(), datetime.now(UTC)
    if command.apply is None:
        async with runtime.database.read(caller) as connection:
            compared = await member_lists.compare_list(connection, cluster_id, rows, caller=caller)
        return _view(compared.found)
    async with runtime.database.transaction(caller) as connection:
        applied = await member_lists.apply_list(
            connection, cluster_id, rows, command.apply, caller=caller, served=runtime.settings.states, now=now
        )
    return _view(applied.found).model_copy(
        update={
            "joined": applied.joined,
            "left": applied.left,
            "proposed": applied.proposed,
            "refused": [f"{name}: {error.text.en}" for name, error in applied.refused],
        }
    )


@router.get("/membership-proposals", summary="List proposed memberships", response_model_exclude_none=True)
async def list_proposals(
    caller: Officer, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> ProposalPage:
    """What other offices found in lists about own organisations, and nobody has decided yet."""
    state = caller.require_own_state(CHANGE)
    after = UUID(str(read_cursor(cursor, UUID)[0])) if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await proposals.undecided(connection, state=state, after=after, limit=limit + 1)
    return ProposalPage(
        items=[_proposal(item) for item in found[:limit]],
        next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@router.post(
    "/membership-proposals/{proposal_id}/decision",
    summary="Decide about a proposed membership",
    response_model_exclude_none=True,
)
async def decide(
    proposal_id: UUID, command: DecideProposal, caller: Officer, runtime: RuntimeDep
) -> OrganisationView | None:
    """Enter what is proposed, and answer with the organisation; null when it is refused."""
    async with runtime.database.transaction(caller) as connection:
        result = await member_lists.decide_proposal(
            connection,
            proposal_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return view(result.stored.organisation, result.stored.version) if result else None


def _view(found: Reconciled) -> ReconciliationView:
    return ReconciliationView(
        joins=[_row(item) for item in found.joins],
        stays=len(found.stays),
        leaves=[_member(item) for item in found.leaves],
        unknown=[_row(item) for item in found.unknown],
        ambiguous=[_row(item) for item in found.ambiguous],
        repeated=[_row(item) for item in found.repeated],
    )


def _row(item: Matched) -> RowView:
    return RowView(
        row=item.row.row,
        name=item.row.name,
        by=item.by,
        organisations=[each.organisation_id for each in item.organisations],
        states=sorted({each.responsible_state for each in item.organisations}),
    )


def _member(item: Organisation) -> MemberView:
    return MemberView(
        organisation_id=item.organisation_id, legal_name=item.legal_name, responsible_state=item.responsible_state
    )


def _proposal(item: Proposal) -> ProposalView:
    return ProposalView(
        proposal_id=item.id,
        organisation_id=item.organisation_id,
        proposed_by=item.proposed_by,
        cluster_id=item.cluster_id,
        cluster_code=item.cluster_code,
        change=item.change,
        kind=item.kind,
        on=item.on.isoformat(),
        source=item.source,
        proposed_at=item.proposed_at,
    )
