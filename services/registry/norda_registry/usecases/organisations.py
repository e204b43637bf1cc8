"""Registering, changing and deactivating organisations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.contracts.registry import Membership, Organisation, Site
from norda_common.database import Connection
from norda_common.errors import FieldError, InvalidInput, Text
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules.fields import normalised, onto
from ..rules.findings import Findings
from ..rules.identity import FIRST_YEAR, Told, entered, said_of
from ..rules.profile import ACTIVE, DEACTIVATED, check_whole
from ..rules.rights import CHANGE
from ..rules.size_class import Figures, size_class
from ..store import matches, organisations
from ..store.matches import CLUSTER
from . import days
from .commands import ChangeOrganisation, Deactivate, RegisterOrganisation
from .duplicates import refuse_suspects
from .links import end_links_of
from .recording import CONTACT, Outcome, entry_of, held_numbers, lock_own, record, refuse_taken
from .sizing import class_after, resize_others, told

_CHANGE = CHANGE.name
local_day = days.local_day


async def register_organisation(
    connection: Connection,
    command: RegisterOrganisation,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    split_from: UUID | None = None,
    sites: tuple[Site, ...] = (),
    ignore_duplicates: bool = False,
) -> Outcome:
    """Enter an organisation under the caller's state and publish it; `split_from` is whose part it was, with `sites`.

    Raises Forbidden, Conflict (a number is taken, state not served; it may be there already, unless that is to be
    ignored) and InvalidInput with every faulty field.
    """
    state = command.responsible_state or caller.require_own_state(CHANGE)
    caller.require(CHANGE, state)
    caller.require_served(CHANGE, served)
    findings = Findings()
    figures = _figures(command, Figures())
    _check_told(Told(on=command.on), today=local_day(now), findings=findings)
    fields = entered(normalised(command.given(), findings), Told(on=command.on, source=command.source))
    fields |= {"split_from": split_from, "sites": sites}
    fields["size_class"] = sized(figures, command.size_class, findings)
    codes = cluster_codes(command.clusters)
    organisation = None if findings.errors else _new(fields, state=state, now=now)
    # One look-up for clusters and numbers: each would be a round trip.
    wanted = [(CLUSTER, code) for code in codes] + (held_numbers(organisation) if organisation else [])
    found = await matches.find(connection, wanted)
    memberships = joined(codes, matches.clusters_among(found), findings)
    findings.raise_errors()
    assert organisation is not None  # noqa: S101 - there are no errors
    organisation = organisation.model_copy(update={"memberships": memberships})
    check_whole(organisation, findings)
    findings.raise_errors()
    refuse_taken(organisation, found)
    if not ignore_duplicates:
        await refuse_suspects(connection, organisation, holders=found)
    stored = await record(
        connection,
        organisation,
        before=None,
        change="registered",
        action="organisation.register",
        caller=caller,
        now=now,
        figures=figures,
        holders=found,
        touched=[CONTACT] if command.contact_email else [],
    )
    if command.contact_email:
        await organisations.set_contacts(connection, {organisation.organisation_id: command.contact_email})
    return Outcome(stored, warnings=findings.warnings)


async def change_organisation(
    connection: Connection,
    organisation_id: UUID,
    command: ChangeOrganisation,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Change what the command gives; what changes nothing is no new version and no event. Idempotent.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    findings = Findings()
    figures = _figures(command, before.figures)
    given = command.given()
    for name in ("legal_name", "seat", "register_entry", "euid"):
        if name in given and given[name] is None:
            findings.refuse(name, "required", "darf nicht leer sein", "must not be empty")
    _check_told(command.told(), today=local_day(now), findings=findings)
    alone = normalised(given, findings, held=before.organisation.competences)
    findings.raise_errors()
    fields = onto(before.organisation, alone, findings, today=local_day(now), told=command.told())
    declared = command.size_class if "size_class" in command.model_fields_set else before.organisation.size_class
    organisation = before.organisation.model_copy(update=fields)
    size = await class_after(
        connection, organisation, before=before, figures=figures, declared=declared, findings=findings, now=now
    )
    organisation = organisation.model_copy(update={"size_class": size})
    check_whole(organisation, findings)
    findings.raise_errors()
    touched = []
    if CONTACT in command.model_fields_set and await _keep_contact(connection, organisation_id, command.contact_email):
        touched = [CONTACT]
        await end_links_of(connection, [organisation_id], now=now)
    if organisation == before.organisation and figures == before.figures:
        if touched:
            await audit.record(connection, caller, entry_of(before, before=before, action=_CHANGE, touched=touched))
        return Outcome(before, changed=False, warnings=findings.warnings)
    stored = await record(
        connection,
        organisation,
        before=before,
        change=said_of(before.organisation, organisation),
        action=_CHANGE,
        caller=caller,
        now=now,
        figures=figures,
        touched=touched,
    )
    if figures != before.figures:
        state = State(organisation.responsible_state)
        await resize_others(connection, organisation_id, state=state, caller=caller, served=served, now=now)
    return Outcome(stored, warnings=findings.warnings)


async def deactivate_organisation(
    connection: Connection,
    organisation_id: UUID,
    command: Deactivate,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """The organisation is no longer active: its memberships end, its numbers become free. Idempotent.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    if before.organisation.status != ACTIVE:
        return Outcome(before, changed=False)
    day = command.date or local_day(now)
    if day > local_day(now):
        raise InvalidInput.of([future("date")])
    organisation = before.organisation.model_copy(
        update={"status": DEACTIVATED, "memberships": memberships_ended(before.organisation.memberships, day)}
    )
    stored = await record(
        connection,
        organisation,
        before=before,
        change="deactivated",
        action="organisation.deactivate",
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return Outcome(stored)


def cluster_codes(entered: Sequence[str]) -> list[str]:
    """The codes of the clusters somebody entered, each once."""
    return list(dict.fromkeys(code.upper() for code in entered))


def joined(codes: Sequence[str], known: Sequence[matches.Cluster], findings: Findings) -> tuple[Membership, ...]:
    """Memberships in the clusters with these codes; unknown ones are noted as errors."""
    by_code = {item.code: item for item in known}
    for code in codes:
        if code not in by_code:
            unknown_cluster(code, findings)
    return tuple(
        Membership(cluster_id=by_code[code].cluster_id, cluster_code=code) for code in codes if code in by_code
    )


def unknown_cluster(code: str, findings: Findings) -> None:
    """Note that there is no such cluster."""
    findings.refuse(
        "clusters",
        "unknown_cluster",
        f"{code[:40]} ist kein Cluster im Verzeichnis; Cluster müssen zuerst angelegt werden",
        f"{code[:40]} is no cluster in the directory; clusters must be entered first",
    )


def sized(figures: Figures, declared: str | None, findings: Findings) -> str | None:
    """The size class these figures make by themselves, else the declared one; of a contradiction the figures win."""
    return told(size_class(figures), declared, findings)


def _figures(command: RegisterOrganisation | ChangeOrganisation, current: Figures) -> Figures:
    given = command.model_fields_set
    return Figures(
        employees=command.employees if "employees" in given else current.employees,
        turnover_cents=cents(command.turnover_eur) if "turnover_eur" in given else current.turnover_cents,
        balance_cents=cents(command.balance_eur) if "balance_eur" in given else current.balance_cents,
    )


def cents(amount: Decimal | None) -> int | None:
    """Euros as whole cents."""
    return None if amount is None else int(amount * 100)


async def _keep_contact(connection: Connection, organisation_id: UUID, email: str | None) -> bool:
    """Whether that changes anything."""
    if email is None:
        return bool(await organisations.remove_contacts(connection, [organisation_id]))
    return bool(await organisations.set_contacts(connection, {organisation_id: email}))


def memberships_ended(memberships: tuple[Membership, ...], day: date) -> tuple[Membership, ...]:
    """The memberships, of which none goes on from that day."""
    return tuple(
        item.model_copy(update={"valid_to": max(day, item.valid_from or day)}) if item.valid_to is None else item
        for item in memberships
    )


def _new(fields: Mapping[str, Any], *, state: State, now: datetime) -> Organisation:
    return Organisation(
        organisation_id=new_id(), responsible_state=state.value, status=ACTIVE, changed_at=now, **fields
    )


def _check_told(told: Told, *, today: date, findings: Findings) -> None:
    """Note a first day that has not come, or that nobody can mean."""
    if told.on is None:
        return
    if told.on > today:
        findings.errors.append(future("on"))
    if told.on.year < FIRST_YEAR:
        findings.refuse("on", "impossible_date", "liegt zu weit zurück", "lies too far back")


def future(name: str) -> FieldError:
    """What is said of a day that has not come."""
    return FieldError(field=name, code="future_date", text=Text("liegt in der Zukunft", "lies in the future"))
