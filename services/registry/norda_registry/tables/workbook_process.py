"""The process that reads a workbook: `python -m norda_registry.tables.workbook_process FILE ROWS`.

Writes ROWS as JSON, one a line: first the sheets, then `[sheet, row, cells]` for every row that holds something; or
`{"refused": code}`. Its memory and time are bounded before it looks at the file; beyond them the system ends it.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 90
MOST_UNPACKED_BYTES = 400_000_000
MOST_MEMBERS = 2_000
MOST_SHEETS = 50
MOST_ROWS = 200_000
MOST_COLUMNS = 200
LONGEST_ROW = 100_000
_PART = 1 << 20
_ERROR_CELL = re.compile(rb'(<c\b[^>]*?\bt=")e(")')
_ODS_ERROR = re.compile(rb'<table:table-cell\b[^>]*\bvalue-type="error"[^>]*>')
_ODS_VALUE = re.compile(rb'\soffice:string-value="[^"]*"')
_SHEETS = re.compile(r"(xl/worksheets/[^/]+\.xml|content\.xml)")

Cell = int | float | str | bool | time | date | datetime | timedelta


class Refused(Exception):  # noqa: N818 - a verdict
    """The file is not read; the argument is the code."""


def read(source: Path, target: Path) -> None:
    """Read the workbook into the file of rows."""
    with target.open("w", encoding="ascii") as out:
        try:
            with zipfile.ZipFile(source) as archive:
                kind = _kind(archive)
                hidden = _check(archive)
                if hidden:
                    source = _with_errors_shown(archive, hidden, target.with_suffix(".zip"))
            _write(kind, source, out)
        except Refused as refusal:
            _only(out, str(refusal))
        except PasswordError:
            _only(out, "password")
        except (CalamineError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError):
            _only(out, "no_workbook")


def _only(out: IO[str], code: str) -> None:
    out.seek(0)
    out.truncate()
    out.write(json.dumps({"refused": code}))


def _kind(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "content.xml" in names and archive.read("mimetype")[:100].endswith(b"opendocument.spreadsheet"):
        return "ods"
    raise Refused("no_workbook")


def _check(archive: zipfile.ZipFile) -> list[str]:
    """Unpack everything once, so that no size is taken on trust; the sheets that hold errors of formulas."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise Refused("unpacked")
    left, hidden = MOST_UNPACKED_BYTES, list[str]()
    for member in members:
        sheet = bool(_SHEETS.fullmatch(member.filename))
        tail, found = b"", False
        # A size that is a lie ends in a wrong checksum.
        with archive.open(member) as content:
            while part := content.read(_PART):
                left -= len(part)
                if left < 0:
                    raise Refused("unpacked")
                joined = tail + part
                found = found or (sheet and bool(_ERROR_CELL.search(joined) or _ODS_ERROR.search(joined)))
                tail = part[-500:]
        if found:
            hidden.append(member.filename)
    return hidden


def _with_errors_shown(archive: zipfile.ZipFile, hidden: list[str], target: Path) -> Path:
    """The same workbook with errors of formulas as texts: the reader makes them empty cells, and nobody would see."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for member in archive.infolist():
            content = archive.read(member)
            if member.filename in hidden:
                content = _ERROR_CELL.sub(rb"\1str\2", content)
                content = _ODS_ERROR.sub(lambda found: _ODS_VALUE.sub(b"", found[0]), content)
            copy.writestr(member.filename, content)
    return target


def _write(kind: str, source: Path, out: IO[str]) -> None:
    with CalamineWorkbook.from_path(str(source)) as workbook:
        shown = [item.name for item in workbook.sheets_metadata if item.typ == SheetTypeEnum.WorkSheet]
        if len(shown) > MOST_SHEETS:
            raise Refused("too_many_sheets")
        out.write(json.dumps({"kind": kind, "sheets": shown}) + "\n")
        left = MOST_ROWS
        for place, name in enumerate(shown):
            for number, cells in rows_of(workbook.get_sheet_by_name(name)):
                left -= 1
                if left < 0:
                    raise Refused("too_many_rows")
                out.write(json.dumps([place, number, cells], separators=(",", ":")) + "\n")


def rows_of(sheet: CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet that hold something, as the spreadsheet counts them, with their cells as texts."""
    # Of an empty sheet there is no first row; a broken one says so when it is read.
    if sheet.start is None:
        return
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MOST_COLUMNS:
            raise Refused("too_many_columns")
        if sum(map(len, cells)) > LONGEST_ROW:
            raise Refused("row_too_long")
        yield number, cells


def _text(value: Cell) -> str:
    """A cell as somebody would type it: whole numbers without a point, days as ISO 8601."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        # Three digits after a point would be read as thousands: `12.345`.
        return f"{text}0" if text[-4:-3] == "." else text
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def main() -> None:
    """Bound what this process may take, then read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    read(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
