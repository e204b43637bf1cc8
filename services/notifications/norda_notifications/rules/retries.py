"""When a mail is tried again, and when its delivery has failed for good (RFC 5321, 4.5.4.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

DELAYS_SECONDS = (2, 10, 60, 300, 900, 1_800, 3_600)
GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321: "the give-up time generally needs to be at least 4-5 days"."""


class Outcome(StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The server refuses this mail for good (5xx for the recipient or the message)."""
    DEFERRED = "deferred"
    """The server cannot take this mail now (4xx)."""
    UNREACHABLE = "unreachable"
    """No server that takes mail from us: nothing is wrong with the mail, it waits as long as it must."""
    GIVEN_BACK = "given_back"
    """Its data's turn did not come while the lease allowed it: no server was asked to take it, nor is one at fault."""


def next_attempt(outcome: Outcome, *, attempts: int, created_at: datetime, now: datetime) -> datetime | None:
    """When to try again; None: never. `attempts` counts the one that just ended."""
    if outcome is Outcome.UNREACHABLE:
        return now + timedelta(seconds=min(DELAYS_SECONDS[0], attempts))
    if outcome is not Outcome.DEFERRED or now - created_at >= GIVE_UP_AFTER:
        return None
    return now + timedelta(seconds=DELAYS_SECONDS[min(attempts, len(DELAYS_SECONDS)) - 1])
