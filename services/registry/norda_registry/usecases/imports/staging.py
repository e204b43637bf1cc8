"""Taking a table in: its rows as they are, its headings, and what its columns seem to mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_common.telemetry import current_traceparent

from ...rules.csv_reading import legible
from ...rules.import_fields import PERSON
from ...rules.import_headings import LOOKED_AT, find_heading, propose, same_headings
from ...rules.names import fold
from ...rules.rights import IMPORT
from ...rules.table_faults import refused
from ...store import import_rows, imports
from ...store.imports import Import, Source
from ...tables.reading import Upload, delimiter_of, encoding_of
from .rows import Mode

ITEM = "import"
"""What the audit log calls an import."""
BATCH_ROWS = 2_000
LARGEST_FILE_BYTES = 64 * 1024 * 1024


async def stage_import(
    connection: Connection,
    upload: Upload,
    *,
    source: str,
    file_name: str,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Import:
    """Keep a table's rows. A source whose headings are known is planned at once, others wait for what columns mean.

    Raises InvalidInput (no table, or none that can be read), Forbidden and Conflict (state not served).
    """
    state = caller.require_served(IMPORT, served)
    import_id = new_id()
    first = await _keep(connection, import_id, state, upload)
    sheets = [_sheet(name, first.get(place, [])) for place, name in enumerate(upload.sheets)]
    made = _made(import_id, state, upload, sheets, source=source, file_name=file_name, caller=caller, now=now)
    if not any(sheet["headings"] for sheet in sheets):
        raise refused(1, "header", "empty", "ist leer: es fehlt die Kopfzeile", "is empty: the header is missing")
    known = await imports.source(connection, source)
    made = await _understood(connection, made, known)
    await imports.add(connection, made)
    entry = audit.Entry("import.stage", ITEM, str(made.id), after={"source": source, "format": made.format})
    await audit.record(connection, caller, entry)
    return made


async def _keep(
    connection: Connection, import_id: UUID, state: State, upload: Upload
) -> dict[int, list[tuple[int, list[str]]]]:
    """Store all rows; the first ones of each sheet, in which its heading is."""
    first: dict[int, list[tuple[int, list[str]]]] = {}
    rows = upload.rows()
    # Reading is computing, and storing is waiting: both at a time.
    batch = await asyncio.to_thread(_next_batch, rows, first)
    while batch:
        upcoming = asyncio.create_task(asyncio.to_thread(_next_batch, rows, first))
        try:
            await import_rows.add(connection, import_id, state.value, batch)
        finally:
            batch = await upcoming
    return first


def _next_batch(
    rows: Iterator[tuple[int, int, list[str]]], first: dict[int, list[tuple[int, list[str]]]]
) -> list[tuple[int, int, str]]:
    batch = []
    for sheet, row, cells in islice(rows, BATCH_ROWS):
        kept = first.setdefault(sheet, [])
        if len(kept) < LOOKED_AT:
            kept.append((row, cells))
        batch.append((sheet, row, json.dumps(cells, separators=(",", ":"))))
    return batch


def _sheet(name: str, rows: Sequence[tuple[int, list[str]]]) -> dict[str, Any]:
    heading = find_heading(rows)
    return {
        "name": legible(name)[:100],
        "first_row": heading.first_row if heading else 1,
        "headings": list(heading.texts) if heading else [],
    }


def _made(
    import_id: UUID,
    state: State,
    upload: Upload,
    sheets: Sequence[dict[str, Any]],
    *,
    source: str,
    file_name: str,
    caller: Caller,
    now: datetime,
) -> Import:
    return Import(
        id=import_id,
        state=state.value,
        source=source,
        file_name=legible(file_name)[:200],
        format=upload.kind,
        encoding=encoding_of(upload),
        delimiter=delimiter_of(upload),
        sheets=sheets,
        sheet=0,
        first_row=1,
        headings=[],
        columns=[],
        mode=Mode.BOTH.value,
        empty_clears=False,
        status="mapping",
        fault=None,
        total=0,
        done=0,
        cursor_row=0,
        phase_started_at=now,
        phase_done=0,
        created_at=now,
        created_by=caller.subject,
        ended_at=None,
        forgotten_at=None,
        acting_subject=caller.subject,
        acting_roles=sorted(caller.roles),
        traceparent=current_traceparent(),
    )


async def _understood(connection: Connection, made: Import, known: Source | None) -> Import:
    """The import with the sheet and columns that are known of its source, or seem to be right."""
    place = _likely_sheet(made.sheets, known)
    sheet = made.sheets[place]
    headings = sheet["headings"]
    columns = propose(headings, known.by_heading if known else None)
    if same := known is not None and same_headings(known.headings, headings[: len(known.headings)]):
        # The file of refused rows has one more, for the reason.
        same = [fold(text) for text in headings[len(known.headings) :]] in ([], ["grund"], ["reason"])
        columns = [*known.columns, *([""] * (len(headings) - len(known.columns)))] if same else columns
    # Why contact persons are kept, and how long, is asked for each list.
    through = same and not set(PERSON) & set(columns)
    total = await import_rows.count(connection, made.id, place, first_row=sheet["first_row"])
    return replace(
        made,
        sheet=place,
        first_row=sheet["first_row"],
        headings=headings,
        columns=columns,
        total=total,
        mode=known.mode if known else made.mode,
        empty_clears=known.empty_clears if known else made.empty_clears,
        status="planning" if through else "mapping",
    )


def _likely_sheet(sheets: Sequence[dict[str, Any]] | Any, known: Source | None) -> int:
    """The sheet taken last time, else the one of whose columns most are understood."""
    for place, sheet in enumerate(sheets):
        if known is not None and sheet["name"] == known.sheet and same_headings(sheet["headings"], known.headings):
            return place
    understood = [sum(1 for name in propose(sheet["headings"]) if name) for sheet in sheets]
    return max(range(len(sheets)), key=lambda place: (understood[place], len(sheets[place]["headings"]), -place))
