"""Tables as answers: streamed while they are read, in memory that does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi.responses import StreamingResponse

from ..tables.writing import CSV_TYPE, XLSX_TYPE, Cell, XlsxTable, csv_rows, csv_start, parts_of

Rows = AsyncIterator[Sequence[Sequence[Cell]]]


class TableFormat(StrEnum):
    """How a table leaves."""

    CSV = "csv"
    XLSX = "xlsx"


def table(kind: TableFormat, headings: Sequence[str], rows: Callable[[], Rows], *, name: str) -> StreamingResponse:
    """A table of batches of rows, to be kept as a file of that name without its ending."""
    if kind is TableFormat.XLSX:
        return _answer(_xlsx(headings, rows, sheet=name[:31]), XLSX_TYPE, f"{name}.xlsx")
    return _answer(_csv(headings, rows), CSV_TYPE, f"{name}.csv")


def json_lines(lines: AsyncIterator[bytes], *, name: str) -> StreamingResponse:
    """One JSON document a line."""
    return _answer(lines, "application/x-ndjson", f"{name}.jsonl")


async def _csv(headings: Sequence[str], rows: Callable[[], Rows]) -> AsyncIterator[bytes]:
    yield csv_start(headings)
    async for batch in rows():
        yield await asyncio.to_thread(csv_rows, batch)


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


def _answer(content: AsyncIterator[Any], media_type: str, name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type=media_type, headers=headers)
