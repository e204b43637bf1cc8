"""The tables that can be imported, and what their cells mean: companies with all their numbers, and known bodies.

An empty cell says nothing: it neither fills nor empties a field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from norda_common.addresses import checked_address
from norda_common.contracts.registry import FormerName
from norda_common.errors import FieldError
from norda_common.messages import text_of
from norda_common.states import FEDERAL_STATES, State
from pydantic_core import PydanticCustomError

from .csv_reading import missing_columns
from .fields import EnteredRegisterEntry, address
from .findings import Findings, Refused
from .places import federal_state
from .size_class import Figures, SizeClass

LONGEST_NAME = 500
MOST_CODES = 50
MOST_CLUSTERS = 20
_IGNORED = frozenset({"is_example", "wz2025_title", "case", "notes", "source"})
_GERMAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a row says: whose it is, its public fields, figures, contact, clusters; faults are in `findings`."""

    row: int
    states: tuple[str, ...]
    findings: Findings
    given: dict[str, Any] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    email: str | None = None
    clusters: tuple[str, ...] = ()
    clusters_since: date | None = None
    former_names: tuple[FormerName, ...] = ()

    def responsible(self, own: State) -> bool:
        """Whether the importing office may take the row: its state is named in it."""
        return own.iso in self.states


class Format(Protocol):
    """A kind of table."""

    @property
    def name(self) -> str:
        """How the report calls it."""

    @property
    def required(self) -> Sequence[str]:
        """Columns without which it is none."""

    @property
    def known(self) -> frozenset[str]:
        """Columns it may have."""

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says."""


class Companies:
    """Companies with identity, activity, size and clusters, one per row."""

    name = "companies"
    required = ("legal_name", "place", "state")
    known = _IGNORED | {
        "id", "legal_name", "legal_form", "place", "plz", "street", "state", "ags5", "ags8", "nuts3", "register_court",
        "register_type", "register_number", "register_suffix", "register_former_court", "register_valid_from", "euid",
        "vat_id", "widnr", "lei", "wz2025", "wz2008", "employees", "turnover_meur", "balance_meur", "size_class",
        "competences", "clusters", "clusters_since", "email",
    }  # fmt: skip

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says."""
        findings = Findings(row=row)
        draft = Draft(row=row, states=_states(cells, "state", findings), findings=findings)
        given = draft.given
        given["kind"] = "company"
        _name(cells.get("legal_name"), "legal_name", draft)
        for column, name in (("id", "own_id"), ("legal_form", "legal_form"), ("euid", "euid"), ("vat_id", "vat_id"),
                             ("widnr", "widnr"), ("lei", "lei")):  # fmt: skip
            if cells.get(column):
                given[name] = cells[column]
        _seat(cells, draft)
        _register_entry(cells, draft)
        _classes(cells, draft)
        draft.figures = _figures(cells, findings)
        draft.email = _email(cells.get("email"), findings)
        draft.clusters = tuple(code.upper() for code in _several(cells, "clusters", MOST_CLUSTERS, findings))
        draft.clusters_since = _date(cells.get("clusters_since"), "clusters_since", findings)
        return draft


class Bodies:
    """Known bodies: clusters and public bodies, with the states they work for; the seat is not confirmed."""

    name = "bodies"
    required = ("id", "name", "kind", "states")
    known = _IGNORED | {"id", "name", "kind", "states"}
    _FORMER = re.compile(r"(?P<name>.+?) \(bis \d{4}: (?P<former>.+)\)")

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says; `X (bis 2024: Y)` is X, formerly Y."""
        findings = Findings(row=row)
        draft = Draft(row=row, states=_states(cells, "states", findings), findings=findings)
        name = cells.get("name", "")
        if former := self._FORMER.fullmatch(name):
            name = former["name"]
            draft.former_names = (FormerName(legal_name=former["former"]),)
        _name(name, "name", draft)
        cluster = cells.get("kind") == "cluster"
        draft.given["kind"] = "cluster" if cluster else "public_body"
        own_id = cells.get("id")
        if own_id is None:
            findings.refuse("id", "missing", "fehlt", "is missing")
            return draft
        draft.given["own_id"] = own_id
        if cluster:
            draft.given["cluster_code"] = findings.checked("id", own_id, _cluster_code)
        return draft


FORMATS: tuple[Format, ...] = (Companies(), Bodies())


def format_of(columns: Sequence[str]) -> tuple[Format, list[FieldError]]:
    """The table's format by its header, and what is wrong with the header."""
    chosen = FORMATS[1] if "legal_name" not in columns and {"name", "states"} & set(columns) else FORMATS[0]
    return chosen, missing_columns(columns, required=chosen.required, known=chosen.known)


def _several(cells: Mapping[str, str], column: str, most: int, findings: Findings) -> list[str]:
    """A cell's words; none, and a fault, when there are more than an organisation can have."""
    words = cells.get(column, "").split()
    if len(words) <= most:
        return words
    findings.refuse(
        column, "too_long", f"hat zu viele Einträge (höchstens {most})", f"has too many entries (at most {most})"
    )
    return []


def _states(cells: Mapping[str, str], column: str, findings: Findings) -> tuple[str, ...]:
    if not cells.get(column):
        findings.refuse(column, "missing", "fehlt", "is missing")
    words = _several(cells, column, len(FEDERAL_STATES), findings)
    return tuple(code for code in (findings.checked(column, word, federal_state) for word in words) if code is not None)


