"""Stepping the clock that one process sees, by libfaketime where the machine has it; its monotonic clock runs on.

Nothing else sees the step: neither the servers, nor the other replica, nor the machine.
"""

from __future__ import annotations

from pathlib import Path

PLACES = ("usr/lib/*/faketime", "usr/lib64/faketime", "usr/lib/faketime", "usr/local/lib/faketime")
LIBRARY = "libfaketimeMT.so.1"


def library() -> Path | None:
    """The installed libfaketime, or None: then clocks cannot be stepped here."""
    return next((path for place in PLACES for path in sorted(Path("/").glob(f"{place}/{LIBRARY}"))), None)


def environment(preloaded: Path, *, told_by: Path) -> dict[str, str]:
    """The variables of a process whose wall clock follows what the file says, looked at once a second."""
    step(told_by, 0)
    return {
        "LD_PRELOAD": str(preloaded),
        "FAKETIME_TIMESTAMP_FILE": str(told_by),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def step(told_by: Path, seconds: int) -> None:
    """Set the clock that many seconds ahead of the machine's, or behind; 0 sets it right."""
    scratch = told_by.with_suffix(".new")
    scratch.write_text(f"{seconds:+d}\n")
    scratch.replace(told_by)
