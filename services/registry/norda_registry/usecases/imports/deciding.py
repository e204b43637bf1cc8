"""What a person says about rows of a planned import, one or many at once: leave out, the same, another one, without the
cells that are at fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, NotFound
from norda_common.states import State

from ...rules.import_faults import cells_at_fault
from ...store import import_decisions, import_known, import_rows
from ...store.import_decisions import Decided
from ...store.imports import Import
from .further import Further, packed_further, unpacked_further
from .plan_batch import plan_decided, unpacked
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
    """Say what is to become of rows; they are planned anew, where cells are left out the whole table with them by the
    worker. None takes back what was said. How many there were.

    Whether it is the organisation it seems to be can be said of a suspected row alone, and without the cells at fault
    only one is taken that does not need them: of one it is refused, of several the others are passed over.
    Idempotent. Raises NotFound, Conflict.
    """
    found = await locked(connection, import_id, caller=caller, served=served, of={"planned"})
    known = await import_decisions.outcomes(connection, import_id, rows)
    if not known:
        raise NotFound("Diese Zeile gibt es nicht.", "There is no such row.")
    meant = await asyncio.to_thread(_meant, known, decision)
    if not meant:
        raise _refusal(decision, one=len(known) == 1)
    await _decide(connection, found, meant, decision, caller=caller, now=now)
    return len(meant)


def _refusal(decision: Decision | None, *, one: bool) -> Conflict:
    """Why nothing is decided of the row, or of any of the rows."""
    if decision is Decision.WITHOUT:
        return Conflict(
            "Keine fehlerhafte Zelle lässt sich weglassen: Es fehlt nichts, oder was fehlerhaft ist, wird gebraucht.",
            "No cell at fault can be left out: there is none, or what is at fault is needed.",
            code="nothing_to_leave_out",
        )
    return Conflict(
        "Diese Zeile hat keinen Dublettenverdacht." if one else "Keine dieser Zeilen hat einen Dublettenverdacht.",
        "This row is not suspected to be a duplicate." if one else "None of these rows is suspected to be a duplicate.",
        code="no_duplicate",
    )


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
    known = await import_decisions.narrowed(connection, import_id, only=only)
    meant = await asyncio.to_thread(_meant, known, decision)
    if meant:
        await _decide(connection, found, meant, decision, caller=caller, now=now)
    return len(meant)


def _meant(known: Sequence[Decided], decision: Decision | None) -> list[Decided]:
    """The rows about which that can be said."""
    if decision in _ABOUT_DUPLICATES:
        return [item for item in known if suspected(item.outcome, item.decision, unpacked_further(item.further))]
    if decision is Decision.WITHOUT:
        return [item for item in known if item.decision != Decision.LEAVE_OUT and _spares_cells(item)]
    return list(known)


def suspected(outcome: str, decision: str | None, further: Further) -> bool:
    """Whether a person may say that a row is, or is not, the organisation it seems to be, or was taken for before."""
    recognised = outcome in {Outcome.CHANGE, Outcome.UNCHANGED} and further.key is not None
    return outcome == Outcome.DUPLICATE or decision in _ABOUT_DUPLICATES or recognised


async def _decide(
    connection: Connection,
    found: Import,
    meant: Sequence[Decided],
    decision: Decision | None,
    *,
    caller: Caller,
    now: datetime,
) -> None:
    again = await _keep(connection, found, meant, decision)
    # A row that was an error was not held against the others yet: without its cells it may mean what another one does.
    cells = decision is Decision.WITHOUT or (decision is None and any(map(_left_out, meant)))
    if again and (cells or len(again) > DECIDED_AT_ONCE):
        total = await import_rows.count(connection, found.id, found.sheet, first_row=found.first_row)
        await begin(connection, found, "planning", total, caller=caller, now=now)
    elif again:
        await plan_decided(connection, found, again, now=now)


async def _keep(
    connection: Connection, found: Import, meant: Sequence[Decided], decision: Decision | None
) -> list[int]:
    """Keep what was said; the rows that have to be planned anew."""
    if decision is not Decision.WITHOUT:
        await import_decisions.decide(connection, found.id, [item.row for item in meant], decision)
    if _about_duplicates(meant, decision):
        await _forget(connection, found, meant, decision)
    again = [
        item
        for item in meant
        if decision is Decision.WITHOUT
        or _about_duplicates([item], decision)
        or (decision is None and item.decision is None and _left_out(item))
    ]
    if again:
        await import_decisions.put_further(connection, found.id, await asyncio.to_thread(_packed, again, decision))
    return [item.row for item in again]


def _packed(items: Sequence[Decided], decision: Decision | None) -> list[tuple[int, str | None]]:
    return [(item.row, packed_further(_further(item, decision))) for item in items]


def _spares_cells(item: Decided) -> bool:
    return bool(_at_fault(item) if item.outcome == Outcome.ERROR else _left_out(item))


def _left_out(item: Decided) -> Collection[str]:
    return unpacked_further(item.further).without


def _further(item: Decided, decision: Decision | None) -> Further:
    """What the row says beside its document, with the cells that are left out."""
    further = unpacked_further(item.further)
    if decision is None:
        return replace(further, without=())
    more = _at_fault(item) if decision is Decision.WITHOUT else ()
    return replace(further, without={*further.without, *more})


def _at_fault(item: Decided) -> Collection[str]:
    return cells_at_fault(unpacked(item.findings)["errors"])


def _about_duplicates(meant: Sequence[Decided], decision: Decision | None) -> bool:
    return decision in _ABOUT_DUPLICATES or (
        decision is None and any(item.decision in _ABOUT_DUPLICATES for item in meant)
    )


async def _forget(connection: Connection, found: Import, meant: Sequence[Decided], decision: Decision | None) -> None:
    """Who is another organisation, or is asked about again, is not taken for the same the next time."""
    keys = [key for item in meant if (key := unpacked_further(item.further).key)]
    if decision is not Decision.SAME and keys:
        await import_known.forget(connection, found.source, [bytes.fromhex(key) for key in keys])
