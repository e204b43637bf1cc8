"""Moving the seat (Sitzverlegung), within a state or from one state to another.

The losing state's office moves it. Old numbers end and go on resolving; the W-IdNr stays. Both states' topics say
`seat_relocated` with the same sequence, so that readers of either learn of it and nobody takes the older record.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules.fields import EnteredRegisterEntry
from ..rules.findings import Findings
from ..rules.profile import ACTIVE, check_whole, current_entry, replace_entry
from .commands import RelocateSeat
from .organisations import local_day
from .recording import Outcome, lock_own, record

MOST_DAYS_AHEAD = 366


async def relocate_seat(
    connection: Connection,
    organisation_id: UUID,
    command: RelocateSeat,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Move the seat and, to another state, the responsibility; doing it again changes nothing.

    Raises NotFound, Forbidden (not the losing state's office), Conflict (target not served here, number taken,
    deactivated), StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    old = State(before.organisation.responsible_state)
    target = command.responsible_state or old
    _require_movable(before.organisation, target, served)
    findings = Findings()
    fields = _fields(before.organisation, command, target=target, today=local_day(now), findings=findings)
    findings.raise_errors()
    organisation = before.organisation.model_copy(update=fields)
    check_whole(organisation, findings)
    findings.raise_errors()
    if organisation == before.organisation:
        return Outcome(before, changed=False, warnings=findings.warnings)
    stored = await record(
        connection,
        organisation,
        before=before,
        change="seat_relocated",
        action="organisation.relocate",
        caller=caller,
        now=now,
        figures=before.figures,
        old_state=old,
    )
    return Outcome(stored, warnings=findings.warnings)


def _require_movable(organisation: Organisation, target: State, served: Collection[State]) -> None:
    if target not in served:
        raise Conflict(
            f"Diese Instanz schreibt nicht für {target.label}; an eine andere Instanz wird noch nicht übergeben.",
            f"This instance does not write for {target.label}; handing over to another instance is not possible yet.",
            code="target_state_not_served",
        )
    if organisation.status != ACTIVE:
        raise Conflict(
            "Eine deaktivierte Organisation verlegt keinen Sitz.",
            "A deactivated organisation does not move its seat.",
            code="deactivated",
        )


def _fields(
    organisation: Organisation, command: RelocateSeat, *, target: State, today: date, findings: Findings
) -> dict[str, Any]:
    old = State(organisation.responsible_state)
    fields: dict[str, Any] = {"seat": command.seat.entered(), "responsible_state": target.value}
    if target is not old:
        fields["previous_state"] = old.value
    held = current_entry(organisation)
    _check_date(command.date, held.valid_from if held else None, today=today, findings=findings)
    if command.register_entry is not None:
        entry = findings.checked("register_entry", command.register_entry.entered(), EnteredRegisterEntry.normalised)
        if entry is not None:
            moved = entry.model_copy(update={"valid_from": command.date})
            fields["register_entries"] = replace_entry(organisation.register_entries, moved, on=command.date)
    elif held is not None and target is not old:
        findings.refuse(
            "register_entry",
            "missing",
            "fehlt: in einem anderen Land führt ein anderes Gericht das Register",
            "is missing: another court keeps the register in another state",
        )
    return fields


def _check_date(day: date, earliest: date | None, *, today: date, findings: Findings) -> None:
    if day > today + timedelta(days=MOST_DAYS_AHEAD):
        findings.refuse(
            "date", "future_date", "liegt mehr als ein Jahr in der Zukunft", "lies more than a year in the future"
        )
    if day.year < 1900 or (earliest is not None and day < earliest):
        findings.refuse(
            "date",
            "before_entry",
            "liegt vor dem Beginn des bisherigen Registereintrags",
            "lies before the present register entry began",
        )
