"""What an event is: the aggregate every rule looks at, with its hosts and quotas. Immutable; instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from norda_common.states import State


class EventStatus(StrEnum):
    """Where an event stands; `lifecycle` says what leads from one to the next."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Who holds the event: a state's office or an organisation, exactly one of the two.

    `agreed_at` is when a hosting state's office agreed; the lead agrees by drafting, organisations are not asked.
    """

    state: State | None = None
    organisation_id: UUID | None = None
    agreed_at: datetime | None = None

    @property
    def same_as(self) -> tuple[State | None, UUID | None]:
        """What identifies the host, whether or not it agreed."""
        return self.state, self.organisation_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Seats set aside for one state's participants until `released_at` is set (Kontingent)."""

    state: State
    seats: int
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event. `capacity` None means unlimited; `sequence` counts published changes, `version` all of them.

    `released_at`: since when everybody may see it without signing in; None: it is for those who have signed in.
    """

    id: UUID
    responsible_state: State
    own_id: str | None
    status: EventStatus
    version: int
    sequence: int
    title: str
    title_en: str | None
    description: str | None
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str | None
    online: bool
    capacity: int | None
    hosts: tuple[Host, ...]
    quotas: tuple[Quota, ...]
    quota_release_at: datetime | None
    competences: tuple[str, ...]
    clusters: tuple[str, ...]
    cancellation_reason: str | None
    created_at: datetime
    changed_at: datetime
    released_at: datetime | None = None

    @property
    def hosting_states(self) -> tuple[State, ...]:
        """The states among the hosts, in the hosts' order."""
        return tuple(host.state for host in self.hosts if host.state is not None)

    @property
    def quotas_held(self) -> tuple[Quota, ...]:
        """The quotas not yet released."""
        return tuple(quota for quota in self.quotas if quota.released_at is None)
