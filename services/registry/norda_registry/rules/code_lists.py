"""Code lists the registry keeps as data beside its code: legal forms, courts, states, postal areas."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("norda_registry") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@dataclass(frozen=True, slots=True)
class Court:
    """A register court by its XJustiz code; `number_suffix` is appended to every number of it (Bremen: HB)."""

    code: str
    name: str
    state: str
    number_suffix: str


@dataclass(frozen=True, slots=True)
class LegalForm:
    """A legal form (Rechtsform) of the FIM code list and the registers in which it may be entered."""

    code: str
    label: str
    register_types: frozenset[str]
    spellings: tuple[str, ...]


@cache
def courts() -> dict[str, Court]:
    """Known register courts by XJustiz code; the list is not complete beyond the three states."""
    return {
        row["xjustiz_code"]: Court(row["xjustiz_code"], row["court"], row["state"], row["number_suffix"])
        for row in _rows("register_courts")
    }


@cache
def legal_forms() -> dict[str, LegalForm]:
    """Legal forms by FIM code."""
    return {
        row["code"]: LegalForm(
            row["code"],
            row["label"],
            frozenset(row["register_types"].split()),
            tuple(part for part in row["spellings"].split(";") if part),
        )
        for row in _rows("legal_forms")
    }


@cache
def ags_prefixes() -> dict[str, str]:
    """The first two digits of a municipality key (AGS) by federal state."""
    return {row["state"]: row["ags"] for row in _rows("federal_states")}


@cache
def nuts_prefixes() -> dict[str, str]:
    """The NUTS-1 code by federal state."""
    return {row["state"]: row["nuts1"] for row in _rows("federal_states")}


@cache
def postal_areas() -> dict[str, frozenset[str]]:
    """States a postal area (first two digits) reaches into, for the areas that touch the three states."""
    return {row["prefix"]: frozenset(row["states"].split()) for row in _rows("postal_areas")}
