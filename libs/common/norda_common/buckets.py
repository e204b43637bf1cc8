"""Token buckets: how much each of many may take in a while. Of one process, and forgotten with it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 50_000
"""So many keys are remembered; those that were not heard of for longest are forgotten first, with their debts."""
ENOUGH = 1e-6
"""What may be missing of a token: sums of times are rounded, and who waited as long as was said is let through."""


class Buckets:
    """A bucket of tokens for each key: full at first, `per_minute` at most, and filled again evenly.

    What costs more than a whole bucket is let through by a full one, and leaves a debt.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: float = 1) -> float:
        """Take tokens out of the key's bucket. Returns 0, or the seconds until there are enough, having taken none."""
        if self._most <= 0:
            return 0.0
        now = self._clock()
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        missing = min(cost, self._most) - left
        enough = missing <= ENOUGH
        self._left[key] = (left - cost if enough else left, now)
        while len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        return 0.0 if enough else missing * 60 / self._most
