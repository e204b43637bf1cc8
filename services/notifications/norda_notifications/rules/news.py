"""What is still news: a topic read from its beginning, or again, must not tell people what is long past.

The rule and its reasons stand in docs/decisions/0041-what-is-news.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from norda_common.contracts.events import Participation, PublishedEvent
from norda_common.contracts.model import EventData

NEWS_FOR = timedelta(days=7)
"""As long as a state topic keeps every change uncompacted: what is older arrives as a snapshot, not as news."""
CLOCKS_MAY_DIFFER_BY = timedelta(seconds=5)
"""The change's time is another process's clock, perhaps another machine's."""


def is_news(occurred_at: datetime, *, began_at: datetime, now: datetime) -> bool:
    """Whether a change is to be told: after this database began, and not older than a week."""
    return occurred_at >= began_at - CLOCKS_MAY_DIFFER_BY and now - occurred_at <= NEWS_FOR


def is_over(data: EventData | None, *, now: datetime) -> bool:
    """Whether the change is about an event that has ended, of which nothing needs to be told any more."""
    event = data.event if isinstance(data, Participation) else data
    return isinstance(event, PublishedEvent) and event.ends_at < now
