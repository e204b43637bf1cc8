"""Dated memberships in clusters: entered, corrected, ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Membership, Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, Text
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.profile import ACTIVE
from ..rules.reconciling import membership_of
from ..store import matches
from .commands import EndMembership, JoinCluster
from .days import local_day
from .organisations import unknown_cluster
from .profile_commands import CorrectMembership
from .profiles import store_change
from .recording import Outcome, lock_own

JOINED, ENDED = "organisation.join_cluster", "organisation.end_membership"


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
    require_active(before.organisation)
    cluster = await _cluster(connection, command)
    membership = Membership(
        cluster_id=cluster.cluster_id, cluster_code=cluster.code, kind=command.kind, valid_from=command.valid_from
    )
    fields = {"memberships": joined(before.organisation, membership)}
    return await store_change(connection, before, fields, Findings(), action=JOINED, caller=caller, now=now)


def require_active(organisation: Organisation) -> None:
    """Raises Conflict (`deactivated`) unless it is active."""
    if organisation.status != ACTIVE:
        raise Conflict("Die Organisation ist deaktiviert.", "The organisation is deactivated.", code="deactivated")


def joined(organisation: Organisation, membership: Membership) -> tuple[Membership, ...]:
    """The memberships with that one, or as they are where one in that cluster holds. Raises InvalidInput."""
    mine = [item for item in organisation.memberships if item.cluster_id == membership.cluster_id]
    if any(item.valid_to is None for item in mine):
        return organisation.memberships
    _require_after(membership.valid_from, mine)
    return (*organisation.memberships, membership)


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
    fields = {"memberships": ended(before.organisation, cluster_id, command.valid_to or local_day(now))}
    return await store_change(connection, before, fields, Findings(), action=ENDED, caller=caller, now=now)


def ended(organisation: Organisation, cluster_id: UUID, day: date) -> tuple[Membership, ...]:
    """The memberships with the one in that cluster ended. Raises NotFound (never a member) and InvalidInput."""
    mine = [item for item in organisation.memberships if item.cluster_id == cluster_id]
    if not mine:
        raise NotFound("Diese Mitgliedschaft gibt es nicht.", "There is no such membership.")
    holding = [item for item in mine if item.valid_to is None]
    if any(item.valid_from is not None and day < item.valid_from for item in holding):
        raise _refusal("valid_to", "before_begin", "liegt vor dem Beginn", "lies before the beginning")
    return tuple(
        item.model_copy(update={"valid_to": day}) if item in holding else item for item in organisation.memberships
    )


async def correct_membership(
    connection: Connection,
    organisation_id: UUID,
    cluster_id: UUID,
    command: CorrectMembership,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Correct kind and days of a membership, also of an ended one; null empties a day. Idempotent.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput (days that contradict another membership).
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    memberships = before.organisation.memberships
    meant = _meant(memberships, cluster_id, command)
    given = {name: getattr(command, name) for name in command.model_fields_set - {"begins"}}
    corrected = meant.model_copy(update=given)
    others = [item for item in memberships if item.cluster_id == cluster_id and item is not meant]
    _require_in_order(corrected, others)
    fields = {"memberships": tuple(corrected if item is meant else item for item in memberships)}
    return await store_change(
        connection, before, fields, Findings(), action="organisation.correct_membership", caller=caller, now=now
    )


def _meant(memberships: Sequence[Membership], cluster_id: UUID, command: CorrectMembership) -> Membership:
    """The membership a correction is for: the one that begins so, else the only or the latest one."""
    mine = [item for item in memberships if item.cluster_id == cluster_id]
    if "begins" in command.model_fields_set:
        mine = [item for item in mine if item.valid_from == command.begins]
    meant = membership_of(mine, cluster_id)
    if meant is None:
        raise NotFound("Diese Mitgliedschaft gibt es nicht.", "There is no such membership.")
    return meant


def _require_in_order(membership: Membership, others: Sequence[Membership]) -> None:
    """A membership does not end before it begins, nor overlap another one in the cluster."""
    begin, end = membership.valid_from or date.min, membership.valid_to or date.max
    if end < begin:
        raise _refusal("valid_to", "before_begin", "liegt vor dem Beginn", "lies before the beginning")
    for other in others:
        if begin < (other.valid_to or date.max) and (other.valid_from or date.min) < end:
            raise _refusal(
                "valid_from",
                "overlap",
                "überschneidet sich mit einer anderen Mitgliedschaft",
                "overlaps with another membership",
            )


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
