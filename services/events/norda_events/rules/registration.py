"""What a registration is, and the person apart from it: only `Participant` holds personal data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class RegistrationStatus(StrEnum):
    """Where a registration stands."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    WITHDRAWN = "withdrawn"
    EVENT_CANCELLED = "event_cancelled"


LIVE = (RegistrationStatus.CONFIRMED, RegistrationStatus.WAITLISTED)
"""Registrations that count: they are told, rescheduled and cancelled with their event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A registration without its person. `position` is its place in the event's order."""

    id: UUID
    event_id: UUID
    organisation_id: UUID | None
    participant_state: str | None
    status: RegistrationStatus
    position: int
    version: int
    registered_at: datetime
    changed_at: datetime
    erased_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether it holds a seat or waits for one."""
        return self.status in LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """The person: personal data, never logged, traced or published outside the private topic."""

    person_id: UUID
    name: str
    email: str
    language: str
    restricted_at: datetime | None = None
    """Since when the person asked for restriction (Art. 18 GDPR)."""

    def __repr__(self) -> str:
        """The pseudonym alone, so that no traceback or log shows the person."""
        return f"Participant({self.person_id})"
