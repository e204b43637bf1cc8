"""Sites of an organisation and its memberships in clusters."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ..usecases import memberships, sites
from ..usecases.commands import AddSite, EndMembership, JoinCluster
from ..usecases.profile_commands import CorrectMembership
from .views import OrganisationView
from .writing import TargetDep

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}", tags=["sites and memberships"])


@router.post("/sites", status_code=201, summary="Add a site", response_model_exclude_none=True)
async def add_site(command: AddSite, target: TargetDep) -> OrganisationView:
    """Add a further place of business; the same one again changes nothing."""
    return await target.apply(sites.add_site, command)


@router.put("/sites/{site_id}", summary="Correct a site", response_model_exclude_none=True)
async def change_site(site_id: UUID, command: AddSite, target: TargetDep) -> OrganisationView:
    """Correct name and address, with AGS and NUTS; the site's id stays."""
    return await target.apply(sites.change_site, site_id, command)


@router.delete("/sites/{site_id}", summary="Remove a site", response_model_exclude_none=True)
async def remove_site(site_id: UUID, target: TargetDep) -> OrganisationView:
    """Take a site out; the history of versions keeps it."""
    return await target.apply(sites.remove_site, site_id)


@router.post("/memberships", status_code=201, summary="Join a cluster", response_model_exclude_none=True)
async def join_cluster(command: JoinCluster, target: TargetDep) -> OrganisationView:
    """Become a member of a cluster of any state, from `valid_from` on; who is a member already stays it."""
    return await target.apply(memberships.join_cluster, command)


@router.post("/memberships/{cluster_id}/end", summary="End a membership", response_model_exclude_none=True)
async def end_membership(cluster_id: UUID, command: EndMembership, target: TargetDep) -> OrganisationView:
    """End the membership that holds, on `valid_to` or today; it stays in the organisation's record."""
    return await target.apply(memberships.end_membership, cluster_id, command)


@router.patch("/memberships/{cluster_id}", summary="Correct a membership", response_model_exclude_none=True)
async def correct_membership(cluster_id: UUID, command: CorrectMembership, target: TargetDep) -> OrganisationView:
    """Correct its kind and days, also of an ended one; `begins` says which of several in the cluster."""
    return await target.apply(memberships.correct_membership, cluster_id, command)
