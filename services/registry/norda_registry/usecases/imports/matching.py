"""Which organisation a row means: by its numbers, by Norda's own id, and, where it has none, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from norda_common.database import Connection
from norda_common.states import State

from ...rules.duplicates import Candidate, name_hash
from ...rules.names import fold
from ...rules.profile import entry_key
from ...store import import_known, imports
from ...store.duplicates import narrow
from ...store.matches import Match
from ..recording import FIELDS
from .doubting import is_doubtful, leave_to_somebody, without_own_id
from .rows import Decision, Desk, Number, Outcome, Row

_OWN = "norda"
"""The kind of number Norda's own id is, among those a file must not have twice."""


def refuse_repeats(rows: Sequence[Row], desk: Desk) -> None:
    """Note rows whose strongest number an earlier row of the table had, and those without any."""
    for row in rows:
        if row.outcome is not None:
            continue
        numbers = row.numbers
        if row.draft.organisation_id is not None:
            numbers = [(_OWN, str(row.draft.organisation_id)), *numbers]
        elif not numbers and desk.staged:
            numbers = _by_name(row)
        if not numbers:
            _refuse_nameless(row, desk)
            continue
        kind = numbers[0][0]
        first = desk.seen.setdefault(hash(numbers[0]), row.draft.row)
        if first != row.draft.row:
            _repeated(row, "legal_name" if kind == "name" else FIELDS.get(kind, "own_id"), first, "repeated_row")


def _by_name(row: Row) -> list[Number]:
    name, code = row.draft.given.get("legal_name"), _postal_code(row)
    return [("name", f"{fold(str(name))}|{code}")] if name and code else []


def _postal_code(row: Row) -> str | None:
    seat = row.fields.get("seat")
    return row.draft.seat.get("postal_code") or (seat.postal_code if seat else None)


def _refuse_nameless(row: Row, desk: Desk) -> None:
    if desk.staged:
        row.draft.findings.refuse(
            "own_id",
            "no_key",
            "fehlt, wie auch EUID, USt-IdNr, W-IdNr und Name mit Postleitzahl; jeder Import legte die Zeile neu an",
            "is missing, as are EUID, VAT number, W-IdNr and name with postal code; every import would enter it anew",
        )
        return
    row.draft.findings.refuse(
        "id",
        "no_key",
        "fehlt, wie auch EUID, USt-IdNr und W-IdNr; ohne Kennung legte jeder Import die Zeile neu an",
        "is missing, and so are EUID, VAT number and W-IdNr; without one every import would enter the row anew",
    )


def _repeated(row: Row, field: str, first: int, code: str) -> None:
    row.draft.findings.refuse(field, code, f"steht schon in Zeile {first}", f"stands in row {first} already")


def refuse_repeated_numbers(row: Row, desk: Desk) -> None:
    """Note a number that an earlier row of the table claims for its own organisation."""
    for number in row.claimed:
        first = desk.seen.setdefault(hash(("claimed", *number)), row.draft.row)
        if first != row.draft.row:
            _repeated(row, FIELDS[number[0]], first, "repeated_number")


async def follow_mergers(connection: Connection, found: Iterable[Match]) -> list[Match]:
    """Those who have become part of others as these, still marked `merged`."""
    every = list(found)
    merged = {match.organisation_id for match in every if match.merged}
    if not merged:
        return every
    successors = await imports.successors(connection, list(merged))
    return [_followed(match, successors.get(match.organisation_id)) for match in every]


def _followed(match: Match, successor: Match | None) -> Match:
    if not match.merged or successor is None:
        return match
    return replace(
        match,
        organisation_id=successor.organisation_id,
        responsible_state=successor.responsible_state,
        legal_name=successor.legal_name,
        own=successor.own,
        current=False,
    )


def by_number(found: Sequence[Match]) -> dict[Number, list[Match]]:
    """Who has or had each number."""
    numbers: dict[Number, list[Match]] = {}
    for match in found:
        numbers.setdefault((match.kind, match.value), []).append(match)
    return numbers


def choose(row: Row, numbers: Mapping[Number, list[Match]], known: Mapping[UUID, Match], desk: Desk) -> None:
    """Find what the row means. Another state's is marked foreign; an own id of several is an error."""
    if (own := known.get(row.draft.organisation_id or UUID(int=0))) is not None:
        _take(row, own, desk)
        return
    for key in row.keys:
        candidates = sorted(numbers.get(key, ()), key=lambda match: not match.current)
        if candidates:
            _take(row, candidates[0], desk)
            return
    own_ids = numbers.get(("own", row.draft.given.get("own_id", "")), [])
    here = list({match.organisation_id: match for match in own_ids if match.responsible_state == desk.state}.values())
    if len(here) > 1:
        row.draft.findings.refuse(
            "own_id", "ambiguous", "haben mehrere Organisationen", "belongs to several organisations"
        )
    if here and not is_doubtful(row, here[0]):
        _take(row, here[0], desk)
        return
    row.doubted = here[0] if here else None
    name = fold(str(row.draft.given.get("legal_name", "")))
    same = [match for match in own_ids if not row.keys and fold(match.legal_name) == name]
    if same:
        row.doubted = None
        _take(row, same[0], desk)
    elif desk.staged:
        leave_other_states(row, desk)


def leave_other_states(row: Row, desk: Desk) -> None:
    """What nobody knows is the office's own, unless the row says that it is another state's; its faults are, too."""
    said = row.draft.responsible_state
    foreign = said != desk.state.value if said else bool(row.draft.states) and not row.draft.responsible(desk.state)
    if foreign:
        row.outcome = Outcome.FOREIGN
        row.draft.findings.errors.clear()
        row.draft.findings.warn("state", "other_state", "gehört zu einem anderen Land", "belongs to another state")


