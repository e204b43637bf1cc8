"""Routes of the read model of organisations: what this service knows, from topics alone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from norda_common.auth import Caller
from norda_common.errors import Moved, NotFound
from norda_common.requests import Cursor, Limit, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with
from norda_common.web.documented import MOVED

from ..rules.rights import READ
from ..store import organisations
from .edge import organisation_place
from .views import OrganisationPage, OrganisationView, organisation_view

router = APIRouter(prefix="/api/v1/organisations", tags=["organisations"])


@router.get("", summary="Organisations this service knows")
async def list_organisations(
    runtime: RuntimeDep,
    caller: Annotated[Caller, caller_with(READ)],
    state: State | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OrganisationPage:
    """All states' organisations as the registry's topics tell them, in id order."""
    after = organisation_place(cursor)
    async with runtime.database.read(caller) as connection:
        found = await organisations.page(connection, state=state.value if state else None, after=after, limit=limit + 1)
    shown = found[:limit]
    return OrganisationPage(
        items=[organisation_view(item) for item in shown],
        next_cursor=write_cursor(shown[-1].id) if len(found) > limit else None,
    )


@router.get(
    "/{organisation_id}",
    summary="An organisation as this service knows it",
    responses=MOVED,
)
async def get_organisation(
    organisation_id: UUID, runtime: RuntimeDep, caller: Annotated[Caller, caller_with(READ)]
) -> OrganisationView:
    """404 while its topic's record has not arrived; 308 to the one that a merged organisation has become part of."""
    async with runtime.database.read(caller) as connection:
        organisation = await organisations.get(connection, organisation_id)
        if organisation is None:
            raise NotFound("Diese Organisation ist hier nicht bekannt.", "This organisation is not known here.")
        kept = (await organisations.successors(connection, [organisation_id]))[organisation_id]
    if kept != organisation_id:
        raise Moved(
            f"„{organisation.name[:120]}“ ist in einer anderen Organisation aufgegangen.",
            f"“{organisation.name[:120]}” has become part of another organisation.",
            location=f"/api/v1/organisations/{kept}",
            organisation_id=str(organisation_id),
            merged_into=str(kept),
        )
    return organisation_view(organisation)
