"""Yearly confirmation: links sent to organisations, what they answered, and deciding about what they propose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from norda_common.auth import Caller
from norda_common.errors import NotFound
from norda_common.requests import Cursor, ExpectedVersion, Limit, read_cursor, write_cursor
from norda_common.runtime import Runtime
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel

from ..rules.rights import CHANGE, CONFIRM
from ..settings import link_key
from ..store import confirmation_plans, confirmations
from ..store.confirmation_plans import Plan
from ..store.confirmations import Confirmation
from ..usecases import confirming
from ..usecases.confirming import Links
from ..usecases.links import MOST_AT_ONCE
from ..usecases.profile_commands import DecideCorrection, PlanConfirmations
from ..usecases.yearly import plan_confirmations
from .views import OrganisationView, outcome

router = APIRouter(prefix="/api/v1", tags=["confirmations"])
Officer = Annotated[Caller, caller_with(CHANGE)]
Staff = Annotated[Caller, caller_with(CONFIRM)]


class Asked(BaseModel):
    """Until when the link holds that was sent."""

    expires_at: datetime


class AskedAll(BaseModel):
    """How many links were sent; `more` when others are due still."""

    sent: int
    more: bool


class ConfirmationView(BaseModel):
    """A link and what became of it. `proposal` holds what the organisation proposes, `shown` what it was shown."""

    confirmation_id: UUID
    organisation_id: UUID
    sent_at: datetime
    sent_by: str
    expires_at: datetime
    answer: str | None = None
    answered_at: datetime | None = None
    shown: dict[str, Any] | None = None
    proposal: dict[str, Any] | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    taken: list[str] | None = None
    ended_at: datetime | None = None


class ConfirmationPage(BaseModel):
    """The latest first."""

    items: list[ConfirmationView]
    next_cursor: str | None = None


class PlanView(BaseModel):
    """An office's setting, and who changed it last."""

    yearly: bool
    a_day: int
    changed_at: datetime | None = None
    changed_by: str | None = None


def links_of(runtime: Runtime) -> Links:
    """How this installation makes links. Raises Conflict where no key is set."""
    return Links(base_url=runtime.settings.base_url, key=link_key(runtime.settings))


@router.post("/organisations/{organisation_id}/confirmation", status_code=201, summary="Ask to confirm the profile")
async def ask(organisation_id: UUID, caller: Officer, runtime: RuntimeDep) -> Asked:
    """Send the organisation's contact a link, valid for sixty days and once; an older one ends."""
    async with runtime.database.transaction(caller) as connection:
        expires_at = await confirming.send_confirmation(
            connection,
            organisation_id,
            links=links_of(runtime),
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return Asked(expires_at=expires_at)


@router.post("/confirmations/due", summary="Ask all that are due")
async def ask_all(caller: Officer, runtime: RuntimeDep) -> AskedAll:
    """Send links to own organisations that have not confirmed for a year, at most 500; again sends none twice."""
    async with runtime.database.transaction(caller) as connection:
        sent = await confirming.send_due(
            connection,
            links=links_of(runtime),
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return AskedAll(sent=sent, more=sent == MOST_AT_ONCE)


@router.get("/confirmations", summary="List links and answers", response_model_exclude_none=True)
async def list_confirmations(
    caller: Staff,
    runtime: RuntimeDep,
    organisation: Annotated[UUID | None, Query(description="Only of that organisation")] = None,
    undecided: Annotated[bool, Query(description="Only proposals nobody has decided")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConfirmationPage:
    """Of the own state, the latest first; the links themselves are kept nowhere."""
    state = caller.require_own_state(CONFIRM)
    before = read_cursor(cursor, datetime, UUID) if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await confirmations.listed(
            connection,
            state=state,
            organisation_id=organisation,
            open_only=undecided,
            before=before,  # type: ignore[arg-type]
            limit=limit + 1,
        )
    last = found[limit - 1] if len(found) > limit else None
    return ConfirmationPage(
        items=[_view(item) for item in found[:limit]],
        next_cursor=write_cursor(last.sent_at, last.id) if last else None,
    )


@router.get("/confirmations/plan", summary="Whether links go out by themselves")
async def read_plan(caller: Staff, runtime: RuntimeDep) -> PlanView:
    """Of the own office; off unless it switched that on."""
    state = caller.require_own_state(CONFIRM)
    async with runtime.database.read(caller) as connection:
        return _plan(await confirmation_plans.get(connection, state))


@router.put("/confirmations/plan", summary="Have links go out by themselves, or not any more")
async def plan(command: PlanConfirmations, caller: Officer, runtime: RuntimeDep) -> PlanView:
    """To own organisations that have not confirmed, and were not asked, for a year; so many a day at most."""
    async with runtime.database.transaction(caller) as connection:
        changed = await plan_confirmations(
            connection, command, caller=caller, served=runtime.settings.states, now=datetime.now(UTC)
        )
    return _plan(changed)


@router.get("/confirmations/{confirmation_id}", summary="Read one", response_model_exclude_none=True)
async def read(confirmation_id: UUID, caller: Staff, runtime: RuntimeDep) -> ConfirmationView:
    """A link of the own state and what became of it."""
    async with runtime.database.read(caller) as connection:
        found = await confirmations.get(connection, confirmation_id)
    if found is None:
        raise NotFound("Diesen Link gibt es nicht.", "There is no such link.")
    return _view(found)


@router.post(
    "/confirmations/{confirmation_id}/decision", summary="Decide about a proposal", response_model_exclude_none=True
)
async def decide(
    confirmation_id: UUID,
    command: DecideCorrection,
    caller: Officer,
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> OrganisationView:
    """Take over the named fields and refuse the others; `If-Match` is the organisation's version."""
    async with runtime.database.transaction(caller) as connection:
        result = await confirming.decide(
            connection,
            confirmation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=expected_version,
        )
    return outcome(result, response)


def _plan(found: Plan) -> PlanView:
    return PlanView(yearly=found.yearly, a_day=found.a_day, changed_at=found.changed_at, changed_by=found.changed_by)


def _view(item: Confirmation) -> ConfirmationView:
    return ConfirmationView(
        confirmation_id=item.id,
        organisation_id=item.organisation_id,
        sent_at=item.sent_at,
        sent_by=item.sent_by,
        expires_at=item.expires_at,
        answer=item.answer,
        answered_at=item.answered_at,
        shown=item.shown,
        proposal=item.proposal,
        decided_at=item.decided_at,
        decided_by=item.decided_by,
        taken=None if item.taken is None else list(item.taken),
        ended_at=item.ended_at,
    )
