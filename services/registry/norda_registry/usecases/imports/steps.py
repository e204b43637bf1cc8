"""What a person does with a staged import: say what its columns mean, apply, cancel, take back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, Text
from norda_common.states import State
from norda_common.telemetry import current_traceparent

from ...rules.import_fields import BY_NAME, PERSON, PERSON_NAMES
from ...rules.import_headings import heading_at, propose
from ...rules.rights import IMPORT, PERSON_KEEP
from ...store import import_decisions, import_rows, imports
from ...store.imports import Import, Source
from ..people import check_terms
from ..people_commands import PersonTerms
from .at_once import import_running, take_turn
from .rows import Mode
from .staging import ITEM

NEEDED = ("legal_name", "organisation_id", "own_id", "euid", "register_number", "register_entry", "vat_id", "widnr")
"""At least one of them has to be a column: else no row says whom it means."""

PERSON_TERMS = ("purposes", "legal_basis", "retain_until")


def no_such_import() -> NotFound:
    """The refusal for an import the office does not have."""
    return NotFound("Diesen Import gibt es nicht.", "There is no such import.")


async def locked(
    connection: Connection, import_id: UUID, *, caller: Caller, served: Collection[State], of: Collection[str]
) -> Import:
    """The import, locked, when it is in one of these states. Raises NotFound, Forbidden, Conflict."""
    caller.require_served(IMPORT, served)
    found = await imports.get(connection, import_id, lock=True)
    if found is None:
        raise no_such_import()
    if found.status not in of or found.forgotten_at is not None:
        raise Conflict(
            "In diesem Stand des Imports geht das nicht (mehr).",
            "The import's status does not allow this (any more).",
            code="import_status",
            status_now=found.status,
        )
    return found


async def look_at_sheet(
    connection: Connection,
    import_id: UUID,
    *,
    sheet: int,
    heading_row: int | None,
    caller: Caller,
    served: Collection[State],
) -> Import:
    """Choose the sheet, and the last row of its heading where it was not found rightly; columns are proposed anew.

    Raises InvalidInput, NotFound, Conflict.
    """
    found = await locked(connection, import_id, caller=caller, served=served, of={"mapping", "planned"})
    if not 0 <= sheet < len(found.sheets):
        raise _no("sheet", "gibt es nicht", "does not exist")
    chosen = found.sheets[sheet]
    headings, first_row = list(chosen["headings"]), int(chosen["first_row"])
    if heading_row is not None and heading_row + 1 != first_row:
        headings, first_row = await _heading_of(connection, found.id, sheet, heading_row)
    known = await imports.source(connection, found.source)
    changed = replace(
        found,
        sheet=sheet,
        first_row=first_row,
        headings=headings,
        columns=propose(headings, known.by_heading if known else None),
        total=await import_rows.count(connection, found.id, sheet, first_row=first_row),
        status="mapping",
    )
    await import_rows.forget_plans(connection, found.id)
    await _keep(connection, changed, "sheet", "first_row", "headings", "columns", "total", "status")
    return changed


async def _heading_of(connection: Connection, import_id: UUID, sheet: int, heading_row: int) -> tuple[list[str], int]:
    rows = await import_rows.first(connection, import_id, sheet, until=heading_row)
    if not rows or rows[-1][0] != heading_row:
        raise _no("heading_row", "ist keine Zeile mit Inhalt", "is no row that holds anything")
    heading = heading_at(rows, len(rows) - 1)
    return list(heading.texts), heading.first_row


async def map_columns(
    connection: Connection,
    import_id: UUID,
    *,
    columns: Sequence[str],
    mode: Mode,
    empty_clears: bool,
    persons: PersonTerms | None = None,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Import:
    """Say what each column means, empty for nothing; it is remembered for the source, and the rows are planned (anew).

    `persons` says why the list's contact persons are kept, and how long; it is asked for when a column names them.
    Raises InvalidInput naming `columns.<place>` and `persons.<field>`, NotFound, Conflict.
    """
    found = await locked(
        connection, import_id, caller=caller, served=served, of={"mapping", "planned", "planning", "failed"}
    )
    if found.status == "failed" and (await import_rows.count_to_revert(connection, import_id)):
        raise Conflict("Der Import hat schon geschrieben.", "The import has written already.", code="import_status")
    errors = list(_faults(found.headings, columns))
    if set(PERSON) & set(columns):
        errors += _faults_of_persons(columns, persons)
    else:
        persons = None
    if errors:
        raise InvalidInput.of(errors)
    if persons is not None:
        caller.require_served(PERSON_KEEP, served)
        check_terms(persons, now=now)
    said = persons.model_dump_json() if persons else None
    known = await imports.source(connection, found.source)
    changed = replace(found, columns=list(columns), mode=mode.value, empty_clears=empty_clears, persons=said)
    await imports.remember(
        connection,
        Source(
            state=found.state,
            name=found.source,
            headings=found.headings,
            columns=columns,
            sheet=found.sheets[found.sheet]["name"],
            mode=mode.value,
            empty_clears=empty_clears,
            used_at=now,
            used_by=caller.subject,
            persons=said or (known.persons if known else None),
        ),
    )
    await _keep(connection, changed, "persons")
    await import_decisions.forget_without(connection, import_id)
    return await begin(
        connection,
        changed,
        "planning",
        found.total,
        caller=caller,
        now=now,
        more={"columns": list(columns), "mode": mode.value, "empty_clears": empty_clears},
    )


def _faults(headings: Sequence[str], columns: Sequence[str]) -> Sequence[FieldError]:
    if len(columns) != len(headings):
        text = Text(f"braucht {len(headings)} Einträge", f"needs {len(headings)} entries")
        return [FieldError(field="columns", code="columns", text=text)]
    faults = []
    first: dict[str, int] = {}
    for place, name in enumerate(columns):
        if name and name not in BY_NAME:
            faults.append(_fault(place, "gibt es als Feld nicht", "is no field"))
        elif name and first.setdefault(name, place) != place:
            earlier = headings[first[name]]
            faults.append(_fault(place, f"hat schon die Spalte „{earlier}“", f"is column “{earlier}” already"))
    if not faults and not any(name in columns for name in NEEDED):
        text = Text("Name oder eine Kennung muss eine Spalte sein", "the name or a number has to be a column")
        faults.append(FieldError(field="columns", code="columns", text=text))
    return faults


def _faults_of_persons(columns: Sequence[str], persons: PersonTerms | None) -> list[FieldError]:
    """What is missing for keeping the contact persons of a list."""
    faults = []
    if not PERSON_NAMES & set(columns):
        text = Text("der Name der Ansprechperson muss eine Spalte sein", "the contact person's name has to be a column")
        faults.append(FieldError(field="columns", code="columns", text=text))
    if persons is None:
        text = Text(
            "fehlt: Die Tabelle hat Ansprechpersonen; gefragt ist, wozu und wie lange sie geführt werden",
            "is missing: the table has contact persons; asked is why and how long they are kept",
        )
        faults += [FieldError(field=f"persons.{name}", code="required", text=text) for name in PERSON_TERMS]
    return faults


def _fault(place: int, de: str, en: str) -> FieldError:
    return FieldError(field=f"columns.{place}", code="columns", text=Text(de, en))


async def apply_import(
    connection: Connection, import_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> Import:
    """Let the worker do what is planned, in the caller's name. Raises NotFound, Conflict (also: another is running)."""
    found = await locked(connection, import_id, caller=caller, served=served, of={"planned"})
    if found.persons is not None:
        # The last day may have passed since it was said.
        check_terms(PersonTerms.model_validate_json(found.persons), now=now)
    await take_turn(connection, State(found.state))
    total = await import_rows.count_to_apply(connection, import_id)
    if not total:
        raise Conflict("Es gibt nichts zu übernehmen.", "There is nothing to apply.", code="nothing_to_apply")
    return await begin(connection, found, "applying", total, caller=caller, now=now)


