"""Reading the directory from its beginning to its end, for whoever takes a copy along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection

from .searches import Filters, Order, list_statement

_ALL = 2**31 - 1


async def batches(
    connection: Connection, filters: Filters, *, size: int, order: Order = Order.NAME, descending: bool = False
) -> AsyncIterator[list[Record]]:
    """Everything a list with these filters holds, so many rows at a time, from a cursor in the running transaction."""
    statement, parameters = list_statement(filters, after=None, limit=_ALL, order=order, descending=descending)
    cursor = await connection.cursor(statement, *parameters)
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
