"""Tables that leave: CSV safe against formulas, and workbooks, row by row in little memory.

A text stays a text: no spreadsheet gets to guess that `0421` is a number, or calculates what begins with `=`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..rules.spreadsheet_cells import guarded

Cell = str | int | Decimal | None
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_XLSX_ROWS = 1_048_575
"""A sheet's rows, but for the heading; what is more begins a further sheet."""
LONGEST_SHEET_NAME = 31


def csv_start(headings: Sequence[str]) -> bytes:
    """The beginning of a CSV: the mark by which Excel knows UTF-8, and the heading."""
    return codecs.BOM_UTF8 + csv_rows([headings])


def csv_rows(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Rows of a CSV: semicolons, decimal commas, and nothing a spreadsheet would calculate."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode(errors="replace")


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}".replace(".", ",")
    return guarded(cell) if isinstance(cell, str) else str(cell)


class XlsxTable:
    """A workbook written to a file row by row, of as many sheets as it takes; `close` makes it whole."""

    def __init__(self, path: Path, headings: Sequence[str], *, sheet: str, most: int = MOST_XLSX_ROWS) -> None:
        import xlsxwriter  # noqa: PLC0415 - 13 MB that a service needs only for its first workbook

        options: dict[str, Any] = {
            "constant_memory": True,
            "strings_to_numbers": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "tmpdir": str(path.parent),
        }
        self._workbook = xlsxwriter.Workbook(str(path), options)
        self._bold = self._workbook.add_format({"bold": True})
        self._headings = headings
        self._name = sheet
        self._most = most
        self._sheets = 0
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        number = f" ({self._sheets})" if self._sheets > 1 else ""
        self._sheet = self._workbook.add_worksheet(self._name[: LONGEST_SHEET_NAME - len(number)] + number)
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, max(len(self._headings) - 1, 0), 20)
        for column, heading in enumerate(self._headings):
            self._sheet.write_string(0, column, _storable(heading), self._bold)
        if self._headings:
            self._sheet.autofilter(0, 0, 0, len(self._headings) - 1)
        self._row = 0

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows; texts as texts. After a sheet's last row a further one begins, with the same heading."""
        for row in rows:
            if self._row >= self._most:
                self._begin_sheet()
            self._row += 1
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    if cell:
                        # Nothing is calculated here; yet who reads it takes an apostrophe for a guard.
                        text = guarded(cell) if cell[0] == "'" else cell
                        self._sheet.write_string(self._row, column, _storable(text))
                elif cell is not None:
                    self._sheet.write_number(self._row, column, float(cell))

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._workbook.close()


def _storable(text: str) -> str:
    """What XML can hold, and a cell: broken characters become question marks."""
    return text.encode(errors="replace").decode()[:32_767]


def parts_of(path: Path) -> Iterator[bytes]:
    """A file, a part at a time."""
    with path.open("rb") as file:
        while part := file.read(1 << 16):
            yield part