def _name(text: str | None, column: str, draft: Draft) -> None:
    if not text:
        draft.findings.refuse(column, "missing", "fehlt", "is missing")
    elif len(text) > LONGEST_NAME:
        draft.findings.refuse(
            column,
            "string_too_long",
            f"ist zu lang (höchstens {LONGEST_NAME} Zeichen)",
            f"is too long (at most {LONGEST_NAME} characters)",
        )
    else:
        draft.given["legal_name"] = text


def _cluster_code(own_id: str) -> str:
    code = own_id.rpartition("-")[2].upper()
    if not re.fullmatch(r"[A-Z][A-Z0-9]{1,15}", code):
        raise Refused(
            "cluster_code",
            "gibt kein Kürzel her (wie org-its für ITS)",
            "makes no code (like org-its for ITS)",
        )
    return code


def _seat(cells: Mapping[str, str], draft: Draft) -> None:
    if not cells.get("place"):
        draft.findings.refuse("place", "missing", "fehlt", "is missing")
        return
    draft.given["seat"] = address(
        {
            "place": cells["place"],
            "postal_code": cells.get("plz"),
            "street": cells.get("street"),
            "state": draft.states[0] if draft.states else "",
            "ags": cells.get("ags8") or cells.get("ags5"),
            "nuts": cells.get("nuts3"),
        }
    )


def _register_entry(cells: Mapping[str, str], draft: Draft) -> None:
    parts = {name: cells.get(f"register_{name}") for name in ("court", "type", "number")}
    if not any(parts.values()):
        return
    absent = [name for name, value in parts.items() if not value]
    for name in absent:
        draft.findings.refuse(
            f"register_{name}",
            "missing",
            "fehlt; Gericht, Art und Nummer gehören zusammen",
            "is missing; court, type and number belong together",
        )
    begin = _date(cells.get("register_valid_from"), "register_valid_from", draft.findings)
    if not absent:
        draft.given["register_entry"] = EnteredRegisterEntry(
            court=cells["register_court"],
            type=cells["register_type"],
            number=cells["register_number"],
            suffix=cells.get("register_suffix", ""),
            former_court=cells.get("register_former_court", ""),
            valid_from=begin,
        )


def _classes(cells: Mapping[str, str], draft: Draft) -> None:
    activities = [
        (edition, code)
        for edition, column in (("WZ2025", "wz2025"), ("WZ2008", "wz2008"))
        for code in _several(cells, column, MOST_CODES, draft.findings)
    ]
    if activities:
        draft.given["activities"] = activities
    if codes := _several(cells, "competences", MOST_CODES, draft.findings):
        draft.given["competences"] = codes
    if size := cells.get("size_class"):
        if size in {known.value for known in SizeClass}:
            draft.given["size_class"] = size
        else:
            allowed = ", ".join(known.value for known in SizeClass)
            draft.findings.refuse("size_class", "size_class", f"ist keine von {allowed}", f"is none of {allowed}")


def _figures(cells: Mapping[str, str], findings: Findings) -> Figures:
    return Figures(
        employees=_whole(cells.get("employees"), "employees", findings),
        turnover_cents=_millions(cells.get("turnover_meur"), "turnover_meur", findings),
        balance_cents=_millions(cells.get("balance_meur"), "balance_meur", findings),
    )


def _whole(text: str | None, column: str, findings: Findings) -> int | None:
    if not text:
        return None
    digits = text.replace(".", "") if re.fullmatch(r"\d{1,3}(\.\d{3})+", text, re.ASCII) else text
    if not re.fullmatch(r"\d{1,8}", digits, re.ASCII):
        findings.refuse(column, "int_parsing", "ist keine ganze Zahl", "is not a whole number")
        return None
    return int(digits)


def _millions(text: str | None, column: str, findings: Findings) -> int | None:
    """Millions of euros as cents; decimal comma or point."""
    if not text:
        return None
    number = text.replace(".", "") if "," in text else text
    number = number.replace(",", ".")
    if not re.fullmatch(r"\d{1,7}(\.\d{1,8})?", number, re.ASCII):
        findings.refuse(
            column,
            "decimal_parsing",
            "ist keine Zahl in Millionen Euro (z. B. 6,2)",
            "is no number in millions of euros (e.g. 6.2)",
        )
        return None
    return int(Decimal(number) * 100_000_000)


def _date(text: str | None, column: str, findings: Findings) -> date | None:
    """ISO 8601 or German notation."""
    if not text:
        return None
    german = _GERMAN_DATE.fullmatch(text)
    try:
        return date(int(german[3]), int(german[2]), int(german[1])) if german else date.fromisoformat(text)
    except ValueError:
        findings.refuse(
            column,
            "date_parsing",
            "ist kein Datum, das es gibt (JJJJ-MM-TT oder TT.MM.JJJJ)",
            "is not a date that exists (YYYY-MM-DD or DD.MM.YYYY)",
        )
        return None


def _email(text: str | None, findings: Findings) -> str | None:
    if not text:
        return None
    try:
        return checked_address(text)
    except PydanticCustomError as fault:
        said = text_of({"type": fault.type, "ctx": fault.context})
        findings.refuse("email", fault.type, said.de, said.en)
        return None
