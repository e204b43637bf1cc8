"""The contact person a row names: who it is, and what of it a record of a person can hold.

Lists say less, and say it otherwise, than a record asks for: what cannot be kept is left out and told, and keeps no row
from being taken. Why the persons of a list are kept, and how long, is asked once for the whole list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from norda_common.addresses import address_key, checked_address
from pydantic_core import PydanticCustomError

from .findings import Findings
from .names import fold
from .people import LONGEST_NAME, PHONE, ROLES

_PHONE = re.compile(PHONE, re.ASCII)
_LABEL = re.compile(r"^(?:telefon|tel|fon|phone|mobil|mobile|handy|t|m)\b[\s.:]*", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;/|]|\bund\b|\band\b|&")
_STEMS: Mapping[str, str] = {
    "geschaeftsfuehr": "management", "vorstand": "management", "inhaber": "management", "managing": "management",
    "direktor": "management", "prokurist": "management", "assisten": "assistance", "sekretaer": "assistance",
    "einkauf": "purchasing", "einkaeuf": "purchasing", "vertrieb": "sales", "verkauf": "sales", "technik": "technology",
    "technisch": "technology", "entwickl": "technology", "produktion": "production", "fertigung": "production",
    "werkleit": "production", "qualitaet": "quality", "personal": "hr", "finanz": "finance", "buchhalt": "finance",
    "controlling": "finance", "presse": "press", "oeffentlichkeit": "press", "nachhaltig": "sustainability",
    "betriebsrat": "works_council",
}  # fmt: skip
_WORDS: Mapping[str, str] = {
    "gf": "management", "ceo": "management", "cfo": "finance", "cto": "technology", "hr": "hr", "f e": "technology",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonSaid:
    """A contact person as a row names it; one of address and phone is there."""

    name: str
    email: str | None
    phone: str | None
    roles: tuple[str, ...]

    @property
    def key(self) -> str | None:
        """By what a record of the same person is known; without an address that is name and phone."""
        return address_key(self.email) if self.email else None

    def __repr__(self) -> str:
        """Without what it holds, so that no traceback or log shows the person."""
        return "PersonSaid()"


def person_of(found: Mapping[str, str], findings: Findings) -> PersonSaid | None:
    """The contact person of a row; None when it names none, or none that can be kept."""
    name = _name(found)
    email = _email(found.get("person_email"), findings)
    phone = _phone(found.get("person_phone"), findings)
    roles = _roles(found.get("person_role", ""), findings)
    if not any((name, email, phone)):
        return None
    if name and (email or phone):
        return PersonSaid(name, email, phone, roles)
    if not name:
        findings.warn(
            "person_name",
            "person_nameless",
            "fehlt; die Ansprechperson bleibt weg",
            "is missing; the contact person is left out",
        )
    else:
        findings.warn(
            "person_email",
            "person_unreachable",
            "fehlt, wie auch die Telefonnummer; die Ansprechperson bleibt weg",
            "is missing, and so is the phone number; the contact person is left out",
        )
    return None


def _name(found: Mapping[str, str]) -> str:
    whole = found.get("person_name", "")
    parts = [found.get("person_first_name", ""), found.get("person_last_name", "")]
    return (whole or " ".join(filter(None, parts)))[:LONGEST_NAME].strip()


def _email(text: str | None, findings: Findings) -> str | None:
    if not text:
        return None
    try:
        return checked_address(text)
    except PydanticCustomError:
        findings.warn(
            "person_email",
            "invalid_email",
            "ist keine E-Mail-Adresse und bleibt weg",
            "is no e-mail address and is left out",
        )
        return None


def _phone(text: str | None, findings: Findings) -> str | None:
    if not text:
        return None
    number = _LABEL.sub("", text).strip()
    if _PHONE.fullmatch(number) and len(number) <= 50:
        return number
    findings.warn(
        "person_phone",
        "invalid_phone",
        "ist keine Telefonnummer und bleibt weg",
        "is no phone number and is left out",
    )
    return None


def _roles(text: str, findings: Findings) -> tuple[str, ...]:
    found: dict[str, None] = {}
    unknown = False
    for part in filter(None, map(fold, _SEVERAL.split(text))):
        code = _role(part)
        unknown = unknown or code is None
        if code is not None:
            found[code] = None
    if unknown:
        findings.warn(
            "person_role",
            "unknown_code",
            "hat keine Entsprechung unter den Funktionen und bleibt insoweit weg",
            "has no match among the roles and is left out so far",
        )
    return tuple(found)


def _role(folded: str) -> str | None:
    for code, label in ROLES.items():
        if folded in {code, fold(label.de), fold(label.en)}:
            return code
    return _WORDS.get(folded) or next((code for stem, code in _STEMS.items() if stem in folded), None)
