"""What a person says about rows of a planned import, one or many at once: leave out, the same, another one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, NotFound
from norda_common.states import State

from ...store import import_known, import_rows
from ...store.import_rows import Decided
from ...store.imports import Import
from .further import Further, unpacked_further
from .plan_batch import plan_decided
from .rows import Decision, Outcome
from .steps import begin, locked

DECIDED_AT_ONCE = 200
"""So many rows are planned anew while somebody waits; more are left to the worker."""
_ABOUT_DUPLICATES = (Decision.SAME, Decision.OTHER)


async def decide(
    connection: Connection,
    import_id: UUID,
    rows: Sequence[int],
    decision: Decision | None,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> int:
    """Say what is to become of rows; they are planned anew. None takes back what was said. How many there were.

    Whether it is the organisation it seems to be can be said of a suspected row alone: of one it is refused, of several
    the others are passed over. Idempotent. Raises NotFound, Conflict.
    """
    found = await locked(connection, import_id, caller=caller, served=served, of={"planned"})
    known = await import_rows.outcomes(connection, import_id, rows)
    if not known:
        raise NotFound("Diese Zeile gibt es nicht.", "There is no such row.")
    meant = _meant(known, decision)
    if not meant:
        raise Conflict(
            "Diese Zeile hat keinen Dublettenverdacht."
            if len(known) == 1
            else "Keine dieser Zeilen hat einen Dublettenverdacht.",
            "This row is not suspected to be a duplicate."
            if len(known) == 1
            else "None of these rows is suspected to be a duplicate.",
            code="no_duplicate",
        )
    await _decide(connection, found, meant, decision, now=now)
    return len(meant)


async def decide_all(
    connection: Connection,
    import_id: UUID,
    only: str,
    decision: Decision | None,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> int:
    """The same for all rows of a kind, one of `import_rows.FILTERS`; how many. Many are planned anew by the worker.

    Idempotent: where nothing is to be decided nothing is done. Raises NotFound, Conflict.
    """
    found = await locked(connection, import_id, caller=caller, served=served, of={"planned"})
    meant = _meant(await import_rows.narrowed(connection, import_id, only=only), decision)
    if not meant:
        return 0
    if len(meant) <= DECIDED_AT_ONCE:
        await _decide(connection, found, meant, decision, now=now)
        return len(meant)
    rows = [item.row for item in meant]
    await import_rows.decide(connection, import_id, rows, decision)
    if _about_duplicates(meant, decision):
        await _forget(connection, found, meant, decision)
        total = await import_rows.count(connection, found.id, found.sheet, first_row=found.first_row)
        await begin(connection, found, "planning", total, caller=caller, now=now)
    return len(meant)


def _meant(known: Sequence[Decided], decision: Decision | None) -> list[Decided]:
    """The rows about which that can be said."""
    if decision in _ABOUT_DUPLICATES:
        return [item for item in known if suspected(item.outcome, item.decision, unpacked_further(item.further))]
    return list(known)


def suspected(outcome: str, decision: str | None, further: Further) -> bool:
    """Whether a person may say that a row is, or is not, the organisation it seems to be, or was taken for before."""
    recognised = outcome in {Outcome.CHANGE, Outcome.UNCHANGED} and further.key is not None
    return outcome == Outcome.DUPLICATE or decision in _ABOUT_DUPLICATES or recognised


async def _decide(
    connection: Connection, found: Import, meant: Sequence[Decided], decision: Decision | None, *, now: datetime
) -> None:
    rows = [item.row for item in meant]
    await import_rows.decide(connection, found.id, rows, decision)
    if _about_duplicates(meant, decision):
        await _forget(connection, found, meant, decision)
        again = [item.row for item in meant if _about_duplicates([item], decision)]
        await plan_decided(connection, found, again, decision, now=now)


def _about_duplicates(meant: Sequence[Decided], decision: Decision | None) -> bool:
    return decision in _ABOUT_DUPLICATES or (
        decision is None and any(item.decision in _ABOUT_DUPLICATES for item in meant)
    )


async def _forget(connection: Connection, found: Import, meant: Sequence[Decided], decision: Decision | None) -> None:
    """Who is another organisation, or is asked about again, is not taken for the same the next time."""
    keys = [key for item in meant if (key := unpacked_further(item.further).key)]
    if decision is not Decision.SAME and keys:
        await import_known.forget(connection, found.source, [bytes.fromhex(key) for key in keys])
