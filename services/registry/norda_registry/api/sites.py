"""Sites of an organisation and its memberships in clusters."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ..usecases import sites
from ..usecases.commands import AddSite, EndMembership, JoinCluster
from .views import OrganisationView
from .writing import TargetDep

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}", tags=["sites and memberships"])


@router.post("/sites", status_code=201, summary="Add a site", response_model_exclude_none=True)
async def add_site(command: AddSite, target: TargetDep) -> OrganisationView:
    """Add a further place of business; the same one again changes nothing."""
    return await target.apply(sites.add_site, command)


@router.delete("/sites/{site_id}", summary="Remove a site", response_model_exclude_none=True)
async def remove_site(site_id: UUID, target: TargetDep) -> OrganisationView:
    """Take a site out; the history of versions keeps it."""
    return await target.apply(sites.remove_site, site_id)


@router.post("/memberships", status_code=201, summary="Join a cluster", response_model_exclude_none=True)
async def join_cluster(command: JoinCluster, target: TargetDep) -> OrganisationView:
    """Become a member of a cluster of any state, from `valid_from` on; who is a member already stays it."""
    return await target.apply(sites.join_cluster, command)


@router.post("/memberships/{cluster_id}/end", summary="End a membership", response_model_exclude_none=True)
async def end_membership(cluster_id: UUID, command: EndMembership, target: TargetDep) -> OrganisationView:
    """End the membership that holds, on `valid_to` or today; it stays in the organisation's record."""
    return await target.apply(sites.end_membership, cluster_id, command)
