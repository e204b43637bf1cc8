"""Numbers that identify organisations: USt-IdNr, W-IdNr, LEI; each check normalises and refuses with the exact reason.

Sources: Article 214 of Directive 2006/112/EC and section 27a UStG, section 139c AO, ISO 17442, ISO/IEC 7064.
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.iso7064 import mod_11_10, mod_97_10

from .findings import Findings, Refused

_SEPARATORS = frozenset("./:,;'\N{MINUS SIGN}")
_SET_WITH = str.maketrans("", "", " -./:,;'")
_LABEL = re.compile(r"(?:UST-?ID(?:ENT)?(?:NR|NUMMER)?|VAT(?:ID)?(?:NO|NR)?|W-?IDNR|UID)(?=[A-Z]{2}\d)")
_VAT = re.compile(r"DE\d{9}", re.ASCII)
_WIDNR = re.compile(r"(DE\d{9})(\d{5})", re.ASCII)
_LEI = re.compile(r"[A-Z0-9]{18}\d{2}", re.ASCII)
_LEI_LENGTH = 20
_NEVER_MADE = frozenset({"00", "01", "99"})
"""Check digits that ISO 7064 mod 97-10 never makes, though they leave the same remainder as 97, 98 and 02."""


def plain(text: str) -> str:
    """A text as one would type it: what nobody sees is gone, each gap is one blank, full-width characters are plain.

    Web pages and office documents are copied with soft hyphens, zero-width and fixed blanks, byte order marks.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (
        char
        for char in unicodedata.normalize("NFKC", text)
        if char.isspace() or unicodedata.category(char) not in {"Cf", "Cc"}
    )
    return " ".join("".join(kept).split())


def bare(text: str) -> str:
    """A number in capitals without what people and programs set it with: blanks, dots, dashes.

    Digits of other scripts stay, and are refused.
    """
    if text.isascii() and text.isprintable():
        # What most numbers look like: letter by letter it is ten times the work.
        return text.translate(_SET_WITH).upper()
    kept = (
        char for char in plain(text) if char != " " and char not in _SEPARATORS and unicodedata.category(char) != "Pd"
    )
    # An accent that stood by itself has joined the letter before it.
    return unicodedata.normalize("NFC", "".join(kept).upper())


def vat_id(text: str) -> str:
    """A USt-IdNr as `DE999000017`. Raises Refused."""
    value = _LABEL.sub("", bare(text), count=1)
    if not _VAT.fullmatch(value):
        raise Refused("vat_form", *_vat_reason(value))
    if value[2] == "0":
        raise Refused(
            "vat_first_digit",
            "ist keine USt-IdNr: die erste Ziffer darf nicht 0 sein",
            "is no VAT number: the first digit must not be 0",
        )
    if not mod_11_10.is_valid(value[2:]):
        raise Refused(
            "vat_checksum",
            "hat eine falsche Prüfziffer (ISO 7064 Mod 11,10)",
            "has a wrong check digit (ISO 7064 mod 11,10)",
        )
    return value


def widnr(text: str) -> str:
    """A W-IdNr (Wirtschafts-Identifikationsnummer) as `DE999000017-00001`. Raises Refused."""
    value = _LABEL.sub("", bare(text), count=1)
    match = _WIDNR.fullmatch(value)
    if match is None:
        without = bool(_VAT.fullmatch(value))
        raise Refused(
            "widnr_form",
            "ist keine W-IdNr (DE, 9 Ziffern, Bindestrich, 5 Ziffern)"
            + ("; es fehlt das Unterscheidungsmerkmal wie -00001" if without else ""),
            "is no W-IdNr (DE, 9 digits, hyphen, 5 digits)"
            + ("; the suffix like -00001 is missing" if without else ""),
        )
    if match[2] == "00000":
        raise Refused(
            "widnr_suffix",
            "ist keine W-IdNr: das Unterscheidungsmerkmal beginnt bei 00001",
            "is no W-IdNr: the suffix starts at 00001",
        )
    return f"{match[1]}-{match[2]}"


def lei(text: str) -> str:
    """A Legal Entity Identifier, 20 characters in capitals. Raises Refused."""
    value = bare(text)
    if len(value) == _LEI_LENGTH + 3:
        value = value.removeprefix("LEI")
    if len(value) != _LEI_LENGTH:
        raise Refused(
            "lei_length",
            f"ist kein LEI: 20 Zeichen sind nötig, es sind {len(value)}",
            f"is no LEI: 20 characters are needed, there are {len(value)}",
        )
    if not _LEI.fullmatch(value):
        raise Refused(
            "lei_form",
            "ist kein LEI (18 Buchstaben oder Ziffern, dann 2 Ziffern)",
            "is no LEI (18 letters or digits, then 2 digits)",
        )
    if value[-2:] in _NEVER_MADE or not mod_97_10.is_valid(value):
        raise Refused(
            "lei_checksum",
            "hat eine falsche Prüfsumme (ISO 7064 Mod 97-10)",
            "has a wrong checksum (ISO 7064 mod 97-10)",
        )
    return value


def check_widnr(number: str, vat: str | None, findings: Findings) -> None:
    """The W-IdNr of whom has a USt-IdNr is that and a suffix; without one, unlikely digits are a warning."""
    if vat is not None and number[:11] != vat:
        findings.refuse(
            "widnr",
            "widnr_differs",
            f"muss mit der USt-IdNr {vat} beginnen",
            f"must begin with the VAT number {vat}",
        )
    elif vat is None and (number[2] == "0" or not mod_11_10.is_valid(number[2:11])):
        findings.warn(
            "widnr",
            "widnr_unlikely",
            "hat Ziffern, wie sie keine USt-IdNr hat; bitte prüfen",
            "has digits that no VAT number has; please check",
        )


def _vat_reason(value: str) -> tuple[str, str]:
    country, rest = value[:2], value[2:]
    plain = ("ist keine deutsche USt-IdNr (DE und 9 Ziffern)", "is no German VAT number (DE and 9 digits)")
    if country.isascii() and country.isalpha() and country != "DE":
        return f"{plain[0]}: sie beginnt mit {country}", f"{plain[1]}: it begins with {country}"
    if value.isascii() and value.isdigit():
        return f"{plain[0]}: DE fehlt", f"{plain[1]}: DE is missing"
    if country == "DE" and rest.isascii() and rest.isdigit():
        return f"{plain[0]}: es sind {len(rest)} Ziffern", f"{plain[1]}: there are {len(rest)} digits"
    return plain
