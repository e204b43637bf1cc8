"""Numbers that identify organisations: USt-IdNr, W-IdNr, LEI; each check normalises and refuses with the exact reason.

Sources: Article 214 of Directive 2006/112/EC and section 27a UStG, section 139c AO, ISO 17442, ISO/IEC 7064.
"""

from __future__ import annotations

import re

from stdnum.iso7064 import mod_11_10, mod_97_10

from .findings import Refused

_SEPARATORS = re.compile(r"[\s./-]")
_VAT = re.compile(r"DE\d{9}", re.ASCII)
_WIDNR = re.compile(r"(DE\d{9})-?(\d{5})", re.ASCII)
_LEI = re.compile(r"[A-Z0-9]{18}\d{2}", re.ASCII)


def vat_id(text: str) -> str:
    """A USt-IdNr as `DE999000017`. Raises Refused."""
    value = _SEPARATORS.sub("", text).upper()
    if not _VAT.fullmatch(value):
        raise Refused(
            "vat_form",
            "ist keine deutsche USt-IdNr (DE und 9 Ziffern)",
            "is no German VAT number (DE and 9 digits)",
        )
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
    match = _WIDNR.fullmatch(re.sub(r"\s", "", text).upper())
    if match is None:
        raise Refused(
            "widnr_form",
            "ist keine W-IdNr (DE, 9 Ziffern, Bindestrich, 5 Ziffern)",
            "is no W-IdNr (DE, 9 digits, hyphen, 5 digits)",
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
    value = re.sub(r"[\s-]", "", text).upper()
    if len(value) != 20:
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
    if not mod_97_10.is_valid(value):
        raise Refused(
            "lei_checksum",
            "hat eine falsche Prüfsumme (ISO 7064 Mod 97-10)",
            "has a wrong checksum (ISO 7064 mod 97-10)",
        )
    return value
