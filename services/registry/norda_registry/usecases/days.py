"""The day an office means by today: the registers' law is German, so its time zone is too."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def local_day(now: datetime) -> date:
    """The day of an instant in Germany."""
    return now.astimezone(BERLIN).date()
