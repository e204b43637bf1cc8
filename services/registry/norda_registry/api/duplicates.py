"""Organisations that may be the same: the list of suspects, looking for them, and saying that they are two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from norda_common.auth import Caller
from norda_common.errors import Text
from norda_common.requests import Cursor, Limit, read_cursor, write_cursor
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.duplicates import RuleClass
from ..rules.rights import DUPLICATES, READ
from ..store import duplicates
from ..store.likenesses import Known
from ..usecases.commands import CheckDuplicates, TellApart
from ..usecases.duplicates import suspect_again, tell_apart

router = APIRouter(prefix="/api/v1/duplicates", tags=["duplicates"])
Decides = Annotated[Caller, caller_with(DUPLICATES)]
PLACES = 1_000_000
"""Scores travel in cursors as whole numbers."""


class ReasonView(BaseModel):
    """A sentence in both languages."""

    de: str
    en: str


class KnownView(BaseModel):
    """An organisation of any state as it was compared a moment ago: a status changed just now shows with the next look.

    What all three states see of it, and nothing else.
    """

    organisation_id: UUID
    legal_name: str
    place: str | None = None
    postal_code: str | None = None
    responsible_state: str
    status: str


class VerdictView(BaseModel):
    """Which office said that they are two companies, and why; `decided_by` is a pseudonymous subject."""

    state: str
    reason: str
    decided_by: str
    decided_at: datetime


class PairView(BaseModel):
    """Two organisations that may be one."""

    first: KnownView
    second: KnownView
    score: float = Field(ge=0, le=1)
    rule: RuleClass
    reasons: list[ReasonView]
    found_at: datetime
    verdict: VerdictView | None = None


class PairPage(BaseModel):
    """Pairs, the likeliest first; `next_cursor` is absent on the last page."""

    items: list[PairView]
    next_cursor: str | None = None


class SuspectView(BaseModel):
    """An organisation that may be the one asked about."""

    organisation: KnownView
    score: float = Field(ge=0, le=1)
    rule: RuleClass
    reasons: list[ReasonView]


@router.get("", summary="List suspects", response_model_exclude_none=True)
async def list_pairs(
    caller: Decides,
    runtime: RuntimeDep,
    rule: RuleClass | None = None,
    decided: Annotated[bool, Query(description="Those of which an office said that they are two, instead")] = False,
    organisation: Annotated[UUID | None, Query(description="Pairs of this one only")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PairPage:
    """Pairs that have an organisation of the caller's state. Looked for anew whenever one of the two changes."""
    state = caller.require_own_state(DUPLICATES)
    after = place_of(cursor)
    async with runtime.database.read(caller) as connection:
        found = await duplicates.listed(
            connection,
            state=state.value,
            rule=rule,
            decided=decided,
            about=organisation,
            after=after,
            limit=limit + 1,
        )
    shown = found[:limit]
    return PairPage(
        items=[_pair(pair) for pair in shown], next_cursor=cursor_of(shown[-1]) if len(found) > limit else None
    )


def place_of(cursor: str | None) -> tuple[float, UUID, UUID] | None:
    """Where a page begins. Raises InvalidInput for what nobody gave out."""
    if cursor is None:
        return None
    score, first, second = read_cursor(cursor, int, UUID, UUID)
    assert isinstance(score, int)  # noqa: S101 - as read
    assert isinstance(first, UUID)  # noqa: S101
    assert isinstance(second, UUID)  # noqa: S101
    return score / PLACES, first, second


def cursor_of(pair: duplicates.Pair) -> str:
    """Where the next page begins."""
    return write_cursor(round(pair.score * PLACES), pair.first.organisation_id, pair.second.organisation_id)


@router.post("/check", summary="Look for suspects", response_model_exclude_none=True)
async def check(
    command: CheckDuplicates, caller: Annotated[Caller, caller_with(READ)], runtime: RuntimeDep
) -> list[SuspectView]:
    """Organisations of all states that may be the one described, the likeliest first. Stores nothing."""
    async with runtime.database.read(caller) as connection:
        found = await duplicates.suspects(connection, command.candidate(), least=command.rule)
    return [
        SuspectView(
            organisation=_known(suspect.known),
            score=suspect.judgement.score,
            rule=suspect.judgement.rule or RuleClass.GENERAL,
            reasons=[_reason(text) for text in suspect.judgement.reasons],
        )
        for suspect in found
    ]


@router.put("/{one_id}/{other_id}/verdict", status_code=204, summary="Say that they are two companies")
async def decide(one_id: UUID, other_id: UUID, command: TellApart, caller: Decides, runtime: RuntimeDep) -> None:
    """By the office of one of the two; it holds across later changes. Again changes nothing."""
    async with runtime.database.transaction(caller) as connection:
        await tell_apart(
            connection,
            one_id,
            other_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )


@router.delete("/{one_id}/{other_id}/verdict", status_code=204, summary="Suspect them again")
async def reopen(one_id: UUID, other_id: UUID, caller: Decides, runtime: RuntimeDep) -> None:
    """Take back that they are two companies. Again changes nothing."""
    async with runtime.database.transaction(caller) as connection:
        await suspect_again(connection, one_id, other_id, caller=caller, served=runtime.settings.states)


def _pair(pair: duplicates.Pair) -> PairView:
    verdict = None
    if pair.state and pair.reason and pair.decided_by and pair.decided_at:
        verdict = VerdictView(
            state=pair.state, reason=pair.reason, decided_by=pair.decided_by, decided_at=pair.decided_at
        )
    return PairView(
        first=_known(pair.first),
        second=_known(pair.second),
        score=pair.score,
        rule=pair.rule,
        reasons=[_reason(text) for text in pair.reasons],
        found_at=pair.found_at,
        verdict=verdict,
    )


def _known(known: Known) -> KnownView:
    candidate = known.candidate
    return KnownView(
        organisation_id=known.organisation_id,
        legal_name=candidate.name,
        place=candidate.place,
        postal_code=candidate.postal_code,
        responsible_state=known.responsible_state,
        status=known.status,
    )


def _reason(text: Text) -> ReasonView:
    return ReasonView(de=text.de, en=text.en)
