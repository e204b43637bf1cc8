"""Rows of which a person said that they are taken without the cells that are at fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from norda_common.database import Connection

from ...rules.import_fields import IGNORED
from ...store import import_rows
from ...store.import_rows import Cells
from ...store.imports import Import
from .rows import Desk, Row


async def leave_out_cells(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    """Read the rows once more without those cells, and say which they are; no field is emptied by them."""
    found, asked = desk.found, {row.draft.row: row for row in rows if row.draft.row in desk.without}
    if found is None or not asked:
        return
    records = await import_rows.cells(connection, found.id, found.sheet, list(asked))
    await asyncio.to_thread(_read_without, records, found, asked, desk)


def _read_without(records: Sequence[Cells], found: Import, asked: Mapping[int, Row], desk: Desk) -> None:
    for record in records:
        row, names = asked[record.row], desk.without[record.row]
        columns = [IGNORED if name in names else name for name in found.columns]
        (read,) = desk.read([record], replace(found, columns=columns))
        row.draft, row.fields, row.keys, row.claimed = read.draft, read.fields, read.keys, read.claimed
        row.without = names
        for name in found.columns:
            if name in names:
                row.draft.findings.warn(
                    name, "left_out", "ist fehlerhaft und bleibt weg", "is at fault and is left out"
                )
