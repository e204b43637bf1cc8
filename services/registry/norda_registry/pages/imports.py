"""Imports: taking a table in, saying what its columns mean, and looking at what each row would do, or did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.database import Connection
from norda_common.errors import NordaError, Text
from norda_common.requests import Cursor, QueryText, read_cursor, refused, write_cursor
from norda_common.signin import sessions
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for
from norda_common.web.site import number_in
from starlette.datastructures import UploadFile

from ..api.imports import find, source_name
from ..api.uploads import opened
from ..rules.import_fields import BY_NAME, FIELDS, PERSON
from ..rules.rights import IMPORT
from ..store import import_rows, imports
from ..store.import_rows import FILTERS
from ..store.imports import NOTHING_TAKEN_BACK, Import, Source
from ..usecases.imports.rows import Mode
from ..usecases.imports.showing import ShownRow, samples, shown_rows
from ..usecases.imports.staging import LARGEST_FILE_BYTES, stage_import
from ..usecases.imports.steps import look_at_sheet, map_columns
from ..usecases.people_commands import PersonTerms
from . import texts
from .import_changes import bulk, changes
from .import_terms import fields_of, terms_of, values_of

router = APIRouter(prefix="/registry")
LIST = "/registry/import"
TITLE = Text("Import", "Import")
CRUMBS: Sequence[tuple[Text, str | None]] = [(Text("Übersicht", "Overview"), "/registry/")]
LISTED = 20
ROWS = 25
SAMPLES = 3
STATUSES: Mapping[str, Text] = {
    "mapping": Text("wartet auf Zuordnung", "waits for its mapping"),
    "planning": Text("wird geprüft", "is being checked"),
    "planned": Text("geprüft, nichts geschrieben", "checked, nothing written"),
    "applying": Text("wird übernommen", "is being applied"),
    "applied": Text("übernommen", "applied"),
    "reverting": Text("wird zurückgenommen", "is being taken back"),
    "reverted": Text("zurückgenommen", "taken back"),
    NOTHING_TAKEN_BACK: Text("nichts ließ sich zurücknehmen", "nothing could be taken back"),
    "cancelled": Text("abgebrochen", "cancelled"),
    "failed": Text("fehlgeschlagen", "failed"),
}
OUTCOMES: Mapping[str, Text] = {
    "create": Text("wird angelegt", "to be registered"),
    "change": Text("wird geändert", "to be changed"),
    "unchanged": Text("unverändert", "unchanged"),
    "duplicate": Text("Dublettenverdacht", "seems a duplicate"),
    "foreign": Text("anderes Land", "another state"),
    "skipped": Text("nicht gewünscht", "not wanted"),
    "error": Text("Fehler", "error"),
    "left_out": Text("ausgelassen", "left out"),
    "created": Text("angelegt", "registered"),
    "changed": Text("geändert", "changed"),
    "failed": Text("nicht übernommen", "not applied"),
    "withdrawn": Text("wieder entfernt", "withdrawn"),
    "deactivated": Text("deaktiviert, weil darauf verwiesen wird", "deactivated, since something refers to it"),
    "restored": Text("wieder wie vorher", "as it was before"),
    "left": Text("belassen", "left as it is"),
}
REASONS: Mapping[str, Text] = {
    "changed_since": Text("inzwischen geändert", "changed since"),
    "gone": Text("inzwischen umgezogen oder entfernt", "moved or removed since"),
    "number_taken": Text(
        "eine frühere Nummer gehört inzwischen anderen", "an earlier number is somebody else's by now"
    ),
    "internal": Text("ließ sich nicht zurücknehmen", "could not be taken back"),
}
MODES: Mapping[str, Text] = {
    "both": Text("Neue anlegen und bekannte ändern", "Register new ones and change known ones"),
    "create": Text("Nur neue anlegen", "Only register new ones"),
    "update": Text("Nur bekannte ändern", "Only change known ones"),
}
FORMATS = {"csv": "CSV", "xlsx": "XLSX", "ods": "ODS"}
Importer = Annotated[Page, page_for(IMPORT)]


@router.get("/import")
async def list_imports(page: Importer, cursor: Cursor = None) -> Response:
    """The office's imports, and the form for the next table."""
    return await _show_list(page, Form(language=page.language), cursor=cursor)


