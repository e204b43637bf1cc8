"""One organisation becomes part of another: at once within a state, by proposal and consent between two.

The office of the kept one decides what it takes over and asks; the office of the other one agrees, and with that all is
done in its transaction. Both say it on their topics; what follows in other services follows from that
(docs/decisions/0094-duplicates-and-mergers.md).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, StaleVersion, Text
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules import merging as rules
from ..rules.findings import Findings
from ..rules.merging import MERGED
from ..rules.profile import ACTIVE, check_whole
from ..rules.rights import MERGE
from ..store import mergers, organisations, searches
from ..store.mergers import Merger, acting_for
from ..store.organisations import Stored
from .commands import MergeInto
from .merging_beside import Kept, beside, bring
from .organisations import local_day
from .recording import (
    ITEM,
    Outcome,
    already_merged,
    kept_elsewhere,
    no_such_organisation,
    record,
    refuse_offered,
)
from .sizing import resize_others


@dataclass(frozen=True, slots=True)
class Merging:
    """What came of it: `outcome` is the kept organisation; None while the other one's office has not agreed."""

    merger: Merger
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Both:
    """The two organisations of a merger."""

    merged: Stored
    kept: Stored

    @property
    def merged_state(self) -> State:
        """Whose the one is that becomes part of the other."""
        return State(self.merged.organisation.responsible_state)

    @property
    def kept_state(self) -> State:
        """Whose the other is."""
        return State(self.kept.organisation.responsible_state)


