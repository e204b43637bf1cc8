"""Taking a copy of the directory along, narrowed as its list is: CSV, XLSX or JSON Lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from norda_common.auth import Caller
from norda_common.runtime import Runtime
from norda_common.web import RuntimeDep, caller_with

from ..rules.export_rows import Exported, exported_headings, exported_names, exported_row
from ..rules.rights import READ
from ..store.facet_index import fresh_index
from ..tables.writing import XLSX_TYPE, Cell
from ..usecases.exporting import export_organisations, sees_figures
from ..usecases.searching import Asked
from .asking import Search, search
from .downloads import TableFormat, json_lines, table
from .views import Internal, view

router = APIRouter(prefix="/api/v1/exports", tags=["exports"])


class ExportFormat(StrEnum):
    """How organisations leave: tables have one row each, JSON Lines the whole document."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


@router.get(
    "/organisations",
    summary="Take organisations along",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, XLSX_TYPE: {}, "application/x-ndjson": {}}}},
)
async def export(
    caller: Annotated[Caller, caller_with(READ)],
    runtime: RuntimeDep,
    wanted: Annotated[Search, Depends(search)],
    format: Annotated[ExportFormat, Query(description="`csv`, `xlsx` or `jsonl`")] = ExportFormat.CSV,  # noqa: A002
    language: Annotated[Literal["de", "en"], Query(description="Of headings and labels")] = "de",
) -> StreamingResponse:
    """What the list with the same parameters holds, by name or last change. Figures and contact address
    for the own state's office.

    CSV is UTF-8 with its mark, semicolons, decimal commas; a cell that a spreadsheet would calculate has an apostrophe
    before it, which the import takes off again. Importing what was exported changes nothing.
    """
    return await organisations(runtime, caller, wanted.asked(), kind=format, language=language)


async def organisations(
    runtime: Runtime,
    caller: Caller,
    asked: Asked,
    *,
    kind: ExportFormat,
    language: str,
) -> StreamingResponse:
    """The answer with these organisations, all as they were at one instant. Raises Forbidden and Unavailable."""
    name = f"norda-organisationen-{datetime.now(UTC):%Y-%m-%d}"
    index = await fresh_index(runtime.database)

    async def batches() -> AsyncIterator[list[Exported]]:
        async with runtime.database.transaction(caller, news=False) as connection:
            async for batch in export_organisations(connection, index, asked, caller=caller):
                yield batch

    if kind is ExportFormat.JSONL:
        return await json_lines(runtime, _lines(batches()), name=name)
    names = exported_names(private=sees_figures(caller))

    async def rows() -> AsyncIterator[list[list[Cell]]]:
        async for batch in batches():
            yield [exported_row(item, names, language) for item in batch]

    return await table(runtime, TableFormat(kind), exported_headings(names, language), rows, name=name)


async def _lines(batches: AsyncIterator[list[Exported]]) -> AsyncIterator[bytes]:
    async for batch in batches:
        yield b"".join(_line(item) for item in batch)


def _line(item: Exported) -> bytes:
    shown = view(item.organisation, item.version)
    if item.figures is not None:
        kept = item.figures
        internal = Internal(
            employees=kept.employees,
            turnover_eur=_euros(kept.turnover_cents),
            balance_eur=_euros(kept.balance_cents),
            contact_email=item.email,
        )
        shown = shown.model_copy(update={"internal": internal})
    return shown.model_dump_json(exclude_none=True).encode() + b"\n"


def _euros(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100
