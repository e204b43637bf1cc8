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
    """A legal form (Rechtsform) of the FIM code lists and the registers in which it may be entered, none for some.

    Codes of three digits are those of `rechtsformen-gaengig` (C60000025); what it lacks has a code of six digits, of
    XUnternehmen's `rechtsformen` (C60000042).
    """

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


@dataclass(frozen=True, slots=True)
class FederalState:
    """One of the 16 states: its ISO 3166-2 code, and how keys of other lists begin for it."""

    code: str
    name: str
    ags: str
    nuts1: str
    courts: str
    """The letter with which XJustiz codes of its courts begin."""


@cache
def federal_states() -> dict[str, FederalState]:
    """The 16 states by ISO 3166-2 code."""
    return {
        row["state"]: FederalState(row["state"], row["name"], row["ags"], row["nuts1"], row["courts"])
        for row in _rows("federal_states")
    }


@cache
def ags_prefixes() -> dict[str, str]:
    """The first two digits of a municipality key (AGS) by federal state."""
    return {code: state.ags for code, state in federal_states().items()}


@cache
def nuts_prefixes() -> dict[str, str]:
    """The NUTS-1 code by federal state."""
    return {code: state.nuts1 for code, state in federal_states().items()}


@cache
def nuts_regions() -> dict[str, str]:
    """The NUTS-3 region (2024) by district, for all districts of the three states."""
    return {row["ags"]: row["nuts3"] for row in _rows("nuts_regions")}


@cache
def postal_areas() -> dict[str, frozenset[str]]:
    """States a postal area reaches into, by its first two digits, in the north also by three.

    From general knowledge, and generous: it serves for hints alone.
    """
    return {row["prefix"]: frozenset(row["states"].split()) for row in _rows("postal_areas")}
