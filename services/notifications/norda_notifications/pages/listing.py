"""What the macros of lists need to know: where the list is, what it is filtered and sorted by, where its pages are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from norda_common.states import ALL_STATES
from norda_common.web.pages import Page

ROWS = 50
Direction = Literal["asc", "desc"]
ChosenState = Literal["all", "hb", "hh", "ni", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a list; `query` are the filters in force."""

    path: str
    query: list[tuple[str, str]]
    cursor: str | None
    next_cursor: str | None
    sort: str = ""
    direction: Direction = "desc"
    posted: bool = False


def listing(
    page: Page,
    filters: Mapping[str, str],
    *,
    cursor: str | None,
    next_cursor: str | None,
    sort: str = "",
    direction: Direction = "desc",
    posted: bool = False,
) -> Listing:
    """The list this page shows; filters left empty are not in its addresses, nor are any where they are `posted`."""
    return Listing(
        path=page.request.url.path,
        query=[(name, value) for name, value in filters.items() if value],
        cursor=cursor,
        next_cursor=next_cursor,
        sort=sort,
        direction=direction,
        posted=posted,
    )


def wanted_state(page: Page, chosen: ChosenState | None) -> str:
    """The state a list is filtered by: the one chosen, else the one shown everywhere; `all` for no filter."""
    if chosen is None:
        return page.shown_state or "all"
    return chosen or "all"


def code_of(state: str) -> str | None:
    """The code to filter by; None for all."""
    return state if state in set(ALL_STATES) else None
