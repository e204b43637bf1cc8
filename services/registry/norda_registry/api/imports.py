"""Staged imports: a table is taken in, its columns are mapped, its rows planned, looked at, applied, and taken back.

The rows are worked on by the worker (workers.py); whoever waits reads the import again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import NotFound
from norda_common.input import Command
from norda_common.requests import Cursor, Limit, QueryText, read_cursor, refused, write_cursor
from norda_common.runtime import Runtime
from norda_common.web import RuntimeDep, caller_with, language_of
from pydantic import Field

from ..rules.import_fields import FIELDS
from ..rules.rights import IMPORT
from ..store import import_rows, imports
from ..store.import_rows import FILTERS
from ..store.imports import Import
from ..tables.writing import XLSX_TYPE, Cell
from ..usecases.imports.rows import Mode
from ..usecases.imports.showing import RefusedRow, refused_rows, shown_rows
from ..usecases.imports.staging import LARGEST_FILE_BYTES, stage_import
from ..usecases.imports.steps import (
    apply_import,
    cancel_import,
    look_at_sheet,
    map_columns,
    no_such_import,
    revert_import,
)
from ..usecases.people_commands import PersonTerms
from .downloads import TableFormat, table
from .import_views import (
    FieldView,
    ImportPage,
    ImportView,
    RowPage,
    SourceView,
    import_view,
    row_view,
    source_view,
)
from .uploads import opened, uploaded

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])
Importer = Annotated[Caller, caller_with(IMPORT)]
LONGEST_SOURCE = 100
REFUSED_AT_ONCE = 500

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}, "source": {"type": "string"}},
                    "required": ["file"],
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class ChooseSheet(Command):
    """Which sheet is meant, and in which row its heading ends, where that was not found rightly."""

    sheet: int = Field(ge=0, le=100)
    heading_row: int | None = Field(default=None, ge=1, le=1_048_576)


class MapColumns(Command):
    """What each heading means, in their order, by the names of fields; empty for what is to be left alone."""

    columns: tuple[Annotated[str, Field(max_length=100)], ...] = Field(max_length=200)
    mode: Mode = Mode.BOTH
    empty_clears: bool = False
    persons: PersonTerms | None = Field(
        default=None,
        description="Why the list's contact persons are kept, and how long; needed when a column names them",
    )


@router.get("/fields", summary="List what a column can mean")
async def fields(caller: Importer) -> list[FieldView]:  # noqa: ARG001 - who has the right
    """The fields, by the names that mappings use."""
    return [FieldView(name=field.name, de=field.label.de, en=field.label.en) for field in FIELDS]


@router.get("/sources", summary="List the sources of the own office")
async def list_sources(caller: Importer, runtime: RuntimeDep) -> list[SourceView]:
    """Sources by name, with how their columns were understood last."""
    async with runtime.database.read(caller) as connection:
        return [source_view(known) for known in await imports.sources(connection)]


@router.delete("/sources/{name}", status_code=204, summary="Forget a source")
async def forget_source(name: Annotated[QueryText, Path()], caller: Importer, runtime: RuntimeDep) -> None:
    """Its next table is mapped anew. Imports of it stay."""
    async with runtime.database.transaction(caller) as connection:
        if not await imports.forget_source(connection, name):
            raise NotFound("Diese Quelle gibt es nicht.", "There is no such source.")


@router.post(
    "",
    status_code=201,
    summary="Take a table in",
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    max_body_size=LARGEST_FILE_BYTES,
)
async def stage(
    request: Request,
    caller: Importer,
    runtime: RuntimeDep,
    response: Response,
    source: Annotated[QueryText, Query(description="Whose list it is, as `IHK-Liste`; or a field of the form")] = "",
    file_name: Annotated[QueryText, Query(description="For whom the body is the file")] = "",
) -> ImportView:
    """CSV, XLSX or ODS, up to 64 MB and 200,000 rows. Nothing is written to organisations yet.

    Columns are proposed by their headings (status `mapping`); where the source's headings are those of last time, they
    are taken as they were then, and the rows are planned at once (`planning`).
    """
    caller.require_own_state(IMPORT)
    now = datetime.now(UTC)
    async with uploaded(request) as sent:
        named = source_name(sent.fields.get("source") or source)
        async with opened(sent.file) as upload, runtime.database.transaction(caller) as connection:
            made = await stage_import(
                connection,
                upload,
                source=named,
                file_name=sent.name or file_name,
                caller=caller,
                served=runtime.settings.states,
                now=now,
            )
    response.headers["Location"] = f"/api/v1/imports/{made.id}"
    return import_view(made, now)


def source_name(text: str) -> str:
    """A source's name. Raises InvalidInput when it is missing, too long or no line of text."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_SOURCE or not name.isprintable():
        raise refused(
            "source",
            f"fehlt oder ist zu lang (höchstens {LONGEST_SOURCE} Zeichen)",
            f"is missing or too long (at most {LONGEST_SOURCE} characters)",
        )
    return name


