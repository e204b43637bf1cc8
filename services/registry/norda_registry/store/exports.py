"""Reading the directory from its beginning to its end, for whoever takes a copy along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection

_TABLES = {False: "directory_search", True: "directory_search_released"}


async def batches(
    connection: Connection,
    slots: Sequence[int] | None,
    *,
    size: int,
    by_change: bool = False,
    descending: bool = False,
    released: bool = False,
) -> AsyncIterator[list[Record]]:
    """The rows with these slots, None for all, by name or last change, so many at a time from a cursor in the running
    transaction: organisation_id, sequence, data.
    """
    order = "desc" if descending else "asc"
    statement = (
        f"select organisation_id, sequence, data from {_TABLES[released]} "  # noqa: S608 - constants
        "where $1::int[] is null or slot = any($1) "
        f"order by {'changed_at' if by_change else 'sort_name'} {order}, organisation_id {order}"
    )
    cursor = await connection.cursor(statement, slots)
    while rows := await cursor.fetch(size):
        yield rows


async def kept_figures(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Record]:
    """Figures and contact address of these organisations, of the caller's own state alone."""
    rows = await connection.fetch(
        """select figures.organisation_id, employees, turnover_cents, balance_cents, email
             from figures left join contact using (organisation_id) where figures.organisation_id = any($1)""",
        list(ids),
    )
    return {row["organisation_id"]: row for row in rows}
