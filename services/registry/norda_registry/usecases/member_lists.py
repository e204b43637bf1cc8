"""A cluster's list of members, reconciled with the register: own organisations join and leave, others' are proposed.

`match_rows` is the one place where rows are given a meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from norda_common import outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import MEMBERSHIP_PROPOSAL, MembershipProposal, Organisation
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.errors import Conflict, InvalidInput, NotFound
from norda_common.identifiers import new_id
from norda_common.requests import refused
from norda_common.states import State

from ..rules.names import fold
from ..rules.profile import ACTIVE
from ..rules.reconciling import ListRow, Matched, Reconciled, is_member, reconcile, same_place
from ..rules.rights import CHANGE
from ..store import documents, matches, proposals
from ..store.proposals import Proposal
from .commands import EndMembership, JoinCluster
from .days import local_day
from .lookup import candidates
from .memberships import end_membership, join_cluster
from .profile_commands import AddIndicator, ApplyList, DecideProposal
from .profiles import add_indicator
from .recording import Outcome

MOST_ROWS = 5_000
JOIN, LEAVE = "join", "leave"
TAKEN, REFUSED = "taken", "refused"


@dataclass(frozen=True, slots=True)
class Compared:
    """A list beside the register."""

    cluster: Organisation
    found: Reconciled


@dataclass(slots=True)
class Applied:
    """What became of a list: how many own organisations joined and left, and what was proposed to other offices."""

    found: Reconciled
    joined: int = 0
    left: int = 0
    proposed: int = 0
    indicator: bool = False
    refused: list[tuple[str, InvalidInput | Conflict]] = field(default_factory=list)
    """Organisations whose own record does not allow it, such as an end before the beginning."""


async def compare_list(
    connection: Connection, cluster_id: UUID, rows: Sequence[ListRow], *, caller: Caller
) -> Compared:
    """What the list would change. Stores nothing. Raises NotFound, Forbidden and InvalidInput (too many rows)."""
    caller.require_own_state(CHANGE)
    if len(rows) > MOST_ROWS:
        raise refused("list", f"hat mehr als {MOST_ROWS} Zeilen", f"has more than {MOST_ROWS} rows")
    cluster = (await documents.of(connection, [cluster_id])).get(cluster_id)
    if cluster is None or cluster.kind != "cluster" or cluster.cluster_code is None or cluster.status != ACTIVE:
        raise NotFound("Diesen Cluster gibt es nicht.", "There is no such cluster.")
    matched = await match_rows(connection, rows)
    members = [
        item for item in await documents.members(connection, cluster.cluster_code) if is_member(item, cluster_id)
    ]
    return Compared(cluster, reconcile(matched, members, cluster_id=cluster_id))


async def match_rows(connection: Connection, rows: Sequence[ListRow]) -> list[Matched]:
    """Which organisations the rows mean: by a number that is held now or was, else by name and place, both folded."""
    numbers = {row.row: candidates(row.number) for row in rows if row.number}
    found = await matches.find(connection, [number for several in numbers.values() for number in several])
    by_number: dict[tuple[str, str], list[matches.Match]] = {}
    for match in found:
        by_number.setdefault((match.kind, match.value), []).append(match)
    named = await documents.named(connection, {fold(row.name)[:200] for row in rows if row.name})
    known = await documents.of(connection, {match.organisation_id for match in found})
    by_name: dict[str, list[Organisation]] = {}
    for item in named:
        by_name.setdefault(fold(item.legal_name), []).append(item)
    return [_matched(row, numbers.get(row.row, []), by_number, known, by_name) for row in rows]


async def apply_list(
    connection: Connection,
    cluster_id: UUID,
    rows: Sequence[ListRow],
    command: ApplyList,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Applied:
    """Enter joins and ends of own organisations, and propose those of others to their offices. Idempotent.

    Raises NotFound, Forbidden, Conflict (state not served) and InvalidInput.
    """
    state = caller.require_served(CHANGE, served)
    if command.on > local_day(now):
        raise refused("on", "liegt in der Zukunft", "lies in the future")
    compared = await compare_list(connection, cluster_id, rows, caller=caller)
    applied, cluster = Applied(compared.found), compared.cluster
    joins = [
        item for item in compared.found.joins if command.join and (command.rows is None or item.row.row in command.rows)
    ]
    leaves = [
        item
        for item in compared.found.leaves
        if command.leave and (command.gone is None or item.organisation_id in command.gone)
    ]
    changes = [(item.sole, JOIN, item.row.kind) for item in joins] + [(item, LEAVE, None) for item in leaves]
    foreign: list[tuple[Organisation, str, str | None]] = []
    for organisation, change, kind in sorted(
        ((each, change, kind) for each, change, kind in changes if each is not None),
        key=lambda item: item[0].organisation_id,
    ):
        if organisation.responsible_state != state.value:
            foreign.append((organisation, change, kind))
            continue
        await _change_own(connection, organisation, cluster, change, kind, command, applied, caller, served, now)
    applied.proposed = await _propose(connection, foreign, cluster, command, state=state, now=now)
    if command.indicator and cluster.responsible_state == state.value:
        counted = AddIndicator(kind="members", value=compared.found.members, on=command.on, source=command.source)
        outcome = await add_indicator(connection, cluster_id, counted, caller=caller, served=served, now=now)
        applied.indicator = outcome.changed
    return applied


async def decide_proposal(
    connection: Connection,
    proposal_id: UUID,
    command: DecideProposal,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Outcome | None:
    """Enter what another office proposed, or refuse it; None when it is refused.

    Raises NotFound, Forbidden, Conflict (`decided` already) and InvalidInput.
    """
    state = caller.require_served(CHANGE, served)
    proposal = await proposals.lock(connection, proposal_id)
    if proposal is None or proposal.state is not state:
        raise NotFound("Diesen Vorschlag gibt es nicht.", "There is no such proposal.")
    if proposal.decided_at is not None:
        raise Conflict("Darüber ist schon entschieden.", "That has been decided already.", code="decided")
    outcome = None
    if command.take and proposal.change == JOIN:
        join = JoinCluster.model_validate(
            {"cluster_id": proposal.cluster_id, "kind": proposal.kind, "valid_from": proposal.on}
        )
        outcome = await join_cluster(connection, proposal.organisation_id, join, caller=caller, served=served, now=now)
    elif command.take:
        outcome = await end_membership(
            connection,
            proposal.organisation_id,
            proposal.cluster_id,
            EndMembership(valid_to=proposal.on),
            caller=caller,
            served=served,
            now=now,
        )
    decided = replace(proposal, sequence=proposal.sequence + 1, decided_at=now, taken=command.take)
    await proposals.decide(connection, decided, subject=caller.subject)
    await outbox.append(connection, event_of(decided, "decided", state=state, now=now))
    return outcome


def event_of(proposal: Proposal, change: str, *, state: State, now: datetime) -> Event:
    """What is said of a proposal, on the topic of the state that says it."""
    decision = None if proposal.taken is None else TAKEN if proposal.taken else REFUSED
    data = MembershipProposal(
        proposal_id=proposal.id,
        organisation_id=proposal.organisation_id,
        state=proposal.state.value,
        proposed_by=proposal.proposed_by.value,
        cluster_id=proposal.cluster_id,
        cluster_code=proposal.cluster_code,
        change=proposal.change,
        kind=proposal.kind,
        on=proposal.on,
        source=proposal.source,
        proposed_at=proposal.proposed_at,
        decision=decision,
        decided_at=proposal.decided_at,
    )
    return MEMBERSHIP_PROPOSAL.event(change, data, state=state, key=proposal.id, sequence=proposal.sequence, time=now)


def proposal_of(sequence: int, data: MembershipProposal) -> Proposal:
    """What is kept of a record of the topic. Raises ValueError for a state nobody knows here."""
    return Proposal(
        id=data.proposal_id,
        sequence=sequence,
        organisation_id=data.organisation_id,
        state=State(data.state),
        proposed_by=State(data.proposed_by),
        cluster_id=data.cluster_id,
        cluster_code=data.cluster_code,
        change=data.change,
        kind=data.kind,
        on=data.on,
        source=data.source,
        proposed_at=data.proposed_at,
        decided_at=data.decided_at,
        taken=None if data.decision is None else data.decision == TAKEN,
    )


def _matched(
    row: ListRow,
    numbers: Sequence[tuple[str, str]],
    by_number: dict[tuple[str, str], list[matches.Match]],
    known: dict[UUID, Organisation],
    by_name: dict[str, list[Organisation]],
) -> Matched:
    hits = [match for number in numbers for match in by_number.get(number, ())]
    for wanted in ([match for match in hits if match.current], hits):
        meant = {match.organisation_id: known.get(match.organisation_id) for match in wanted}
        active = {key: item for key, item in meant.items() if item is not None and item.status == ACTIVE}
        if active:
            return Matched(row, tuple(active.values()), "number")
    if row.number and not row.name:
        return Matched(row)
    same = [item for item in by_name.get(fold(row.name), ()) if same_place(row.place, item.seat.place)]
    return Matched(row, tuple(same), "name" if same else "")


async def _change_own(
    connection: Connection,
    organisation: Organisation,
    cluster: Organisation,
    change: str,
    kind: str | None,
    command: ApplyList,
    applied: Applied,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> None:
    key, cluster_id = organisation.organisation_id, cluster.organisation_id
    try:
        if change == JOIN:
            join = JoinCluster.model_validate({"cluster_id": cluster_id, "kind": kind, "valid_from": command.on})
            outcome = await join_cluster(connection, key, join, caller=caller, served=served, now=now)
            applied.joined += outcome.changed
        else:
            end = EndMembership(valid_to=command.on)
            outcome = await end_membership(connection, key, cluster_id, end, caller=caller, served=served, now=now)
            applied.left += outcome.changed
    except (InvalidInput, Conflict) as error:
        if isinstance(error, Conflict) and error.problem_code != "deactivated":
            raise
        # Refused before anything was written; the others of the list do not wait for this one.
        applied.refused.append((organisation.legal_name, error))


async def _propose(
    connection: Connection,
    foreign: Sequence[tuple[Organisation, str, str | None]],
    cluster: Organisation,
    command: ApplyList,
    *,
    state: State,
    now: datetime,
) -> int:
    cluster_id = cluster.organisation_id
    waiting = await proposals.known(connection, cluster_id, [item.organisation_id for item, _, _ in foreign])
    made = [
        Proposal(
            id=new_id(),
            sequence=1,
            organisation_id=organisation.organisation_id,
            state=State(organisation.responsible_state),
            proposed_by=state,
            cluster_id=cluster_id,
            cluster_code=cluster.cluster_code or "",
            change=change,
            kind=kind,
            on=command.on,
            source=command.source,
            proposed_at=now,
        )
        for organisation, change, kind in foreign
        if (organisation.organisation_id, change) not in waiting
    ]
    await proposals.put(connection, made)
    await outbox.append(connection, *(event_of(each, "proposed", state=state, now=now) for each in made))
    return len(made)
