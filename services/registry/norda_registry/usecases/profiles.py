"""How an organisation describes itself, whom it is linked with, and its public indicators."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Indicator, Link, Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, InvalidInput, NotFound, Text
from norda_common.states import State

from ..rules.descriptions import described, warn_of_description
from ..rules.findings import Findings
from ..rules.profile import check_whole
from ..rules.size_class import size_class
from ..store import documents
from ..store.organisations import Stored
from .days import local_day
from .profile_commands import AddIndicator, ChangeProfile, LinkKind, SetLink
from .recording import Outcome, lock_own, record
from .sizing import class_after, resize_others

MOST_LINKS = 100
MOST_INDICATORS = 500


async def change_profile(
    connection: Connection,
    organisation_id: UUID,
    command: ChangeProfile,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Change what the command gives; what changes nothing is no new version. Idempotent.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    findings = Findings()
    fields = described(command.given(), findings)
    findings.raise_errors()
    return await store_change(
        connection, before, fields, findings, action="organisation.change_profile", caller=caller, now=now
    )


async def set_link(
    connection: Connection,
    organisation_id: UUID,
    other_id: UUID,
    command: SetLink,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Enter another organisation as partner or linked, or change how; the size class counts it in. Idempotent.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    findings = Findings()
    if other_id == organisation_id:
        findings.refuse("organisation_id", "itself", "ist die Organisation selbst", "is the organisation itself")
    if command.kind is LinkKind.LINKED and command.share_percent is not None:
        findings.refuse("share_percent", "share_of_linked", "gehört nur zu Partnern", "belongs to partners only")
    findings.raise_errors()
    if not await documents.of(connection, [other_id]):
        raise NotFound("Die andere Organisation gibt es nicht.", "There is no such other organisation.")
    link = Link(organisation_id=other_id, kind=command.kind.value, share_percent=command.share_percent)
    others = [item for item in before.organisation.links if item.organisation_id != other_id]
    if len(others) >= MOST_LINKS:
        raise Conflict(f"Mehr als {MOST_LINKS} Verbindungen sind nicht möglich.", f"No more than {MOST_LINKS} links.")
    kept = tuple(sorted((*others, link), key=lambda item: item.organisation_id))
    return await _relink(connection, before, kept, caller=caller, served=served, now=now)


async def remove_link(
    connection: Connection,
    organisation_id: UUID,
    other_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take a link out. Raises NotFound (also: there is none), Forbidden, Conflict and StaleVersion."""
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    left = tuple(item for item in before.organisation.links if item.organisation_id != other_id)
    if len(left) == len(before.organisation.links):
        raise NotFound("Diese Verbindung gibt es nicht.", "There is no such link.")
    return await _relink(connection, before, left, caller=caller, served=served, now=now)


async def add_indicator(
    connection: Connection,
    organisation_id: UUID,
    command: AddIndicator,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Add a public figure; the same once more changes nothing, another value of that day and source is refused.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    fields = with_indicator(before.organisation, command, now=now)
    return await store_change(
        connection, before, fields, Findings(), action="organisation.add_indicator", caller=caller, now=now
    )


def with_indicator(organisation: Organisation, command: AddIndicator, *, now: datetime) -> dict[str, Any]:
    """The indicators with a further one. Raises InvalidInput and Conflict."""
    if command.on > local_day(now):
        raise InvalidInput.of(
            [FieldError(field="on", code="future_date", text=Text("liegt in der Zukunft", "lies in the future"))]
        )
    added = Indicator(kind=command.kind, value=command.value, on=command.on, source=command.source)
    known = organisation.indicators
    if added in known:
        return {}
    if any((item.kind, item.on, item.source) == (added.kind, added.on, added.source) for item in known):
        raise Conflict(
            "Zu diesem Tag und dieser Quelle steht schon ein anderer Wert; er wird nicht überschrieben.",
            "There is another value for that day and source already; it is not overwritten.",
            code="indicator_exists",
        )
    if len(known) >= MOST_INDICATORS:
        raise Conflict(
            f"Mehr als {MOST_INDICATORS} Kennzahlen sind nicht möglich.", f"No more than {MOST_INDICATORS} indicators."
        )
    ordered = sorted((*known, added), key=lambda item: (item.kind, item.on, item.source))
    return {"indicators": tuple(ordered)}


async def store_change(
    connection: Connection,
    before: Stored,
    fields: dict[str, Any],
    findings: Findings,
    *,
    action: str,
    caller: Caller,
    now: datetime,
    change: str = "changed",
) -> Outcome:
    """Store what these fields make of the organisation, unless they make nothing else of it. Raises InvalidInput."""
    organisation = before.organisation.model_copy(update=fields)
    if organisation == before.organisation:
        return Outcome(before, changed=False, warnings=findings.warnings)
    check_whole(organisation, findings)
    if fields.keys() & {"roles", "kind"}:
        warn_of_description(organisation, findings)
    findings.raise_errors()
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


async def _relink(
    connection: Connection,
    before: Stored,
    links: tuple[Link, ...],
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Outcome:
    findings = Findings()
    organisation = before.organisation.model_copy(update={"links": links})
    size = await class_after(
        connection,
        organisation,
        before=before,
        figures=before.figures,
        # What followed from its own figures alone holds no longer where those of the others are not known.
        declared=before.organisation.size_class if size_class(before.figures) is None else None,
        findings=Findings(),
        now=now,
    )
    fields = {"links": links, "size_class": size}
    outcome = await store_change(
        connection, before, fields, findings, action="organisation.change_links", caller=caller, now=now
    )
    if outcome.changed:
        organisation_id = organisation.organisation_id
        state = State(organisation.responsible_state)
        await resize_others(connection, organisation_id, state=state, caller=caller, served=served, now=now)
    return outcome
