"""What a library repeats in the log is written once in ten seconds and counted; nothing else is left out."""

from __future__ import annotations

import logging

import pytest
from norda_common.repeated_lines import QUIET_SECONDS, Unrepeated


class Lines(logging.Handler):
    """What goes through the filter: message, and how many were left out before it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.written: list[tuple[str, int]] = []
        self.addFilter(Unrepeated("library", clock=lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append((record.getMessage(), getattr(record, "left_out", 0)))


@pytest.fixture
def lines() -> Lines:
    handler = Lines()
    for name in ("library", "library.part", "libraryish", "ours"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [handler], False
    return handler


def test_a_message_goes_through_again_with_the_number_of_those_left_out(lines: Lines) -> None:
    log = logging.getLogger("library.part")
    for number in range(4):
        log.error("no node %s", number)
    lines.now += QUIET_SECONDS
    log.error("no node %s", 4)
    lines.now += QUIET_SECONDS
    log.error("no node %s", 5)
    assert lines.written == [("no node 0", 0), ("no node 4", 3), ("no node 5", 0)]


def test_other_messages_levels_and_loggers_of_the_library_go_through(lines: Lines) -> None:
    logging.getLogger("library").error("gone")
    logging.getLogger("library").warning("gone")
    logging.getLogger("library").error("back")
    logging.getLogger("library.part").error("gone")
    assert len(lines.written) == 4


@pytest.mark.parametrize("name", ["ours", "libraryish"])
def test_what_others_repeat_is_written(lines: Lines, name: str) -> None:
    for _ in range(3):
        logging.getLogger(name).error("gone")
    assert lines.written == [("gone", 0)] * 3
