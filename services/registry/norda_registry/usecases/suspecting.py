"""Taking organisations apart for comparing, and looking for suspects. Nobody asks for it: the worker does."""

from __future__ import annotations

from datetime import datetime

from norda_common.database import Connection

from ..rules.duplicates import RuleClass
from ..rules.profile import ACTIVE
from ..store import duplicates, likenesses, matches
from ..store.duplicates import replace_suspects, suspects

AT_ONCE = 20
"""So many organisations are looked at in one transaction, while other replicas wait for their turn."""
TAKEN_APART_AT_ONCE = 100
"""Some ten milliseconds, then whoever else waits for the processor has a turn."""
MOST_PAIRS = 20
"""Of an organisation so many pairs are kept, the likeliest ones: a name shared by hundreds suspects nobody."""


async def look_for_due(connection: Connection, *, now: datetime) -> int:
    """Look for the suspects of organisations that changed; how many were looked at. Idempotent."""
    # Two replicas would write the same pairs in different orders.
    due = await likenesses.due(connection, limit=AT_ONCE) if await likenesses.take_turn(connection) else []
    if due:
        await matches.plan_every_statement(connection)
    for known in due:
        found: list[duplicates.Suspect] = []
        if known.status == ACTIVE:
            found = await suspects(
                connection, known.candidate, least=RuleClass.GENERAL, but=known.organisation_id, status=ACTIVE
            )
        await replace_suspects(connection, known, found[:MOST_PAIRS], now=now)
    if due:
        await likenesses.done(connection, [known.organisation_id for known in due])
    return len(due)


async def take_apart_marked(connection: Connection, *, now: datetime) -> int:
    """Take apart what the directory's consumer has written; how many were taken. Idempotent."""
    taken = await likenesses.take_marked(connection, limit=TAKEN_APART_AT_ONCE)
    await likenesses.remove(connection, [key for key, organisation in taken.items() if organisation is None])
    rows = [likenesses.row_of(organisation) for organisation in taken.values() if organisation is not None]
    await likenesses.upsert(connection, sorted(rows), now)
    return len(taken)
