"""Importing tables of organisations: all rows or none, in batches of bounded memory.

The importing office takes the rows of its own state; rows of other states are counted and left alone. A row is
recognised by EUID, USt-IdNr, W-IdNr or own id, in this order, so that importing again changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import Membership
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules import import_rows
from ..rules.csv_formats import Draft, Format, format_of
from ..rules.csv_reading import MOST_FAULTS, Table, open_table
from ..rules.fields import normalised
from ..rules.handovers import open_offer
from ..rules.import_rows import Current, Planned, by_column, held_numbers, natural_keys, plan
from ..rules.names import fold
from ..rules.profile import ACTIVE
from ..rules.rights import IMPORT
from ..store import matches, organisations
from ..store.matches import Match
from ..store.organisations import Change, NumberTaken, Stored
from .organisations import local_day, unknown_cluster
from .recording import CONTACT, FIELDS, entry_of, event_of, raced_error, taken_error

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


@dataclass(slots=True)
class _Import:
    """One import on its way."""

    connection: Connection
    caller: Caller
    state: State
    now: datetime
    today: date
    report: ImportReport
    errors: list[FieldError] = field(default_factory=list)
    first_rows: dict[int, int] = field(default_factory=dict)
    """Hash of the strongest key to the row that had it first: a hundred thousand rows take some ten megabytes."""


async def import_organisations(
    connection: Connection, file: BinaryIO, *, caller: Caller, served: Collection[State], now: datetime
) -> ImportReport:
    """Import a CSV table under the caller's state; the caller rolls back for a preview.

    Raises InvalidInput naming rows and columns (nothing is stored then), Forbidden, Conflict (state not served, another
    import of the state is running). Idempotent.
    """
    state = caller.require_served(IMPORT, served)
    table = await asyncio.to_thread(open_table, file)
    kind, faults = format_of(table.columns)
    if faults:
        raise InvalidInput.of(faults)
    if not await matches.take_import_turn(connection, state.value):
        raise Conflict(
            "Für dieses Land läuft gerade ein Import; bitte danach noch einmal.",
            "An import for this state is running; please try again after it.",
            code="import_running",
        )
    await matches.plan_every_statement(connection)
    report = ImportReport(kind.name, table.encoding.removesuffix("-sig"), table.delimiter)
    running = _Import(connection, caller, state, now, local_day(now), report)
    # Reading and checking are computing: in a thread, so that the process goes on answering meanwhile.
    while drafts := await asyncio.to_thread(_read_batch, table, kind, running):
        await _import_batch(running, drafts)
        if len(running.errors) >= MOST_FAULTS:
            break
    running.errors.extend(table.errors)
    if running.errors:
        raise InvalidInput.of(sorted(running.errors, key=lambda error: error.row or 0)[:MOST_FAULTS])
    report.rows = table.rows_read
    return report


@dataclass(slots=True)
class _Row:
    """A row of the office's own state, with its keys and what it was matched to."""

    draft: Draft
    fields: dict[str, Any]
    keys: list[tuple[str, str]]
    match: Match | None = None
    planned: Planned | None = None


def _read_batch(table: Table, kind: Format, running: _Import) -> list[_Row | None]:
    """The next rows; None stands for a row of another state."""
    rows: list[_Row | None] = []
    for number, cells in table.batch(BATCH_ROWS):
        draft = kind.read(number, cells)
        if draft.states and not draft.responsible(running.state):
            rows.append(None)
            continue
        fields = normalised(draft.given, draft.findings)
        rows.append(_Row(draft, fields, natural_keys(fields)))
    return rows


async def _import_batch(running: _Import, read: Sequence[_Row | None]) -> None:
    rows = [row for row in read if row is not None]
    running.report.foreign += len(read) - len(rows)
    rows = _without_repeats(running, rows)
    found = await matches.find(running.connection, [number for row in rows for number in _numbers(row)])
    by_number = _by_number(found)
    rows = [row for row in rows if _choose(running, row, by_number)]
    stored = await organisations.lock_many(
        running.connection, [row.match.organisation_id for row in rows if row.match is not None]
    )
    rows = [row for row in rows if row.match is None or _still_here(running, row, row.match, stored)]
    emails = await organisations.contacts(running.connection, list(stored))
    clusters = await _clusters(running, rows)
    plans = await asyncio.to_thread(_plan_all, running, rows, stored, emails, clusters)
    await _refuse_taken(running, plans)
    running.errors.extend(by_column(error) for row in rows for error in row.draft.findings.errors)
    running.report.warn([by_column(found) for row in rows for found in row.draft.findings.warnings])
    if not running.errors:
        await _write(running, plans, stored)


