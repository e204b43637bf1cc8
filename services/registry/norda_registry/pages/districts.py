"""The map: active organisations by district of their seat."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Response
from norda_common.errors import Text
from norda_common.requests import QueryText
from norda_common.web.pages import Page, page_for

from ..rules.districts import district_map, districts
from ..rules.profile import ACTIVE
from ..rules.rights import READ
from ..store import searches
from .texts import KINDS

router = APIRouter(prefix="/registry")
COLOURS = 6


@router.get("/map")
async def show_map(page: Annotated[Page, page_for(READ)], kind: QueryText = "company") -> Response:
    """One region per district, coloured by how many active organisations of the kind have their seat there."""
    wanted = kind if kind in KINDS else None
    async with page.read() as connection:
        counted = await searches.counts(connection)
    shown = [item for item in counted if item.status == ACTIVE and wanted in {None, item.kind}]
    numbers = Counter[str | None]()
    for item in shown:
        numbers[item.district if item.district in districts() else None] += item.organisations
    regions = [
        (district.label, district.state, numbers[ags], district.path, _address(ags, wanted))
        for ags, district in districts().items()
    ]
    return page.show(
        "map_of_districts.html.jinja",
        title=Text("Karte", "Map"),
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (Text("Karte", "Map"), None)],
        regions=regions,
        about=district_map(),
        steps=steps(max(numbers[ags] for ags in districts())),
        elsewhere=numbers[None],
        kinds=[(code, text.in_language(page.language)) for code, text in KINDS.items()],
        kind=wanted or "",
    )


def _address(ags: str, kind: str | None) -> str:
    chosen = f"&kind={kind}" if kind else ""
    return f"/registry/organisations?state=all&status={ACTIVE}&district={ags}{chosen}"


def steps(most: int) -> list[int]:
    """The smallest number of each colour: 0, 1, then about evenly by proportion, in round numbers."""
    found = [0, 1]
    for place in range(1, COLOURS - 1):
        exact = most ** (place / (COLOURS - 1))
        scale = 10 ** max(len(str(int(exact))) - 2, 0)
        rounded = round(exact / scale) * scale
        if found[-1] < rounded <= most:
            found.append(rounded)
    return found if most else [0]
