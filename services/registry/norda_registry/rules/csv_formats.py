"""The tables that can be imported, and what their cells mean: companies with all their numbers, and known bodies.

An empty cell says nothing: it neither fills nor empties a field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from norda_common.contracts.registry import FormerName
from norda_common.errors import FieldError
from norda_common.states import FEDERAL_STATES

from .cell_values import (
    MOST_CLUSTERS,
    Draft,
    day,
    email_of,
    figures_of,
    several,
    take_classes,
    take_name,
    take_register_entry,
)
from .csv_reading import missing_columns
from .fields import address
from .findings import Findings, Refused
from .places import federal_state

_IGNORED = frozenset({"is_example", "wz2025_title", "case", "notes", "source"})


class Format(Protocol):
    """A kind of table."""

    @property
    def name(self) -> str:
        """How the report calls it."""

    @property
    def required(self) -> Sequence[str]:
        """Columns without which it is none."""

    @property
    def known(self) -> frozenset[str]:
        """Columns it may have."""

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says."""


class Companies:
    """Companies with identity, activity, size and clusters, one per row."""

    name = "companies"
    required = ("legal_name", "place", "state")
    known = _IGNORED | {
        "id", "legal_name", "legal_form", "place", "plz", "street", "state", "ags5", "ags8", "nuts3", "register_court",
        "register_type", "register_number", "register_suffix", "register_former_court", "register_valid_from", "euid",
        "vat_id", "widnr", "lei", "wz2025", "wz2008", "employees", "turnover_meur", "balance_meur", "size_class",
        "competences", "clusters", "clusters_since", "email",
    }  # fmt: skip

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says."""
        findings = Findings(row=row)
        draft = Draft(row=row, states=_states(cells, "state", findings), findings=findings)
        given = draft.given
        given["kind"] = "company"
        take_name(cells.get("legal_name"), "legal_name", draft)
        for column, name in (("id", "own_id"), ("legal_form", "legal_form"), ("euid", "euid"), ("vat_id", "vat_id"),
                             ("widnr", "widnr"), ("lei", "lei")):  # fmt: skip
            if cells.get(column):
                given[name] = cells[column]
        _seat(cells, draft)
        take_register_entry(cells, draft)
        take_classes(cells, draft)
        draft.figures = figures_of(cells, findings)
        draft.email = email_of(cells.get("email"), findings)
        draft.clusters = tuple(code.upper() for code in several(cells, "clusters", MOST_CLUSTERS, findings))
        draft.clusters_since = day(cells.get("clusters_since"), "clusters_since", findings)
        return draft


class Bodies:
    """Known bodies: clusters and public bodies, with the states they work for; the seat is not confirmed."""

    name = "bodies"
    required = ("id", "name", "kind", "states")
    known = _IGNORED | {"id", "name", "kind", "states"}
    _FORMER = re.compile(r"(?P<name>.+?) \(bis \d{4}: (?P<former>.+)\)")

    def read(self, row: int, cells: Mapping[str, str]) -> Draft:
        """What the row says; `X (bis 2024: Y)` is X, formerly Y."""
        findings = Findings(row=row)
        draft = Draft(row=row, states=_states(cells, "states", findings), findings=findings)
        name = cells.get("name", "")
        if former := self._FORMER.fullmatch(name):
            name = former["name"]
            draft.former_names = (FormerName(legal_name=former["former"]),)
        take_name(name, "name", draft)
        cluster = cells.get("kind") == "cluster"
        draft.given["kind"] = "cluster" if cluster else "public_body"
        own_id = cells.get("id")
        if own_id is None:
            findings.refuse("id", "missing", "fehlt", "is missing")
            return draft
        draft.given["own_id"] = own_id
        if cluster:
            draft.given["cluster_code"] = findings.checked("id", own_id, _cluster_code)
        return draft


FORMATS: tuple[Format, ...] = (Companies(), Bodies())


def format_of(columns: Sequence[str]) -> tuple[Format, list[FieldError]]:
    """The table's format by its header, and what is wrong with the header."""
    chosen = FORMATS[1] if "legal_name" not in columns and {"name", "states"} & set(columns) else FORMATS[0]
    return chosen, missing_columns(columns, required=chosen.required, known=chosen.known)


def _states(cells: Mapping[str, str], column: str, findings: Findings) -> tuple[str, ...]:
    if not cells.get(column):
        findings.refuse(column, "missing", "fehlt", "is missing")
    words = several(cells, column, len(FEDERAL_STATES), findings)
    return tuple(code for code in (findings.checked(column, word, federal_state) for word in words) if code is not None)


def _cluster_code(own_id: str) -> str:
    code = own_id.rpartition("-")[2].upper()
    if not re.fullmatch(r"[A-Z][A-Z0-9]{1,15}", code):
        raise Refused(
            "cluster_code",
            "gibt kein Kürzel her (wie org-its für ITS)",
            "makes no code (like org-its for ITS)",
        )
    return code


def _seat(cells: Mapping[str, str], draft: Draft) -> None:
    if not cells.get("place"):
        draft.findings.refuse("place", "missing", "fehlt", "is missing")
        return
    draft.given["seat"] = address(
        {
            "place": cells["place"],
            "postal_code": cells.get("plz"),
            "street": cells.get("street"),
            "state": draft.states[0] if draft.states else "",
            "ags": cells.get("ags8") or cells.get("ags5"),
            "nuts": cells.get("nuts3"),
        }
    )