def _numbers(row: _Row) -> list[tuple[str, str]]:
    own_id = row.draft.given.get("own_id")
    return [*row.keys, *([("own", own_id)] if own_id else [])]


def _without_repeats(running: _Import, rows: Sequence[_Row]) -> list[_Row]:
    """Rows whose strongest key no earlier row of the file had; the others are errors."""
    kept: list[_Row] = []
    for row in rows:
        numbers = _numbers(row)
        if not numbers:
            row.draft.findings.refuse(
                "id",
                "no_key",
                "fehlt, wie auch EUID, USt-IdNr und W-IdNr; ohne Kennung legte jeder Import die Zeile neu an",
                "is missing, and so are EUID, VAT number and W-IdNr; without one every import would enter the row anew",
            )
            kept.append(row)
            continue
        first = running.first_rows.setdefault(hash(numbers[0]), row.draft.row)
        if first != row.draft.row:
            row.draft.findings.refuse(
                FIELDS.get(numbers[0][0], "own_id"),
                "repeated_row",
                f"steht schon in Zeile {first}",
                f"stands in row {first} already",
            )
        kept.append(row)
    return kept


def _by_number(found: Sequence[Match]) -> dict[tuple[str, str], list[Match]]:
    by_number: dict[tuple[str, str], list[Match]] = {}
    for match in found:
        by_number.setdefault((match.kind, match.value), []).append(match)
    return by_number


def _choose(running: _Import, row: _Row, by_number: Mapping[tuple[str, str], list[Match]]) -> bool:
    """Find what the row means; False when it is another state's, which is counted and left alone."""
    for key in row.keys:
        candidates = sorted(by_number.get(key, ()), key=lambda match: not match.current)
        if candidates:
            return _take(running, row, candidates[0])
    own = by_number.get(("own", row.draft.given.get("own_id", "")), [])
    here = [match for match in own if match.responsible_state == running.state.value]
    if len(here) > 1:
        row.draft.findings.refuse("id", "ambiguous", "haben mehrere Organisationen", "belongs to several organisations")
    if here:
        return _take(running, row, here[0])
    name = fold(str(row.draft.given.get("legal_name", "")))
    same = [match for match in own if not row.keys and fold(match.legal_name) == name]
    return _take(running, row, same[0]) if same else True


def _take(running: _Import, row: _Row, match: Match) -> bool:
    if match.own and match.responsible_state == running.state.value:
        row.match = match
        return True
    _leave_foreign(running, row, State(match.responsible_state).label)
    return False


def _still_here(running: _Import, row: _Row, match: Match, stored: Mapping[UUID, Stored]) -> bool:
    """Whether the organisation could be locked: it may have moved to another state since it was found."""
    if match.organisation_id in stored:
        return True
    _leave_foreign(running, row, "einem anderen Land", "another state")
    return False


def _leave_foreign(running: _Import, row: _Row, label: str, label_en: str | None = None) -> None:
    """Count a row of another state's organisation, and say who keeps it."""
    running.report.foreign += 1
    row.draft.findings.warn(
        "row",
        "kept_elsewhere",
        f"wird von {label} geführt und bleibt unverändert",
        f"is kept by {label_en or label} and stays unchanged",
    )
    running.report.warn(row.draft.findings.warnings[-1:])


async def _clusters(running: _Import, rows: Sequence[_Row]) -> dict[str, matches.Cluster]:
    codes = sorted({code for row in rows for code in row.draft.clusters})
    if not codes:
        return {}
    return {item.code: item for item in await matches.clusters(running.connection, codes=codes)}


def _plan_all(
    running: _Import,
    rows: Sequence[_Row],
    stored: dict[UUID, Stored],
    emails: dict[UUID, str],
    clusters: dict[str, matches.Cluster],
) -> list[_Row]:
    for row in rows:
        if row.draft.findings.errors:
            continue
        current = None
        if row.match is not None:
            kept = stored[row.match.organisation_id]
            current = Current(kept.organisation, kept.figures, emails.get(row.match.organisation_id))
            if kept.organisation.status != ACTIVE or open_offer(kept.organisation):
                import_rows.leave_alone(kept.organisation, row.draft.findings)
                row.planned = Planned(kept.organisation, kept.figures, current.email, False, False)
                continue
        row.planned = plan(
            row.draft,
            row.fields,
            current,
            new_id=new_id(),
            state=running.state.value,
            memberships=_memberships(row.draft, clusters),
            now=running.now,
            today=running.today,
        )
    return [row for row in rows if row.planned is not None]


