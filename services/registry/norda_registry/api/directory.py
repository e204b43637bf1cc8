"""Finding organisations of all states: lists with filters and search, and look-up by number."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.requests import Cursor, Limit, QueryText
from norda_common.web import RuntimeDep, caller_with

from ..rules.rights import READ
from ..store.facet_index import fresh_index
from ..usecases import searching
from ..usecases.lookup import find_as_of, find_by_identifier
from ..usecases.organisations import local_day
from .asking import Search, search
from .views import (
    FoundAsOf,
    FoundOrganisation,
    LookupAsOf,
    LookupResult,
    OrganisationPage,
    count,
    summary,
    values_of,
    view,
    view_as_of,
)

router = APIRouter(prefix="/api/v1/organisations", tags=["directory"])
Reader = Annotated[Caller, caller_with(READ)]
AsOfDay = Annotated[date | None, Query(description="As it was on that day, as far as that is known")]


@router.get("/lookup", summary="Find by any number", response_model_exclude_none=True)
async def lookup(
    identifier: Annotated[
        QueryText,
        Query(
            description="EUID, register number with court, USt-IdNr, W-IdNr, LEI or own id, in any notation",
            examples=["DEH1101.HRB990005HB", "Amtsgericht Hamburg HRB 990008", "DE 999 000 017"],
        ),
    ],
    caller: Reader,
    runtime: RuntimeDep,
    as_of: AsOfDay = None,
) -> LookupResult | LookupAsOf:
    """Organisations that have or had the number; one of before a relocation goes on resolving, `current: false`.

    With `as_of` those who held it on that day, with name, legal form, seat and register entry of that day.
    """
    if as_of is not None:
        async with runtime.database.read(caller) as connection:
            held = await find_as_of(connection, identifier, as_of, today=local_day(datetime.now(UTC)))
        return LookupAsOf(
            identifier=identifier,
            as_of=as_of,
            items=[
                FoundAsOf(
                    matched=hit.kind,
                    held=hit.held,
                    organisation=view_as_of(hit.entry.organisation, hit.entry.sequence, hit.then),
                )
                for hit in held
            ],
        )
    async with runtime.database.read(caller) as connection:
        hits = await find_by_identifier(connection, identifier)
    return LookupResult(
        identifier=identifier,
        items=[
            FoundOrganisation(
                matched=hit.kind,
                current=hit.current,
                organisation=view(hit.entry.organisation, hit.entry.sequence),
                merged_from=hit.merged_from,
            )
            for hit in hits
        ],
    )


@router.get("", summary="List and search", response_model_exclude_none=True)
async def list_organisations(
    caller: Reader,
    runtime: RuntimeDep,
    asked: Annotated[Search, Depends(search)],
    facets: Annotated[bool, Query(description="Also how many there are, by the values of each facet")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OrganisationPage:
    """Organisations of all states. The directory follows the topics, so a write shows within a moment.

    Values of one facet are alternatives, facets narrow each other, and the counts of each leave out its own choice. A
    number leads to its organisation first.
    """
    after = asked.after(cursor)
    index = await fresh_index(runtime.database)
    async with runtime.database.read(caller) as connection:
        found = await searching.search(
            connection, index, asked.asked(), after=after, limit=limit + 1, with_counts=facets
        )
    rows = found.rows[:limit]
    return OrganisationPage(
        items=[summary(Organisation.model_validate_json(row["data"]), row["sequence"]) for row in rows],
        next_cursor=asked.cursor(rows[-1]) if len(found.rows) > limit else None,
        total=count(found.total) if facets else None,
        facets={name: values_of(counts) for name, counts in found.counts.items()} if facets else None,
        corrected=list(found.corrected) or None,
    )