async def revert_import(
    connection: Connection, import_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> Import:
    """Let the worker take back what the import did, but for what somebody changed since. Raises NotFound, Conflict."""
    found = await locked(connection, import_id, caller=caller, served=served, of={"applied", "cancelled", "failed"})
    await take_turn(connection, State(found.state))
    total = await import_rows.count_to_revert(connection, import_id)
    if not total:
        raise Conflict("Es gibt nichts zurückzunehmen.", "There is nothing to take back.", code="nothing_to_revert")
    return await begin(connection, found, "reverting", total, caller=caller, now=now)


async def cancel_import(
    connection: Connection, import_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> Import:
    """End an import; what it wrote stays, and can be taken back. Idempotent. Raises NotFound, Conflict."""
    found = await locked(
        connection,
        import_id,
        caller=caller,
        served=served,
        of={"mapping", "planning", "planned", "applying", "failed", "cancelled"},
    )
    if found.status == "cancelled":
        return found
    changed = replace(found, status="cancelled", ended_at=now)
    await _keep(connection, changed, "status", "ended_at")
    await _say(connection, caller, changed, "import.cancel", {"was": found.status})
    return changed


async def begin(
    connection: Connection,
    found: Import,
    status: str,
    total: int,
    *,
    caller: Caller,
    now: datetime,
    more: dict[str, Any] | None = None,
) -> Import:
    """Give the import to the worker."""
    changed = replace(
        found,
        status=status,
        fault=None,
        total=total,
        done=0,
        cursor_row=0,
        phase_started_at=now,
        phase_done=0,
        ended_at=None,
        acting_subject=caller.subject,
        acting_roles=sorted(caller.roles),
        traceparent=current_traceparent(),
    )
    names = ("status", "fault", "total", "done", "cursor_row", "phase_started_at", "phase_done", "ended_at",
             "acting_subject", "acting_roles", "traceparent", *(more or {}))  # fmt: skip
    try:
        await _keep(connection, changed, *names)
    except asyncpg.UniqueViolationError as error:
        raise import_running() from error
    await imports.change(connection, found.id, lease_owner=None, lease_until=None)
    await _say(connection, caller, changed, f"import.{status}", more)
    return changed


async def _keep(connection: Connection, changed: Import, *names: str) -> None:
    await imports.change(connection, changed.id, **{name: getattr(changed, name) for name in names})


async def _say(
    connection: Connection, caller: Caller, changed: Import, action: str, more: dict[str, Any] | None
) -> None:
    after = {"source": changed.source, "rows": changed.total} | (more or {})
    await audit.record(connection, caller, audit.Entry(action, ITEM, str(changed.id), after=after))


def _no(field: str, de: str, en: str) -> InvalidInput:
    return InvalidInput.of([FieldError(field=field, code="invalid", text=Text(de, en))])