def _memberships(draft: Draft, clusters: dict[str, matches.Cluster]) -> tuple[Membership, ...]:
    for code in draft.clusters:
        if code not in clusters:
            unknown_cluster(code, draft.findings)
    return tuple(
        Membership(cluster_id=clusters[code].cluster_id, cluster_code=code, valid_from=draft.clusters_since)
        for code in dict.fromkeys(draft.clusters)
        if code in clusters
    )


async def _refuse_taken(running: _Import, plans: Sequence[_Row]) -> None:
    """Note numbers that belong to another organisation, stored or of an earlier row of this batch."""
    holders: dict[tuple[str, str], _Row] = {}
    wanted: dict[tuple[str, str], _Row] = {}
    for row in plans:
        assert row.planned is not None  # noqa: S101 - chosen by the caller
        if not row.planned.public_change:
            continue
        for item in held_numbers(row.planned.organisation):
            key = (item.kind, item.value)
            other = holders.setdefault(key, row)
            if other is not row:
                row.draft.findings.refuse(
                    FIELDS[item.kind],
                    "repeated_number",
                    f"steht schon in Zeile {other.draft.row}",
                    f"stands in row {other.draft.row} already",
                )
            wanted[key] = row
    for match in await matches.find(running.connection, list(wanted)):
        row = wanted[match.kind, match.value]
        assert row.planned is not None  # noqa: S101
        if match.current and match.organisation_id != row.planned.organisation.organisation_id:
            row.draft.findings.errors.append(taken_error(match, row=row.draft.row))


async def _write(running: _Import, plans: Sequence[_Row], stored: dict[UUID, Stored]) -> None:
    changes: list[Change] = []
    emails: dict[UUID, str] = {}
    for row in plans:
        planned = row.planned
        assert planned is not None  # noqa: S101
        organisation = planned.organisation
        before = stored.get(organisation.organisation_id)
        _count(running.report, row, planned, created=before is None)
        if planned.email and (before is None or planned.private_change):
            emails[organisation.organisation_id] = planned.email
        if before is None or planned.public_change or planned.figures != before.figures:
            changes.append(_change(running, planned, before))
    if changes:
        try:
            await organisations.store(running.connection, changes)
        except NumberTaken as error:
            raise _raced(error.number, plans) from error
        await outbox.append(
            running.connection,
            *(event_of(change.stored, change=change.change, state=running.state) for change in changes),
        )
    renewed = set(await organisations.set_contacts(running.connection, emails)) if emails else set()
    entries = await asyncio.to_thread(_entries, changes, stored, renewed)
    await audit.record(running.connection, running.caller, *entries)


def _entries(changes: Sequence[Change], stored: Mapping[UUID, Stored], renewed: set[UUID]) -> list[audit.Entry]:
    """What the audit log gets: one entry for each organisation that changed, if only by its contact address."""
    written = {change.stored.organisation.organisation_id: change.stored for change in changes}
    return [
        entry_of(
            written.get(key) or stored[key],
            before=stored.get(key),
            action=IMPORT.name,
            touched=[CONTACT] if key in renewed else [],
        )
        for key in [*written, *(renewed - written.keys())]
    ]


def _raced(number: tuple[str, str], plans: Sequence[_Row]) -> InvalidInput:
    """The refusal of the row whose number somebody took since it was looked up."""
    rows = (
        row.draft.row
        for row in plans
        if row.planned and any((item.kind, item.value) == number for item in held_numbers(row.planned.organisation))
    )
    return InvalidInput.of([by_column(raced_error(number, row=next(rows, None)))])


def _change(running: _Import, planned: Planned, before: Stored | None) -> Change:
    organisation = planned.organisation.model_copy(update={"changed_at": running.now})
    return Change(
        stored=Stored(organisation, before.version + 1 if before else 1, planned.figures),
        change=import_rows.said_of_row(before.organisation, organisation) if before else "registered",
        changed_by=running.caller.subject,
        changed_at=running.now,
        created=before is None,
    )


def _count(report: ImportReport, row: _Row, planned: Planned, *, created: bool) -> None:
    if created:
        report.created += 1
        if len(report.created_rows) < MOST_CREATED:
            organisation = planned.organisation
            report.created_rows.append(
                CreatedRow(row.draft.row, organisation.organisation_id, organisation.own_id, organisation.legal_name)
            )
    elif planned.public_change or planned.private_change:
        report.changed += 1
    else:
        report.unchanged += 1
