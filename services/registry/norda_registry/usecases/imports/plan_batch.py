"""The worker's first step: plan the rows of a staged import, a batch at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common.database import Connection
from norda_common.errors import FieldError, Text
from norda_common.states import State

from ...rules.duplicates import name_hash
from ...rules.findings import Findings
from ...rules.import_cells import read_row
from ...rules.import_changes import marks_of
from ...rules.import_further import years_of
from ...rules.import_rows import Current, Planned, field_of
from ...store import import_decisions, import_known, import_rows, imports, matches
from ...store.import_rows import Cells, Plan
from ...store.imports import Import
from ...store.organisations import document_of
from ..organisations import local_day
from .further import Further, further_of, packed_further, unpacked_further
from .matching import candidate_of_row
from .planning import plan_rows
from .rows import Decision, Desk, Mode, Outcome, Row, row_of

BATCH_ROWS = 2_000
Read = Callable[[Sequence[Cells]], Awaitable[list[Row]]]
"""Makes rows of their cells, wherever that is done."""


@dataclass(slots=True)
class PlanRun:
    """One planning on its way; what it has seen is in the desk, so a run that breaks off begins anew."""

    found: Import
    desk: Desk
    after: int
    read: Read
    done: int = 0
    limit: int = BATCH_ROWS
    upcoming: asyncio.Task[list[Row]] | None = None

    def forget_upcoming(self) -> None:
        """Read anew what comes next."""
        if self.upcoming is not None:
            self.upcoming.cancel()
            self.upcoming = None


async def begin_planning(connection: Connection, found: Import, *, read: Read, now: datetime) -> PlanRun:
    """Begin with the first row, whatever an earlier run planned."""
    said = await import_decisions.said(connection, found.id)
    await imports.change(connection, found.id, done=0, cursor_row=0, phase_started_at=now, phase_done=0)
    desk = _desk(found, said, now)
    desk.remembers = await import_known.any_of(connection, found.source)
    return PlanRun(found, desk, found.first_row - 1, read)


def _desk(found: Import, said: Iterable[tuple[int, str | None, str | None]], now: datetime) -> Desk:
    """The desk with what people said of rows: (row, decision, what it says beside its document)."""
    known = list(said)
    return Desk(
        State(found.state),
        now,
        local_day(now),
        staged=True,
        mode=Mode(found.mode),
        source=found.source,
        by=found.acting_subject,
        suspecting=True,
        with_persons=found.persons is not None,
        decisions={row: Decision(decision) for row, decision, _ in known if decision},
        without={row: cells for row, _, further in known if (cells := unpacked_further(further).without)},
        found=found,
        read=read_rows,
    )


async def plan_batch(connection: Connection, run: PlanRun) -> bool:
    """Plan the next rows; False when there are none left, and the import is planned."""
    await matches.plan_every_statement(connection)
    rows = await _rows(connection, run)
    if not rows:
        await imports.change(connection, run.found.id, status="planned", done=run.done, total=run.done)
        return False
    after, done = rows[-1].draft.row, run.done + len(rows)
    # The next rows are read while PostgreSQL works on these.
    upcoming = await _read_next(connection, run, after)
    try:
        await plan_rows(connection, rows, run.desk, lock=False)
        plans = await asyncio.to_thread(_plans, rows, run.desk)
        await import_rows.put_plans(connection, run.found.id, run.found.state, plans)
        await imports.change(connection, run.found.id, done=done, cursor_row=after)
    except BaseException:
        upcoming.cancel()
        raise
    run.after, run.done, run.upcoming = after, done, upcoming
    return True


async def _rows(connection: Connection, run: PlanRun) -> list[Row]:
    if run.upcoming is None:
        run.upcoming = await _read_next(connection, run, run.after)
    upcoming, run.upcoming = run.upcoming, None
    return await upcoming


async def _read_next(connection: Connection, run: PlanRun, after: int) -> asyncio.Task[list[Row]]:
    records = await import_rows.after(connection, run.found.id, run.found.sheet, after, limit=run.limit)
    return asyncio.create_task(_read(run, records))


async def _read(run: PlanRun, records: Sequence[Cells]) -> list[Row]:
    return await run.read(records)


def read_rows(records: Sequence[Cells], found: Import, *, hashing: bool = False) -> list[Row]:
    """Rows from their cells, by what the columns mean; of who was erased an empty one empties nothing. With `hashing`
    also what their names are looked for by. Pure.
    """
    own, columns, clears = State(found.state), found.columns, found.empty_clears
    years = years_of(columns, found.headings)
    rows = [
        row_of(read_row(row, json.loads(cells), columns, own=own, clears=clears and not erased, years=years))
        for row, cells, erased in records
    ]
    if hashing:
        for row in rows:
            if row.draft.given.get("legal_name") and not row.draft.findings.errors:
                row.name_hash = name_hash(candidate_of_row(row))
    return rows


def _plans(rows: Sequence[Row], desk: Desk) -> list[Plan]:
    return [plan_of(row, desk.decisions.get(row.draft.row)) for row in rows]


def plan_of(row: Row, decision: Decision | None) -> Plan:
    """What is kept of a planned row."""
    assert row.outcome is not None  # noqa: S101 - it is planned
    planned = row.planned if row.outcome in {Outcome.CREATE, Outcome.CHANGE} else None
    key = row.key.hex() if row.key else None
    return Plan(
        row=row.draft.row,
        outcome=row.outcome,
        decision=decision,
        organisation_id=_whose(row),
        base_version=row.before.version if row.before else None,
        document=document_of(planned.organisation) if planned else None,
        employees=planned.figures.employees if planned else None,
        turnover_cents=planned.figures.turnover_cents if planned else None,
        balance_cents=planned.figures.balance_cents if planned else None,
        email=_new_email(row, planned),
        findings=packed(row.draft.findings),
        further=packed_further(further_of(row) if planned else Further(key=key, without=row.without)),
        name_hash=row.name_hash if row.outcome is Outcome.CREATE else None,
        changes=" ".join(sorted(changes_of(row))) if row.outcome is Outcome.CHANGE else None,
    )


def changes_of(row: Row) -> frozenset[str]:
    """Marks of what a planned row changes of the organisation that it means."""
    if row.before is None or row.planned is None:
        return frozenset()
    current = Current(row.before.organisation, row.before.figures, row.email)
    return marks_of(current, row.planned, size_class=row.fields.get("size_class"))


def _new_email(row: Row, planned: Planned | None) -> str | None:
    """The contact address as it is to be; None leaves it as it then is, an empty one removes it."""
    return (planned.email or "") if planned and planned.email != row.email else None


def _whose(row: Row) -> UUID | None:
    if row.match is not None:
        return row.match.organisation_id
    if row.suspected is not None:
        return row.suspected
    return row.planned.organisation.organisation_id if row.planned and row.outcome is Outcome.CREATE else None


def packed(findings: Findings) -> str | None:
    """Errors and warnings as JSON under the names of fields, each once; None when there are none."""
    document = {
        kind: [_said(item) for item in dict.fromkeys(found)]
        for kind, found in (("errors", findings.errors), ("warnings", findings.warnings))
        if found
    }
    return json.dumps(document, ensure_ascii=False) if document else None


def _said(found: FieldError) -> dict[str, Any]:
    return {"field": field_of(found.field), "code": found.code, "de": found.text.de, "en": found.text.en}


def unpacked(findings: str | None) -> dict[str, list[FieldError]]:
    """What `packed` was given, as `errors` and `warnings`."""
    document = json.loads(findings) if findings else {}
    return {
        kind: [
            FieldError(field=item["field"], code=item["code"], text=Text(item["de"], item["en"]))
            for item in document.get(kind, ())
        ]
        for kind in ("errors", "warnings")
    }


async def give_up_row(connection: Connection, run: PlanRun) -> None:
    """Pass over the next row, which no rule can read: an error of the program, told as one of the row."""
    records = await import_rows.after(connection, run.found.id, run.found.sheet, run.after, limit=1)
    for row, *_ in records:
        plan = Plan(row, Outcome.ERROR, None, None, None, None, None, None, None, None, unreadable())
        await import_rows.put_plans(connection, run.found.id, run.found.state, [plan])
        await imports.change(connection, run.found.id, done=run.done + 1, cursor_row=row)
        run.after, run.done = row, run.done + 1


def unreadable() -> str | None:
    """The finding of a row that a fault of the program kept from being taken."""
    findings = Findings()
    findings.refuse(
        "row",
        "internal",
        "ließ sich nicht verarbeiten; der Betrieb findet den Grund im Protokoll",
        "could not be processed; operators find the reason in the log",
    )
    return packed(findings)


async def plan_decided(connection: Connection, found: Import, decided: Sequence[int], *, now: datetime) -> None:
    """Plan rows anew, after a person decided about them."""
    cells = await import_rows.cells(connection, found.id, found.sheet, decided)
    rows = await asyncio.to_thread(read_rows, cells, found)
    desk = _desk(found, await import_decisions.said(connection, found.id, decided), now)
    await plan_rows(connection, rows, desk, lock=False)
    await import_rows.put_plans(connection, found.id, found.state, _plans(rows, desk))


async def plan_stale(connection: Connection, found: Import, plans: Sequence[Plan], *, now: datetime) -> dict[int, Row]:
    """Plan rows anew whose organisations changed since, which are locked; by row."""
    cells = await import_rows.cells(connection, found.id, found.sheet, [plan.row for plan in plans])
    rows = await asyncio.to_thread(read_rows, cells, found)
    ids = {plan.row: plan.organisation_id for plan in plans if plan.outcome == Outcome.CREATE}
    for row in rows:
        row.new_id = ids.get(row.draft.row)
    desk = _desk(found, [(plan.row, plan.decision, plan.further) for plan in plans], now)
    await plan_rows(connection, rows, desk, lock=True)
    return {row.draft.row: row for row in rows}
