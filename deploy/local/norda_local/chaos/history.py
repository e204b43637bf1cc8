"""The history of a run: one JSON line for everything that was asked, injected, seen and found.

Invariant: a line is on disk when `note` returns, so that a run that is killed leaves what led to it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


class History:
    """Writes `<folder>/<name>.jsonl`; `at` of every line is seconds since the run began."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("w", buffering=1)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def note(self, what: str, **fields: Any) -> None:
        """Add a line."""
        self._file.write(json.dumps({"at": round(self.seconds, 3), "what": what, **fields}, default=str) + "\n")

    def close(self) -> None:
        """End the file. Idempotent."""
        self._file.close()