@router.get("", summary="List imports", response_model_exclude_none=True)
async def list_imports(caller: Importer, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None) -> ImportPage:
    """Imports of the own office, newest first."""
    before: Any = read_cursor(cursor, UUID)[0] if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await imports.listed(connection, before=before, limit=limit + 1)
    now = datetime.now(UTC)
    return ImportPage(
        items=[import_view(item, now) for item in found[:limit]],
        next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@router.get("/{import_id}", summary="Read an import and its progress", response_model_exclude_none=True)
async def read(import_id: UUID, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """The import with counts of its rows, once nothing is done to them any more."""
    async with runtime.database.read(caller) as connection:
        found = await find(connection, import_id)
        counts = None if found.working else await import_rows.counts(connection, import_id)
    return import_view(found, datetime.now(UTC), counts)


async def find(connection: Connection, import_id: UUID) -> Import:
    """An import of the own office. Raises NotFound."""
    found = await imports.get(connection, import_id)
    if found is None:
        raise no_such_import()
    return found


@router.put("/{import_id}/sheet", summary="Choose the sheet", response_model_exclude_none=True)
async def choose_sheet(import_id: UUID, command: ChooseSheet, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """Take another sheet, or another row for its heading; its columns are proposed anew."""
    async with runtime.database.transaction(caller) as connection:
        changed = await look_at_sheet(
            connection,
            import_id,
            sheet=command.sheet,
            heading_row=command.heading_row,
            caller=caller,
            served=runtime.settings.states,
        )
    return import_view(changed, datetime.now(UTC))


@router.put("/{import_id}/mapping", status_code=202, summary="Map the columns", response_model_exclude_none=True)
async def map_import(import_id: UUID, command: MapColumns, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """Say what columns mean; it is remembered for the source, and the rows are planned (anew)."""
    now = datetime.now(UTC)
    async with runtime.database.transaction(caller) as connection:
        changed = await map_columns(
            connection,
            import_id,
            columns=command.columns,
            mode=command.mode,
            empty_clears=command.empty_clears,
            persons=command.persons,
            caller=caller,
            served=runtime.settings.states,
            now=now,
        )
    return import_view(changed, now)


@router.get("/{import_id}/rows", summary="List rows", response_model_exclude_none=True)
async def rows(
    import_id: UUID,
    caller: Importer,
    runtime: RuntimeDep,
    only: Annotated[QueryText, Query(description=f"One of {', '.join(filter(None, FILTERS))}")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RowPage:
    """What each row would do, and did."""
    if only not in FILTERS:
        raise refused("only", "ist kein Filter", "is no filter")
    after: Any = read_cursor(cursor, int)[0] if cursor else 0
    async with runtime.database.read(caller) as connection:
        found = await find(connection, import_id)
        shown = await shown_rows(connection, found, narrowed=only, after_row=min(after, 2**31 - 1), limit=limit + 1)
    return RowPage(
        items=[row_view(row) for row in shown[:limit]],
        next_cursor=write_cursor(shown[limit - 1].row) if len(shown) > limit else None,
    )


@router.post("/{import_id}/application", status_code=202, summary="Apply the plan", response_model_exclude_none=True)
async def apply(import_id: UUID, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """Do what is planned. One import per state writes at a time: 409 `import_running` otherwise."""
    return await _step(apply_import, import_id, caller, runtime)


@router.post("/{import_id}/cancellation", summary="Cancel an import", response_model_exclude_none=True)
async def cancel(import_id: UUID, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """End it where it is; what it wrote stays, and can be taken back."""
    return await _step(cancel_import, import_id, caller, runtime)


@router.post("/{import_id}/reversion", status_code=202, summary="Take an import back", response_model_exclude_none=True)
async def revert(import_id: UUID, caller: Importer, runtime: RuntimeDep) -> ImportView:
    """Withdraw what it created, and restore what it changed, but for what somebody changed since (`only=left`)."""
    return await _step(revert_import, import_id, caller, runtime)


async def _step(step: Any, import_id: UUID, caller: Caller, runtime: Runtime) -> ImportView:
    now = datetime.now(UTC)
    async with runtime.database.transaction(caller) as connection:
        changed = await step(connection, import_id, caller=caller, served=runtime.settings.states, now=now)
    return import_view(changed, now)


@router.get(
    "/{import_id}/refused-rows",
    summary="Take the refused rows along",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, XLSX_TYPE: {}}}},
)
async def refused_file(
    import_id: UUID,
    request: Request,
    caller: Importer,
    runtime: RuntimeDep,
    format: Annotated[TableFormat, Query(description="`csv` or `xlsx`")] = TableFormat.CSV,  # noqa: A002
) -> StreamingResponse:
    """Rows with an error, rows that failed, and undecided duplicates, in the source's own columns, with the reason."""
    async with runtime.database.read(caller) as connection:
        found = await find(connection, import_id)
    return await refused_table(runtime, caller, found, kind=format, language=language_of(request))


async def refused_table(
    runtime: Runtime, caller: Caller, found: Import, *, kind: TableFormat, language: str
) -> StreamingResponse:
    """The answer with the refused rows of an import."""
    width = len(found.headings)

    async def batches() -> AsyncIterator[list[list[Cell]]]:
        after = 0
        while True:
            async with runtime.database.read(caller) as connection:
                refused_now = await refused_rows(connection, found, after_row=after, limit=REFUSED_AT_ONCE)
            if not refused_now:
                return
            after = refused_now[-1].row
            yield [[*_padded(row, width), _reason(row, found, language)] for row in refused_now]

    reason = "Reason" if language == "en" else "Grund"
    return await table(runtime, kind, [*found.headings, reason], batches, name=f"norda-import-{found.id}")


def _padded(row: RefusedRow, width: int) -> list[Cell]:
    return [*row.cells[:width], *([""] * (width - len(row.cells)))]


def _reason(row: RefusedRow, found: Import, language: str) -> str:
    """What is wrong, under the file's own headings."""
    headings = dict(zip(found.columns, found.headings, strict=False))
    return "; ".join(
        f"{headings.get(item.field, item.field)}: {item.text.in_language(language)}" for item in row.findings
    )
