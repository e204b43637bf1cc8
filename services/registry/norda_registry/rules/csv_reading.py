"""Reading CSV as offices send it: UTF-8, UTF-16 or Windows-1252; commas, semicolons or tabs; quoted line breaks.

Rows are numbered as a spreadsheet shows them (header = 1), also where cells hold line breaks. What cannot be read is
refused with row and field, never guessed. Memory and time stay bounded whatever the file holds: a row's length is
checked before it is split into cells, and faults are gathered up to a number.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TextIO

from norda_common.errors import FieldError, InvalidInput, Text

from .spreadsheet_cells import unguarded
from .table_faults import refused

MOST_ROWS = 200_000
MOST_ROWS_WITH_EMPTY_ONES = 1_048_576
"""As many as a spreadsheet has, since some save the empty rows below the table too."""
MOST_COLUMNS = 200
LONGEST_CELL = 2_000
LONGEST_ROW = 100_000
"""Characters, separators and quotation marks included."""
MOST_FAULTS = 100
_CHUNK = 1 << 16

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_BREAKS = re.compile(r"[\r\n\t]+")
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WINDOWS = re.compile("[^\x00-\x7fäöüÄÖÜßéèêàâçñóòôáíúåøæ°§µ²³´·«»€„“”‚‘’–—…®™\xa0]")
"""What is not to be expected in a German text of Windows-1252; a broken UTF-8 file shows it."""


class Rows:
    """A file's rows as cells, counted from 1."""

    def __init__(self, text: TextIO, *, delimiter: str) -> None:
        self.number = 0
        self._text = text
        self._left = 0
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    def next(self) -> list[str] | None:
        """The next row; None at the end. Raises InvalidInput when it is unreadable or too long."""
        self.number += 1
        self._left = LONGEST_ROW
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise refused(
                self.number,
                "row",
                "csv",
                "ist nicht lesbar; oft fehlt ein schließendes Anführungszeichen",
                "cannot be read; often a closing quotation mark is missing",
            ) from error

    def _lines(self) -> Iterator[str]:
        """Lines as the reader asks for them: several for a row with line breaks, together not above the bound."""
        while line := self._text.readline(self._left + 1):
            self._left -= len(line)
            if self._left < 0:
                raise refused(
                    self.number,
                    "row",
                    "row_too_long",
                    f"ist länger als {LONGEST_ROW} Zeichen; oft fehlt ein schließendes Anführungszeichen",
                    f"is longer than {LONGEST_ROW} characters; often a closing quotation mark is missing",
                )
            yield line


@dataclass(slots=True)
class Table:
    """A CSV file opened for reading; `errors` gathers what makes single rows unreadable, e.g. too few cells."""

    columns: tuple[str, ...]
    encoding: str
    delimiter: str
    _rows: Rows
    errors: list[FieldError] = field(default_factory=list)
    rows_read: int = 0

    def batch(self, size: int) -> list[tuple[int, dict[str, str]]]:
        """The next rows that can be read, as (number, cells by column); empty at the end. Empty rows are passed over.

        Also ends at MOST_FAULTS faults. Raises InvalidInput for what makes the rest unreadable, e.g. a quote that never
        ends.
        """
        found: list[tuple[int, dict[str, str]]] = []
        while len(found) < size and len(self.errors) < MOST_FAULTS:
            cells = self._rows.next()
            if cells is None:
                break
            if self._rows.number > MOST_ROWS_WITH_EMPTY_ONES:
                raise _too_many_rows(self._row, MOST_ROWS_WITH_EMPTY_ONES)
            if any(cells):
                self._take(cells, found)
        return found

    @property
    def _row(self) -> int:
        return self._rows.number

    def _take(self, cells: list[str], found: list[tuple[int, dict[str, str]]]) -> None:
        self.rows_read += 1
        if self.rows_read > MOST_ROWS:
            raise _too_many_rows(self._row, MOST_ROWS)
        if len(cells) != len(self.columns):
            self.errors.append(_wrong_width(self._row, len(cells), len(self.columns)))
            return
        faults = [error for error in map(self._fault, self.columns, cells) if error]
        if faults:
            self.errors.extend(faults)
            return
        found.append((self._row, {name: clean(cell) for name, cell in zip(self.columns, cells, strict=True) if cell}))

    def _fault(self, name: str, cell: str) -> FieldError | None:
        return cell_fault(name, cell, row=self._row)


def cell_fault(name: str, cell: str, *, row: int | None, most: int = LONGEST_CELL) -> FieldError | None:
    """What makes a cell unreadable: its length, broken or invisible characters."""
    if len(cell) > most:
        text = Text(f"ist zu lang (höchstens {most} Zeichen)", f"is too long (at most {most} characters)")
        return FieldError(field=name, code="string_too_long", text=text, row=row)
    found = None if cell.isascii() and cell.isprintable() else _FORBIDDEN.search(cell)
    if found is None:
        return None
    if "\ud800" <= found[0] <= "\udfff":
        text = Text("enthält kaputtes UTF-8", "contains broken UTF-8")
        return FieldError(field=name, code="broken_utf8", text=text, row=row)
    text = Text("enthält Steuer- oder unsichtbare Zeichen", "contains control or invisible characters")
    return FieldError(field=name, code="control_character", text=text, row=row)


