"""Finding an organisation by any number it has or had, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from norda_common.database import Connection

from ..rules.as_of import AsOf, as_of, held_number
from ..rules.code_lists import courts
from ..rules.findings import Refused
from ..rules.identifiers import lei, vat_id, widnr
from ..rules.profile import ACTIVE
from ..rules.register_entries import (
    entry_of_euid,
    entry_of_text,
    former_key,
    former_key_of_text,
    number_of_text,
    register_key,
)
from ..store import documents, matches, mergers
from ..store.searches import Entry

MOST = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """An organisation that has or had the number; `current` is False when it no longer holds it.

    `merged_from` is the one that had it, where that has become part of this one.
    """

    kind: str
    current: bool
    entry: Entry
    merged_from: UUID | None = None


@dataclass(frozen=True, slots=True)
class HitAsOf:
    """An organisation that held the number on a day; `held` is None where its days are not known."""

    kind: str
    held: bool | None
    entry: Entry
    then: AsOf


async def find_by_identifier(connection: Connection, text: str) -> list[Hit]:
    """Organisations of any state with that EUID, register number, USt-IdNr, W-IdNr, LEI or own id; holders first.

    What was merged is found as what it became part of. A register number without its court may find several. At most
    fifty.
    """
    hits: dict[UUID, Hit] = {}
    found = await _found(connection, text)
    became = await mergers.successors(
        connection, [match.organisation_id for match, entry in found if entry.organisation.merged_into is not None]
    )
    kept = await documents.entries(connection, set(became.values()))
    for match, entry in found:
        hit = Hit(match.kind, _current(match, entry), entry)
        if successor := became.get(match.organisation_id):
            hit = Hit(match.kind, False, kept.get(successor, entry), match.organisation_id)
        # Who holds a number comes first, and is not said once more for having taken in who had it.
        hits.setdefault(hit.entry.organisation.organisation_id, hit)
    return sorted(hits.values(), key=lambda hit: not hit.current)


async def find_as_of(connection: Connection, text: str, day: date, *, today: date) -> list[HitAsOf]:
    """Who held that number on that day, as they were then; those of whom it is certain first. At most fifty.

    Numbers of registers are dated; of the others it is not known since when they are held, but that what was dissolved
    holds none any more.
    """
    hits = [
        HitAsOf(
            match.kind,
            held_number(entry.organisation, match.kind, match.value, day),
            entry,
            as_of(entry.organisation, day, today=today),
        )
        for match, entry in await _found(connection, text)
    ]
    return sorted((hit for hit in hits if hit.held is not False), key=lambda hit: hit.held is None)


async def _found(connection: Connection, text: str) -> list[tuple[matches.Match, Entry]]:
    """Each organisation once, by the number that says most; holders first."""
    wanted = {number: place for place, number in reversed([*enumerate(candidates(text))])}
    found: dict[UUID, matches.Match] = {}
    # A bare number and a source's own id are nobody's alone, so for them holding means nothing.
    for match in sorted(
        await matches.find(connection, list(wanted)),
        key=lambda match: (not match.current, wanted[match.kind, match.value]),
    ):
        found.setdefault(match.organisation_id, match)
    ordered = sorted(found.values(), key=lambda match: (not match.current, match.organisation_id))[:MOST]
    entries = await documents.entries(connection, [match.organisation_id for match in ordered])
    return [(match, entries[match.organisation_id]) for match in ordered if match.organisation_id in entries]


async def sole_holder(connection: Connection, text: str) -> UUID | None:
    """The one organisation that has or had the number the text means; None when it is none, or several have it.

    Who holds a number now comes before those who had it.
    """
    found = await matches.find(connection, candidates(text))
    for wanted in ([match for match in found if match.current], found):
        holders = {match.organisation_id for match in wanted}
        if len(holders) > 1:
            became = await mergers.successors(connection, list(holders))
            holders = set(became.values())
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
    found: list[tuple[str, str]] = []
    for kind, rule in (("vat", vat_id), ("widnr", widnr), ("lei", lei), ("euid", _euid), ("register", _register)):
        normalised = _or_none(rule, value)
        if normalised:
            found.append((kind, normalised))
    if euid := _or_none(_shared_euid, value):
        found.append(("euid", euid))
    # `Amtsgericht Nordhorn HRB 55`, as it stands on old letters: the court is none any more.
    if former := former_key_of_text(value):
        found.append(("former", former))
    if bare := number_of_text(value):
        kind, number, suffix = bare
        # Bremen's imprints often leave the court's suffix out.
        endings = (
            [suffix] if suffix else ["", *{court.number_suffix for court in courts().values() if court.number_suffix}]
        )
        found.extend(("number", f"{kind}{number}{ending}") for ending in endings)
    return [*found, ("own", value)]


def _euid(text: str) -> str:
    return str(entry_of_euid(text).euid)


def _register(text: str) -> str:
    entry = entry_of_text(text)
    return register_key(entry) if entry else ""


def _shared_euid(text: str) -> str:
    """The EUID of a register number with its court. Who leaves a former court out means those that have one, too."""
    entry = entry_of_text(text)
    return entry.euid or "" if entry and not entry.former_court else ""


def _or_none(rule: Callable[[str], str], text: str) -> str | None:
    try:
        return rule(text)
    except Refused:
        return None


def _current(match: matches.Match, entry: Entry) -> bool:
    """Own ids, bare numbers, old notations and shared EUIDs are found by what the organisation says now."""
    organisation = entry.organisation
    if match.kind == "own":
        return organisation.own_id == match.value
    if match.kind == "euid" and organisation.status == ACTIVE:
        # Entries of merged courts share an EUID, which none of them holds alone.
        return any(item.euid == match.value and item.valid_to is None for item in organisation.register_entries)
    if match.kind == "former":
        return any(former_key(item) == match.value and item.valid_to is None for item in organisation.register_entries)
    if match.kind == "number":
        return any(
            f"{item.type}{item.number}{item.suffix}" == match.value and item.valid_to is None
            for item in organisation.register_entries
        )
    return match.current
