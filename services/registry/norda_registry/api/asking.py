"""What a list's address asks for, of the API and of pages: words, several values of each facet, an order, a place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from asyncpg import Record
from fastapi import Query
from norda_common.errors import FieldError, InvalidInput, Text
from norda_common.input import clean_line
from norda_common.requests import QueryText, read_cursor, write_cursor
from norda_common.states import ALL_STATES
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ..rules.facets import MOST_CHOSEN, Choice, chosen
from ..rules.search import Order
from ..usecases.commands import Kind
from ..usecases.searching import Asked

LONGEST_VALUE = 300


def _values(values: list[str]) -> list[str]:
    """Values of a facet: as bounded and free of control characters as all text in an address."""
    if len(values) > MOST_CHOSEN or any(len(value) > LONGEST_VALUE for value in values):
        raise PydanticCustomError("string_too_long", "is too long", {"max_length": LONGEST_VALUE})
    return [clean_line(value) for value in values]


def _states(values: list[str]) -> list[str]:
    return _known(values, [state.value for state in ALL_STATES])


def _kinds(values: list[str]) -> list[str]:
    return _known(values, [kind.value for kind in Kind])


def _known(values: list[str], known: list[str]) -> list[str]:
    if unknown := [value for value in values if value not in known]:
        named = ", ".join(known)
        raise PydanticCustomError(
            "enum",
            "is none of the known values",
            {"de": f"{unknown[0]} ist keiner der Werte {named}", "en": f"{unknown[0]} is none of {named}"},
        )
    return values


Values = Annotated[list[str], AfterValidator(_values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A list's address as it stands: words, choices, and the order, which without one follows from the words."""

    q: str = ""
    choice: Choice = field(default_factory=dict)
    order: Order = Order.NAME
    descending: bool = False
    released: bool = False

    def asked(self) -> Asked:
        """The same for the use case."""
        return Asked(
            text=self.q, choice=self.choice, order=self.order, descending=self.descending, released=self.released
        )

    def after(self, cursor: str | None) -> tuple[object, ...] | None:
        """What a cursor of this list says. Raises InvalidInput for another's."""
        if cursor is None:
            return None
        if self.order is Order.RELEVANCE:
            rank, name, organisation_id = read_cursor(cursor, str, str, UUID)
            if rank not in _RANKS:
                raise _no_cursor()
            return int(str(rank)), name, organisation_id
        return read_cursor(cursor, datetime if self.order is Order.CHANGED else str, UUID)

    def cursor(self, last: Record) -> str:
        """The cursor of the page after this row."""
        if self.order is Order.RELEVANCE:
            return write_cursor(str(last["rank"]), last["sort_name"], last["organisation_id"])
        return write_cursor(last["changed_at" if self.order is Order.CHANGED else "sort_name"], last["organisation_id"])


_RANKS = {str(rank) for rank in range(-1, 5)}


def _no_cursor() -> InvalidInput:
    text = Text("ist kein Zeiger dieser Liste", "is no cursor of this list")
    return InvalidInput.of([FieldError(field="cursor", code="invalid", text=text)])


async def search(
    q: Annotated[
        QueryText,
        Query(
            description="Beginnings of words of names and places, in any German spelling, or a number in any notation; "
            "a word that leads nowhere finds what it may have meant"
        ),
    ] = "",
    state: Annotated[
        list[str],
        AfterValidator(_values),
        AfterValidator(_states),
        Query(description="Responsible states, any of them"),
    ] = [],  # noqa: B006 - FastAPI copies it
    district: Annotated[Values, Query(description="Districts of the seat by AGS, `none` where unknown")] = [],  # noqa: B006
    activity: Annotated[Values, Query(description="WZ divisions and groups, `WZ2025:29` or `WZ2025:29.3`")] = [],  # noqa: B006
    competence: Annotated[Values, Query(description="`BAT` finds `BAT-02` too")] = [],  # noqa: B006
    cluster: Annotated[Values, Query(description="Codes of clusters it is a member of now")] = [],  # noqa: B006
    size: Annotated[Values, Query(description="micro, small, medium, large, or none where unknown")] = [],  # noqa: B006
    role: Annotated[Values, Query(description="oem, tier1, tier2, tier3, service, research, ...")] = [],  # noqa: B006
    kind: Annotated[list[str], AfterValidator(_values), AfterValidator(_kinds), Query(description="What it is")] = [],  # noqa: B006
    status: Annotated[Values, Query(description="`active`, `deactivated`, `dissolved` or `merged`")] = [],  # noqa: B006
    released: Annotated[bool, Query(description="Only what is released for the public, and active")] = False,
    sort: Annotated[
        Order | None, Query(description="Without one by relevance where words are given, else by name")
    ] = None,
    direction: Literal["asc", "desc"] = "asc",
) -> Search:
    """The dependency of the API's list."""
    return Search(
        q=q,
        choice=chosen(
            {
                "state": state,
                "district": district,
                "activity": activity,
                "competence": competence,
                "cluster": cluster,
                "size": size,
                "role": role,
                "kind": kind,
                "status": status,
            }
        ),
        order=sort or (Order.RELEVANCE if q else Order.NAME),
        descending=direction == "desc",
        released=released,
    )
