"""What a person does with a checked import: decide about rows, apply, cancel, take back, take refused rows along."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from norda_common.errors import Text
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.downloads import TableFormat
from ..api.imports import find, refused_table
from ..rules.rights import IMPORT
from ..store import import_rows
from ..store.import_rows import FILTERS
from ..usecases.imports.deciding import decide, decide_all
from ..usecases.imports.rows import Decision
from ..usecases.imports.steps import apply_import, cancel_import, revert_import
from .imports import CRUMBS, LIST, TITLE, address

router = APIRouter(prefix="/registry/import")
Importer = Annotated[Page, page_for(IMPORT)]


@router.post("/{import_id}/rows/{row_id}")
async def decide_row(page: Importer, import_id: UUID, row_id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """Leave a row out, take it after all, or say what a suspected duplicate is."""
    form = await page.form()
    said = form.value("decision")
    async with page.transaction() as connection:
        await decide(
            connection,
            import_id,
            [row_id],
            Decision(said) if said in set(Decision) else None,
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
        )
    told = Text(f"Zeile {row_id} ist entschieden.", f"Row {row_id} is decided.")
    return await page.go(_back(import_id, form), told)


def _back(import_id: UUID, form: Form) -> str:
    """The rows as they were narrowed."""
    only, cursor = form.value("only"), form.value("cursor")
    kept = cursor if cursor.replace("-", "").replace("_", "").isalnum() else ""
    return address(import_id, only=only if only in FILTERS else "", cursor=kept)


@router.post("/{import_id}/decisions")
async def decide_rows(page: Importer, import_id: UUID) -> Response:
    """Decide about many rows at once: those that are shown, or all of a kind (`of`)."""
    form = await page.form()
    said, kind = form.value("decision"), form.value("of")
    decision = Decision(said) if said in set(Decision) else None
    rows = [int(text) for text in form.values.get("row", ()) if text.isascii() and text.isdigit() and len(text) <= 7]
    served = page.runtime.settings.states
    async with page.transaction() as connection:
        if kind and kind in FILTERS:
            number = await decide_all(
                connection, import_id, kind, decision, caller=page.caller, served=served, now=page.now
            )
        else:
            number = await decide(
                connection, import_id, rows[:1_000], decision, caller=page.caller, served=served, now=page.now
            )
    told = Text(f"Über {number} Zeilen ist entschieden.", f"{number} rows are decided.")
    return await page.go(_back(import_id, form), told)


@router.post("/{import_id}/apply")
async def apply(page: Importer, import_id: UUID) -> Response:
    """Let the plan be done."""
    await page.form()
    async with page.transaction() as connection:
        await apply_import(connection, import_id, caller=page.caller, served=page.runtime.settings.states, now=page.now)
    return await page.go(address(import_id))


@router.post("/{import_id}/cancel")
async def cancel(page: Importer, import_id: UUID) -> Response:
    """End the import where it is."""
    await page.form()
    async with page.transaction() as connection:
        await cancel_import(
            connection, import_id, caller=page.caller, served=page.runtime.settings.states, now=page.now
        )
    return await page.go(address(import_id), Text("Der Import ist abgebrochen.", "The import is cancelled."))


@router.get("/{import_id}/revert")
async def ask_to_revert(page: Importer, import_id: UUID) -> Response:
    """The question before an import is taken back."""
    async with page.read() as connection:
        found = await find(connection, import_id)
        counts = await import_rows.counts(connection, import_id)
    title = Text("Import zurücknehmen", "Take the import back")
    return page.show(
        "import_revert.html.jinja",
        title=title,
        crumbs=[*CRUMBS, (TITLE, LIST), (Text(found.source, found.source), address(import_id)), (title, None)],
        it=found,
        base=address(import_id),
        created=counts["result"].get("created", 0),
        changed=counts["result"].get("changed", 0),
    )


@router.post("/{import_id}/revert")
async def revert(page: Importer, import_id: UUID) -> Response:
    """Take back what the import did."""
    await page.form()
    async with page.transaction() as connection:
        await revert_import(
            connection, import_id, caller=page.caller, served=page.runtime.settings.states, now=page.now
        )
    return await page.go(address(import_id))


@router.get("/{import_id}/refused")
async def refused(page: Importer, import_id: UUID, format: TableFormat = TableFormat.CSV) -> Response:  # noqa: A002
    """The refused rows as a file in the source's own columns, with the reason."""
    async with page.read() as connection:
        found = await find(connection, import_id)
    return await refused_table(page.runtime, page.caller, found, kind=format, language=page.language)
