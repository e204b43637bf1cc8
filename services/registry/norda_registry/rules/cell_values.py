"""What cells of a table mean: names, numbers with decimal comma, German and ISO days, lists of codes; what a row says.

Each function notes what is wrong under its column in the row's findings and then says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from norda_common.addresses import checked_address
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Certificate, FormerName
from norda_common.errors import Text
from norda_common.messages import text_of
from norda_common.states import State
from pydantic_core import PydanticCustomError

from .classifications import competence
from .fields import EnteredRegisterEntry
from .findings import Findings, Refused
from .import_people import PersonSaid
from .register_entries import court_of_suffix, is_court, titled
from .size_class import Figures, SizeClass

LONGEST_NAME = 500
MOST_CODES = 50
MOST_CLUSTERS = 20
_EUROS = Text("Euro (z. B. 6200000)", "euros (e.g. 6200000)")
_PARTS = re.compile(r"[\s,;/|]+")
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
    seat: dict[str, str | None] = field(default_factory=dict)
    """Single parts of the seat, where a row need not have all; None empties one."""
    organisation_id: UUID | None = None
    """Norda's own id, as exported tables have it."""
    responsible_state: str | None = None
    """Whose it is said to be, as exported tables say."""
    cleared: frozenset[str] = frozenset()
    """What is not in the document, and is to be emptied: figures, the contact address."""
    figures_on: Mapping[str, date] = field(default_factory=dict)
    """Of when the figures are, where that is said, by `employees`, `turnover`, `balance`."""
    clusters_kind: str | None = None
    clusters_until: date | None = None
    certificates: tuple[Certificate, ...] = ()
    site: Mapping[str, str] = field(default_factory=dict)
    """One further site: name, place, postal_code, street."""
    person: PersonSaid | None = None
    note: str | None = None

    def responsible(self, own: State) -> bool:
        """Whether the importing office may take the row: its state is named in it."""
        return own.iso in self.states


def several(
    cells: Mapping[str, str],
    column: str,
    most: int,
    findings: Findings,
    *,
    parted: Callable[[str], list[str]] = str.split,
) -> list[str]:
    """A cell's words; none, and a fault, when there are more than an organisation can have."""
    words = parted(cells.get(column, ""))
    if len(words) <= most:
        return words
    findings.refuse(
        column, "too_long", f"hat zu viele Einträge (höchstens {most})", f"has too many entries (at most {most})"
    )
    return []


def entries(text: str, codes: Container[str], rule: Callable[[str], str]) -> list[str]:
    """What a cell lists, in words or codes that `rule` knows. Blanks part codes alone; else commas, semicolons,
    slashes, bars and lines do, but where what is known has a comma in it: `Zulieferer, Tier 1`.
    """
    words = list(filter(None, _PARTS.split(text)))
    if all(word.casefold() in codes for word in words):
        return words
    found = []
    for group in re.split(r"[;/|\n]", text):
        parts = [" ".join(part.split()) for part in group.split(",") if part.strip()]
        while parts:
            taken = next((size for size in (3, 2) if size <= len(parts) and _knows(rule, ", ".join(parts[:size]))), 1)
            found.append(", ".join(parts[:taken]))
            parts = parts[taken:]
    return found


def _knows(rule: Callable[[str], str], text: str) -> bool:
    try:
        rule(text)
    except Refused:
        return False
    return True


def take_name(text: str | None, column: str, draft: Draft) -> None:
    """The legal name, which a row has to have."""
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


def take_register_entry(cells: Mapping[str, str], draft: Draft) -> None:
    """The register entry of the columns `register_*`; court, type and number belong together.

    Without one of them, or with what is no court, the row is taken without an entry: lists have many such rows.
    """
    parts = {name: cells.get(f"register_{name}") for name in ("court", "type", "number")}
    if not any(parts.values()):
        return
    if not parts["court"]:
        parts["court"] = court_of_suffix(cells.get("register_suffix", ""))
    begin = day(cells.get("register_valid_from"), "register_valid_from", draft.findings)
    court = titled(parts["court"] or "")
    if missing := next((name for name, value in parts.items() if not value), None):
        warn_of_register(f"register_{missing}", draft.findings)
    elif not is_court(court):
        draft.findings.warn(
            "register_court",
            "register_court",
            "ist kein Gericht; der Registereintrag bleibt weg",
            "is no court; the register entry is left out",
        )
    else:
        draft.given["register_entry"] = EnteredRegisterEntry(
            court=court,
            type=cells["register_type"],
            number=cells["register_number"],
            suffix=cells.get("register_suffix", ""),
            former_court=cells.get("register_former_court", ""),
            valid_from=begin,
        )


