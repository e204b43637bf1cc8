"""Taking a copy of the directory along, narrowed as its list is: CSV, XLSX or JSON Lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from norda_common.auth import Caller
from norda_common.requests import QueryText
from norda_common.runtime import Runtime
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with

from ..rules.export_rows import Exported, exported_headings, exported_names, exported_row
from ..rules.names import query_words
from ..rules.rights import READ
from ..store.searches import Filters, Order
from ..tables.writing import Cell
from ..usecases.commands import Kind
from ..usecases.exporting import export_organisations, sees_figures
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
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def export(
    caller: Annotated[Caller, caller_with(READ)],
    runtime: RuntimeDep,
    format: Annotated[ExportFormat, Query(description="`csv`, `xlsx` or `jsonl`")] = ExportFormat.CSV,  # noqa: A002
    language: Annotated[Literal["de", "en"], Query(description="Of headings and labels")] = "de",
    q: Annotated[QueryText | None, Query(description="Beginnings of words of names and places")] = None,
    state: Annotated[State | None, Query(description="Responsible state")] = None,
    kind: Kind | None = None,
    competence: Annotated[QueryText | None, Query(description="`BAT` finds `BAT-02` too")] = None,
    cluster: Annotated[QueryText | None, Query(description="Code of a cluster it is a member of now")] = None,
    status: Annotated[QueryText | None, Query(description="`active` or `deactivated`")] = None,
    district: Annotated[QueryText | None, Query(description="AGS of a district, or `none`")] = None,
    released: Annotated[bool, Query(description="Only what is released for the public, and active")] = False,
) -> StreamingResponse:
    """What the list with the same parameters holds, by name. Figures and contact address for the own state's office.

    CSV is UTF-8 with its mark, semicolons, decimal commas; a cell that a spreadsheet would calculate has an apostrophe
    before it, which the import takes off again. Importing what was exported changes nothing.
    """
    filters = Filters(
        words=query_words(q or ""),
        state=state,
        kind=kind,
        competence=competence.upper() if competence else None,
        cluster=cluster.upper() if cluster else None,
        status=status,
        district=district or None,
        released=released,
    )
    return organisations(runtime, caller, filters, kind=format, language=language)


def organisations(
    runtime: Runtime,
    caller: Caller,
    filters: Filters,
    *,
    kind: ExportFormat,
    language: str,
    order: Order = Order.NAME,
    descending: bool = False,
) -> StreamingResponse:
    """The answer with these organisations; the transaction lasts as long as somebody reads it."""
    name = f"norda-organisationen-{datetime.now(UTC):%Y-%m-%d}"

    async def batches() -> AsyncIterator[list[Exported]]:
        async with runtime.database.transaction(caller, news=False) as connection:
            async for batch in export_organisations(
                connection, filters, caller=caller, order=order, descending=descending
            ):
                yield batch

    if kind is ExportFormat.JSONL:
        return json_lines(_lines(batches()), name=name)
    names = exported_names(private=sees_figures(caller))

    async def rows() -> AsyncIterator[list[list[Cell]]]:
        async for batch in batches():
            yield [exported_row(item, names, language) for item in batch]

    return table(TableFormat(kind), exported_headings(names, language), rows, name=name)


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
