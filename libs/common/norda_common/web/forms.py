"""Forms: what was typed is kept, errors stand beside their fields, and a command is made the same way as by the API.

Fields of a nested command are named with dots, as errors name them: `seat.place`, `activities.0.code`. An empty field
is one that was not given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from ..errors import FieldError, InvalidInput, NordaError
from .edge import field_error

M = TypeVar("M", bound=BaseModel)
OWN_FIELDS = frozenset({"csrf", "version"})
"""Fields of the form itself."""
MOST_FIELDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field as the macros show it. `options` are (value, label)."""

    name: str
    label: str
    value: str = ""
    values: tuple[str, ...] = ()
    hint: str = ""
    error: str | None = None
    required: bool = False
    autocomplete: str = ""
    options: Sequence[tuple[str, str]] = ()

    @property
    def id(self) -> str:
        """The element's id, to which the summary of errors links."""
        return f"feld-{self.name}"


@dataclass(slots=True)
class Form:
    """Values by field name, as typed or as stored, and what is wrong with them, in the page's language."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = "de"
    errors: dict[str, str] = field(default_factory=dict)
    _shown: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, object], *, language: str) -> Form:
        """A form that shows a record's values; None is empty, a list is several."""
        texts = {
            name: tuple(str(item) for item in value)
            if isinstance(value, (list, tuple, set, frozenset))
            else (("" if value is None else str(value)),)
            for name, value in values.items()
        }
        return cls(texts, language)

    @classmethod
    def typed(cls, data: FormData, *, language: str) -> Form:
        """What somebody sent."""
        values: dict[str, tuple[str, ...]] = {}
        for name, value in data.multi_items():
            if not isinstance(value, UploadFile):
                values[name] = (*values.get(name, ()), value)
        return cls(values, language)

    def value(self, name: str, default: str = "") -> str:
        """One field's text."""
        found = self.values.get(name, ())
        return found[-1] if found else default

    @property
    def summary(self) -> list[tuple[str, str]]:
        """What is wrong, for the top of the page: (field, its label and message)."""
        labelled = [(name, self._shown.get(name), text) for name, text in self.errors.items()]
        return [(name if label else "", f"{label}: {text}" if label else text) for name, label, text in labelled]

    def field(
        self,
        name: str,
        label: str,
        *,
        hint: str = "",
        required: bool = False,
        autocomplete: str = "",
        options: Iterable[tuple[str, str]] = (),
        default: str = "",
    ) -> Field:
        """A field for the macros, with its value and its error."""
        self._shown[name] = label
        return Field(
            name=name,
            label=label,
            value=self.value(name, default),
            values=self.values.get(name, ()),
            hint=hint,
            error=self.errors.get(name),
            required=required,
            autocomplete=autocomplete,
            options=tuple(options),
        )

    def command(self, model: type[M], *, lists: Iterable[str] = (), **given: object) -> M:
        """The command the form stands for. `lists` are fields that may come several times; `given` comes with it.

        Raises InvalidInput with every field's error.
        """
        document = nested(self.values, lists=frozenset(lists)) | given
        try:
            return model.model_validate(document)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=True)
            raise InvalidInput.of([field_error(dict(fault)) for fault in faults[:50]]) from error

    def refuse(self, error: NordaError) -> Form:
        """Take over what is wrong; an error of a part shows at the part's first field. Returns the form."""
        for item in error.errors:
            self.errors.setdefault(self._place(item), item.text.in_language(self.language))
        if not error.errors:
            self.errors.setdefault("", error.text.in_language(self.language))
        return self

    def _place(self, item: FieldError) -> str:
        if item.field in self.values:
            return item.field
        inside = [name for name in self.values if name.startswith(f"{item.field}.")]
        above = [name for name in self.values if item.field.startswith(f"{name}.")]
        return (inside or above or [item.field])[0]


def nested(values: Mapping[str, Sequence[str]], *, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Names with dots as a document; empty fields are left out, and with them parts that hold nothing else."""
    document: dict[str, Any] = {}
    for name, texts in values.items():
        filled = [text for text in texts if text.strip()]
        if name in OWN_FIELDS or not (filled or name in lists):
            continue
        parts = name.split(".")
        here = document
        for part in parts[:-1]:
            here = here.setdefault(part, {})
        here[parts[-1]] = filled if name in lists else filled[-1]
    return {name: _listed(value) for name, value in document.items()}


def _listed(value: Any) -> Any:
    """A part whose names are numbers is a list, in their order."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
