"""Identity over time: which name, legal form, seat and register entry an organisation had on a day, and who says so.

Valid time: a fact holds from its first day until the day before the first on which it no longer did, as the documents
say it. Days that no document dates are not guessed: `as_of` names them. Everything here is pure.

Invariant: of name, legal form and seat each day has at most one; what this module writes leaves no gap after the first
day that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from norda_common.contracts.registry import (
    Address,
    FormerLegalForm,
    FormerName,
    FormerSeat,
    Organisation,
    RegisterEntry,
    Since,
)
from norda_common.errors import Text

from .company_names import company_name
from .findings import Findings
from .names import fold
from .register_entries import register_key

T = TypeVar("T")

FIRST_YEAR = 1800
"""Companies are older than one thinks; what is older still is a typing error."""


@dataclass(frozen=True, slots=True)
class Span(Generic[T]):
    """What held from `begin` (None: since when is not known) until the day before `end` (None: it holds)."""

    value: T
    begin: date | None
    end: date | None
    source: str | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it held on that day, as far as is known."""
        return (self.begin is None or self.begin <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an office says of a change: its first day, where it is known from, or that it only corrects a mistake."""

    on: date | None = None
    source: str | None = None
    correction: bool = False


UNTOLD = Told()


class _Former(Protocol):
    """What the contract's former names, legal forms and seats have in common."""

    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...
    @property
    def source(self) -> str | None: ...


def names(organisation: Organisation) -> tuple[Span[str], ...]:
    """Its names whose end is known, oldest first, and the present one."""
    former = [(item.legal_name, item) for item in organisation.former_names]
    since = organisation.since or Since()
    return _spans(former, organisation.legal_name, since.legal_name, since.legal_name_source)


def legal_forms(organisation: Organisation) -> tuple[Span[str | None], ...]:
    """Its legal forms in the same way; the present one may be unknown (None)."""
    former: list[tuple[str | None, _Former]] = [(item.legal_form, item) for item in organisation.former_legal_forms]
    since = organisation.since or Since()
    return _spans(former, organisation.legal_form, since.legal_form, since.legal_form_source)


def seats(organisation: Organisation) -> tuple[Span[Address], ...]:
    """Its seats in the same way."""
    former = [(item.address, item) for item in organisation.former_seats]
    since = organisation.since or Since()
    return _spans(former, organisation.seat, since.seat, since.seat_source)


def entries(organisation: Organisation) -> tuple[Span[RegisterEntry], ...]:
    """Its register entries as they stand; there may be days without one."""
    return tuple(Span(entry, entry.valid_from, entry.valid_to, entry.source) for entry in organisation.register_entries)


def undated(former: Sequence[_Former]) -> bool:
    """Whether there is one of which nobody knows until when it held."""
    return any(item.valid_to is None for item in former)


def _spans(
    former: Sequence[tuple[T, _Former]], present: T, since: date | None, source: str | None
) -> tuple[Span[T], ...]:
    """Spans that follow each other, whatever the document says: none begins before the one before it ends."""
    found: list[Span[T]] = []
    known = [(value, item, item.valid_to) for value, item in former if item.valid_to is not None]
    last: date | None = None
    for value, item, end in sorted(known, key=lambda each: each[2]):
        begin = _later(last, item.valid_from)
        last = _later(begin, end)
        found.append(Span(value, begin, last, item.source))
    found.append(Span(present, _later(last, since), None, source))
    return tuple(found)


def _later(first: date | None, second: date | None) -> date | None:
    """The later day; the other one where one is not known."""
    if first is None or second is None:
        return first or second
    return max(first, second)


def on(spans: Sequence[Span[T]], day: date) -> T | None:
    """What held on that day; None where it is not known."""
    return next((span.value for span in spans if span.holds_on(day)), None)


def moved(old: Address, new: Address) -> bool:
    """Whether it is another address, rather than the same one told in full or spelt in another way."""
    if old.state != new.state:
        return True
    pairs = ((old.street, new.street), (old.postal_code, new.postal_code), (old.place, new.place))
    return any(before and after and fold(before) != fold(after) for before, after in pairs)


def changed(
    before: Organisation, fields: Mapping[str, Any], told: Told, *, today: date, findings: Findings
) -> dict[str, Any]:
    """The fields with the history that they make of `before`: what no longer holds stays, with its days and source.

    Without a day a change holds from today on. A correction, and what was only unknown before, leaves no history.
    """
    new: dict[str, Any] = dict(fields)
    since = before.since or Since()
    for facet in _FACETS:
        if facet.name in fields:
            since = _change_facet(facet, before, new, since, told, today=today, findings=findings)
    if since != (before.since or Since()):
        new["since"] = since
    if "register_entries" in fields:
        (entry,) = fields["register_entries"]
        new["register_entries"] = _entered(before.register_entries, entry, told, today=today, findings=findings)
    return new


def entered(fields: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """The fields of a new organisation, with since when they hold and where that is known from, where it was said."""
    new = dict(fields)
    if told.on is None and told.source is None:
        return new
    given = {facet.name for facet in _FACETS if fields.get(facet.name) is not None}
    new["since"] = Since.model_validate(
        dict.fromkeys(given, told.on) | {f"{name}_source": told.source for name in given}
    )
    if fields.get("register_entries"):
        new["register_entries"] = tuple(
            entry.model_copy(update={"valid_from": entry.valid_from or told.on, "source": entry.source or told.source})
            for entry in fields["register_entries"]
        )
    return new


def said_of(before: Organisation, after: Organisation) -> str:
    """The event that a change of the identity is; one version says one, the weightiest."""
    if len(after.former_legal_forms) > len(before.former_legal_forms):
        return "converted"
    if len(after.former_names) > len(before.former_names):
        return "renamed"
    if len(after.former_seats) > len(before.former_seats) and fold(before.seat.place or "") != fold(
        after.seat.place or ""
    ):
        return "seat_relocated"
    return "changed"


def spelled_alike(name: str, other: str) -> bool:
    """Whether the two are one name: `Größenmeßtechnik & Co. KG` and `Groessenmesstechnik + Co KG`. None is a change."""
    return name == other or company_name(name) == company_name(other)


@dataclass(frozen=True, slots=True)
class _Facet:
    """One part of the identity: its field, the field of its history, and what is kept there."""

    name: str
    former: str
    model: type[FormerName] | type[FormerLegalForm] | type[FormerSeat]
    value: str

    def spans(self, organisation: Organisation) -> Sequence[Span[Any]]:
        if self.name == "legal_name":
            return names(organisation)
        return legal_forms(organisation) if self.name == "legal_form" else seats(organisation)

    def differs(self, old: Any, new: Any) -> bool:
        """Whether the new value ends the old one, rather than completing it."""
        if old is None or new is None:
            return False
        if self.name == "seat":
            return moved(old, new)
        return not spelled_alike(old, new) if self.name == "legal_name" else bool(old != new)


_FACETS = (
    _Facet("legal_name", "former_names", FormerName, "legal_name"),
    _Facet("legal_form", "former_legal_forms", FormerLegalForm, "legal_form"),
    _Facet("seat", "former_seats", FormerSeat, "address"),
)


def _change_facet(
    facet: _Facet,
    before: Organisation,
    new: dict[str, Any],
    since: Since,
    told: Told,
    *,
    today: date,
    findings: Findings,
) -> Since:
    present = facet.spans(before)[-1]
    if told.correction or not facet.differs(present.value, new[facet.name]):
        if not told.correction:
            return since
        return _corrected(facet, before, new, since, told, findings=findings)
    day = _first_day(present.begin, told, today=today, findings=findings)
    kept = facet.model.model_validate(
        {facet.value: present.value, "valid_from": present.begin, "valid_to": day, "source": present.source}
    )
    new[facet.former] = (*getattr(before, facet.former), kept)
    return since.model_copy(update={facet.name: day, f"{facet.name}_source": told.source})


def _corrected(
    facet: _Facet, before: Organisation, new: dict[str, Any], since: Since, told: Told, *, findings: Findings
) -> Since:
    """Since when what is corrected holds, where that is told; what was before it ends on that day, without a gap."""
    update: dict[str, Any] = {}
    if told.on is not None:
        earlier = facet.spans(before)[:-1]
        if earlier and earlier[-1].begin is not None and told.on < earlier[-1].begin:
            _refuse_early(findings)
        elif earlier:
            new[facet.former] = _ended_later(getattr(before, facet.former), told.on)
        update[facet.name] = told.on
    if told.source is not None:
        update[f"{facet.name}_source"] = told.source
    return since.model_copy(update=update)


def _ended_later(former: Sequence[Any], day: date) -> tuple[Any, ...]:
    """Former values, of which the last one ended on that day instead."""
    dated = [(item.valid_to, place) for place, item in enumerate(former) if item.valid_to is not None]
    last = max(dated)[1]
    return tuple(
        item.model_copy(update={"valid_to": day}) if place == last else item for place, item in enumerate(former)
    )


def _first_day(begin: date | None, told: Told, *, today: date, findings: Findings) -> date:
    """The first day of what is new: as told, which must not lie before what it follows began; else today."""
    if told.on is None:
        return _later(begin, today) or today
    if begin is not None and told.on < begin:
        _refuse_early(findings)
    return told.on


def _refuse_early(findings: Findings) -> None:
    text = Text(
        "liegt vor dem Tag, seit dem das Bisherige gilt", "lies before the day since which what is replaced has held"
    )
    if not any(found.field == "on" for found in findings.errors):
        findings.refuse("on", "before_present", text.de, text.en)


def _entered(
    held: tuple[RegisterEntry, ...], entry: RegisterEntry, told: Told, *, today: date, findings: Findings
) -> tuple[RegisterEntry, ...]:
    told_entry = entry.model_copy(update={"source": entry.source or told.source})
    if not held:
        return (told_entry.model_copy(update={"valid_from": entry.valid_from or told.on}),)
    if told.correction:
        return _corrected_entry(held, told_entry, told)
    present = next((old for old in held if old.valid_to is None), None)
    begin = present.valid_from if present else None
    day = entry.valid_from or _first_day(begin, told, today=today, findings=findings)
    if begin is not None and day < begin and present is not None and register_key(present) != register_key(entry):
        _refuse_early(findings)
    return replace_entry(held, told_entry, on=day)


def _corrected_entry(held: tuple[RegisterEntry, ...], entry: RegisterEntry, told: Told) -> tuple[RegisterEntry, ...]:
    """The present entry, put right where it stands."""
    return tuple(
        entry.model_copy(
            update={
                "valid_from": entry.valid_from or told.on or old.valid_from,
                "source": entry.source or old.source,
            }
        )
        if old.valid_to is None
        else old
        for old in held
    )


def replace_entry(held: tuple[RegisterEntry, ...], entry: RegisterEntry, *, on: date) -> tuple[RegisterEntry, ...]:
    """End what holds and add the new entry, both on that day; the same entry again changes nothing."""
    if any(register_key(old) == register_key(entry) for old in held if old.valid_to is None):
        return held
    return (*ended(held, on=on), entry.model_copy(update={"valid_from": entry.valid_from or on}))


def ended(held: tuple[RegisterEntry, ...], *, on: date) -> tuple[RegisterEntry, ...]:
    """The entries, of which none holds from that day on."""
    return tuple(
        old if old.valid_to else old.model_copy(update={"valid_to": _later(old.valid_from, on)}) for old in held
    )


def held_again(held: tuple[RegisterEntry, ...], *, ended_on: date) -> tuple[RegisterEntry, ...]:
    """The entries, of which the last one that ended on that day holds again."""
    place = max((number for number, entry in enumerate(held) if entry.valid_to == ended_on), default=None)
    if place is None or any(entry.valid_to is None for entry in held):
        return held
    return (*held[:place], held[place].model_copy(update={"valid_to": None}), *held[place + 1 :])
