"""The published code list of competences (edition 2026): two levels, `BAT` is broader than `BAT-02`; ids are stable."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..errors import Text


@dataclass(frozen=True, slots=True)
class Competence:
    """One entry. `broader` is the code above it, or None; `active` false means deprecated: known, not to be chosen."""

    code: str
    broader: str | None
    label: Text
    active: bool


@cache
def competences() -> dict[str, Competence]:
    """All entries by code."""
    text = (files("norda_common.contracts") / "competences.csv").read_text(encoding="utf-8")
    return {
        row["id"]: Competence(
            row["id"], row["broader"] or None, Text(row["label_de"], row["label_en"]), row["status"] == "active"
        )
        for row in csv.DictReader(text.splitlines())
    }
