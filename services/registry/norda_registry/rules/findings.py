"""What checking an organisation finds: errors, which refuse it, and warnings, which the office is told.

Every finding names its field and says in German and English what is wrong, without repeating personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from norda_common.errors import FieldError, InvalidInput, Text

T = TypeVar("T")
V = TypeVar("V")


class Refused(Exception):  # noqa: N818 - a verdict, not a fault of the program
    """A value that breaks a rule; `code` is stable, the texts are for people. `part` names a field within the field."""

    def __init__(self, code: str, de: str, en: str, *, part: str = "") -> None:
        super().__init__(en)
        self.code = code
        self.text = Text(de, en)
        self.part = part


@dataclass(slots=True)
class Findings:
    """Collects errors and warnings of one record; `row` is the line of an import as a spreadsheet shows it."""

    row: int | None = None
    errors: list[FieldError] = field(default_factory=list)
    warnings: list[FieldError] = field(default_factory=list)

    def refuse(self, name: str, code: str, de: str, en: str) -> None:
        """Note an error on a field."""
        self.errors.append(FieldError(field=name, code=code, text=Text(de, en), row=self.row))

    def warn(self, name: str, code: str, de: str, en: str) -> None:
        """Note a warning on a field."""
        self.warnings.append(FieldError(field=name, code=code, text=Text(de, en), row=self.row))

    def checked(self, name: str, value: V, rule: Callable[[V], T]) -> T | None:
        """The normalised value, or None with an error noted when the rule refuses it."""
        try:
            return rule(value)
        except Refused as refusal:
            place = f"{name}.{refusal.part}" if refusal.part else name
            self.errors.append(FieldError(field=place, code=refusal.code, text=refusal.text, row=self.row))
            return None

    def each(self, name: str, values: Iterable[V], rule: Callable[[V], T]) -> tuple[T, ...]:
        """The normalised values that pass, each once and in order; errors name the place, `competences.2`."""
        passed: dict[T, None] = {}
        for place, value in enumerate(values):
            normalised = self.checked(f"{name}.{place}", value, rule)
            if normalised is not None:
                passed[normalised] = None
        return tuple(passed)

    def raise_errors(self) -> None:
        """Raises InvalidInput when there is any error."""
        if self.errors:
            raise InvalidInput.of(self.errors)
