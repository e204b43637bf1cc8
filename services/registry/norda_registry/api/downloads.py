"""Tables as answers: made at the database's pace and read at anybody's, in memory that does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi.responses import StreamingResponse
from norda_common.runtime import Runtime

from ..tables.writing import CSV_TYPE, XLSX_TYPE, Cell, XlsxTable, csv_rows, csv_start, parts_of
from .spooling import SpooledResponse, Spools

Rows = AsyncIterator[Sequence[Sequence[Cell]]]
SHARE = 3
"""A third of the pool's connections may be used to make downloads."""
_SPOOLS = Spools()


class TableFormat(StrEnum):
    """How a table leaves."""

    CSV = "csv"
    XLSX = "xlsx"


async def table(
    runtime: Runtime, kind: TableFormat, headings: Sequence[str], rows: Callable[[], Rows], *, name: str
) -> StreamingResponse:
    """A table of batches of rows, to be kept as a file of that name without its ending. Raises Unavailable, and what
    keeps its first part from being made.
    """
    if kind is TableFormat.XLSX:
        return await _answer(runtime, _xlsx(headings, rows, sheet=name[:31]), XLSX_TYPE, f"{name}.xlsx")
    return await _answer(runtime, _csv(headings, rows), CSV_TYPE, f"{name}.csv")


async def json_lines(runtime: Runtime, lines: AsyncIterator[bytes], *, name: str) -> StreamingResponse:
    """One JSON document a line. Raises as `table`."""
    return await _answer(runtime, lines, "application/x-ndjson", f"{name}.jsonl")


async def _csv(headings: Sequence[str], rows: Callable[[], Rows]) -> AsyncIterator[bytes]:
    # The heading goes with the first rows: what keeps those from being read is answered as such.
    start = csv_start(headings)
    async for batch in rows():
        yield start + await asyncio.to_thread(csv_rows, batch)
        start = b""
    yield start


async def _xlsx(headings: Sequence[str], rows: Callable[[], Rows], *, sheet: str) -> AsyncIterator[bytes]:
    """A workbook's contents come before its rows, so it is written to a file first."""
    with TemporaryDirectory(prefix="norda-export-") as folder:
        path = Path(folder) / "table.xlsx"
        written = await asyncio.to_thread(XlsxTable, path, headings, sheet=sheet)
        async for batch in rows():
            await asyncio.to_thread(written.write, batch)
        await asyncio.to_thread(written.close)
        for part in parts_of(path):
            yield part


async def _answer(runtime: Runtime, content: AsyncIterator[bytes], media_type: str, name: str) -> StreamingResponse:
    spool = _SPOOLS.begin(content, most=max(1, runtime.settings.database_pool_size // SHARE))
    await spool.begun()
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return SpooledResponse(spool, media_type=media_type, headers=headers)