def _take(row: Row, match: Match, desk: Desk) -> None:
    if match.own and match.responsible_state == desk.state.value:
        row.match = match
    else:
        leave_foreign(row, State(match.responsible_state).label)


def leave_foreign(row: Row, label: str, label_en: str | None = None) -> None:
    """Mark a row of another state's organisation, and say who keeps it."""
    row.outcome = Outcome.FOREIGN
    row.match = None
    row.draft.findings.warn(
        "row",
        "kept_elsewhere",
        f"wird von {label} geführt und bleibt unverändert",
        f"is kept by {label_en or label} and stays unchanged",
    )


async def known_of(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Match]:
    """Who these organisations are, of any state; who has become part of another as that one."""
    found = await imports.by_id(connection, list(ids))
    return dict(zip(found, await follow_mergers(connection, found.values()), strict=True))


async def suspect(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    """Look for rows that no number recognised by what they are called; a person's decision is followed, and what was
    decided of the source's earlier lists holds.
    """
    asked = [
        row
        for row in rows
        if row.match is None
        and row.outcome is None
        and not row.draft.findings.errors
        and row.draft.given.get("legal_name")
    ]
    for row in asked:
        if desk.decisions.get(row.draft.row) is Decision.OTHER:
            without_own_id(row)
        if desk.source and not row.numbers:
            row.key = _key(row)
    # Said of one of these rows or of none: whoever is another one is not asked about again.
    asked = [row for row in asked if desk.decisions.get(row.draft.row) is not Decision.OTHER]
    if desk.source and desk.remembers:
        await _remember_decided(connection, asked, desk)
        asked = [row for row in asked if row.match is None and row.outcome is None]
    candidates = [candidate_of_row(row) for row in asked]
    hashes = [
        name_hash(candidate) if row.name_hash is None else row.name_hash
        for row, candidate in zip(asked, candidates, strict=True)
    ]
    found = await narrow(connection, candidates, hashes)
    for row, hashed in zip(asked, hashes, strict=True):
        row.name_hash = hashed
    known = await known_of(connection, set(found.values())) if found else {}
    same: dict[bytes, UUID] = {}
    for place, organisation_id in found.items():
        row, match = asked[place], known.get(organisation_id)
        if match is None:
            continue
        without_own_id(row)
        own = match.own and match.responsible_state == desk.state.value
        if own and desk.decisions.get(row.draft.row) is Decision.SAME:
            row.match, row.key = match, _key(row)
            same[row.key] = match.organisation_id
            continue
        _suspected(row, match, desk)
    for row in asked:
        if row.doubted is not None and desk.decisions.get(row.draft.row) is Decision.SAME:
            row.match, row.key = row.doubted, _key(row)
            same[row.key] = row.match.organisation_id
        elif row.doubted is not None:
            leave_to_somebody(row, row.doubted)
    if same:
        await import_known.remember(connection, desk.state.value, desk.source, same, by=desk.by, now=desk.now)


async def _remember_decided(connection: Connection, rows: Sequence[Row], desk: Desk) -> None:
    """Take the rows for those that this source's earlier rows of their name and place were taken for."""
    keys = {id(row): _key(row) for row in rows}
    remembered = await import_known.of(connection, desk.source, list(keys.values()))
    if not remembered:
        return
    known = await known_of(connection, set(remembered.values()))
    for row in rows:
        key = keys[id(row)]
        match = known.get(remembered.get(key, UUID(int=0)))
        if match is not None:
            row.key = key
            if row.doubted is not None and row.doubted.organisation_id != match.organisation_id:
                without_own_id(row)
            _take(row, match, desk)


def _key(row: Row) -> bytes:
    """By what a source's row is known again whatever numbers it has: name, postal code and place, as a hash."""
    seat = row.fields.get("seat")
    place = row.draft.seat.get("place") or (seat.place if seat else None)
    parts = [fold(str(row.draft.given["legal_name"])), _postal_code(row) or "", fold(place or "")]
    return sha256("|".join(parts).encode()).digest()


def _suspected(row: Row, match: Match, desk: Desk) -> None:
    """Say whom the row seems to mean; where nobody can decide about single rows, it is a fault."""
    row.outcome, row.suspected = Outcome.DUPLICATE, match.organisation_id
    who = f"{match.legal_name[:120]} ({State(match.responsible_state).label})"
    de, en = f"scheint {who} zu sein, nach Name und Ort", f"seems to be {who}, by its name and place"
    if desk.staged:
        row.draft.findings.warn("legal_name", "duplicate", de, en)
    else:
        row.draft.findings.refuse("legal_name", "duplicate", de, en)


def candidate_of_row(row: Row) -> Candidate:
    """What is compared of a row that has a name. Pure."""
    seat, fields = row.fields.get("seat"), row.fields
    entries = fields.get("register_entries") or ()
    return Candidate(
        name=str(row.draft.given["legal_name"]),
        postal_code=_postal_code(row),
        place=row.draft.seat.get("place") or (seat.place if seat else None),
        legal_form=fields.get("legal_form"),
        kind=fields.get("kind") or "company",
        entry="|".join(entry_key(entries[0])) if entries else None,
        vat_id=fields.get("vat_id"),
        widnr=fields.get("widnr"),
        lei=fields.get("lei"),
        cluster_code=fields.get("cluster_code"),
    )
