"""Importing a table with fixed columns at once: all rows or none, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput
from norda_common.states import State

from ...rules.csv_formats import Format, format_of
from ...rules.csv_reading import MOST_FAULTS, Table, open_table
from ...rules.import_rows import by_column
from ...rules.rights import IMPORT
from ...store import imports, matches
from ...store.organisations import NumberTaken
from ..organisations import local_day
from ..recording import raced_error
from ..recording_many import Written, record_many
from ..sizing import resize_counting_in
from .planning import plan_rows
from .rows import Desk, Outcome, Row, row_of

BATCH_ROWS = 1_000
MOST_WARNINGS = 500
MOST_CREATED = 1_000


@dataclass(frozen=True, slots=True)
class CreatedRow:
    """A row that became a new organisation."""

    row: int
    organisation_id: UUID
    own_id: str | None
    legal_name: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do. Lists are bounded, counts are not."""

    format: str
    encoding: str
    delimiter: str
    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    foreign: int = 0
    warning_count: int = 0
    warnings: list[FieldError] = field(default_factory=list)
    created_rows: list[CreatedRow] = field(default_factory=list)

    def warn(self, found: Sequence[FieldError]) -> None:
        """Count warnings, and keep the first ones."""
        self.warning_count += len(found)
        self.warnings.extend(found[: MOST_WARNINGS - len(self.warnings)])


async def import_organisations(
    connection: Connection,
    file: BinaryIO,
    *,
    ignore_duplicates: bool = False,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> ImportReport:
    """Import a CSV table under the caller's state; the caller rolls back for a preview.

    A row of a new organisation that seems to be one that is known, by name and place, is a fault, unless
    `ignore_duplicates` says that somebody has looked at them.
    Raises InvalidInput naming rows and columns (nothing is stored then), Forbidden, Conflict (state not served, another
    import of the state is running). Idempotent.
    """
    state = caller.require_served(IMPORT, served)
    table = await asyncio.to_thread(open_table, file)
    kind, faults = format_of(table.columns)
    if faults:
        raise InvalidInput.of(faults)
    await take_turn(connection, state)
    await matches.plan_every_statement(connection)
    report = ImportReport(kind.name, table.encoding.removesuffix("-sig"), table.delimiter)
    desk = Desk(state, now, local_day(now), suspecting=not ignore_duplicates)
    errors: list[FieldError] = []
    # Reading and checking are computing: in a thread, so that the process goes on answering meanwhile.
    while rows := await asyncio.to_thread(_read_batch, table, kind, desk):
        await plan_rows(connection, rows, desk, lock=True)
        errors.extend(_faults(rows))
        report.warn([by_column(found) for row in rows for found in row.draft.findings.warnings])
        if not errors:
            await _write(connection, rows, desk, caller=caller, served=served)
        _count(report, rows)
        if len(errors) >= MOST_FAULTS:
            break
    errors.extend(table.errors)
    if errors:
        raise InvalidInput.of(sorted(errors, key=lambda error: error.row or 0)[:MOST_FAULTS])
    report.rows = table.rows_read
    return report


async def take_turn(connection: Connection, state: State) -> None:
    """Keep other imports of the state from beginning meanwhile. Raises Conflict when one is running."""
    if not await matches.take_import_turn(connection, state.value) or await imports.writing(connection, state.value):
        raise import_running()


def import_running() -> Conflict:
    """The refusal while another import of the state writes."""
    return Conflict(
        "Für dieses Land läuft gerade ein Import; bitte danach noch einmal.",
        "An import for this state is running; please try again after it.",
        code="import_running",
    )


def _read_batch(table: Table, kind: Format, desk: Desk) -> list[Row]:
    """The next rows; those of other states are not looked at."""
    rows = []
    for number, cells in table.batch(BATCH_ROWS):
        draft = kind.read(number, cells)
        if draft.states and not draft.responsible(desk.state):
            draft.findings.errors.clear()
            rows.append(Row(draft, outcome=Outcome.FOREIGN))
        else:
            rows.append(row_of(draft))
    return rows


def _faults(rows: Sequence[Row]) -> list[FieldError]:
    return [
        by_column(error) for row in rows if row.outcome is not Outcome.FOREIGN for error in row.draft.findings.errors
    ]


async def _write(
    connection: Connection, rows: Sequence[Row], desk: Desk, *, caller: Caller, served: Collection[State]
) -> None:
    written = [
        Written(
            organisation=row.planned.organisation,
            figures=row.planned.figures,
            before=row.before,
            old_email=row.email,
            email=row.planned.email,
        )
        for row in rows
        if row.outcome in {Outcome.CREATE, Outcome.CHANGE} and row.planned is not None
    ]
    try:
        await record_many(connection, written, state=desk.state, caller=caller, action=IMPORT.name, now=desk.now)
    except NumberTaken as error:
        places = (row.draft.row for row in rows if error.number in row.claimed)
        raise InvalidInput.of([by_column(raced_error(error.number, row=next(places, None)))]) from error
    changed = [
        item.organisation.organisation_id for item in written if item.before and item.figures != item.before.figures
    ]
    await resize_counting_in(connection, changed, state=desk.state, caller=caller, served=served, now=desk.now)


def _count(report: ImportReport, rows: Sequence[Row]) -> None:
    for row in rows:
        match row.outcome:
            case Outcome.CREATE:
                report.created += 1
                _remember(report, row)
            case Outcome.CHANGE:
                report.changed += 1
            case Outcome.UNCHANGED:
                report.unchanged += 1
            case Outcome.FOREIGN:
                report.foreign += 1


def _remember(report: ImportReport, row: Row) -> None:
    if len(report.created_rows) < MOST_CREATED and row.planned is not None:
        made = row.planned.organisation
        report.created_rows.append(CreatedRow(row.draft.row, made.organisation_id, made.own_id, made.legal_name))
