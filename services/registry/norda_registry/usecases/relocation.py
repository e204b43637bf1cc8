"""Moving the seat (Sitzverlegung): within a state at once, to another one as an offer to its office.

Old numbers end and go on resolving; the W-IdNr stays. What the other office does with the offer is in `handovers`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Handover, Organisation, RegisterEntry
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules import identity
from ..rules.fields import EnteredRegisterEntry, onto
from ..rules.findings import Findings
from ..rules.handovers import open_offer
from ..rules.identity import Told
from ..rules.profile import ACTIVE, check_whole, current_entry
from ..store.organisations import Stored
from .commands import RegisterEntryInput, RelocateSeat
from .organisations import local_day
from .recording import Outcome, lock_own, record, refuse_offered

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
    """Move the seat within the state, or offer it to another state's office; doing it again changes nothing.

    Raises NotFound, Forbidden (not the losing state's office), Conflict (offered already, number taken, not active),
    StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection,
        organisation_id,
        caller=caller,
        served=served,
        expected_version=expected_version,
        while_offered=True,
    )
    if before.organisation.status != ACTIVE:
        raise Conflict(
            "Eine Organisation, die nicht aktiv ist, verlegt keinen Sitz.",
            "An organisation that is not active does not move its seat.",
            code="deactivated",
        )
    target = command.responsible_state or State(before.organisation.responsible_state)
    if target.value == before.organisation.responsible_state:
        refuse_offered(before.organisation)
        return await _move(connection, before, command, caller=caller, now=now)
    return await _offer(connection, before, command, target=target, caller=caller, now=now)


async def _move(
    connection: Connection, before: Stored, command: RelocateSeat, *, caller: Caller, now: datetime
) -> Outcome:
    findings = Findings()
    entry = checked_entry(command.register_entry, findings)
    organisation = moved(
        before.organisation,
        {"seat": command.seat.entered()},
        entry,
        Told(on=command.date, source=command.source),
        today=local_day(now),
        findings=findings,
    )
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
    )
    return Outcome(stored, warnings=findings.warnings)


async def _offer(
    connection: Connection, before: Stored, command: RelocateSeat, *, target: State, caller: Caller, now: datetime
) -> Outcome:
    findings = Findings()
    entry = checked_entry(command.register_entry, findings)
    offer = Handover(
        to_state=target.value,
        seat=command.seat.entered(),
        register_entry=entry,
        moves_on=command.date,
        offered_at=now,
    )
    standing = open_offer(before.organisation)
    if standing is not None and standing.withdrawn_at is None and _same(standing, offer):
        return Outcome(before, changed=False)
    refuse_offered(before.organisation)
    # What would become of it is checked now: the other office should not have to find the losing one's slips.
    moved(
        before.organisation,
        {"seat": offer.seat},
        entry,
        Told(on=command.date),
        today=local_day(now),
        findings=findings,
    )
    stored = await record(
        connection,
        before.organisation.model_copy(update={"handover": offer}),
        before=before,
        change="relocation_offered",
        action="organisation.offer_relocation",
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return Outcome(stored, warnings=findings.warnings)


def _same(standing: Handover, offer: Handover) -> bool:
    return standing.model_copy(update={"offered_at": offer.offered_at}) == offer


def checked_entry(entered: RegisterEntryInput | None, findings: Findings) -> RegisterEntry | None:
    """The entry as the register has it; faults are noted."""
    if entered is None:
        return None
    return findings.checked("register_entry", entered.entered(), EnteredRegisterEntry.normalised)


def moved(
    organisation: Organisation,
    fields: dict[str, Any],
    entry: RegisterEntry | None,
    told: Told,
    *,
    today: date,
    findings: Findings,
) -> Organisation:
    """The organisation with its new seat and register entry from that day on, checked as a whole.

    Raises InvalidInput with every faulty field.
    """
    assert told.on is not None  # noqa: S101 - a move has a day
    held = current_entry(organisation)
    begins = [begin for begin in (held and held.valid_from, identity.seats(organisation)[-1].begin) if begin]
    _check_date(told.on, max(begins, default=None), today=today, findings=findings)
    findings.raise_errors()
    if entry is not None:
        fields = fields | {"register_entries": (entry.model_copy(update={"valid_from": told.on}),)}
    after = organisation.model_copy(update=onto(organisation, fields, findings, today=today, told=told))
    check_whole(after, findings)
    findings.raise_errors()
    return after


def _check_date(day: date, earliest: date | None, *, today: date, findings: Findings) -> None:
    if day > today + timedelta(days=MOST_DAYS_AHEAD):
        findings.refuse(
            "date", "future_date", "liegt mehr als ein Jahr in der Zukunft", "lies more than a year in the future"
        )
    if day.year < 1900 or (earliest is not None and day < earliest):
        findings.refuse(
            "date",
            "before_entry",
            "liegt vor dem Beginn des bisherigen Sitzes oder Registereintrags",
            "lies before the present seat or register entry began",
        )
