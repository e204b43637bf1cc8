"""Log lines that a library repeats: one in ten seconds goes through, and says how many were left out before it.

aiokafka logs each failed connect of each consumer; with Kafka away for eight minutes, six processes wrote 550,000 lines
that all said the same. `/readyz` says it, too; the lines that remain are for who reads the log afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

QUIET_SECONDS = 10.0


@dataclass(slots=True)
class _Told:
    """When a message last went through, and how many have been left out since."""

    at: float
    left_out: int = 0


class Unrepeated(logging.Filter):
    """For a handler: of the loggers below `name`, one line per logger, level and message goes through in QUIET_SECONDS.

    Messages are compared before their arguments are filled in. A line that goes through after others were left out has
    their number as `left_out`. What other loggers write is not touched.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name)
        self._clock = clock
        self._told: dict[tuple[str, int, str], _Told] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if not super().filter(record):
            return True
        message, now = (record.name, record.levelno, str(record.msg)), self._clock()
        told = self._told.get(message)
        if told is not None and now - told.at < QUIET_SECONDS:
            told.left_out += 1
            return False
        if told is not None and told.left_out:
            record.left_out = told.left_out
        self._told[message] = _Told(now)
        return True
