"""Taking a merger back within thirty days: both are as before, but for what somebody changed since."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules import merging as rules
from ..rules.findings import Findings
from ..rules.merging import MERGED
from ..rules.profile import check_whole
from ..rules.rights import MERGE
from ..store import mergers
from ..store.mergers import Merger
from .merging import Both, Merging, changed_meanwhile, lock_both, no_merger, read_both, record_for, resize_linked
from .merging_beside import give_back
from .organisations import local_day
from .recording import Outcome, refuse_offered


async def undo_merger(
    connection: Connection,
    merged_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Merging:
    """Take a merger back within thirty days, by either office: both are as before, but for what changed since.

    Raises NotFound, Forbidden and Conflict (too late, the kept one has been merged itself or is on its way to another
    state, a number is taken).
    """
    own = caller.require_served(MERGE, served)
    merger = await mergers.latest(connection, merged_id)
    if merger is None or merger.merged_at is None:
        raise no_merger()
    both = await read_both(connection, merged_id, merger.kept_id)
    if own not in {both.merged_state, both.kept_state}:
        caller.require(MERGE, both.kept_state)
    both = await lock_both(connection, both, caller=caller, served=served)
    refuse_offered(both.kept.organisation)
    latest = await mergers.latest(connection, merged_id)
    if latest is None or latest.id != merger.id:
        raise changed_meanwhile()
    if latest.undone_at is not None:
        return Merging(latest, Outcome(both.kept, changed=False))
    _require_undoable(merger, both, now=now)
    return await _separate(connection, both, merger, caller=caller, now=now)


async def _separate(connection: Connection, both: Both, merger: Merger, *, caller: Caller, now: datetime) -> Merging:
    assert merger.merged_version is not None  # noqa: S101 - it has been carried out
    assert merger.kept_version is not None  # noqa: S101
    around = await mergers.versions(connection, merger.kept_id, [merger.kept_version - 1, merger.kept_version])
    before = await mergers.versions(connection, merger.merged_id, [merger.merged_version - 1])
    kept, changed = rules.separated(
        both.kept.organisation, around[merger.kept_version - 1], around[merger.kept_version]
    )
    again = rules.restored(both.merged.organisation, before[merger.merged_version - 1])
    findings = Findings()
    for name in changed:
        findings.warn(
            name,
            "changed_since",
            "wurde seit der Zusammenführung geändert und bleibt so",
            "was changed since the merger and stays so",
        )
    check_whole(kept, findings)
    findings.raise_errors()
    left = await give_back(
        connection, merger, kept, merged=both.merged, kept=both.kept, caller=caller, findings=findings, now=now
    )
    action = "organisation.undo_merger"
    # The kept one gives numbers back before the other one holds them again.
    stored = await record_for(
        connection, left.organisation, both.kept, "merge_undone", action, caller=caller, now=now, brought=left
    )
    await record_for(connection, again, both.merged, "merge_undone", action, caller=caller, now=now)
    await mergers.take_back(connection, merger.id, by=caller.subject, now=now)
    undone = await mergers.latest(connection, merger.merged_id)
    assert undone is not None  # noqa: S101
    await resize_linked(connection, stored, both.kept, caller=caller, now=now)
    return Merging(undone, Outcome(stored, warnings=findings.warnings))


def _require_undoable(merger: Merger, both: Both, *, now: datetime) -> None:
    assert merger.merged_at is not None  # noqa: S101 - it has been carried out
    until = local_day(merger.merged_at + rules.UNDO_WITHIN)
    if now - merger.merged_at > rules.UNDO_WITHIN:
        raise Conflict(
            f"Rückgängig machen ließ sich das bis {until:%d.%m.%Y}, 30 Tage lang; jetzt hilft nur, neu anzulegen.",
            f"It could be undone until {until.isoformat()}, for 30 days; now it can only be entered anew.",
            code="too_late",
        )
    if both.kept.organisation.status == MERGED:
        raise Conflict(
            "Die andere ist inzwischen selbst aufgegangen; zuerst ist das rückgängig zu machen.",
            "The other one has been merged itself since; undo that first.",
            code="kept_merged",
            organisation_id=str(merger.kept_id),
        )


def may_undo(caller: Caller, merger: Merger, merged: Organisation, kept: Organisation) -> bool:
    """Whether it is a merger that stands, and one of the two is the caller's office's; until when says `undo_until`."""
    stands = merger.merged_at is not None and merger.undone_at is None
    return stands and any(caller.may(MERGE, State(each.responsible_state)) for each in (merged, kept))


def undo_until(merger: Merger) -> date | None:
    """The last day on which a merger can be taken back; None where it is none, or has been."""
    if merger.merged_at is None or merger.undone_at is not None:
        return None
    return local_day(merger.merged_at + rules.UNDO_WITHIN)
