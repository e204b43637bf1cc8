"""Districts (Kreise) of the three states by AGS, with their outlines; made by `deploy/maps/make_districts.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

KEY_LENGTH = 5
"""Digits of a municipality key that name the district."""


@dataclass(frozen=True, slots=True)
class District:
    """One district: `kind` is `Landkreis` or `Kreisfreie Stadt`, `path` an SVG path in the map's view box."""

    ags: str
    name: str
    kind: str
    state: str
    path: str

    @property
    def label(self) -> str:
        """Its name, with its kind where a town and the district around it have the same."""
        return f"{self.name} ({'Stadt' if 'Stadt' in self.kind else 'Landkreis'})" if self._ambiguous else self.name

    @property
    def _ambiguous(self) -> bool:
        return sum(other.name == self.name for other in districts().values()) > 1


@dataclass(frozen=True, slots=True)
class Map:
    """The drawing all outlines belong to, and whose data it is."""

    view_box: str
    source: str
    licence: str


@cache
def district_map() -> Map:
    """About the map as a whole."""
    document = _document()
    return Map(document["view_box"], document["source"], document["licence"])


@cache
def districts() -> dict[str, District]:
    """All districts by AGS, as their keys are ordered."""
    return {entry["ags"]: District(**entry) for entry in _document()["districts"]}


@cache
def _document() -> dict[str, Any]:
    text = (files("norda_registry") / "data" / "districts.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