async def merge_organisation(
    connection: Connection,
    merged_id: UUID,
    command: MergeInto,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Merging:
    """Merge an organisation into one of the caller's state, or propose it where another state keeps it. Idempotent.

    Raises NotFound, Forbidden (the kept one is another state's), Conflict (either is merged, not active, on its way to
    another state, kept by another instance; another proposal stands), StaleVersion and InvalidInput.
    """
    own = caller.require_served(MERGE, served)
    both = await read_both(connection, merged_id, command.into)
    caller.require(MERGE, both.kept_state)
    day = command.date or local_day(now)
    if day > local_day(now):
        raise InvalidInput.of(
            [FieldError(field="date", code="future_date", text=Text("liegt in der Zukunft", "lies in the future"))]
        )
    merger = Merger(
        id=new_id(),
        merged_id=merged_id,
        kept_id=command.into,
        merged_state=both.merged_state,
        kept_state=both.kept_state,
        kind=command.kind,
        merged_on=day,
        taken=await _taken(connection, command, both),
        proposed_at=now,
        proposed_by=caller.subject,
    )
    if both.merged_state is own:
        both = await lock_both(connection, both, caller=caller, served=served)
    standing = await mergers.latest(connection, merged_id)
    if standing is not None and standing.undone_at is None and standing.kept_id == command.into:
        if standing.merged_at is not None:
            return Merging(standing, Outcome(both.kept, changed=False))
        if both.merged_state is not own:
            return Merging(standing, None)
        # It has moved to this state since it was proposed: what was chosen now holds.
        await mergers.withdraw(connection, standing.id)
    _require_mergeable(both)
    _require_version(both.merged, expected_version)
    _require_version(both.kept, command.into_version)
    kept, findings = _absorbed(both, merger)
    findings.raise_errors()
    if not await mergers.propose(connection, merger):
        raise Conflict(
            "Für diese Organisation steht schon ein anderer Vorschlag, oder sie ist eben zusammengeführt worden.",
            "Another proposal for this organisation stands already, or it has just been merged.",
            code="merger_stands",
        )
    if both.merged_state is not own:
        await audit.record(connection, caller, _entry("organisation.propose_merger", merger))
        return Merging(merger, None)
    return await _carry_out(connection, both, merger, kept, findings, caller=caller, now=now)


async def accept_merger(
    connection: Connection,
    merged_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Merging:
    """Agree to a proposal for an organisation of the caller's state, which is carried out with that. Idempotent.

    Raises NotFound (no proposal), Forbidden, Conflict as `merge_organisation`, and StaleVersion.
    """
    caller.require_served(MERGE, served)
    merger = await _standing(connection, merged_id)
    both = await read_both(connection, merged_id, merger.kept_id)
    caller.require(MERGE, both.merged_state)
    if merger.merged_at is not None:
        return Merging(merger, Outcome(both.kept, changed=False))
    both = await lock_both(connection, both, caller=caller, served=served)
    again = await _standing(connection, merged_id)
    if again.id != merger.id or again.merged_at is not None:
        raise changed_meanwhile()
    if both.kept_state is not merger.kept_state:
        raise Conflict(
            "Die bleibende Organisation ist seit dem Vorschlag verlegt worden; ihre Stelle muss neu vorschlagen.",
            "The organisation that stays has moved since the proposal; its office has to propose anew.",
            code="proposal_outdated",
        )
    _require_mergeable(both)
    _require_version(both.merged, expected_version)
    kept, findings = _absorbed(both, merger)
    findings.raise_errors()
    return await _carry_out(connection, both, merger, kept, findings, caller=caller, now=now)


async def withdraw_merger(
    connection: Connection, merged_id: UUID, *, caller: Caller, served: Collection[State]
) -> None:
    """Take a proposal back, by the office that made it, or refuse it, by the other one's. Idempotent.

    Raises NotFound, Forbidden, and Conflict when it has been carried out: then it is to be undone.
    """
    own = caller.require_served(MERGE, served)
    merger = await mergers.latest(connection, merged_id)
    if merger is None or merger.undone_at is not None:
        return
    both = await read_both(connection, merged_id, merger.kept_id)
    if own not in {merger.merged_state, merger.kept_state, both.merged_state}:
        caller.require(MERGE, merger.kept_state)
    if not await mergers.withdraw(connection, merger.id):
        raise Conflict(
            "Das ist schon ausgeführt; es lässt sich nur rückgängig machen.",
            "It has been carried out already; it can only be undone.",
            code="merged",
        )
    await audit.record(connection, caller, _entry("organisation.withdraw_merger", merger))


async def read_both(connection: Connection, merged_id: UUID, kept_id: UUID) -> Both:
    """Both organisations, not locked. Raises NotFound, Conflict (kept by another instance) and InvalidInput."""
    if merged_id == kept_id:
        raise InvalidInput.of(
            [FieldError(field="into", code="same", text=Text("ist dieselbe Organisation", "is the same organisation"))]
        )
    return Both(await _own(connection, merged_id), await _own(connection, kept_id))


async def _own(connection: Connection, organisation_id: UUID) -> Stored:
    stored = await organisations.get(connection, organisation_id)
    if stored is None:
        known = await searches.state_of(connection, organisation_id)
        raise no_such_organisation() if known is None else kept_elsewhere()
    return stored


async def lock_both(connection: Connection, both: Both, *, caller: Caller, served: Collection[State]) -> Both:
    """Both again, locked in the order of their ids, so that two who merge the same pair wait for each other."""
    for state in (both.merged_state, both.kept_state):
        if state not in served:
            raise Conflict(
                f"Diese Instanz schreibt nicht für {state.label}; zusammengeführt wird nur innerhalb einer Instanz.",
                f"This instance does not write for {state.label}; mergers are possible within one instance only.",
                code="state_not_served",
            )
    locked: dict[UUID, Stored] = {}
    for stored in sorted((both.merged, both.kept), key=lambda each: each.organisation.organisation_id):
        key, state = stored.organisation.organisation_id, State(stored.organisation.responsible_state)
        async with acting_for(connection, state) if state is not caller.state else nullcontext():
            again = await organisations.lock(connection, key)
        if again is None or again.organisation.responsible_state != state.value:
            raise changed_meanwhile()
        locked[key] = again
    merged, kept = both.merged.organisation.organisation_id, both.kept.organisation.organisation_id
    return Both(locked[merged], locked[kept])


async def _taken(connection: Connection, command: MergeInto, both: Both) -> tuple[str, ...]:
    kept, merged = both.kept.organisation, both.merged.organisation
    # What stands beside the documents is known to the office that keeps both.
    one_office = both.kept_state is both.merged_state
    if command.take is None:
        found = rules.proposed(kept, merged, command.kind)
        if one_office:
            theirs, ours = await beside(connection, both.merged, both.kept)
            found += rules.proposed_beside(ours, theirs, command.kind)
        return found
    possible = (*rules.offered(command.kind), *(rules.BESIDE if one_office else ()))
    wrong = [name for name in command.take if name not in possible]
    if wrong:
        text = Text(f"{wrong[0][:60]} wird dabei nicht übernommen", f"{wrong[0][:60]} is not taken over by that")
        raise InvalidInput.of([FieldError(field="take", code="not_offered", text=text)])
    return tuple(dict.fromkeys(command.take))


def _absorbed(both: Both, merger: Merger) -> tuple[Organisation, Findings]:
    findings = Findings()
    kept = rules.absorbing(
        both.kept.organisation, both.merged.organisation, merger.taken, merger.kind, on=merger.merged_on
    )
    check_whole(kept, findings)
    return kept, findings


async def _carry_out(
    connection: Connection,
    both: Both,
    merger: Merger,
    kept: Organisation,
    findings: Findings,
    *,
    caller: Caller,
    now: datetime,
) -> Merging:
    gone = rules.absorbed(both.merged.organisation, merger.kept_id, merger.kind, on=merger.merged_on)
    brought = await bring(connection, merger, kept, merged=both.merged, kept=both.kept, findings=findings, now=now)
    # The numbers of the one are free before the other takes them.
    stored = await record_for(connection, gone, both.merged, "merged", "organisation.merge", caller=caller, now=now)
    taking = await record_for(
        connection,
        brought.organisation,
        both.kept,
        "absorbed",
        "organisation.absorb",
        caller=caller,
        now=now,
        brought=brought,
    )
    await mergers.carry_out(
        connection,
        merger.id,
        merged_version=stored.version,
        kept_version=taking.version,
        by=caller.subject,
        now=now,
    )
    done = await mergers.latest(connection, merger.merged_id)
    assert done is not None  # noqa: S101 - it has just been written
    await resize_linked(connection, taking, both.kept, caller=caller, now=now)
    return Merging(done, Outcome(taking, warnings=findings.warnings))


async def record_for(
    connection: Connection,
    organisation: Organisation,
    before: Stored,
    change: str,
    action: str,
    *,
    caller: Caller,
    now: datetime,
    brought: Kept | None = None,
) -> Stored:
    """Record a version for the office it belongs to: the caller's, or the other one's, which has agreed."""
    state = State(before.organisation.responsible_state)
    async with acting_for(connection, state) if state is not caller.state else nullcontext():
        return await record(
            connection,
            organisation,
            before=before,
            change=change,
            action=action,
            caller=caller,
            now=now,
            figures=brought.figures if brought else before.figures,
            touched=brought.touched if brought else (),
        )


async def resize_linked(
    connection: Connection, stored: Stored, before: Stored, *, caller: Caller, now: datetime
) -> None:
    """Compute anew the classes of those that count it in, where its figures are others now."""
    state = State(stored.organisation.responsible_state)
    if stored.figures == before.figures:
        return
    async with acting_for(connection, state) if state is not caller.state else nullcontext():
        key = stored.organisation.organisation_id
        await resize_others(connection, key, state=state, caller=caller, served=[state], now=now)


def _require_mergeable(both: Both) -> None:
    kept, merged = both.kept.organisation, both.merged.organisation
    if merged.status == MERGED:
        raise already_merged(merged)
    if kept.status == MERGED:
        raise already_merged(kept)
    for organisation in (kept, merged):
        refuse_offered(organisation)
    if kept.status != ACTIVE:
        raise Conflict(
            "Die bleibende Organisation muss aktiv sein.",
            "The organisation that stays must be active.",
            code="not_mergeable",
        )
    if (kept.kind == "cluster") != (merged.kind == "cluster"):
        raise Conflict(
            "Ein Cluster geht nur in einem Cluster auf.",
            "A cluster becomes part of a cluster only.",
            code="kind_differs",
        )


def _require_version(stored: Stored, expected: int | None) -> None:
    if expected is not None and expected != stored.version:
        raise StaleVersion(
            f"Von „{stored.organisation.legal_name[:120]}“ gilt inzwischen Version {stored.version}.",
            f"Version {stored.version} of “{stored.organisation.legal_name[:120]}” is current.",
            current_version=stored.version,
        )


async def _standing(connection: Connection, merged_id: UUID) -> Merger:
    merger = await mergers.latest(connection, merged_id)
    if merger is None or merger.undone_at is not None:
        raise no_merger()
    return merger


def no_merger() -> NotFound:
    """The refusal where there is neither a merger nor a proposal."""
    return NotFound("Eine solche Zusammenführung gibt es nicht.", "There is no such merger.")


def changed_meanwhile() -> Conflict:
    """The refusal for whoever has been overtaken."""
    return Conflict(
        "Eben hat jemand eine der beiden geändert; bitte noch einmal.",
        "Somebody has just changed one of the two; please try again.",
        code="changed_meanwhile",
    )


def _entry(action: str, merger: Merger) -> audit.Entry:
    said = {"into": str(merger.kept_id), "kind": merger.kind.value, "take": list(merger.taken)}
    return audit.Entry(action, ITEM, str(merger.merged_id), after=said)
