"""CSV as rows, whatever its heading is: encoding and delimiter are found out, everything else is left as it stands."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ..rules.csv_reading import MOST_COLUMNS, MOST_ROWS, Rows, encoding_of, text_of
from ..rules.table_faults import refused

_DELIMITERS = ";,\t|"
_SAMPLE = 1 << 16
_LOOKED_AT = 50


class CsvTable:
    """A CSV file opened for reading; it has one sheet without a name."""

    kind = "csv"
    sheets: Sequence[str] = ("",)

    def __init__(self, file: BinaryIO) -> None:
        self.encoding = encoding_of(file)
        self._text = text_of(file, self.encoding)
        sample = self._text.read(_SAMPLE)
        if not sample.strip("\ufeff\r\n ;,\t|"):
            raise refused(1, "header", "empty", "ist leer: es fehlt die Kopfzeile", "is empty: the header is missing")
        # Excel may write what separates the cells into a first line of its own.
        self._said = len(sample) > 4 and sample.lstrip("\ufeff")[:4].casefold() == "sep="
        self.delimiter = sample.lstrip("\ufeff")[4] if self._said else delimiter_of(sample)
        self._text.seek(0)

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """Sheet (0), row as a spreadsheet counts it, and cells; rows without anything are left out."""
        rows = Rows(self._text, delimiter=self.delimiter)
        found = 0
        while (cells := rows.next()) is not None:
            while cells and not cells[-1]:
                cells.pop()
            if not cells or (self._said and rows.number == 1):
                continue
            if rows.number == 1:
                cells[0] = cells[0].removeprefix("\ufeff")
            found += 1
            if found > MOST_ROWS:
                raise refused(
                    rows.number, "row", "too_many_rows", f"mehr als {MOST_ROWS} Zeilen", f"more than {MOST_ROWS} rows"
                )
            if len(cells) > MOST_COLUMNS:
                raise refused(
                    rows.number,
                    "row",
                    "too_many_columns",
                    f"hat mehr als {MOST_COLUMNS} Spalten",
                    f"has over {MOST_COLUMNS} columns",
                )
            yield 0, rows.number, cells

    def close(self) -> None:
        """Leave the file to whoever opened it."""
        self._text.detach()


def delimiter_of(sample: str) -> str:
    """What separates the cells: what makes most rows of the beginning equally wide, and then the wider ones."""
    lines = sample.splitlines(keepends=True)
    lines = lines[:-1] if len(lines) > 1 else lines
    return max(_DELIMITERS, key=lambda delimiter: _evenness(lines, delimiter))


def _evenness(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    widths: Counter[int] = Counter()
    try:
        for place, cells in enumerate(csv.reader(lines, delimiter=delimiter)):
            if place >= _LOOKED_AT:
                break
            widths[len(cells)] += len(cells) > 1
    except csv.Error:
        return 0, 0
    width, rows = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
    return rows, width
