"""Who may take a seat: capacity, quotas and their release, and in which order waiting registrations are promoted.

A state's quota is both reserved for it and its limit, until it is released. Seats outside all quotas are for states
without one. Released seats are open to everybody, also to states whose own quota is full. Invariants: never more
confirmed than the capacity; never more of a state than its unreleased quota and the seats opened by other releases;
no one is promoted past somebody who waits longer and may take the same seat (docs/decisions/0030-quotas.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .event import Event

Key = TypeVar("Key")
Taken = Mapping[str | None, int]
"""Confirmed seats by the participants' state; None stands for participants from elsewhere."""


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """The seats of an event: `held` are unreleased quotas by state, `opened` counts the seats of released ones."""

    capacity: int | None
    held: Mapping[str, int]
    opened: int

    @classmethod
    def of(cls, event: Event) -> SeatPlan:
        """The plan of an event as it stands."""
        return cls(
            capacity=event.capacity,
            held={quota.state.value: quota.seats for quota in event.quotas_held},
            opened=sum(quota.seats for quota in event.quotas if quota.released_at is not None),
        )

    def fits(self, taken: Taken) -> bool:
        """Whether so many seats may be taken at once."""
        if self.capacity is None:
            return True
        beyond = sum(max(0, taken.get(state, 0) - seats) for state, seats in self.held.items())
        others = sum(count for state, count in taken.items() if state not in self.held)
        free_of_quota = self.capacity - sum(self.held.values())
        return beyond <= self.opened and beyond + others <= free_of_quota

    def may_take(self, state: str | None, *, taken: Taken) -> bool:
        """Whether one more participant of that state gets a seat."""
        return self.fits({**taken, state: taken.get(state, 0) + 1})

    def free(self, taken: Taken) -> int | None:
        """Seats nobody has yet, whoever may take them; None when unlimited."""
        return None if self.capacity is None else self.capacity - sum(taken.values())


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Key]):
    """Somebody who waits; `position` is the place in the event's order."""

    key: Key
    state: str | None
    position: int


def promotions(plan: SeatPlan, *, taken: Taken, waiting: Iterable[Waiting[Key]]) -> list[Key]:
    """Whom to promote, strictly in order of position: each one who may take a seat when the turn comes (Nachrücker).

    One pass is enough, since giving a seat never makes room for somebody else.
    """
    now_taken: Counter[str | None] = Counter(taken)
    promoted: list[Key] = []
    for candidate in sorted(waiting, key=lambda item: item.position):
        if plan.may_take(candidate.state, taken=now_taken):
            now_taken[candidate.state] += 1
            promoted.append(candidate.key)
    return promoted
