"""Why the contact persons of a list are kept, and how long: asked once, beside what the columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from norda_common.input import Command
from norda_common.web.forms import Form

from ..usecases.people_commands import PersonTerms
from .people_words import CODES, FIELDS, HINTS

TERMS = ("purposes", "legal_basis", "consent_given_on", "consent_wording", "retain_until", "language")
PREFIX = "persons."
_NEEDED = frozenset({"purposes", "legal_basis", "retain_until"})


class _Asked(Command):
    """The part of the mapping's form that is about persons."""

    persons: PersonTerms


def terms_of(form: Form) -> PersonTerms | None:
    """What was said, None where nothing was. Raises InvalidInput naming `persons.<field>`."""
    said = {name: texts for name, texts in form.values.items() if name.startswith(PREFIX)}
    # The language is always said.
    if not any(text.strip() for name, texts in said.items() if name != f"{PREFIX}language" for text in texts):
        return None
    return Form(said, form.language).command(_Asked, lists={f"{PREFIX}purposes"}).persons


def values_of(terms: PersonTerms | None, *, again: bool) -> dict[str, object]:
    """What the form shows: what was said, of an earlier list (`again`) without its last day and consents."""
    if terms is None:
        return {f"{PREFIX}language": "de"}
    left_out = {"retain_until", "consent_given_on", "consent_wording"} if again else set()
    return {f"{PREFIX}{name}": getattr(terms, name) for name in TERMS if name not in left_out}


def fields_of(form: Form, *, needed: bool) -> Mapping[str, Any]:
    """The fields for the macros by their names in a record; `needed` says that columns name persons."""
    return {name: _field(form, name, needed=needed and name in _NEEDED) for name in TERMS}


def _field(form: Form, name: str, *, needed: bool) -> dict[str, Any]:
    language = form.language
    full = f"{PREFIX}{name}"
    hint = HINTS[name].in_language(language) if name in HINTS else ""
    field = form.field(full, FIELDS[name].in_language(language), hint=hint, required=needed)
    return {
        "name": full,
        "label": field.label,
        "hint": hint,
        "error": field.error,
        "required": needed,
        "value": list(field.values) if name == "purposes" else field.value,
        "options": [(code, text.in_language(language)) for code, text in CODES.get(name, {}).items()],
    }
