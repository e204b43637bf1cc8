"""Entering figures: dated, sourced, never overwritten; the newest of each kind make the size class."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.states import State

from ..rules.figures import EARLIEST_YEAR, Figure, FigureKind, holding, newest
from ..rules.findings import Findings
from ..store import figures as store
from .days import local_day
from .profile_commands import AddFigure
from .recording import Outcome, entry_of, lock_own, record
from .sizing import resize_others, size_of, told

ACTION = "organisation.add_figure"


async def add_figure(
    connection: Connection,
    organisation_id: UUID,
    command: AddFigure,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Add a row; the same once more changes nothing, another value of that day and source corrects it.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    figure = _figure(command, caller=caller, now=now)
    rows = (await store.of(connection, [organisation_id])).get(organisation_id, [])
    if any(_same(row, figure) for row in holding(rows)):
        return Outcome(before, changed=False)
    # Before the newest figures are written: PostgreSQL adds a row of today for those that have none.
    await store.add(connection, organisation_id, figure)
    rows.append(figure)
    figures, findings = newest(rows), Findings()
    size = told((await size_of(connection, before.organisation, rows)).held, before.organisation.size_class, Findings())
    organisation = before.organisation.model_copy(update={"size_class": size})
    if organisation == before.organisation and figures == before.figures:
        # A figure of the past: nothing that is published, and nothing that holds now, has changed.
        await audit.record(connection, caller, entry_of(before, before=before, action=ACTION, touched=[command.kind]))
        return Outcome(before)
    stored = await record(
        connection,
        organisation,
        before=before,
        change="changed",
        action=ACTION,
        caller=caller,
        now=now,
        figures=figures,
        touched=[command.kind],
    )
    state = State(organisation.responsible_state)
    await resize_others(connection, organisation_id, state=state, caller=caller, served=served, now=now)
    return Outcome(stored, warnings=findings.warnings)


def _figure(command: AddFigure, *, caller: Caller, now: datetime) -> Figure:
    findings = Findings()
    if command.on > local_day(now):
        findings.refuse("on", "future_date", "liegt in der Zukunft", "lies in the future")
    if command.on.year < EARLIEST_YEAR:
        findings.refuse("on", "too_early", "liegt vor 1900", "lies before 1900")
    value = command.value
    if command.kind is FigureKind.EMPLOYEES and value is not None and (value != int(value) or value > 10_000_000):
        findings.refuse("value", "int_parsing", "ist keine Zahl von Beschäftigten", "is no number of employees")
    findings.raise_errors()
    scale = 1 if command.kind is FigureKind.EMPLOYEES else 100
    return Figure(
        kind=command.kind,
        on=command.on,
        source=command.source,
        value=None if value is None else int(value * scale),
        recorded_at=now,
        recorded_by=caller.subject,
    )


def _same(row: Figure, figure: Figure) -> bool:
    return (row.kind, row.on, row.source, row.value) == (figure.kind, figure.on, figure.source, figure.value)
