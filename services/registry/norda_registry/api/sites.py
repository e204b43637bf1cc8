"""Sites of an organisation and its memberships in clusters."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.web import CallerDep, RuntimeDep

from ..usecases import sites
from ..usecases.commands import AddSite, EndMembership, JoinCluster
from .organisations import IfMatch
from .views import OrganisationView, outcome

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}", tags=["sites and memberships"])


@router.post("/sites", status_code=201, summary="Add a site", response_model_exclude_none=True)
async def add_site(
    organisation_id: UUID,
    command: AddSite,
    caller: CallerDep,
    runtime: RuntimeDep,
    response: Response,
    if_match: IfMatch,
) -> OrganisationView:
    """Add a further place of business; the same one again changes nothing."""
    now = datetime.now(UTC)
    async with runtime.database.transaction() as connection:
        result = await sites.add_site(
            connection,
            organisation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=now,
            expected_version=if_match,
        )
    return outcome(result, response)


@router.delete("/sites/{site_id}", summary="Remove a site", response_model_exclude_none=True)
async def remove_site(
    organisation_id: UUID,
    site_id: UUID,
    caller: CallerDep,
    runtime: RuntimeDep,
    response: Response,
    if_match: IfMatch,
) -> OrganisationView:
    """Take a site out; the history of versions keeps it."""
    now = datetime.now(UTC)
    async with runtime.database.transaction() as connection:
        result = await sites.remove_site(
            connection,
            organisation_id,
            site_id,
            caller=caller,
            served=runtime.settings.states,
            now=now,
            expected_version=if_match,
        )
    return outcome(result, response)


@router.post("/memberships", status_code=201, summary="Join a cluster", response_model_exclude_none=True)
async def join_cluster(
    organisation_id: UUID,
    command: JoinCluster,
    caller: CallerDep,
    runtime: RuntimeDep,
    response: Response,
    if_match: IfMatch,
) -> OrganisationView:
    """Become a member of a cluster of any state, from `valid_from` on; who is a member already stays it."""
    now = datetime.now(UTC)
    async with runtime.database.transaction() as connection:
        result = await sites.join_cluster(
            connection,
            organisation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=now,
            expected_version=if_match,
        )
    return outcome(result, response)


@router.post("/memberships/{cluster_id}/end", summary="End a membership", response_model_exclude_none=True)
async def end_membership(
    organisation_id: UUID,
    cluster_id: UUID,
    command: EndMembership,
    caller: CallerDep,
    runtime: RuntimeDep,
    response: Response,
    if_match: IfMatch,
) -> OrganisationView:
    """End the membership that holds, on `valid_to` or today; it stays in the organisation's record."""
    now = datetime.now(UTC)
    async with runtime.database.transaction() as connection:
        result = await sites.end_membership(
            connection,
            organisation_id,
            cluster_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=now,
            expected_version=if_match,
        )
    return outcome(result, response)
