"""A cluster's list of members, reconciled with the register: own organisations join and leave, others' are proposed.

`match_rows` is the one place where rows are given a meaning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from norda_common import outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import MEMBERSHIP_PROPOSAL, Membership, MembershipProposal, Organisation
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.errors import Conflict, InvalidInput, NotFound
from norda_common.identifiers import new_id
from norda_common.requests import refused
from norda_common.states import State

from ..rules.duplicates import Candidate, name_hash
from ..rules.findings import Findings
from ..rules.merging import MERGED
from ..rules.names import fold
from ..rules.profile import ACTIVE, check_whole
from ..rules.reconciling import ListRow, Matched, Named, Reconciled, is_member, reconcile
from ..rules.rights import CHANGE
from ..store import documents, likenesses, matches, organisations, proposals
from ..store.organisations import Stored
from ..store.proposals import Proposal
from .commands import EndMembership, JoinCluster
from .days import local_day
from .lookup import candidates
from .memberships import ENDED, JOINED, end_membership, ended, join_cluster, joined, require_active
from .profile_commands import AddIndicator, ApplyList, DecideProposal
from .profiles import add_indicator
from .recording import Outcome, already_merged, kept_elsewhere, refuse_offered
from .recording_many import Written, record_many

MOST_ROWS = 5_000
AT_ONCE = 1_000
"""So many organisations are written with one statement."""
JOIN, LEAVE = "join", "leave"
Change = tuple[Organisation, str, str | None]
"""Who joins or leaves, and as what kind of member."""
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
    refused: list[tuple[str, InvalidInput | Conflict | NotFound]] = field(default_factory=list)
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
    members = [
        item for item in await documents.members(connection, cluster.cluster_code) if is_member(item, cluster_id)
    ]
    matched = await match_rows(connection, rows, members)
    return Compared(cluster, reconcile(matched, members, cluster_id=cluster_id))


async def match_rows(connection: Connection, rows: Sequence[ListRow], members: Sequence[Organisation]) -> list[Matched]:
    """Which organisations the rows mean: by a number that is held now or was, else by name and place.

    Of who is no member yet, names that are only spelled alike are found once the directory has been taken apart, which
    a worker does a moment after it was written.
    """
    numbers = {row.row: candidates(row.number) for row in rows if row.number}
    found = await matches.find(connection, [number for several in numbers.values() for number in several])
    by_number: dict[tuple[str, str], list[matches.Match]] = {}
    for match in found:
        by_number.setdefault((match.kind, match.value), []).append(match)
    with_name = [row for row in rows if row.name]
    hashes = await asyncio.to_thread(lambda: [name_hash(Candidate(name=row.name)) for row in with_name])
    alike = await likenesses.named(connection, list(dict.fromkeys(hashes)), [])
    likely = {item.organisation_id for several in alike.values() for item in several if item.status == ACTIVE}
    known = await documents.of(connection, likely | {match.organisation_id for match in found})
    written_so = await documents.named(connection, {fold(row.name)[:200] for row in with_name})
    # A member's own row is never behind, whatever the directory knows of it.
    spelled_alike = (known[key] for key in likely & known.keys())
    several = {item.organisation_id: item for item in (*spelled_alike, *written_so, *members)}

    def sort() -> list[Matched]:
        by_name = Named(item for item in several.values() if item.status == ACTIVE)
        return [_matched(row, numbers.get(row.row, []), by_number, known, by_name) for row in rows]

    # Taking a name apart costs as much as a look-up: thousands of them are worth a thread.
    return await asyncio.to_thread(sort)


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
    ordered: list[Change] = sorted(
        ((each, change, kind) for each, change, kind in changes if each is not None),
        key=lambda item: item[0].organisation_id,
    )
    own = [item for item in ordered if item[0].responsible_state == state.value]
    foreign = [item for item in ordered if item[0].responsible_state != state.value]
    for first in range(0, len(own), AT_ONCE):
        some = own[first : first + AT_ONCE]
        await _change_own(connection, some, cluster, command, applied, state=state, caller=caller, now=now)
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
    by_name: Named,
) -> Matched:
    hits = [match for number in numbers for match in by_number.get(number, ())]
    for wanted in ([match for match in hits if match.current], hits):
        meant = {match.organisation_id: known.get(match.organisation_id) for match in wanted}
        active = {key: item for key, item in meant.items() if item is not None and item.status == ACTIVE}
        if active:
            return Matched(row, tuple(active.values()), "number")
    if row.number and not row.name:
        return Matched(row)
    same = by_name.meant_by(row)
    return Matched(row, same, "name" if same else "")


async def _change_own(
    connection: Connection,
    changes: Sequence[Change],
    cluster: Organisation,
    command: ApplyList,
    applied: Applied,
    *,
    state: State,
    caller: Caller,
    now: datetime,
) -> None:
    """Enter joins and ends, as many statements for all as for one; who is refused keeps nobody else waiting."""
    locked = await organisations.lock_many(connection, [organisation.organisation_id for organisation, _, _ in changes])
    written: dict[str, list[Written]] = {JOINED: [], ENDED: []}
    for organisation, change, kind in changes:
        before = locked.get(organisation.organisation_id)
        try:
            after = _changed(before, cluster, change, kind, command, state=state)
        except (InvalidInput, Conflict, NotFound) as error:
            applied.refused.append((organisation.legal_name, error))
            continue
        assert before is not None  # noqa: S101 - else it was refused
        if after != before.organisation:
            written[JOINED if change == JOIN else ENDED].append(
                Written(organisation=after, figures=before.figures, before=before, old_email=None, email=None)
            )
    for action, some in written.items():
        if some:
            await record_many(connection, some, state=state, caller=caller, action=action, now=now)
    applied.joined += len(written[JOINED])
    applied.left += len(written[ENDED])


def _changed(
    before: Stored | None,
    cluster: Organisation,
    change: str,
    kind: str | None,
    command: ApplyList,
    *,
    state: State,
) -> Organisation:
    """The organisation once it has joined or left. Raises Conflict, NotFound (no member any more) and InvalidInput."""
    if before is None or before.organisation.responsible_state != state.value:
        raise kept_elsewhere()
    organisation = before.organisation
    if organisation.status == MERGED:
        raise already_merged(organisation)
    refuse_offered(organisation)
    if change == JOIN:
        require_active(organisation)
        membership = Membership(
            cluster_id=cluster.organisation_id,
            cluster_code=cluster.cluster_code or "",
            kind=kind,
            valid_from=command.on,
        )
        memberships = joined(organisation, membership)
    else:
        memberships = ended(organisation, cluster.organisation_id, command.on)
    findings = Findings()
    after = organisation.model_copy(update={"memberships": memberships})
    check_whole(after, findings)
    findings.raise_errors()
    return after


async def _propose(
    connection: Connection,
    foreign: Sequence[Change],
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
