"""Mergers: preview, doing or proposing one, agreeing, withdrawing, and taking one back within thirty days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Response
from norda_common.auth import Caller
from norda_common.requests import ExpectedVersion
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.merging import MergerKind
from ..rules.rights import MERGE, READ
from ..store import mergers
from ..store.mergers import Merger
from ..usecases.commands import MergeInto
from ..usecases.merging import Merging, accept_merger, merge_organisation, withdraw_merger
from ..usecases.previewing import preview_merger
from ..usecases.unmerging import undo_merger, undo_until
from .views import OrganisationView, WarningView, outcome, warning

router = APIRouter(prefix="/api/v1/organisations/{organisation_id}", tags=["mergers"])
Merges = Annotated[Caller, caller_with(MERGE)]

_MERGE = {
    "merger": {
        "summary": "A merger of two companies (Verschmelzung)",
        "value": {"into": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f", "kind": "merger", "date": "2026-11-01"},
    },
    "duplicate": {
        "summary": "One company, entered twice",
        "value": {"into": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f", "kind": "duplicate", "take": ["vat_id", "sites"]},
    },
}


class MergerView(BaseModel):
    """A merger, or the proposal of one."""

    merged_id: UUID
    kept_id: UUID
    merged_state: str
    kept_state: str
    kind: MergerKind
    merged_on: date
    taken: tuple[str, ...]
    status: str = Field(description="proposed, merged or undone")
    proposed_at: datetime
    proposed_by: str
    merged_at: datetime | None = None
    merged_by: str | None = None
    undo_until: date | None = Field(default=None, description="The last day on which it can be taken back")
    undone_at: datetime | None = None
    undone_by: str | None = None


class MergerResult(BaseModel):
    """What came of it; `organisation` is the one that stays, absent while the other one's office has not agreed."""

    merger: MergerView
    organisation: OrganisationView | None = None


class FieldChoice(BaseModel):
    """A field in which the two differ."""

    name: str
    kept: Any = None
    merged: Any = None
    proposed: bool = Field(description="Whether it is taken over unless somebody chooses otherwise")


class MergerPreview(BaseModel):
    """What a merger would do."""

    into: UUID
    kind: MergerKind
    by_proposal: bool = Field(description="The other one is another state's, whose office has to agree")
    fields: list[FieldChoice]
    participations: int = Field(description="Registrations for events that follow")
    notes: int = Field(description="Notes the caller may know of that are shown with the one that stays")
    memberships: int = Field(description="Memberships that end, unless they are taken over")
    numbers: tuple[str, ...] = Field(description="Numbers that lead to the one that stays from then on")
    warnings: tuple[WarningView, ...] = ()


@router.post(
    "/merger",
    summary="Merge into another organisation",
    response_model_exclude_none=True,
    responses={202: {"model": MergerResult, "description": "Proposed: the office of the other state has to agree"}},
)
async def merge(
    organisation_id: UUID,
    command: Annotated[MergeInto, Body(openapi_examples=_MERGE)],
    caller: Merges,
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> MergerResult:
    """By the office of the one that stays (`into`): at once where it keeps the other one too, else as a proposal (202).

    The merged one's address redirects for ever, its numbers go on resolving, registrations follow, consents do not.
    """
    async with runtime.database.transaction(caller) as connection:
        done = await merge_organisation(
            connection,
            organisation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=expected_version,
        )
    if done.outcome is None:
        response.status_code = 202
    return _result(done, response)


@router.post("/merger/acceptance", summary="Agree to a proposed merger", response_model_exclude_none=True)
async def accept(
    organisation_id: UUID,
    caller: Merges,
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> MergerResult:
    """No body. By the office of the one that becomes part of the other; it is carried out with that."""
    async with runtime.database.transaction(caller) as connection:
        done = await accept_merger(
            connection,
            organisation_id,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=expected_version,
        )
    return _result(done, response)


@router.delete("/merger", status_code=204, summary="Withdraw or refuse a proposed merger")
async def withdraw(organisation_id: UUID, caller: Merges, runtime: RuntimeDep) -> None:
    """By either office, as long as it has not been carried out. Again changes nothing."""
    async with runtime.database.transaction(caller) as connection:
        await withdraw_merger(connection, organisation_id, caller=caller, served=runtime.settings.states)


@router.post("/merger/undo", summary="Take a merger back", response_model_exclude_none=True)
async def undo(organisation_id: UUID, caller: Merges, runtime: RuntimeDep, response: Response) -> MergerResult:
    """No body. Within thirty days, by either office. What somebody changed since stays as it is (`warnings`)."""
    async with runtime.database.transaction(caller) as connection:
        done = await undo_merger(
            connection,
            organisation_id,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    return _result(done, response)


@router.get("/mergers", summary="Mergers in which an organisation has a part", response_model_exclude_none=True)
async def list_mergers(
    organisation_id: UUID, caller: Annotated[Caller, caller_with(READ)], runtime: RuntimeDep
) -> list[MergerView]:
    """Proposals, mergers and what was taken back, the newest first; also of a merged organisation's own address."""
    async with runtime.database.read(caller) as connection:
        found = await mergers.of(connection, organisation_id)
    return [merger_view(merger) for merger in found]


@router.get("/merger/preview", summary="What a merger would do", response_model_exclude_none=True)
async def preview(
    organisation_id: UUID, into: UUID, caller: Merges, runtime: RuntimeDep, kind: MergerKind = MergerKind.DUPLICATE
) -> MergerPreview:
    """Side by side what differs, what is taken over unless chosen otherwise, and what follows. Stores nothing."""
    async with runtime.database.read(caller) as connection:
        found = await preview_merger(connection, organisation_id, into, kind, caller=caller)
    return MergerPreview(
        into=into,
        kind=kind,
        by_proposal=found.by_proposal,
        fields=[
            FieldChoice(
                name=name,
                kept=found.value(name, of_kept=True),
                merged=found.value(name, of_kept=False),
                proposed=name in found.proposed,
            )
            for name in found.differing
        ],
        participations=found.participations,
        notes=found.notes,
        memberships=found.memberships,
        numbers=found.numbers,
        warnings=tuple(warning(item) for item in found.warnings),
    )


def merger_view(merger: Merger) -> MergerView:
    """A merger as answered."""
    status = "undone" if merger.undone_at else "merged" if merger.merged_at else "proposed"
    return MergerView(
        **{name: getattr(merger, name) for name in MergerView.model_fields if hasattr(merger, name)},
        status=status,
        undo_until=undo_until(merger),
    )


def _result(done: Merging, response: Response) -> MergerResult:
    return MergerResult(
        merger=merger_view(done.merger), organisation=outcome(done.outcome, response) if done.outcome else None
    )
