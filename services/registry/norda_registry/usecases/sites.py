"""Sites (Betriebsstätten) and dated memberships in clusters."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Membership, Organisation, Site
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, Text
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.profile import ACTIVE, check_whole
from ..store import matches
from ..store.organisations import Stored
from .commands import AddSite, EndMembership, JoinCluster
from .organisations import local_day, unknown_cluster
from .recording import Outcome, lock_own, record

MOST_SITES = 500


async def add_site(
    connection: Connection,
    organisation_id: UUID,
    command: AddSite,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Add a site; the same name at the same address again changes nothing.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    sites = before.organisation.sites
    address = command.address.entered()
    if any(site.name == command.name and site.address == address for site in sites):
        return Outcome(before, changed=False)
    if len(sites) >= MOST_SITES:
        raise Conflict(f"Mehr als {MOST_SITES} Standorte sind nicht möglich.", f"No more than {MOST_SITES} sites.")
    added = Site(site_id=new_id(), name=command.name, address=address)
    fields = {"sites": (*sites, added)}
    return await _change(connection, before, fields, action="organisation.add_site", caller=caller, now=now)


async def remove_site(
    connection: Connection,
    organisation_id: UUID,
    site_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take a site out; the history of versions keeps it. Raises NotFound, Forbidden, Conflict and StaleVersion."""
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    left = tuple(site for site in before.organisation.sites if site.site_id != site_id)
    if len(left) == len(before.organisation.sites):
        raise NotFound("Diesen Standort gibt es nicht.", "There is no such site.")
    fields = {"sites": left}
    return await _change(connection, before, fields, action="organisation.remove_site", caller=caller, now=now)


async def join_cluster(
    connection: Connection,
    organisation_id: UUID,
    command: JoinCluster,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Become a member of a cluster of any state; who is a member already stays it.

    Raises NotFound, Forbidden, Conflict (deactivated), StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    if before.organisation.status != ACTIVE:
        raise Conflict("Die Organisation ist deaktiviert.", "The organisation is deactivated.", code="deactivated")
    cluster = await _cluster(connection, command)
    mine = [item for item in before.organisation.memberships if item.cluster_id == cluster.cluster_id]
    if any(item.valid_to is None for item in mine):
        return Outcome(before, changed=False)
    _require_after(command.valid_from, mine)
    joined = Membership(cluster_id=cluster.cluster_id, cluster_code=cluster.code, valid_from=command.valid_from)
    fields = {"memberships": (*before.organisation.memberships, joined)}
    return await _change(connection, before, fields, action="organisation.join_cluster", caller=caller, now=now)


async def end_membership(
    connection: Connection,
    organisation_id: UUID,
    cluster_id: UUID,
    command: EndMembership,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """End the membership that holds; who is none any more stays none.

    Raises NotFound (never a member), Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    memberships = before.organisation.memberships
    mine = [item for item in memberships if item.cluster_id == cluster_id]
    if not mine:
        raise NotFound("Diese Mitgliedschaft gibt es nicht.", "There is no such membership.")
    day = command.valid_to or local_day(now)
    holding = [item for item in mine if item.valid_to is None]
    if not holding:
        return Outcome(before, changed=False)
    if any(item.valid_from is not None and day < item.valid_from for item in holding):
        raise _refusal("valid_to", "before_begin", "liegt vor dem Beginn", "lies before the beginning")
    ended = tuple(item.model_copy(update={"valid_to": day}) if item in holding else item for item in memberships)
    fields = {"memberships": ended}
    return await _change(connection, before, fields, action="organisation.end_membership", caller=caller, now=now)


async def _change(
    connection: Connection, before: Stored, fields: dict[str, Any], *, action: str, caller: Caller, now: datetime
) -> Outcome:
    findings = Findings()
    organisation: Organisation = before.organisation.model_copy(update=fields)
    check_whole(organisation, findings)
    findings.raise_errors()
    stored = await record(
        connection,
        organisation,
        before=before,
        change="changed",
        action=action,
        caller=caller,
        now=now,
        figures=before.figures,
    )
    return Outcome(stored, warnings=findings.warnings)


async def _cluster(connection: Connection, command: JoinCluster) -> matches.Cluster:
    if (command.cluster_code is None) == (command.cluster_id is None):
        raise _refusal(
            "cluster_code", "one_of", "oder cluster_id: genau eines ist nötig", "or cluster_id: exactly one is needed"
        )
    code = command.cluster_code.upper() if command.cluster_code else None
    found = await matches.clusters(
        connection, codes=[code] if code else [], ids=[command.cluster_id] if command.cluster_id else []
    )
    if not found:
        findings = Findings()
        unknown_cluster(code or str(command.cluster_id), findings)
        findings.raise_errors()
    return found[0]


def _require_after(begin: date | None, ended: list[Membership]) -> None:
    ends = [item.valid_to for item in ended if item.valid_to is not None]
    if ends and (begin is None or begin < max(ends)):
        raise _refusal(
            "valid_from",
            "overlap",
            "muss nach dem Ende der vorigen Mitgliedschaft liegen",
            "must be after the end of the former membership",
        )


def _refusal(name: str, code: str, de: str, en: str) -> InvalidInput:
    return InvalidInput.of([FieldError(field=name, code=code, text=Text(de, en))])
