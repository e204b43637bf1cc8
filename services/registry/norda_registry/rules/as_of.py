"""An organisation as it was on one day, by the days its facts are dated with.

What nobody dated is named, never guessed. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from norda_common.contracts.registry import Address, Membership, Organisation, RegisterEntry
from norda_common.errors import FieldError, Text

from . import identity
from .identity import Span
from .profile import ACTIVE, DISSOLVED
from .register_entries import former_key, register_key

_SINCE_UNKNOWN = Text(
    "ist der früheste bekannte Stand; seit wann er gilt, ist nicht bekannt",
    "is the earliest that is known; since when it has held is not known",
)
_UNDATED_FORMER = Text(
    "hatte früher auch einen anderen Wert, von dem nicht bekannt ist, bis wann er galt",
    "had another value earlier, of which it is not known until when it held",
)
_UNDATED = Text("ist der heutige Stand; Tage sind nicht bekannt", "is as of today; days are not known")
_NO_ENTRY = Text("ist für diesen Tag nicht bekannt", "is not known for that day")
_STATUS = Text(
    "ist für diesen Tag nicht bekannt; seit wann es anders ist, steht im Verlauf",
    "is not known for that day; the history says since when it is different",
)
_FUTURE = Text(
    "liegt in der Zukunft; gezeigt ist, was bisher feststeht", "lies in the future; shown is what is certain so far"
)
NUMBERS = ("vat_id", "widnr", "lei")
"""Numbers of which no document says since when they are held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """What is known of an organisation on a day; None where it is not known, and `unknown` says what and why."""

    day: date
    legal_name: str | None
    legal_form: str | None
    seat: Address | None
    register_entries: tuple[RegisterEntry, ...]
    memberships: tuple[Membership, ...]
    status: str | None
    unknown: tuple[FieldError, ...]


def as_of(organisation: Organisation, day: date, *, today: date) -> AsOf:
    """The organisation on that day."""
    unknown: list[FieldError] = []
    name = _held("legal_name", identity.names(organisation), organisation.former_names, day, unknown)
    form = _held("legal_form", identity.legal_forms(organisation), organisation.former_legal_forms, day, unknown)
    seat = _held("seat", identity.seats(organisation), organisation.former_seats, day, unknown)
    if day > today:
        unknown.append(FieldError(field="as_of", code="future", text=_FUTURE))
    return AsOf(
        day=day,
        legal_name=name,
        legal_form=form,
        seat=seat,
        register_entries=_entries(organisation, day, unknown),
        memberships=_memberships(organisation, day, unknown),
        status=_status(organisation, day, today, unknown),
        unknown=(
            *unknown,
            *(_note(number, "undated", _UNDATED) for number in NUMBERS if getattr(organisation, number)),
        ),
    )


def _note(field: str, code: str, text: Text) -> FieldError:
    return FieldError(field=field, code=code, text=text)


def _held(field: str, spans: Sequence[Span[Any]], former: Sequence[Any], day: date, unknown: list[FieldError]) -> Any:
    """What held on that day, noting what is not certain about it."""
    span = next((each for each in spans if each.holds_on(day)), None)
    if span is None:
        first = next((each.begin for each in spans if each.begin is not None), day)
        text = Text(
            f"ist vor dem {first:%d.%m.%Y}, dem ersten bekannten Tag, nicht bekannt"
            if day < first
            else "ist für diesen Tag nicht bekannt",
            f"is not known before {first:%Y-%m-%d}, the first day that is known"
            if day < first
            else "is not known for that day",
        )
        unknown.append(_note(field, "not_known", text))
        return None
    if span.begin is None and span.value is not None:
        if identity.undated(former):
            unknown.append(_note(field, "undated_former", _UNDATED_FORMER))
        else:
            unknown.append(_note(field, "since_unknown", _SINCE_UNKNOWN))
    return span.value


def _entries(organisation: Organisation, day: date, unknown: list[FieldError]) -> tuple[RegisterEntry, ...]:
    spans = identity.entries(organisation)
    holding = [span for span in spans if span.holds_on(day)]
    # An entry whose begin is not known gives way to one that is known to hold.
    sure = [span for span in holding if span.begin is not None] or holding
    if not sure and spans:
        unknown.append(_note("register_entries", "not_known", _NO_ENTRY))
    if any(span.begin is None for span in sure):
        unknown.append(_note("register_entries", "since_unknown", _SINCE_UNKNOWN))
    return tuple(span.value for span in sure)


def _memberships(organisation: Organisation, day: date, unknown: list[FieldError]) -> tuple[Membership, ...]:
    holding = [item for item in organisation.memberships if Span(item, item.valid_from, item.valid_to).holds_on(day)]
    if any(item.valid_from is None for item in holding):
        unknown.append(_note("memberships", "since_unknown", _SINCE_UNKNOWN))
    return tuple(holding)


def _status(organisation: Organisation, day: date, today: date, unknown: list[FieldError]) -> str | None:
    if organisation.dissolved_on is not None and day >= organisation.dissolved_on:
        return DISSOLVED
    if organisation.status in {ACTIVE, DISSOLVED} or day >= today:
        return ACTIVE if organisation.status == DISSOLVED else organisation.status
    unknown.append(_note("status", "not_known", _STATUS))
    return None


def held_number(organisation: Organisation, kind: str, value: str, day: date) -> bool | None:
    """Whether it held that number on that day; None when its days are not known.

    `kind` and `value` as in `profile.numbers_of`. What was dissolved holds nothing from that day on.
    """
    if organisation.dissolved_on is not None and day >= organisation.dissolved_on:
        return False
    if kind not in _OF_ENTRIES:
        return None
    spans = [span for span in identity.entries(organisation) if _OF_ENTRIES[kind](span.value) == value]
    holding = [span for span in spans if span.holds_on(day)]
    if any(span.begin is not None for span in holding):
        return True
    return None if holding else False


_OF_ENTRIES: dict[str, Callable[[RegisterEntry], str | None]] = {
    "euid": lambda entry: entry.euid,
    "register": register_key,
    "former": former_key,
    "number": lambda entry: f"{entry.type}{entry.number}{entry.suffix}",
}
