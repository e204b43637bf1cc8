"""Importing a table: first a preview that stores nothing, then the same file again for real.

The file is not kept in between, since it may hold contact addresses; its digest is, so that what is imported is what
was looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Response
from norda_common.errors import FieldError, InvalidInput, NordaError, Text
from norda_common.requests import refused
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for
from starlette.datastructures import UploadFile

from ..api.imports import LARGEST_FILE_BYTES
from ..rules.csv_formats import Bodies, Companies
from ..rules.rights import IMPORT
from ..usecases.importing import ImportReport, import_organisations

router = APIRouter(prefix="/registry")
TITLE = Text("Import", "Import")
PREVIEW, STORE = "preview", "store"
MOST_SHOWN = 100
_PART_BYTES = 1 << 20


class _Preview(Exception):  # noqa: N818 - no fault: it rolls a preview back
    """Ends a preview's transaction without storing anything."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


@router.get("/import")
async def upload(page: Annotated[Page, page_for(IMPORT)]) -> Response:
    """The form for a file, and what a table has to look like."""
    return _show(page, Form(language=page.language))


@router.post("/import", max_body_size=LARGEST_FILE_BYTES)
async def take(page: Annotated[Page, page_for(IMPORT)]) -> Response:
    """Preview the table, or import it when it is the one that was previewed."""
    data = await page.form_data()
    form = Form.typed(data, language=page.language)
    file = data.get("file")
    store = form.value("step") == STORE
    digest = ""
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise refused("file", "fehlt: bitte eine CSV-Datei wählen", "is missing: please choose a CSV file")
        digest = await asyncio.to_thread(_digest, file.file)
        if store and digest != form.value("digest"):
            raise refused(
                "file",
                "ist nicht die Datei der Vorschau; hier ist ihre Vorschau erst einmal neu anzusehen",
                "is not the file of the preview; please look at its own preview first",
            )
        report = await _import(page, file.file, store=store)
    except NordaError as error:
        return _show(page, form.refuse(_without_rows(error)), error=error)
    if store:
        told = Text(
            f"Importiert: {report.created} angelegt, {report.changed} geändert, {report.unchanged} unverändert.",
            f"Imported: {report.created} registered, {report.changed} changed, {report.unchanged} unchanged.",
        )
        return _show(page, Form(language=page.language), report=report, stored=True, told=told)
    return _show(page, Form(language=page.language), report=report, digest=digest, name=file.filename)


async def _import(page: Page, file: BinaryIO, *, store: bool) -> ImportReport:
    """Import, or try to: a preview's transaction is rolled back."""
    try:
        async with page.transaction() as connection:
            report = await import_organisations(
                connection, file, caller=page.caller, served=page.runtime.settings.states, now=page.now
            )
            if not store:
                raise _Preview(report)
    except _Preview as preview:
        return preview.report
    return report


def _digest(file: BinaryIO) -> str:
    """SHA-256 of the whole file, which is then at its beginning again."""
    digest = hashlib.sha256()
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def _without_rows(error: NordaError) -> NordaError:
    """The error for the form itself: faults of rows stand in their own table."""
    if not any(item.row is not None for item in error.errors):
        return error
    return InvalidInput(
        "Die Tabelle hat Fehler; es wurde nichts gespeichert.", "The table has faults; nothing was stored."
    )


def _show(
    page: Page,
    form: Form,
    *,
    error: NordaError | None = None,
    report: ImportReport | None = None,
    stored: bool = False,
    told: Text | None = None,
    digest: str = "",
    name: str = "",
) -> Response:
    faults = [item for item in error.errors if item.row is not None] if error else []
    errors = [("file" if field == "file" else "", text) for field, text in form.errors.items()]
    return page.show(
        "import.html.jinja",
        title=Text("Import ausgeführt", "Import done") if stored else TITLE,
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        file_error=form.errors.get("file"),
        errors=errors,
        faults=_rows(faults, page),
        fault_count=len(faults),
        warnings=_rows(report.warnings if report else [], page),
        report=report,
        stored=stored,
        told=told.in_language(page.language) if told else "",
        digest=digest,
        name=name,
        formats=[
            (Text("Unternehmen", "Companies").in_language(page.language), Companies.required, _optional(Companies)),
            (
                Text("Weitere Organisationen", "Other bodies").in_language(page.language),
                Bodies.required,
                _optional(Bodies),
            ),
        ],
        most=MOST_SHOWN,
    )


def _optional(table: type[Companies] | type[Bodies]) -> list[str]:
    return sorted(table.known - set(table.required))


def _rows(found: Sequence[FieldError], page: Page) -> list[dict[str, Any]]:
    return [
        {"row": item.row, "column": item.field, "text": item.text.in_language(page.language)}
        for item in found[:MOST_SHOWN]
    ]
