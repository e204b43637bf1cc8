"""Moving seats: within a state, and to another one by offer and acceptance."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Body
from norda_common.auth import Caller
from norda_common.web import RuntimeDep, caller_with

from ..rules.rights import TAKE_OVER
from ..store import handovers
from ..usecases.commands import AcceptRelocation, RefuseRelocation, RelocateSeat
from ..usecases.handovers import accept_relocation, refuse_relocation, withdraw_relocation
from ..usecases.relocation import relocate_seat
from .views import OfferedRelocations, OrganisationView, offered
from .writing import OfferedTargetDep, TargetDep

router = APIRouter(prefix="/api/v1", tags=["relocations"])
MOST_OFFERS = 500

_RELOCATE = {
    "other state": {
        "summary": "From Bremen to Niedersachsen",
        "value": {
            "responsible_state": "ni",
            "seat": {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"},
            "register_entry": {"court": "Walsrode", "type": "HRB", "number": "990105"},
            "date": "2026-12-01",
            "source": "Handelsregister",
        },
    }
}
_ACCEPT = {
    "as offered": {"summary": "As it was offered", "value": {}},
    "completed": {
        "summary": "With the register entry that the losing office did not know",
        "value": {"register_entry": {"court": "Walsrode", "type": "HRB", "number": "990105"}},
    },
}


class Direction(StrEnum):
    """Offers to the caller's office, or by it."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


@router.get("/relocations", summary="List offered relocations", response_model_exclude_none=True)
async def list_offers(
    caller: Annotated[Caller, caller_with(TAKE_OVER)],
    runtime: RuntimeDep,
    direction: Direction = Direction.INCOMING,
) -> OfferedRelocations:
    """What other offices offer to the caller's, or what the caller's office offers; the newest first, at most 500."""
    state = caller.require_own_state(TAKE_OVER)
    listed = handovers.incoming if direction is Direction.INCOMING else handovers.outgoing
    async with runtime.database.read(caller) as connection:
        entries = await listed(connection, state, limit=MOST_OFFERS)
    return OfferedRelocations(
        items=[offered(entry.organisation, entry.sequence) for entry in handovers.latest(entries)]
    )


@router.post(
    "/organisations/{organisation_id}/relocation",
    summary="Move the seat, or offer it to another state",
    response_model_exclude_none=True,
)
async def relocate(
    command: Annotated[RelocateSeat, Body(openapi_examples=_RELOCATE)], target: TargetDep
) -> OrganisationView:
    """Move the seat within the state at once, or offer it to another state's office (`relocation_offered`).

    The responsible office does it. Until the other one has answered nothing of the organisation changes (409
    `relocation_offered`). Old register entries get their end and go on resolving in look-ups.
    """
    return await target.apply(relocate_seat, command)


@router.post(
    "/organisations/{organisation_id}/relocation/acceptance",
    summary="Accept an offered relocation",
    response_model_exclude_none=True,
)
async def accept(
    command: Annotated[AcceptRelocation, Body(openapi_examples=_ACCEPT)], target: OfferedTargetDep
) -> OrganisationView:
    """The receiving office takes it over, with seat and register entry of the offer or those given here.

    Published as `seat_relocated` on the old and the new state's topic. 409 `not_offered` when nothing is.
    """
    return await target.apply(accept_relocation, command)


@router.post(
    "/organisations/{organisation_id}/relocation/refusal",
    summary="Refuse an offered relocation",
    response_model_exclude_none=True,
)
async def refuse(command: RefuseRelocation, target: OfferedTargetDep) -> OrganisationView:
    """The receiving office does not take it over and says why; the losing office is told."""
    return await target.apply(refuse_relocation, command)


@router.post(
    "/organisations/{organisation_id}/relocation/withdrawal",
    summary="Take an offered relocation back",
    response_model_exclude_none=True,
)
async def withdraw(target: TargetDep) -> OrganisationView:
    """The losing office takes its offer back, or puts a refused one away.

    Where another instance serves the other state, the offer is over when that one has said so; until then
    `handover.withdrawn_at` is set, and an acceptance that came first still counts.
    """
    return await target.apply(withdraw_relocation)
