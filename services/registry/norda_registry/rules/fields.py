"""From what somebody enters to the fields of an organisation; one way for the API and for imports.

`given` holds only what was entered: a name that is absent leaves the field as it is, None empties it. Every fault is
noted with its field, so that a person sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from norda_common.contracts.registry import Activity, Address, Organisation, RegisterEntry

from .activities import activity
from .classifications import competence, legal_form
from .findings import Findings
from .identifiers import lei, vat_id, widnr
from .identity import UNTOLD, Told, changed
from .places import plain_key, plain_postal_code, state_code
from .register_entries import check_euid, entry_of_euid, register_entry

_NUMBERS: Mapping[str, Callable[[Any], Any]] = {"vat_id": vat_id, "widnr": widnr, "lei": lei, "legal_form": legal_form}
_PLAIN = ("kind", "legal_name", "seat", "own_id", "cluster_code", "size_class")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredRegisterEntry:
    """A register entry as entered: court by code or name, number with or without type and suffix."""

    court: str
    type: str
    number: str
    suffix: str = ""
    former_court: str = ""
    court_name: str = ""
    valid_from: date | None = None
    source: str | None = None

    def normalised(self) -> RegisterEntry:
        """The entry with its EUID. Raises Refused."""
        entry = register_entry(
            self.court,
            self.type,
            number=self.number,
            suffix=self.suffix,
            former_court=self.former_court,
            court_name=self.court_name,
            valid_from=self.valid_from,
        )
        return entry.model_copy(update={"source": self.source}) if self.source else entry


def normalised(given: Mapping[str, Any], findings: Findings, *, held: Collection[str] = ()) -> dict[str, Any]:
    """The fields of an organisation that `given` makes by itself; faults are noted in `findings`.

    `held` are competences it has already: of these deprecated ones may stay.
    """
    fields: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    for name, rule in _NUMBERS.items():
        if name in given:
            fields[name] = None if given[name] is None else findings.checked(name, given[name], rule)
    if "competences" in given:
        fields["competences"] = findings.each(
            "competences", given["competences"], lambda code: competence(code, held=held)
        )
    if "activities" in given:
        fields["activities"] = _activities(given["activities"], findings)
    if given.get("register_entry") is not None or given.get("euid") is not None:
        entry = _entry(given.get("register_entry"), given.get("euid"), findings)
        if entry is not None:
            fields["register_entries"] = (entry,)
    return fields


def onto(
    current: Organisation, fields: Mapping[str, Any], findings: Findings, *, today: date, told: Told = UNTOLD
) -> dict[str, Any]:
    """The fields as they change an organisation: what no longer holds of its identity stays in its history."""
    return changed(current, fields, told, today=today, findings=findings)


def _activities(entered: Sequence[tuple[str, str]], findings: Findings) -> tuple[Activity, ...]:
    return findings.each("activities", entered, lambda pair: activity(pair[0], pair[1]))


def _entry(entered: EnteredRegisterEntry | None, euid: str | None, findings: Findings) -> RegisterEntry | None:
    if entered is None:
        return findings.checked("euid", euid or "", entry_of_euid)
    entry = findings.checked("register_entry", entered, EnteredRegisterEntry.normalised)
    if entry is None or euid is None:
        return entry
    if not entry.court_code:
        return findings.checked("euid", euid, lambda text: _of_named_court(text, entry))
    findings.checked("euid", euid, lambda text: check_euid(text, entry))
    return entry


def _of_named_court(euid: str, entry: RegisterEntry) -> RegisterEntry:
    """The entry with the code that its EUID tells of the court, which was known by its name alone. Raises Refused."""
    told = entry_of_euid(euid)
    whole = register_entry(
        told.court_code,
        entry.type,
        number=entry.number,
        suffix=entry.suffix or told.suffix,
        former_court=entry.former_court,
        court_name=entry.court,
        valid_from=entry.valid_from,
    )
    check_euid(euid, whole)
    return whole.model_copy(update={"source": entry.source})


def address(text: Mapping[str, str | None]) -> Address:
    """An address out of entered texts; the state may be `HB`, `DE-HB` or `Bremen`. An unconfirmed seat has no place."""
    entered = (text.get("state") or "").strip()
    return Address(
        place=(text.get("place") or "").strip() or None,
        postal_code=plain_postal_code(text.get("postal_code") or "") or None,
        street=(text.get("street") or "").strip() or None,
        state=state_code(entered) or entered.upper(),
        ags=plain_key(text.get("ags") or "") or None,
        nuts=plain_key(text.get("nuts") or "") or None,
    )
