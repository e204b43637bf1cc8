"""Headings of figures, which say a unit, a year and more: `Umsatz in Mio. €`, `Umsatz [T€] 2024`, `Mitarbeiter (VZÄ)`.

Each word has to be known: what stands in dollars or per head must not be taken for euros, and is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .import_fields import IGNORED
from .names import fold

_SIGNS = str.maketrans({"€": " eur ", "$": " usd ", "£": " gbp ", "%": " percent "})
_YEAR = re.compile(r"\b(?:31 12 )?(?:19|20)\d\d\b")
_THOUSAND = re.compile(r"\b1? ?000\b")


def _words(**said: str) -> Mapping[str, str]:
    return {word: meaning for meaning, words in said.items() for word in words.split()}


_FIGURES = _words(
    employees="mitarbeiter mitarbeiterinnen mitarbeitern mitarbeitende mitarbeitenden mitarbeiterzahl "
    "mitarbeiteranzahl ma beschaeftigte beschaeftigten beschaeftigtenzahl arbeitnehmer belegschaft employees headcount "
    "staff",
    turnover="umsatz jahresumsatz gesamtumsatz umsatzerloese turnover revenue revenues",
    balance="bilanzsumme balance",
)
_UNITS = _words(
    eur="eur euro euros",
    teur="t tsd tausend teur k keur thousand thousands",
    meur="m mio mill million millionen millions meur",
    heads="vzae fte ftes vollzeitaequivalente vollzeitaequivalenten personen koepfe",
)
_BESIDE = _words(
    beside="in im am der des of the zum stand jahr geschaeftsjahr gj fy year annual ca gesamt total insgesamt anzahl "
    "zahl number no innen sheet kennzahlen kennzahl wirtschaftsdaten unternehmensdaten figures"
)


def folded(heading: str) -> str:
    """A heading as it is compared, with its unit: a heading in dollars is not the one in euros."""
    return fold(heading.translate(_SIGNS))


def figure_field(text: str) -> str | None:
    """The field a folded heading of a figure means, IGNORED where nobody can be sure; None where it is of no figure."""
    words = _THOUSAND.sub(" tsd ", _YEAR.sub("", text)).split()
    figures = {_FIGURES[word] for word in words if word in _FIGURES}
    if not figures:
        return None
    if len(figures) > 1 or not _FIGURES.keys() | _UNITS.keys() | _BESIDE.keys() >= set(words):
        return IGNORED
    figure, units = figures.pop(), [_UNITS[word] for word in words if word in _UNITS]
    if figure == "employees":
        return figure if set(units) <= {"heads"} else IGNORED
    scales = [unit for unit in units if unit != "eur"]
    return IGNORED if "heads" in units or len(scales) > 1 else f"{figure}_{(scales or ['eur'])[0]}"