def warn_of_register(name: str, findings: Findings) -> None:
    """Say that a register entry is left out, since this of it is missing."""
    findings.warn(
        name,
        "register_incomplete",
        "fehlt; Gericht, Art und Nummer gehören zusammen, der Registereintrag bleibt weg",
        "is missing; court, type and number belong together, the register entry is left out",
    )


def take_classes(cells: Mapping[str, str], draft: Draft) -> None:
    """Activities, competences and the declared size class."""
    activities = [
        (edition, code)
        for edition, column in (("WZ2025", "wz2025"), ("WZ2008", "wz2008"))
        for code in several(cells, column, MOST_CODES, draft.findings)
    ]
    if activities:
        draft.given["activities"] = activities
    if codes := several(cells, "competences", MOST_CODES, draft.findings, parted=_competences):
        draft.given["competences"] = codes
    if size := cells.get("size_class"):
        if size in {known.value for known in SizeClass}:
            draft.given["size_class"] = size
        else:
            allowed = ", ".join(known.value for known in SizeClass)
            draft.findings.refuse("size_class", "size_class", f"ist keine von {allowed}", f"is none of {allowed}")


def _competences(text: str) -> list[str]:
    return entries(text, _competence_codes(), competence)


@cache
def _competence_codes() -> frozenset[str]:
    return frozenset(map(str.casefold, competences()))


def figures_of(cells: Mapping[str, str], findings: Findings) -> Figures:
    """Headcount, and turnover and balance in millions of euros."""
    return Figures(
        employees=whole(cells.get("employees"), "employees", findings),
        turnover_cents=millions(cells.get("turnover_meur"), "turnover_meur", findings),
        balance_cents=millions(cells.get("balance_meur"), "balance_meur", findings),
    )


def whole(text: str | None, column: str, findings: Findings) -> int | None:
    """A whole number, also with points between thousands."""
    if not text:
        return None
    digits = text.replace(".", "") if re.fullmatch(r"\d{1,3}(\.\d{3})+", text, re.ASCII) else text
    if not re.fullmatch(r"\d{1,8}", digits, re.ASCII):
        findings.refuse(column, "int_parsing", "ist keine ganze Zahl", "is not a whole number")
        return None
    return int(digits)


def euros(text: str | None, column: str, findings: Findings, *, thousands: bool = False) -> int | None:
    """Euros, or thousands of them, as cents: `1.234.567,89 €`, `1234567.89`; `1.234,5 T€`. Where thousands are meant
    somebody has to look at `6.200.000 €`.
    """
    if not text:
        return None
    number = re.sub(r"\s|(?:T|Tsd\.?)\s?(?:€|EUR)" if thousands else r"\s|€|EUR", "", text)
    number = number.replace(".", "").replace(",", ".") if "," in number else _without_thousands(number)
    cents = r"\d{1,17}" if thousands else r"\d{1,2}0*"
    if not re.fullmatch(rf"\d{{1,13}}(\.{cents})?", number, re.ASCII):
        unit = Text("Tausend Euro (z. B. 6200)", "thousands of euros (e.g. 6200)") if thousands else _EUROS
        findings.refuse(column, "decimal_parsing", f"ist kein Betrag in {unit.de}", f"is no sum in {unit.en}")
        return None
    return round(Decimal(number) * (100_000 if thousands else 100))


def _without_thousands(number: str) -> str:
    return number.replace(".", "") if re.fullmatch(r"\d{1,3}(\.\d{3})+", number) else number


def millions(text: str | None, column: str, findings: Findings) -> int | None:
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


def day(text: str | None, column: str, findings: Findings) -> date | None:
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


def email_of(text: str | None, findings: Findings) -> str | None:
    """An e-mail address in its normal form."""
    if not text:
        return None
    try:
        return checked_address(text)
    except PydanticCustomError as fault:
        said = text_of({"type": fault.type, "ctx": fault.context})
        findings.refuse("email", fault.type, said.de, said.en)
        return None
