"""What an organisation becomes: parts split off, dissolution, being active again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel

from ..usecases.commands import Dissolve, SplitOff
from ..usecases.identity import dissolve_organisation, reopen_organisation, split_organisation
from .views import OrganisationView, outcome, view
from .writing import TargetDep

router = APIRouter(prefix="/api/v1/organisations", tags=["organisations"])

_SPLIT = {
    "part": {
        "summary": "A plant becomes a company of its own",
        "value": {
            "legal_name": "Beispiel Weser Batterie GmbH",
            "legal_form": "350",
            "seat": {"place": "Bremen", "postal_code": "28197", "state": "DE-HB", "ags": "04011", "nuts": "DE501"},
            "register_entry": {"court": "Bremen", "type": "HRB", "number": "990077"},
            "on": "2026-10-01",
            "source": "Handelsregister",
        },
    }
}


class SplitView(BaseModel):
    """The part, and the whole it came from."""

    part: OrganisationView
    whole: OrganisationView


@router.post("/{organisation_id}/split", status_code=201, summary="Split a part off", response_model_exclude_none=True)
async def split(command: Annotated[SplitOff, Body(openapi_examples=_SPLIT)], target: TargetDep) -> SplitView:
    """A part becomes an organisation of its own under the same state: `split` of the whole, `registered` of the part.

    The part names the whole in `split_from`. 409 when an active organisation holds one of its numbers.
    """
    async with target.runtime.database.transaction(target.caller) as connection:
        done = await split_organisation(
            connection,
            target.organisation_id,
            command,
            caller=target.caller,
            served=target.runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=target.expected_version,
        )
    shown = outcome(done, target.response)
    target.response.headers["Location"] = f"/api/v1/organisations/{shown.organisation_id}"
    return SplitView(part=shown, whole=view(done.whole.organisation, done.whole.version))


@router.post("/{organisation_id}/dissolution", summary="Dissolve an organisation", response_model_exclude_none=True)
async def dissolve(command: Dissolve, target: TargetDep) -> OrganisationView:
    """It was dissolved and deleted from its register: memberships and register entry end, numbers become free."""
    return await target.apply(dissolve_organisation, command)


@router.post("/{organisation_id}/reopening", summary="Reopen an organisation", response_model_exclude_none=True)
async def reopen(target: TargetDep) -> OrganisationView:
    """It is active again and takes its numbers back; 409 `identifier_taken` when somebody else holds one by now."""
    return await target.apply(reopen_organisation)
