"""Taking a copy of the directory along: what a list holds, with the office's own figures for its own organisations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from asyncpg import Record
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules.export_rows import Exported
from ..rules.rights import READ, READ_FIGURES
from ..rules.search import Order
from ..rules.size_class import Figures
from ..store import exports
from ..store.facet_index import FacetIndex
from .searching import Asked, all_slots

BATCH_ROWS = 500


async def export_organisations(
    connection: Connection,
    index: FacetIndex,
    asked: Asked,
    *,
    caller: Caller,
) -> AsyncIterator[list[Exported]]:
    """What the list of this search holds, in batches, by name where it is by relevance. The index must be fresh.

    Needs a transaction. Raises Forbidden.
    """
    caller.require(READ)
    slots = await all_slots(connection, index, asked)
    async for rows in exports.batches(
        connection,
        None if slots is None else list(slots),
        size=BATCH_ROWS,
        by_change=asked.order is Order.CHANGED,
        descending=asked.descending,
        released=asked.released,
    ):
        own = [
            row["organisation_id"]
            for row in rows
            if caller.state is not None and caller.may(READ_FIGURES, caller.state)
        ]
        figures = await exports.kept_figures(connection, own) if own else {}
        yield await asyncio.to_thread(_exported, rows, figures)


def _exported(rows: Sequence[Record], figures: dict[UUID, Record]) -> list[Exported]:
    found = []
    for row in rows:
        kept = figures.get(row["organisation_id"])
        organisation = Organisation.model_validate_json(row["data"])
        if kept is None:
            found.append(Exported(organisation, row["sequence"]))
            continue
        numbers = Figures(kept["employees"], kept["turnover_cents"], kept["balance_cents"])
        found.append(Exported(organisation, row["sequence"], numbers, kept["email"]))
    return found


def sees_figures(caller: Caller) -> bool:
    """Whether tables for the caller have columns for figures and the contact address."""
    return caller.state is not None and caller.may(READ_FIGURES, caller.state)
