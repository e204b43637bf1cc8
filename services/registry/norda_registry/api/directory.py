"""Finding organisations of all states: lists with filters and search, and look-up by number."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.requests import Cursor, Limit, QueryText, read_cursor, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with

from ..rules.names import query_words
from ..rules.rights import READ
from ..store import searches
from ..usecases.commands import Kind
from ..usecases.lookup import find_as_of, find_by_identifier
from ..usecases.organisations import local_day
from .views import (
    FoundAsOf,
    FoundOrganisation,
    LookupAsOf,
    LookupResult,
    OrganisationPage,
    summary,
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
    q: Annotated[
        QueryText | None,
        Query(description="Beginnings of words of names and places; ä or ae, ß or ss, any case"),
    ] = None,
    state: Annotated[State | None, Query(description="Responsible state")] = None,
    kind: Kind | None = None,
    competence: Annotated[QueryText | None, Query(description="`BAT` finds `BAT-02` too")] = None,
    cluster: Annotated[QueryText | None, Query(description="Code of a cluster it is a member of now")] = None,
    status: Annotated[QueryText | None, Query(description="`active`, `deactivated`, `dissolved` or `merged`")] = None,
    released: Annotated[bool, Query(description="Only what is released for the public, and active")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OrganisationPage:
    """Organisations of all states, by name. The directory follows the topics, so a write shows within a moment."""
    filters = searches.Filters(
        words=query_words(q or ""),
        state=state,
        kind=kind,
        competence=competence.upper() if competence else None,
        cluster=cluster.upper() if cluster else None,
        status=status,
        released=released,
    )
    after = read_cursor(cursor, str, UUID) if cursor else None
    async with runtime.database.read(caller) as connection:
        rows = await searches.listed(connection, filters, after=after, limit=limit + 1)
    items = [summary(Organisation.model_validate_json(row["data"]), row["sequence"]) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return OrganisationPage(
        items=items,
        next_cursor=write_cursor(last["sort_name"], last["organisation_id"]) if last else None,
    )
