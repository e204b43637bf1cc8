"""Which rows of an import are an organisation that is known already, though no number says so.

Narrow on purpose: what is found here is not entered without a person who looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from norda_common.database import Connection

from ..rules.names import fold
from ..store import imports


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a row says of who it is. `numbers` by kind (`euid`, `vat`, ...): they decide where both have one."""

    legal_name: str
    postal_code: str | None = None
    place: str | None = None
    legal_form: str | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)


async def narrow(connection: Connection, candidates: Sequence[Candidate]) -> dict[int, UUID]:
    """The organisation each candidate is, by its place in the list; those that are nobody known are left out.

    The same folded name and the same postal code, and no number of a kind both have that differs.
    """
    asked = [
        (place, fold(item.legal_name)[:200], item.postal_code)
        for place, item in enumerate(candidates)
        if item.postal_code and item.legal_name
    ]
    if not asked:
        return {}
    found: dict[int, UUID] = {}
    for row in await imports.same_name_and_postal_code(connection, asked):
        place: int = row["place"]
        if place not in found and not _contradicted(candidates[place].numbers, row["numbers"]):
            found[place] = row["organisation_id"]
    return found


def _contradicted(wanted: Mapping[str, str], numbers: Sequence[str]) -> bool:
    """Whether both have a number of one kind, and not the same one."""
    held: dict[str, set[str]] = {}
    for number in numbers:
        kind, _, value = number.partition("=")
        held.setdefault(kind, set()).add(value)
    return any(kind in held and value not in held[kind] for kind, value in wanted.items())
