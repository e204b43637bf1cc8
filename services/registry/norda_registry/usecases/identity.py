"""What an organisation becomes: a part that is split off, dissolution, and being active once more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.identity import ended, held_again
from ..rules.profile import ACTIVE, DEACTIVATED, DISSOLVED, check_whole, current_entry
from ..store.organisations import Stored
from .commands import Dissolve, SplitOff
from .organisations import future, local_day, memberships_ended, register_organisation
from .recording import Outcome, lock_own, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Outcome):
    """The part that was split off, and the whole it came from."""

    whole: Stored


async def split_organisation(
    connection: Connection,
    organisation_id: UUID,
    command: SplitOff,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Split:
    """A part becomes an organisation of its own, under the same state; sites that are named go with it.

    Both are said in one transaction: `registered` of the part, which names the whole in `split_from`, and `split` of
    the whole. Raises NotFound, Forbidden, Conflict (not active, a number is taken), StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    whole = before.organisation
    if whole.status != ACTIVE:
        raise Conflict(
            "Von einer Organisation, die nicht aktiv ist, wird nichts abgespalten.",
            "Nothing is split off from an organisation that is not active.",
            code="not_active",
        )
    findings = Findings()
    going = {site.site_id for site in whole.sites} & set(command.sites)
    if len(going) != len(set(command.sites)):
        findings.refuse("sites", "unknown_site", "gehören nicht alle zu ihr", "do not all belong to it")
        findings.raise_errors()
    state = State(whole.responsible_state)
    part = await register_organisation(
        connection,
        command.model_copy(update={"responsible_state": state, "on": command.on or local_day(now)}),
        caller=caller,
        served=served,
        now=now,
        split_from=organisation_id,
        sites=tuple(site for site in whole.sites if site.site_id in going),
    )
    stored = await record(
        connection,
        whole.model_copy(update={"sites": tuple(site for site in whole.sites if site.site_id not in going)}),
        before=before,
        change="split",
        action="organisation.split",
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return Split(part.stored, warnings=part.warnings, whole=stored)


async def dissolve_organisation(
    connection: Connection,
    organisation_id: UUID,
    command: Dissolve,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """It is dissolved: its register entry and memberships end on that day, its numbers become free. Idempotent.

    What was deactivated can turn out to be dissolved. Raises NotFound, Forbidden, Conflict (it merged into another),
    StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    organisation = before.organisation
    if organisation.status == DISSOLVED:
        return Outcome(before, changed=False)
    if organisation.status not in {ACTIVE, DEACTIVATED}:
        raise _is_no_more("dissolved")
    day = command.date or local_day(now)
    findings = Findings()
    _check_end(organisation, day, today=local_day(now), findings=findings)
    findings.raise_errors()
    update = {
        "status": DISSOLVED,
        "dissolved_on": day,
        "register_entries": ended(organisation.register_entries, on=day),
        "memberships": memberships_ended(organisation.memberships, day),
    }
    return await _recorded(connection, before, update, "dissolved", "organisation.dissolve", caller=caller, now=now)


async def reopen_organisation(
    connection: Connection,
    organisation_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """It is active again and takes its numbers back, its register entry among them; memberships stay ended. Idempotent.

    Raises NotFound, Forbidden, StaleVersion and Conflict: it merged into another, or somebody else holds one of its
    numbers by now.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    organisation = before.organisation
    if organisation.status == ACTIVE:
        return Outcome(before, changed=False)
    if organisation.status not in {DISSOLVED, DEACTIVATED}:
        raise _is_no_more("reopened")
    update: dict[str, Any] = {"status": ACTIVE, "dissolved_on": None}
    if organisation.dissolved_on is not None:
        update["register_entries"] = held_again(organisation.register_entries, ended_on=organisation.dissolved_on)
    return await _recorded(connection, before, update, "reopened", "organisation.reopen", caller=caller, now=now)


async def _recorded(
    connection: Connection,
    before: Stored,
    update: dict[str, Any],
    change: str,
    action: str,
    *,
    caller: Caller,
    now: datetime,
) -> Outcome:
    findings = Findings()
    organisation = before.organisation.model_copy(update=update)
    check_whole(organisation, findings)
    stored = await record(
        connection,
        organisation,
        before=before,
        change=change,
        action=action,
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return Outcome(stored, warnings=findings.warnings)


def _check_end(organisation: Organisation, day: date, *, today: date, findings: Findings) -> None:
    if day > today:
        findings.errors.append(future("date"))
    held = current_entry(organisation)
    if held is not None and held.valid_from is not None and day < held.valid_from:
        findings.refuse(
            "date",
            "before_entry",
            "liegt vor dem Beginn des Registereintrags",
            "lies before the register entry began",
        )


def _is_no_more(done: str) -> Conflict:
    return Conflict(
        "Diese Organisation ist in einer anderen aufgegangen; zuerst ist die Verschmelzung zurückzunehmen.",
        f"This organisation became part of another; take the merger back before it can be {done}.",
        code="merged",
    )
