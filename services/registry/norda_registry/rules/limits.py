"""How often somebody may ask: so many times within a while. Of one process; it forgets with it."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

MOST_KEYS = 10_000


class Limit:
    """Counts per key, the latest only; keys that were not heard of for longest are forgotten first."""

    def __init__(self, most: int, within: timedelta) -> None:
        self._most = most
        self._within = within
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, key: str, *, now: datetime) -> bool:
        """Count one more; False when there were too many within the while before."""
        times = self._asked.setdefault(key, deque())
        self._asked.move_to_end(key)
        while len(self._asked) > MOST_KEYS:
            self._asked.popitem(last=False)
        while times and times[0] <= now - self._within:
            times.popleft()
        if len(times) >= self._most:
            return False
        times.append(now)
        return True
