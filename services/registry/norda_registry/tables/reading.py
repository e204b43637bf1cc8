"""An uploaded file as a table, by what it is and not by what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from .csv_tables import CsvTable
from .workbooks import open_workbook, refused_file


class Upload(Protocol):
    """A table opened for reading, once."""

    @property
    def kind(self) -> str:
        """`csv`, `xlsx` or `ods`."""

    @property
    def sheets(self) -> Sequence[str]:
        """The names of its sheets; one without a name for CSV."""

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """Sheet, row as a spreadsheet counts it, and cells of every row that holds something."""

    def close(self) -> None:
        """Give back what reading it took."""


def open_upload(file: BinaryIO) -> Upload:
    """Open a table; reads all of a workbook, so call it in a thread. Raises InvalidInput when it is none."""
    file.seek(0)
    start = file.read(8)
    if start.startswith(b"PK\x03\x04"):
        return open_workbook(file)
    # Excel before 2007, and what is protected by a password, is no archive.
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise refused_file("password")
    return CsvTable(file)


def encoding_of(upload: Upload) -> str:
    """What a CSV's letters are written in; workbooks say it themselves."""
    return upload.encoding.removesuffix("-sig") if isinstance(upload, CsvTable) else ""


def delimiter_of(upload: Upload) -> str:
    """What separates a CSV's cells."""
    return upload.delimiter if isinstance(upload, CsvTable) else ""
