"""Finding an organisation by any number it has or had, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from norda_common.database import Connection

from ..rules.code_lists import courts
from ..rules.findings import Refused
from ..rules.identifiers import lei, vat_id, widnr
from ..rules.register_entries import entry_of_euid, entry_of_text, number_of_text, register_key
from ..store import matches, organisations, searches
from ..store.searches import Entry

MOST = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """An organisation that has or had the number; `current` is False when it no longer holds it."""

    kind: str
    current: bool
    entry: Entry


async def find_by_identifier(connection: Connection, text: str) -> list[Hit]:
    """Organisations of any state with that EUID, register number, USt-IdNr, W-IdNr, LEI or own id; holders first.

    A register number without its court may find several. At most fifty.
    """
    found: dict[UUID, matches.Match] = {}
    for match in await matches.find(connection, candidates(text)):
        # A bare number and a source's own id are nobody's alone, so for them holding means nothing.
        known = found.get(match.organisation_id)
        if known is None or match.current > known.current:
            found[match.organisation_id] = match
    ordered = sorted(found.values(), key=lambda match: (not match.current, match.organisation_id))[:MOST]
    hits = []
    for match in ordered:
        entry = await _entry(connection, match)
        if entry is not None:
            hits.append(Hit(match.kind, _current(match, entry), entry))
    return hits


async def sole_holder(connection: Connection, text: str) -> UUID | None:
    """The one organisation that has or had the number the text means; None when it is none, or several have it.

    Who holds a number now comes before those who had it.
    """
    found = await matches.find(connection, candidates(text))
    for wanted in ([match for match in found if match.current], found):
        holders = {match.organisation_id for match in wanted}
        if holders:
            return holders.pop() if len(holders) == 1 else None
    return None


async def holders(connection: Connection, text: str) -> list[UUID]:
    """All that have or had the number the text means, those that hold it first."""
    found = await matches.find(connection, candidates(text))
    return list(dict.fromkeys(match.organisation_id for match in sorted(found, key=lambda match: not match.current)))


def candidates(text: str) -> list[tuple[str, str]]:
    """What the text may mean, as (kind, value) numbers; wrong checksums mean nothing."""
    value = text.strip()
    found: list[tuple[str, str]] = [("own", value)]
    for kind, rule in (("vat", vat_id), ("widnr", widnr), ("lei", lei), ("euid", _euid), ("register", _register)):
        normalised = _or_none(rule, value)
        if normalised:
            found.append((kind, normalised))
    if bare := number_of_text(value):
        kind, number, suffix = bare
        # Bremen's imprints often leave the court's suffix out.
        endings = (
            [suffix] if suffix else ["", *{court.number_suffix for court in courts().values() if court.number_suffix}]
        )
        found.extend(("number", f"{kind}{number}{ending}") for ending in endings)
    return found


def _euid(text: str) -> str:
    return str(entry_of_euid(text).euid)


def _register(text: str) -> str:
    entry = entry_of_text(text)
    return register_key(entry) if entry else ""


def _or_none(rule: Callable[[str], str], text: str) -> str | None:
    try:
        return rule(text)
    except Refused:
        return None


async def _entry(connection: Connection, match: matches.Match) -> Entry | None:
    if match.own:
        stored = await organisations.get(connection, match.organisation_id)
        return Entry(stored.organisation, stored.version) if stored else None
    return await searches.get(connection, match.organisation_id)


def _current(match: matches.Match, entry: Entry) -> bool:
    """Own ids and bare numbers are found by what the organisation says now."""
    organisation = entry.organisation
    if match.kind == "own":
        return organisation.own_id == match.value
    if match.kind == "number":
        return any(
            f"{item.type}{item.number}{item.suffix}" == match.value and item.valid_to is None
            for item in organisation.register_entries
        )
    return match.current
