"""Importing a table of fixed columns at once: all rows or none, with a preview that stores nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from norda_common.auth import Caller
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.rights import IMPORT
from ..usecases.imports.at_once import ImportReport, import_organisations
from ..usecases.imports.staging import LARGEST_FILE_BYTES
from .uploads import uploaded
from .views import WarningView, warning

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])


class CreatedOrganisation(BaseModel):
    """A row that became a new organisation."""

    row: int
    organisation_id: UUID
    own_id: str | None = None
    legal_name: str


class ImportResult(BaseModel):
    """What the import did, or would do. `created_organisations` and `warnings` are bounded, the counts are not."""

    dry_run: bool
    format: str = Field(examples=["companies"])
    encoding: str = Field(examples=["utf-8"])
    delimiter: str = Field(examples=[";"])
    rows: int
    created: int
    changed: int
    unchanged: int
    foreign: int = Field(description="Rows of other states, left alone")
    warning_count: int
    warnings: list[WarningView]
    created_organisations: list[CreatedOrganisation]


class _Preview(Exception):  # noqa: N818 - no fault: it rolls a preview back
    """Ends a preview's transaction without storing anything."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}


@router.post(
    "/organisations",
    summary="Import companies or bodies from CSV",
    openapi_extra=_BODY,
    response_model_exclude_none=True,
    max_body_size=LARGEST_FILE_BYTES,
)
async def import_csv(
    request: Request,
    caller: Annotated[Caller, caller_with(IMPORT)],
    runtime: RuntimeDep,
    dry_run: Annotated[bool, Query(description="Preview: check and count, store nothing")] = False,
    ignore_duplicates: Annotated[
        bool, Query(description="Enter also what seems to be known, by name and place")
    ] = False,
) -> ImportResult:
    """All rows or none. Rows of other states are counted as `foreign` and left alone.

    UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab. Columns of companies: `legal_name`, `place`, `state` and
    more; of bodies: `id`, `name`, `kind`, `states`. Recognised by EUID, USt-IdNr, W-IdNr or own id, so importing again
    changes nothing. 422 names rows and columns, as a spreadsheet counts them; `duplicate` for a row that seems to be an
    organisation that is known.
    """
    caller.require_own_state(IMPORT)
    now = datetime.now(UTC)
    async with uploaded(request) as sent:
        try:
            async with runtime.database.transaction(caller) as connection:
                report = await import_organisations(
                    connection,
                    sent.file,
                    ignore_duplicates=ignore_duplicates,
                    caller=caller,
                    served=runtime.settings.states,
                    now=now,
                )
                if dry_run:
                    raise _Preview(report)
        except _Preview as preview:
            report = preview.report
    return _result(report, dry_run=dry_run)


def _result(report: ImportReport, *, dry_run: bool) -> ImportResult:
    return ImportResult(
        dry_run=dry_run,
        format=report.format,
        encoding=report.encoding,
        delimiter=report.delimiter,
        rows=report.rows,
        created=report.created,
        changed=report.changed,
        unchanged=report.unchanged,
        foreign=report.foreign,
        warning_count=report.warning_count,
        warnings=[warning(found) for found in report.warnings],
        created_organisations=[
            CreatedOrganisation(
                row=item.row,
                organisation_id=item.organisation_id,
                own_id=item.own_id,
                legal_name=item.legal_name,
            )
            for item in report.created_rows
        ],
    )