@router.post("/import", max_body_size=LARGEST_FILE_BYTES)
async def take(page: Importer) -> Response:
    """Take a table in; the next page is about it."""
    data = await page.form_data()
    form = Form.typed(data, language=page.language)
    file = data.get("file")
    try:
        source = source_name(form.value("source"))
        if not isinstance(file, UploadFile) or not file.filename:
            raise refused(
                "file", "fehlt: bitte eine Tabelle wählen (CSV, XLSX, ODS)", "is missing: please choose a table"
            )
        async with opened(file.file) as upload, page.transaction() as connection:
            made = await stage_import(
                connection,
                upload,
                source=source,
                file_name=file.filename,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        return await _show_list(page, form.refuse(_for_the_file(error)), status=error.status)
    return await page.go(address(made.id))


def address(import_id: UUID, *, only: str = "", cursor: str = "") -> str:
    """The page of an import, narrowed as before."""
    query = "&".join(f"{name}={value}" for name, value in (("only", only), ("cursor", cursor)) if value)
    return f"{LIST}/{import_id}" + (f"?{query}" if query else "")


def _for_the_file(error: NordaError) -> NordaError:
    """What is wrong with a row or the heading, under the file's field."""
    if not any(item.row is not None for item in error.errors):
        return error
    return refused("file", error.text.de, error.text.en)


async def _show_list(page: Page, form: Form, *, cursor: str | None = None, status: int = 200) -> Response:
    before: Any = read_cursor(cursor, UUID)[0] if cursor else None
    async with page.read() as connection:
        found = await imports.listed(connection, before=before, limit=LISTED + 1)
        known = await imports.sources(connection)
        who = await sessions.names(connection, [item.created_by for item in found]) if found else {}
    return page.show(
        "imports.html.jinja",
        title=TITLE,
        status=status,
        crumbs=[*CRUMBS, (TITLE, None)],
        source=form.field(
            "source",
            page.t("Quelle", "Source"),
            required=True,
            hint=page.t(
                "Wessen Liste es ist, etwa „IHK-Liste“. Die Zuordnung der Spalten wird je Quelle gemerkt.",
                "Whose list it is, such as “IHK-Liste”. How columns are mapped is remembered per source.",
            ),
        ),
        file=form.field(
            "file",
            page.t("Tabelle", "Table"),
            required=True,
            hint=page.t(
                "CSV, XLSX oder ODS, bis 64 MB und 200.000 Zeilen. Geschrieben wird nach der Prüfung, auf Ihr Wort.",
                "CSV, XLSX or ODS, up to 64 MB and 200,000 rows. Nothing is written until you say so after the check.",
            ),
        ),
        errors=form.summary,
        known=[(item.name, item.name) for item in known],
        items=[(item, who.get(item.created_by, item.created_by)) for item in found[:LISTED]],
        status_label=lambda code: texts.named(STATUSES, code, page.language),
        listing={
            "path": LIST,
            "query": [],
            "cursor": cursor,
            "next_cursor": write_cursor(found[LISTED - 1].id) if len(found) > LISTED else None,
        },
    )


@router.get("/import/{import_id}")
async def show(page: Importer, import_id: UUID, only: QueryText = "", cursor: Cursor = None) -> Response:
    """One import: its mapping, its progress, or its rows, by how far it is."""
    async with page.read() as connection:
        found = await find(connection, import_id)
        if found.status == "mapping":
            known = await imports.source(connection, found.source)
            return await show_mapping(page, connection, found, mapping_form(page, found, known))
        return await _show_rows(page, connection, found, only=only if only in FILTERS else "", cursor=cursor)


def mapping_form(page: Page, found: Import, known: Source | None) -> Form:
    """The mapping as it is proposed or was said; for its persons as it was said of this list, else of the last one."""
    values: dict[str, object] = {f"columns.{place}": name for place, name in enumerate(found.columns)}
    values |= {"mode": found.mode, "empty_clears": "yes" if found.empty_clears else ""}
    said = found.persons or (known.persons if known else None)
    terms = PersonTerms.model_validate_json(said) if said else None
    values |= values_of(terms, again=found.persons is None)
    return Form.of(values, language=page.language)


async def show_mapping(page: Page, connection: Connection, found: Import, form: Form, *, status: int = 200) -> Response:
    """The page on which a person says what columns mean."""
    seen = await samples(connection, found, most=SAMPLES)
    options = [(field.name, field.label.in_language(page.language)) for field in FIELDS]
    columns = [
        form.field(
            f"columns.{place}",
            heading or page.t(f"Spalte {place + 1}", f"Column {place + 1}"),
            hint=" · ".join(text[:60] for text in seen[place]) if seen[place] else "",
        )
        for place, heading in enumerate(found.headings)
    ]
    named = any(form.value(f"columns.{place}") in PERSON for place in range(len(found.headings)))
    return page.show(
        "import_mapping.html.jinja",
        title=Text(f"Spalten von {found.source}", f"Columns of {found.source}"),
        status=status,
        crumbs=[*CRUMBS, (TITLE, LIST), (Text(found.source, found.source), None)],
        it=found,
        columns=columns,
        options=options,
        persons=fields_of(form, needed=named),
        mode=form.field("mode", page.t("Welche Zeilen?", "Which rows?"), required=True),
        modes=[(code, label.in_language(page.language)) for code, label in MODES.items()],
        empty_clears=form.field(
            "empty_clears",
            page.t("Leere Zellen leeren das Feld", "Empty cells empty the field"),
            hint=page.t(
                "Sonst bleibt, was die Zeile nicht sagt. Name, Ort und Kennungen werden nie geleert.",
                "Otherwise what a row does not say stays. Name, place and numbers that identify are never emptied.",
            ),
        ),
        clears=form.value("empty_clears") == "yes",
        errors=form.summary,
        sheets=[(place, sheet["name"]) for place, sheet in enumerate(found.sheets)],
        formats=FORMATS,
    )


@router.post("/import/{import_id}/sheet")
async def choose_sheet(page: Importer, import_id: UUID) -> Response:
    """Take another sheet or another row for its heading."""
    form = await page.form()
    try:
        sheet, row = _number(form, "sheet") or 0, _number(form, "heading_row")
        async with page.transaction() as connection:
            await look_at_sheet(
                connection,
                import_id,
                sheet=sheet,
                heading_row=row,
                caller=page.caller,
                served=page.runtime.settings.states,
            )
    except NordaError as error:
        if error.status != 422:
            raise
        return await page.go(address(import_id), error.text, kind="danger")
    return await page.go(address(import_id))


def _number(form: Form, name: str) -> int | None:
    text = form.value(name).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise refused(name, "ist keine Zahl", "is no number")
    return int(text)


@router.post("/import/{import_id}/mapping")
async def map_import(page: Importer, import_id: UUID) -> Response:
    """Take the mapping over; the rows are checked then."""
    form = await page.form()
    async with page.read() as connection:
        found = await find(connection, import_id)
    try:
        async with page.transaction() as connection:
            await map_columns(
                connection,
                import_id,
                columns=[form.value(f"columns.{place}") for place in range(len(found.headings))],
                mode=_mode(form),
                empty_clears=form.value("empty_clears") == "yes",
                persons=terms_of(form),
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
            )
    except NordaError as error:
        if error.status != 422:
            raise
        async with page.read() as connection:
            return await show_mapping(page, connection, found, form.refuse(error), status=error.status)
    return await page.go(address(import_id))


def _mode(form: Form) -> Mode:
    code = form.value("mode", Mode.BOTH)
    if code not in set(Mode):
        raise refused("mode", "gibt es nicht", "does not exist")
    return Mode(code)


async def _show_rows(page: Page, connection: Connection, found: Import, *, only: str, cursor: str | None) -> Response:
    """Progress while the worker works, and the rows when it is through."""
    # Nobody sees them while they change, and counting takes as long as a batch.
    counts: dict[str, dict[str, int]] = {"outcome": {}, "result": {}, "reverted": {}}
    if not found.working:
        counts = await import_rows.counts(connection, found.id)
    after: Any = read_cursor(cursor, int)[0] if cursor else 0
    rows: list[ShownRow] = []
    if not found.working and found.forgotten_at is None:
        rows = await shown_rows(connection, found, narrowed=only, after_row=min(after, 2**31 - 1), limit=ROWS + 1)
    language = page.language
    rate, left = found.rows_per_second(page.now), found.seconds_left(page.now)
    return page.show(
        "import.html.jinja",
        title=Text(f"Import {found.source}", f"Import {found.source}"),
        crumbs=[*CRUMBS, (TITLE, LIST), (Text(found.source, found.source), None)],
        it=found,
        base=address(found.id),
        bulk=bulk(rows[:ROWS], counts["outcome"], only, number=_number_of(counts, only))
        if found.status == "planned"
        else None,
        part=page.asks_for_part and not only and cursor is None,
        status_label=texts.named(STATUSES, found.said_status, language),
        counts=counts,
        may_apply=found.status == "planned" and any(counts["outcome"].get(name) for name in ("create", "change")),
        may_revert=found.status in {"applied", "cancelled", "failed"}
        and any(counts["result"].get(name) for name in ("created", "changed")),
        may_cancel=found.status in {"planning", "planned", "applying", "failed"},
        refused=sum(counts["outcome"].get(name, 0) for name in ("error", "duplicate"))
        + counts["result"].get("failed", 0),
        labels={code: label.in_language(language) for code, label in OUTCOMES.items()},
        filters=[(code, OUTCOMES[code].in_language(language)) for code in _filters(counts)],
        only=only,
        rows=[(row, changes(row, language)) for row in rows[:ROWS]],
        reason=lambda code: texts.named(REASONS, code, language),
        field_label=lambda name: _heading(found, name, language),
        rate=number_in(language, round(rate)) if rate else None,
        left=_duration(page, left),
        mode=texts.named(MODES, found.mode, language),
        cursor=cursor or "",
        listing={
            "path": address(found.id),
            "query": [("only", only)] if only else [],
            "total": _number_of(counts, only),
            "cursor": cursor,
            "next_cursor": write_cursor(rows[ROWS - 1].row) if len(rows) > ROWS else None,
        },
    )


def _filters(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The filters that find something."""
    present = {name for numbers in counts.values() for name, number in numbers.items() if number}
    return [name for name in FILTERS if name in present]


def _number_of(counts: Mapping[str, Mapping[str, int]], only: str) -> int | None:
    if not only:
        return sum(counts["outcome"].values())
    if only == "failed":
        return counts["outcome"].get("error", 0) + counts["result"].get("failed", 0)
    kinds = ("reverted",) if only == "left" else ("result",) if only in {"created", "changed"} else ("outcome",)
    return sum(counts[kind].get(only, 0) for kind in kinds)


def _heading(found: Import, name: str, language: str) -> str:
    """The file's own heading for a field; of one that has no column what it is called here."""
    if name == "row":
        return ""
    own = dict(zip(found.columns, found.headings, strict=False)).get(name)
    return own or (BY_NAME[name].label.in_language(language) if name in BY_NAME else "")


def _duration(page: Page, seconds: float | None) -> str | None:
    if seconds is None:
        return None
    if seconds < 90:
        return page.t(f"{seconds:.0f} Sekunden", f"{seconds:.0f} seconds")
    return page.t(f"{seconds / 60:.0f} Minuten", f"{seconds / 60:.0f} minutes")
