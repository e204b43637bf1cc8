"""What is said when a table cannot be read."""

from __future__ import annotations

from norda_common.errors import FieldError, InvalidInput, Text


def refused(row: int, name: str, code: str, de: str, en: str) -> InvalidInput:
    """The refusal of a table, at a row as a spreadsheet counts it."""
    return InvalidInput.of([FieldError(field=name, code=code, text=Text(de, en), row=row)])
