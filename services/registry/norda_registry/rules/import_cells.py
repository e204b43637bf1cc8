"""What a row of a mapped table says: cells by the fields its columns mean, as lists of offices have them.

Nothing has to be there: what a new organisation needs is asked for when it turns out that the row makes one
(import_rows.py). With `clears`, an empty cell of a mapped column empties its field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from norda_common.states import State

from .cell_values import (
    LONGEST_NAME,
    MOST_CLUSTERS,
    Draft,
    day,
    email_of,
    entries,
    euros,
    millions,
    several,
    take_classes,
    take_name,
    take_register_entry,
    warn_of_register,
    whole,
)
from .csv_reading import LONGEST_CELL, cell_fault, clean
from .descriptions import ROLES, role, value_chain_stage
from .fields import EnteredRegisterEntry
from .findings import Findings, Refused
from .import_fields import BY_NAME, EUROS, figure_of
from .import_further import FIGURES, paragraphs, take_further
from .names import fold
from .notes import MOST_LETTERS
from .places import federal_state
from .register_entries import court_entered, court_of_suffix, entry_of_text, number_of_text
from .size_class import Figures
from .spreadsheet_cells import formula_error
from .words import KINDS, SIZES, by_word

SEAT = ("place", "postal_code", "street", "state", "ags", "nuts")
PROFILE = ("roles", "value_chain", "website", "name_en", "profile", "profile_en")
"""Fields of the document that say themselves what they are."""
_STATES = {
    "bremen": "HB", "hamburg": "HH", "niedersachsen": "NI", "nds": "NI", "baden wuerttemberg": "BW", "bayern": "BY",
    "berlin": "BE", "brandenburg": "BB", "hessen": "HE", "mecklenburg vorpommern": "MV", "nordrhein westfalen": "NW",
    "nrw": "NW", "rheinland pfalz": "RP", "saarland": "SL", "sachsen": "SN", "sachsen anhalt": "ST",
    "schleswig holstein": "SH", "thueringen": "TH", "freie hansestadt bremen": "HB", "lower saxony": "NI",
    "freie und hansestadt hamburg": "HH",
}  # fmt: skip
_GERMANY = frozenset({"deutschland", "germany", "de", "d", "brd"})
_KINDS = by_word(KINDS)
_SIZES = by_word(SIZES) | {"kleinst": "micro", "klein": "small", "mittel": "medium", "gross": "large"}
_SEPARATORS = re.compile(r"[,;|/]+")
_USUAL = 200
"""Plain letters and digits, so many at most, have nothing that could be wrong or would have to be cleaned."""
_LISTS = frozenset({"wz2025", "wz2008", "clusters", "states"})
_TEXTS = ("own_id", "legal_form", "euid", "vat_id", "widnr", "lei")
_LONGEST = {"own_id": 100, "website": 500, "name_en": LONGEST_NAME, "profile": 4_000, "profile_en": 4_000}
_PARAGRAPHS: Mapping[str, int] = {
    "profile": 4_000, "profile_en": 4_000, "note": MOST_LETTERS, "certificates": 10_000, "roles": 2_000,
    "competences": 5_000,
}  # fmt: skip
"""Cells whose line breaks say something, and how long they may be."""
_EMPTIES: Mapping[str, Any] = {"competences": (), "roles": (), "wz2025": None, "wz2008": None}


def read_row(
    row: int,
    cells: Sequence[str],
    columns: Sequence[str],
    *,
    own: State,
    clears: bool,
    years: Mapping[str, date] | None = None,
) -> Draft:
    """What the row says to the importing office; faults are noted under the names of fields.

    `years` are the last days of the years that headings of figures name (`years_of`).
    """
    findings = Findings(row=row)
    draft = Draft(row=row, states=(), findings=findings)
    found, empty = _by_field(cells, columns, findings)
    draft.organisation_id = findings.checked("organisation_id", found.get("organisation_id", ""), _norda_id)
    draft.responsible_state = findings.checked("responsible_state", found.get("responsible_state", ""), _state_code)
    given = draft.given
    if "legal_name" in found:
        take_name(found["legal_name"], "legal_name", draft)
    for name in _TEXTS:
        if name in found:
            given[name] = _bounded(name, found[name], findings)
    if "kind" in found:
        given["kind"] = findings.checked("kind", found["kind"], _kind)
    if "cluster_code" in found:
        given["cluster_code"] = findings.checked("cluster_code", found["cluster_code"], _cluster_code)
    _take_seat(found, draft, own)
    _take_register(found, draft)
    if "size_class" in found:
        found["size_class"] = size_of(found["size_class"])
    take_classes(found, draft)
    _take_profile(found, draft)
    draft.figures = Figures(
        employees=whole(found.get("employees"), "employees", findings),
        turnover_cents=_money(found, "turnover", findings),
        balance_cents=_money(found, "balance", findings),
    )
    draft.email = email_of(found.get("email"), findings)
    draft.clusters = tuple(code.upper() for code in several(found, "clusters", MOST_CLUSTERS, findings))
    draft.clusters_since = day(found.get("clusters_since"), "clusters_since", findings)
    take_further(found, draft, years or {})
    if clears and empty:
        _clear(empty, draft)
    # Refused values are not given; None would empty the field.
    for name in [name for name, value in given.items() if value is None and name not in empty]:
        del given[name]
    return draft


def name_of(cells: Sequence[str], columns: Sequence[str]) -> str:
    """How a row calls its organisation, for showing it."""
    place = next((place for place, name in enumerate(columns) if name == "legal_name"), None)
    return clean(cells[place])[:LONGEST_NAME] if place is not None and place < len(cells) else ""


def _by_field(cells: Sequence[str], columns: Sequence[str], findings: Findings) -> tuple[dict[str, str], set[str]]:
    """The readable cells by field, and the fields whose cell is empty."""
    found: dict[str, str] = {}
    empty: set[str] = set()
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        findings.refuse(
            "row",
            "cell_count",
            f"hat {len(cells)} Zellen, die Kopfzeile hat {len(columns)}",
            f"has {len(cells)} cells, the header has {len(columns)}",
        )
    for place, name in enumerate(columns):
        if not name:
            continue
        cell = cells[place] if place < len(cells) else ""
        if not cell:
            empty.add(name)
        elif len(cell) <= _USUAL and cell.isalnum() and cell.isascii():
            found[name] = cell
        elif fault := cell_fault(name, cell, row=findings.row, most=_PARAGRAPHS.get(name, LONGEST_CELL)):
            findings.errors.append(fault)
        elif not (text := paragraphs(cell) if name in _PARAGRAPHS else clean(cell)):
            empty.add(name)
        elif formula_error(text):
            findings.refuse(
                name,
                "formula_error",
                f"ist der Fehler einer Formel ({text[:20]})",
                f"is the error of a formula ({text[:20]})",
            )
        else:
            found[name] = _SEPARATORS.sub(" ", text) if name in _LISTS else text
    return found, empty


def _bounded(name: str, text: str, findings: Findings) -> str | None:
    most = _LONGEST.get(name, 200)
    if len(text) <= most:
        return text
    findings.refuse(
        name, "string_too_long", f"ist zu lang (höchstens {most} Zeichen)", f"is too long (at most {most} characters)"
    )
    return None


def _take_seat(found: Mapping[str, str], draft: Draft, own: State) -> None:
    state = draft.findings.checked("state", found.get("state", ""), state_of)
    if state:
        draft.states = (state,)
    elif "states" in found:
        words = several(found, "states", 16, draft.findings)
        codes = [draft.findings.checked("states", word, state_of) for word in words]
        draft.states = tuple(code for code in codes if code)
    elif "state" not in found:
        draft.states = (own.iso,)
    for name in SEAT:
        if name in found and name != "state":
            draft.seat[name] = _padded(name, found[name])
    if state:
        draft.seat["state"] = state


def _padded(name: str, text: str) -> str:
    """Spreadsheets take codes for numbers, and leave out the nought they begin with."""
    if text.isascii() and text.isdigit():
        if name == "postal_code" and len(text) == 4:
            return f"0{text}"
        if name == "ags" and len(text) in {4, 7}:
            return f"0{text}"
    return text.replace(" ", "").upper() if name in {"ags", "nuts"} else text


def _take_register(found: Mapping[str, str], draft: Draft) -> None:
    """A register entry of one column, or of several, of which the number may name its own type."""
    whole = "register_entry"
    if whole not in found and "register_court" not in found and _names_court(found.get("register_number", "")):
        whole = "register_number"
    if whole in found:
        _take_whole_entry(whole, found[whole], draft)
        return
    parts = dict(found)
    if "register_number" in parts and "register_type" not in parts:
        bare = number_of_text(parts["register_number"])
        if bare:
            parts["register_type"], parts["register_number"] = bare[0], bare[1]
            if bare[2]:
                parts.setdefault("register_suffix", bare[2])
    take_register_entry(parts, draft)


def _names_court(text: str) -> bool:
    """Whether a number stands there with its court: `HRB 4711 AG Stuttgart`."""
    if not text or text.isdigit() or number_of_text(text):
        return False
    try:
        return entry_of_text(text) is not None
    except Refused:
        return True


def _take_whole_entry(name: str, text: str, draft: Draft) -> None:
    """What has no court, or none that is known and called one, keeps no row from being taken."""
    if bare := number_of_text(text):
        kind, number, suffix = bare
        if court := court_of_suffix(suffix):
            draft.given["register_entry"] = EnteredRegisterEntry(court=court, type=kind, number=number, suffix=suffix)
        else:
            warn_of_register(name, draft.findings)
        return
    try:
        draft.given["register_entry"] = _whole_entry(text)
    except Refused as refusal:
        if refusal.part == "court":
            draft.findings.warn(
                name,
                refusal.code,
                f"{refusal.text.de}; der Registereintrag bleibt weg",
                f"{refusal.text.en}; the register entry is left out",
            )
        else:
            draft.findings.checked(name, text, _whole_entry)


def _whole_entry(text: str) -> EnteredRegisterEntry:
    entry = entry_of_text(text)
    if entry is None:
        raise Refused(
            "register_entry",
            "ist kein Registereintrag mit Gericht (z. B. Amtsgericht Bremen HRB 990001 HB)",
            "is no register entry with a court (e.g. Amtsgericht Bremen HRB 990001 HB)",
        )
    return EnteredRegisterEntry(
        court=court_entered(entry),
        type=entry.type,
        number=entry.number,
        suffix=entry.suffix,
        former_court=entry.former_court,
        court_name=entry.court if entry.court_code else "",
    )


def _take_profile(found: Mapping[str, str], draft: Draft) -> None:
    if "roles" in found:
        words = several(found, "roles", 20, draft.findings, parted=lambda text: entries(text, ROLES, role))
        draft.given["roles"] = draft.findings.each("roles", words, role)
    if "value_chain" in found:
        draft.given["value_chain"] = draft.findings.checked("value_chain", found["value_chain"], value_chain_stage)
    for name in ("website", "name_en", "profile", "profile_en"):
        if name in found:
            draft.given[name] = _bounded(name, found[name], draft.findings)


def _money(found: Mapping[str, str], name: str, findings: Findings) -> int | None:
    said = next((f"{name}_{unit}" for unit in EUROS if f"{name}_{unit}" in found), f"{name}_eur")
    if said.endswith("_meur"):
        return millions(found[said], said, findings)
    return euros(found.get(said), said, findings, thousands=said.endswith("_teur"))


def _clear(empty: set[str], draft: Draft) -> None:
    for name in empty:
        if not BY_NAME[name].clearable:
            continue
        if name in SEAT:
            draft.seat[name] = None
        elif figure_of(name) in {*FIGURES, "email"}:
            draft.cleared |= {figure_of(name)}
        elif name in {"wz2025", "wz2008"}:
            draft.given.setdefault("activities", [])
        else:
            draft.given[name] = _EMPTIES.get(name)


def _norda_id(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused("organisation_id", "ist keine Norda-Kennung", "is no Norda id") from error


def _state_code(text: str) -> str | None:
    if not text:
        return None
    code = text.casefold().removeprefix("de-")
    for state in State:
        if code in {state.value, state.label.casefold()}:
            return state.value
    raise Refused("responsible_state", "ist keines von hb, hh, ni", "is none of hb, hh, ni")


@cache
def state_of(text: str) -> str | None:
    """A federal state by code or name; None for nothing, or only the country. Raises Refused."""
    folded = fold(text)
    if not folded or folded in _GERMANY:
        return None
    return federal_state(_STATES.get(folded, text))


def _kind(text: str) -> str:
    found = _KINDS.get(fold(text))
    if found is None:
        words = ", ".join(KINDS)
        raise Refused("kind", f"ist keines von {words}", f"is none of {words}")
    return found


def _cluster_code(text: str) -> str:
    code = text.upper()
    if not re.fullmatch(r"[A-Z][A-Z0-9-]{1,15}", code):
        raise Refused("cluster_code", "ist kein Kürzel (wie ITS)", "is no code (like ITS)")
    return code


def size_of(text: str) -> str:
    """A size class by its code or name, as text for the rules."""
    return _SIZES.get(fold(text), text.casefold())
