"""The overview: how much there is, what changed last, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import Text
from norda_common.rights import SIGNED_IN
from norda_common.states import ALL_STATES
from norda_common.web.pages import Page, page_for

from ..rules.profile import ACTIVE
from ..rules.rights import CHANGE, IMPORT, TAKE_OVER
from ..store import handovers, searches
from ..store.searches import Count, Filters, Order
from .profiles import home_context
from .texts import KINDS, named

router = APIRouter(prefix="/registry")
LATEST = 8
OFFERS = 5


@router.get("/")
async def home(page: Annotated[Page, page_for(SIGNED_IN)]) -> Response:
    """Counts of the states shown, the last changes, and what the person may do."""
    shown = page.shown_state
    async with page.read() as connection:
        counted = await searches.counts(connection)
        rows = await searches.listed(
            connection, Filters(state=shown or None), after=None, limit=LATEST, order=Order.CHANGED, descending=True
        )
        offers = (
            await handovers.incoming(connection, page.caller.state, limit=OFFERS)
            if page.caller.state and page.caller.may(TAKE_OVER)
            else []
        )
        to_do = await home_context(page, connection)
    own = page.caller.state.value if page.caller.state else ""
    here = [item for item in counted if shown in {"", item.state}]
    return page.show(
        "home.html.jinja",
        title=Text("Übersicht", "Overview"),
        totals=_totals(here),
        by_state=[(state.label, _by_kind(counted, state.value)) for state in ALL_STATES],
        bars=[(state.label, sum(_by_kind(counted, state.value))) for state in ALL_STATES],
        kinds=[named(KINDS, kind, page.language) for kind in KINDS],
        latest=[Organisation.model_validate_json(row["data"]) for row in rows],
        unplaced=sum(
            item.organisations
            for item in counted
            if item.state == own and item.district is None and item.status == ACTIVE and item.kind == "company"
        ),
        own_state=own,
        offers=[entry.organisation for entry in handovers.latest(offers)],
        may_change=page.caller.may(CHANGE),
        may_import=page.caller.may(IMPORT),
        **to_do,
    )


def _totals(counted: Sequence[Count]) -> dict[str, int]:
    """How many, by status; and all."""
    by_status = Counter[str]()
    for item in counted:
        by_status[item.status] += item.organisations
    active = by_status.pop(ACTIVE, 0)
    return {"active": active, "inactive": by_status.total(), "all": active + by_status.total()}


def _by_kind(counted: Sequence[Count], state: str) -> list[int]:
    active = [item for item in counted if item.state == state and item.status == ACTIVE]
    return [sum(item.organisations for item in active if item.kind == kind) for kind in KINDS]
