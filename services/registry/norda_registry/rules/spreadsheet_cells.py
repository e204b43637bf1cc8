"""Cells that spreadsheets take for something else: formulas, and errors of formulas.

The guard is OWASP's against CSV injection: an apostrophe before what a spreadsheet would calculate. It is put before a
guarded text once more, so that taking it off gives back exactly what was written.
"""

from __future__ import annotations

import re

_GUARDED = re.compile(r"'*[=+\-@\t\r\n]")
_CALC_ERROR = re.compile(r"Err:\d{3}")
_ERRORS = frozenset({
    "#NV", "#N/A", "#WERT!", "#VALUE!", "#BEZUG!", "#REF!", "#NAME?", "#ZAHL!", "#NUM!", "#NULL!", "#DIV/0!",
    "#ÜBERLAUF!", "#SPILL!", "#KALK!", "#CALC!", "#FELD!", "#FIELD!", "#BLOCKIERT!", "#BLOCKED!", "#VERBINDEN!",
    "#CONNECT!", "#UNBEKANNT!", "#UNKNOWN!", "#GETTING_DATA",
})  # fmt: skip


def guarded(text: str) -> str:
    """The text as a cell of CSV that no spreadsheet takes for a formula."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguarded(cell: str) -> str:
    """What `guarded` was given."""
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell


def formula_error(cell: str) -> bool:
    """Whether the cell is the error of a formula, in German or English Excel, LibreOffice's `Err:508` too."""
    return cell[:1] in {"#", "E"} and (cell.upper() in _ERRORS or bool(_CALC_ERROR.fullmatch(cell)))
