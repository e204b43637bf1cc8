"""The published code list of competences (edition 2026): two levels, `BAT` is broader than `BAT-02`; ids are stable.

An entry is never removed nor given another meaning: it is deprecated, with the code that took its place where one did.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..errors import Text


@dataclass(frozen=True, slots=True)
class Competence:
    """One entry. `broader` is the code above it, or None; `active` false means deprecated: known, not to be chosen.

    `successor` is the code to choose instead of a deprecated one, if there is one.
    """

    code: str
    broader: str | None
    label: Text
    active: bool
    successor: str | None = None


@cache
def competences() -> dict[str, Competence]:
    """All entries by code."""
    return read((files("norda_common.contracts") / "competences.csv").read_text(encoding="utf-8"))


def read(text: str) -> dict[str, Competence]:
    """A code list as it is committed, by code. Raises ValueError for a successor that cannot be chosen."""
    found = {
        row["id"]: Competence(
            row["id"],
            row["broader"] or None,
            Text(row["label_de"], row["label_en"]),
            row["status"] == "active",
            row["successor"] or None,
        )
        for row in csv.DictReader(text.splitlines())
    }
    for item in found.values():
        if item.successor and (item.active or item.successor not in found or not found[item.successor].active):
            raise ValueError(f"{item.code}: {item.successor} is no successor of it")
    return found
