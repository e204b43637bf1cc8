"""Workbooks (XLSX, ODS) as rows, read by a process of its own (`workbook_process.py`)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore
from typing import BinaryIO

from norda_common.errors import InvalidInput, Text

from ..rules.table_faults import refused

PATIENCE_SECONDS = 120
_AT_ONCE = BoundedSemaphore(2)
"""Each may take the memory it is given."""
_REASONS = {
    "no_workbook": Text(
        "ist keine Tabelle, die gelesen werden kann (CSV, XLSX oder ODS)",
        "is no table that can be read (CSV, XLSX or ODS)",
    ),
    "password": Text(
        "ist mit einem Kennwort geschützt oder von vor 2007; bitte ohne Kennwort als XLSX speichern",
        "is protected by a password or from before 2007; please save it as XLSX without one",
    ),
    "unpacked": Text(
        "ist ausgepackt zu groß; bitte als CSV speichern oder teilen",
        "is too large when unpacked; please save it as CSV or split it",
    ),
    "too_many_sheets": Text("hat zu viele Blätter (höchstens 50)", "has too many sheets (at most 50)"),
    "too_many_rows": Text("hat mehr als 200.000 Zeilen", "has more than 200,000 rows"),
    "too_many_columns": Text("hat mehr als 200 Spalten", "has more than 200 columns"),
    "row_too_long": Text("hat eine Zeile von mehr als 100.000 Zeichen", "has a row of more than 100,000 characters"),
}


class Workbook:
    """A workbook that was read into a file of rows; `close` removes it. Reading it again begins at the first row."""

    def __init__(self, folder: TemporaryDirectory[str], rows: Path) -> None:
        self._folder = folder
        self._lines = rows.open(encoding="ascii")
        head = json.loads(self._lines.readline() or '{"refused": "unpacked"}')
        if "refused" in head:
            self.close()
            raise refused_file(head["refused"])
        self.kind: str = head["kind"]
        self.sheets: list[str] = head["sheets"]

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """Sheet, row as the spreadsheet counts it, and cells; rows without anything are left out."""
        for line in self._lines:
            sheet, row, cells = json.loads(line)
            yield sheet, row, cells

    def close(self) -> None:
        """Remove what was read."""
        self._lines.close()
        self._folder.cleanup()


def open_workbook(file: BinaryIO) -> Workbook:
    """Read the workbook, in a process of its own; takes its time, so call it in a thread. Raises InvalidInput."""
    folder = TemporaryDirectory(prefix="norda-import-")
    source, rows = Path(folder.name) / "upload", Path(folder.name) / "rows"
    try:
        file.seek(0)
        with source.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
        command = [sys.executable, "-I", "-m", "norda_registry.tables.workbook_process", str(source), str(rows)]
        try:
            # Without the environment, which holds secrets: whoever makes a file may know a fault of its reader.
            with _AT_ONCE:
                ended = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False, env={})
        except subprocess.TimeoutExpired as error:
            raise refused_file("unpacked") from error
        if ended.returncode != 0:
            # Out of memory or of time: ended by its own bounds.
            raise refused_file("unpacked")
        return Workbook(folder, rows)
    except BaseException:
        folder.cleanup()
        raise


def refused_file(code: str) -> InvalidInput:
    """The refusal of a whole file."""
    text = _REASONS[code]
    return refused(1, "file", code, text.de, text.en)
