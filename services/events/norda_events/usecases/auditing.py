"""What the audit log is told of events and registrations: what changed; of persons only which fields were touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import SYSTEM, Connection
from norda_common.statements import Identity

from ..rules.event import Event
from ..rules.registration import Registration, RegistrationStatus

_EVENT = tuple(item.name for item in fields(Event) if item.name not in {"id", "created_at", "changed_at"})
_REGISTRATION = ("event_id", "organisation_id", "participant_state", "status", "position", "version")
PERSON = ("name", "email", "language")
"""What is known of a person beside the pseudonym."""


async def record_event(
    connection: Connection, by: Caller | Identity, action: str, *, before: Event | None, after: Event | None
) -> None:
    """Note what was done to an event: all of a new or a discarded one, else what differs; nothing if nothing does.

    `by` is `SYSTEM` for what the service does by itself.
    """
    event = after or before
    if event is None or before == after:
        return
    old, new = _event(before) if before else None, _event(after) if after else None
    if old and new:
        old, new = audit.difference(old, new)
    await audit.record(connection, by, audit.Entry(f"event.{action}", "event", str(event.id), old, new))


async def record_registration(
    connection: Connection,
    caller: Caller,
    action: str,
    *,
    before: Registration | None,
    after: Registration,
    touched: tuple[str, ...] = (),
) -> None:
    """Note what was done to a registration; `touched` are the names of its person's fields."""
    old, new = _registration(before) if before else None, _registration(after)
    if old:
        old, new = audit.difference(old, new)
    if touched:
        new = new | {"touched": list(touched)}
    entry = audit.Entry(f"registration.{action}", "registration", str(after.id), old, new)
    await audit.record(connection, caller, entry)


async def record_promotions(connection: Connection, promoted: Sequence[Registration]) -> None:
    """Note that these were promoted: by the service itself, whoever freed the seats. One statement for all."""
    entries = []
    for after in promoted:
        before = replace(after, status=RegistrationStatus.WAITLISTED, version=after.version - 1)
        old, new = audit.difference(_registration(before), _registration(after))
        entries.append(audit.Entry("registration.promote", "registration", str(after.id), old, new))
    await audit.record(connection, SYSTEM, *entries)


def _event(event: Event) -> dict[str, Any]:
    content = {name: getattr(event, name) for name in _EVENT}
    return content | {
        "hosts": [asdict(host) for host in event.hosts],
        "quotas": [asdict(quota) for quota in event.quotas],
    }


def _registration(registration: Registration) -> dict[str, Any]:
    return {name: getattr(registration, name) for name in _REGISTRATION}