def clean(cell: str) -> str:
    """A cell's text in NFC, trimmed; line breaks become blanks. An export's guard against formulas is taken off."""
    if cell.isascii() and cell.isprintable():
        return unguarded(cell.strip())
    parts = filter(None, map(str.strip, _BREAKS.split(cell)))
    return unguarded(unicodedata.normalize("NFC", " ".join(parts)))


def legible(text: str) -> str:
    """The text as it can be stored and shown: what is broken or invisible in it becomes a replacement character."""
    return text if text.isascii() and text.isprintable() else _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def open_table(file: BinaryIO) -> Table:
    """Find out encoding and delimiter, read the header. Raises InvalidInput when there is none or it is unreadable."""
    encoding = encoding_of(file)
    file.seek(0)
    text = text_of(file, encoding)
    first = text.readline(_CHUNK)
    if not first.strip("\ufeff\r\n ;,\t"):
        raise refused(1, "header", "empty", "ist leer: es fehlt die Kopfzeile", "is empty: the header is missing")
    delimiter = max(";,\t", key=first.count)
    text.seek(0)
    rows = Rows(text, delimiter=delimiter)
    header = rows.next() or []
    if len(header) > MOST_COLUMNS:
        raise refused(
            1, "header", "too_many_columns", f"hat mehr als {MOST_COLUMNS} Spalten", f"has over {MOST_COLUMNS} columns"
        )
    return Table(_checked_header(tuple(clean(cell).casefold() for cell in header)), encoding, delimiter, rows)


def text_of(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """The file as text from its beginning; what cannot be decoded stays recognisable, and is refused cell by cell."""
    file.seek(0)
    errors = {"utf-8-sig": "surrogateescape", "cp1252": "strict"}.get(encoding, "replace")
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def _checked_header(header: tuple[str, ...]) -> tuple[str, ...]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for place, name in enumerate(header):
        if not name or _FORBIDDEN.search(name) or len(name) > 100:
            text = Text(f"Spalte {place + 1} hat keinen lesbaren Namen", f"column {place + 1} has no readable name")
            errors.append(FieldError(field="header", code="header_name", text=text, row=1))
        elif name in seen:
            text = Text("kommt in der Kopfzeile mehrmals vor", "stands in the header more than once")
            errors.append(FieldError(field=name, code="duplicate_column", text=text, row=1))
        seen.add(name)
    if errors:
        raise InvalidInput.of(errors)
    return header


def encoding_of(file: BinaryIO) -> str:
    """`utf-16` with its mark or without; `utf-8-sig` for UTF-8, also for a broken one, whose faults are then found cell
    by cell; else `cp1252`.
    """
    file.seek(0)
    start = file.read(_CHUNK)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Latin text in UTF-16 is half NULs, all on one side.
    for side, name in ((start[1:1000:2], "utf-16-le"), (start[0:1000:2], "utf-16-be")):
        if len(side) > 1 and side.count(0) > 0.7 * len(side):
            return name
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise refused(
            1,
            "file",
            "no_csv",
            "ist kein CSV; bitte als „CSV UTF-8“ speichern",
            "is no CSV; please save as “CSV UTF-8”",
        )
    valid, windows = _verdicts(file)
    return "cp1252" if not valid and windows and not start.startswith(codecs.BOM_UTF8) else "utf-8-sig"


def _verdicts(file: BinaryIO) -> tuple[bool, bool]:
    """Whether the file is UTF-8, and whether it may be Windows-1252: no UTF-8 letters, only usual characters."""
    file.seek(0)
    utf8 = codecs.getincrementaldecoder("utf-8")()
    valid = windows = True
    tail = b""
    while chunk := file.read(_CHUNK):
        if chunk.isascii() and not tail and valid:
            continue
        joined = tail + chunk
        if _MULTIBYTE.search(joined) or _WINDOWS.search(joined.decode("cp1252", "replace")):
            windows = False
        tail = chunk[-3:]
        valid = valid and _decodes(utf8, chunk)
    return valid and _decodes(utf8, b"", final=True), windows


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def missing_columns(columns: Sequence[str], *, required: Sequence[str], known: frozenset[str]) -> list[FieldError]:
    """What the header lacks, and what it holds that nobody knows; the first of those says what is known."""
    errors = [
        FieldError(field=name, code="missing_column", text=Text("als Spalte fehlt", "is a missing column"), row=1)
        for name in required
        if name not in columns
    ]
    names = ", ".join(sorted(known))
    unknown = Text("ist als Spalte nicht bekannt", "is not known as a column")
    told = Text(f"{unknown.de}; es gibt {names}", f"{unknown.en}; there are {names}")
    for place, name in enumerate(name for name in columns if name not in known):
        errors.append(FieldError(field=name[:60], code="unknown_column", text=unknown if place else told, row=1))
    return errors


def _wrong_width(row: int, found: int, expected: int) -> FieldError:
    text = Text(f"hat {found} Zellen, die Kopfzeile hat {expected}", f"has {found} cells, the header has {expected}")
    return FieldError(field="row", code="cell_count", text=text, row=row)


def _too_many_rows(row: int, most: int) -> InvalidInput:
    return refused(row, "row", "too_many_rows", f"mehr als {most} Zeilen", f"more than {most} rows")
