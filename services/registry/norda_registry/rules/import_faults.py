"""Faults in cells that a row can do without: a person may say that it is taken, and those cells are left out."""

from __future__ import annotations

from collections.abc import Iterable

from norda_common.errors import FieldError

from .import_fields import BY_NAME
from .import_rows import field_of

_NEEDED = frozenset(
    {"organisation_id", "responsible_state", "own_id", "legal_name", "kind", "cluster_code", "place", "state", "states"}
)
"""Without them it is another organisation, somebody else's, or somewhere else."""
_NO_CELLS = frozenset({"missing", "no_key", "identifier_taken", "repeated_row", "repeated_number", "widnr_differs"})
"""Faults of no cell by itself: the row may mean somebody else, or one of two cells is wrong, and nobody knows which."""
_TOGETHER = (
    # Half a register entry is that of somebody else.
    frozenset(
        {"register_entry", "register_court", "register_type", "register_number", "register_suffix",
         "register_former_court", "euid"}
    ),
    # Faults do not tell the editions apart.
    frozenset({"wz2025", "wz2008"}),
)  # fmt: skip


def cells_at_fault(errors: Iterable[FieldError]) -> frozenset[str]:
    """The fields without whose cells the row has none of these faults; empty where it needs any of them."""
    found = frozenset[str]()
    for error in errors:
        name = field_of(error.field)
        if name not in BY_NAME or name in _NEEDED or error.code in _NO_CELLS:
            return frozenset()
        found |= next((group for group in _TOGETHER if name in group), {name})
    return found
