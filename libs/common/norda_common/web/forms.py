"""Forms: what was typed is kept, errors stand beside their fields, and a command is made the same way as by the API.

Fields of a nested command are named with dots, as errors name them: `seat.place`, `activities.0.code`. An empty field
is one that was not given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from ..errors import FieldError, InvalidInput, Malformed, NordaError
from .edge import field_error

M = TypeVar("M", bound=BaseModel)
BASE = "base"
"""The field that holds what a form was filled in from, so that a comparison can tell who changed what."""
OWN_FIELDS = frozenset({"csrf", "version", BASE})
"""Fields of the form itself."""
MOST_FIELDS = 1_000
DEEPEST = 6
"""So many parts may a field's name have; none of ours has more than three."""


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


@dataclass(frozen=True, slots=True)
class Compared:
    """One row of a comparison: a person's own text, the stored one, and what both started from where it is known."""

    name: str
    label: str
    mine: str
    theirs: str
    base: str | None = None

    @property
    def differs(self) -> bool:
        """Whether there is something to choose."""
        return self.mine != self.theirs

    @property
    def both(self) -> bool:
        """Whether both changed it, or that is not known: then the person has to look closely."""
        return self.differs and self.base not in {self.mine, self.theirs}

    @property
    def proposed(self) -> str:
        """`mine` where this person alone changed it, else `theirs`: nobody's work is overwritten unless so chosen."""
        return "mine" if self.differs and self.base == self.theirs else "theirs"


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
                # Browsers send line ends as CRLF whatever was stored (HTML, form submission).
                values[name] = (*values.get(name, ()), value.replace("\r\n", "\n"))
        return cls(values, language)

    def packed(self) -> str:
        """The values as one text, for the field `base` of a form that is filled in from them."""
        filled = {name: several for name, several in self.values.items() if name not in OWN_FIELDS and any(several)}
        return json.dumps(filled, ensure_ascii=False, separators=(",", ":"))

    def base(self) -> Form | None:
        """What this form was filled in from; None when it does not say so in the way it was given out."""
        try:
            found = json.loads(self.value(BASE))
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or not all(isinstance(several, list) for several in found.values()):
            return None
        return Form({name: tuple(map(str, several)) for name, several in found.items()}, self.language)

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
    """Names with dots as a document; empty fields are left out, and with them parts that hold nothing else.

    Raises Malformed for names that contradict each other.
    """
    document: dict[str, Any] = {}
    for name, texts in values.items():
        filled = [text for text in texts if text.strip()]
        if name in OWN_FIELDS or not (filled or name in lists):
            continue
        parts = name.split(".", DEEPEST)
        here: Any = document
        for part in parts[:-1]:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise _no_form(name)
        if isinstance(here.get(parts[-1]), dict) or len(parts) > DEEPEST:
            raise _no_form(name)
        here[parts[-1]] = filled if name in lists else filled[-1]
    return {name: _listed(value) for name, value in document.items()}


def _no_form(name: str) -> Malformed:
    """The refusal of fields no form of ours has: one that is both a value and a part, or parts without end."""
    return Malformed(f"Das Feld {name[:40]} passt zu keinem Formular.", f"The field {name[:40]} is of no form.")


def _listed(value: Any) -> Any:
    """A part whose names are numbers is a list, in their order."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
