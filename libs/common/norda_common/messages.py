"""What pydantic's verdicts say to a person, in German and English; for fields of forms, bodies and import rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Text

_TEXTS: dict[str, Text] = {
    "missing": Text("fehlt", "is missing"),
    "blank": Text("ist leer", "is blank"),
    "extra_forbidden": Text("ist hier nicht bekannt", "is not known here"),
    "control_character": Text(
        "enthält Steuer- oder unsichtbare Zeichen", "contains control or invisible characters"
    ),
    "string_type": Text("muss Text sein", "must be text"),
    "string_unicode": Text("ist kein gültiges Unicode", "is not valid Unicode"),
    "string_too_short": Text(
        "ist zu kurz (mindestens {min_length} Zeichen)",
        "is too short (at least {min_length} characters)",
    ),
    "string_too_long": Text(
        "ist zu lang (höchstens {max_length} Zeichen)",
        "is too long (at most {max_length} characters)",
    ),
    "string_pattern_mismatch": Text("hat nicht die erwartete Form", "does not have the expected form"),
    "int_type": Text("muss eine ganze Zahl sein", "must be a whole number"),
    "int_parsing": Text("ist keine ganze Zahl", "is not a whole number"),
    "int_from_float": Text("ist keine ganze Zahl", "is not a whole number"),
    "decimal_parsing": Text("ist keine Zahl", "is not a number"),
    "float_parsing": Text("ist keine Zahl", "is not a number"),
    "bool_parsing": Text("ist weder wahr noch falsch", "is neither true nor false"),
    "greater_than_equal": Text("ist kleiner als {ge}", "is less than {ge}"),
    "greater_than": Text("muss größer als {gt} sein", "must be greater than {gt}"),
    "less_than_equal": Text("ist größer als {le}", "is greater than {le}"),
    "less_than": Text("muss kleiner als {lt} sein", "must be less than {lt}"),
    "uuid_parsing": Text("ist keine gültige Kennung (UUID)", "is not a valid id (UUID)"),
    "uuid_type": Text("ist keine gültige Kennung (UUID)", "is not a valid id (UUID)"),
    "date_from_datetime_parsing": Text(
        "ist kein Datum, das es gibt (JJJJ-MM-TT)",
        "is not a date that exists (YYYY-MM-DD)",
    ),
    "date_parsing": Text("ist kein Datum, das es gibt (JJJJ-MM-TT)", "is not a date that exists (YYYY-MM-DD)"),
    "date_type": Text("ist kein Datum (JJJJ-MM-TT)", "is not a date (YYYY-MM-DD)"),
    "datetime_parsing": Text("ist kein Zeitpunkt, den es gibt (RFC 3339)", "is not an instant that exists (RFC 3339)"),
    "datetime_from_date_parsing": Text(
        "ist kein Zeitpunkt, den es gibt (RFC 3339)",
        "is not an instant that exists (RFC 3339)",
    ),
    "datetime_type": Text("ist kein Zeitpunkt (RFC 3339)", "is not an instant (RFC 3339)"),
    "timezone_aware": Text("braucht eine Zeitzone (z. B. +01:00)", "needs an offset (e.g. +01:00)"),
    "enum": Text("ist keiner der erlaubten Werte: {expected}", "is none of the allowed values: {expected}"),
    "literal_error": Text("ist keiner der erlaubten Werte: {expected}", "is none of the allowed values: {expected}"),
    "list_type": Text("muss eine Liste sein", "must be a list"),
    "too_long": Text("hat zu viele Einträge (höchstens {max_length})", "has too many entries (at most {max_length})"),
    "too_short": Text(
        "hat zu wenige Einträge (mindestens {min_length})",
        "has too few entries (at least {min_length})",
    ),
    "model_type": Text("muss ein Objekt sein", "must be an object"),
    "model_attributes_type": Text("muss ein Objekt sein", "must be an object"),
    "dict_type": Text("muss ein Objekt sein", "must be an object"),
}  # fmt: skip
_OTHER = Text("ist ungültig", "is not valid")


def text_of(fault: Mapping[str, Any]) -> Text:
    """The message for one entry of `ValidationError.errors()`; rules that raise with `de` and `en` bring their own."""
    context = dict(fault.get("ctx") or {})
    if "de" in context and "en" in context:
        return Text(str(context["de"]), str(context["en"]))
    kind = str(fault["type"])
    if isinstance(fault.get("input"), str):
        # A length that is asked for after other rules counts "items", also of text.
        kind = {"too_long": "string_too_long", "too_short": "string_too_short"}.get(kind, kind)
    text = _TEXTS.get(kind, _OTHER)
    try:
        return Text(text.de.format(**context), text.en.format(**context))
    except KeyError:
        return text
