"""The list of organisations: search, facets with counts, order, pages; all of it in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse
from norda_common.contracts.registry import Organisation
from norda_common.errors import Text
from norda_common.requests import Cursor, QueryText
from norda_common.states import ALL_STATES
from norda_common.web.pages import Page, page_for
from norda_common.web.site import number_in

from ..api.asking import Search, Values
from ..rules.facets import chosen
from ..rules.rights import CHANGE, READ, SAVE_SEARCH
from ..rules.search import Order
from ..store.facet_index import fresh_index
from ..usecases.lookup import sole_holder
from ..usecases.searching import search
from . import facets
from .organisations import ALL, LIST, TITLE, labels

router = APIRouter(prefix="/registry/organisations")
ROWS = 25


async def asked(
    q: QueryText = "",
    state: Annotated[Values, Query()] = [],  # noqa: B006 - FastAPI copies it
    district: Annotated[Values, Query()] = [],  # noqa: B006
    activity: Annotated[Values, Query()] = [],  # noqa: B006
    competence: Annotated[Values, Query()] = [],  # noqa: B006
    cluster: Annotated[Values, Query()] = [],  # noqa: B006
    size: Annotated[Values, Query()] = [],  # noqa: B006
    role: Annotated[Values, Query()] = [],  # noqa: B006
    kind: Annotated[Values, Query()] = [],  # noqa: B006
    status: Annotated[Values, Query()] = [],  # noqa: B006
    sort: QueryText = "",
    direction: QueryText = "asc",
) -> Search:
    """The list's address; what is no order is as if none were given. Of states `all` narrows nothing."""
    order = Order(sort) if sort in set(Order) else Order.RELEVANCE if q else Order.NAME
    if order is Order.RELEVANCE and not q:
        order = Order.NAME
    given = {
        "state": [value for value in state if value in set(ALL_STATES)],
        "district": district,
        "activity": activity,
        "competence": competence,
        "cluster": cluster,
        "size": size,
        "role": role,
        "kind": kind,
        "status": status,
    }
    return Search(q=q, choice=chosen(given), order=order, descending=direction == "desc")


@router.get("")
async def show_list(
    page: Annotated[Page, page_for(READ)],
    wanted: Annotated[Search, Depends(asked)],
    state: Annotated[Values, Query()] = [],  # noqa: B006
    cursor: Cursor = None,
) -> Response:
    """Organisations by relevance, name or last change. A number that means exactly one leads to that one."""
    wanted = as_shown(page, wanted, state)
    after = wanted.after(cursor)
    index = await fresh_index(page.runtime.database)
    async with page.read() as connection:
        if wanted.q and after is None and not set(wanted.choice) - {"state"}:
            found = await sole_holder(connection, wanted.q)
            if found is not None:
                return RedirectResponse(f"{LIST}/{found}", 303)
        result = await search(connection, index, wanted.asked(), after=after, limit=ROWS + 1)
    rows = result.rows[:ROWS]

    def number(value: int) -> str:
        return number_in(page.language, value)

    return page.show(
        "organisations.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        items=[Organisation.model_validate_json(row["data"]) for row in rows],
        listing={
            "path": LIST,
            "query": address(wanted),
            "sort": wanted.order.value,
            "direction": "desc" if wanted.descending else "asc",
            "cursor": cursor,
            "next_cursor": wanted.cursor(rows[-1]) if len(result.rows) > ROWS else None,
        },
        total=facets.in_words(result.total, page.language, number),
        one=result.total.exact and result.total.number == 1,
        wanted=wanted,
        facets=facets.shown(result.counts, wanted.choice, language=page.language, number=number),
        corrected=" ".join(result.corrected),
        may_change=page.caller.may(CHANGE),
        may_save=page.caller.may(SAVE_SEARCH),
        **labels(page.language),
    )


def as_shown(page: Page, wanted: Search, state: Sequence[str]) -> Search:
    """The same within the state that the person looks at, unless the address says which."""
    if "state" in wanted.choice or not page.shown_state or state:
        return wanted
    return replace(wanted, choice={**wanted.choice, "state": (page.shown_state,)})


def address(wanted: Search) -> list[tuple[str, str]]:
    """Words and choices, for addresses of the same list; `all` stands for no choice of states."""
    pairs = [("q", wanted.q)] if wanted.q else []
    pairs += [(name, value) for name, values in wanted.choice.items() for value in values]
    return pairs if "state" in wanted.choice else [*pairs, ("state", ALL)]
