"""`/api/v1/dead-letters`: what could not be handled, and what operators do about it (docs/operating.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from .. import deadletters
from ..auth import Caller
from ..deadletters import Filter, Place
from ..errors import Conflict
from ..input import Command
from ..requests import Cursor, Limit, QueryText, read_cursor, refused, write_cursor
from ..rights import OPERATE
from ..web import RuntimeDep, caller_with
from .replaying import Action, Outcome, Result, discard, in_turn, no_such_letter, replay
from .views import ActionResult, BatchResult, CountView, LetterPage, LetterView, WholeLetterView

router = APIRouter(prefix="/api/v1/dead-letters")


Operator = Annotated[Caller, caller_with(OPERATE)]
Status = Annotated[
    Literal["open", "replayed", "discarded", "all"], Query(description="`open` ones wait for an operator")
]


def wanted_letters(
    status: Status = "open",
    reason: QueryText | None = None,
    consumer: QueryText | None = None,
    topic: QueryText | None = None,
) -> Filter:
    """Which letters a query asks for."""
    return Filter(status=None if status == "all" else status, reason=reason, consumer=consumer, topic=topic)


Wanted = Annotated[Filter, Depends(wanted_letters)]


class Selection(Command):
    """Which open letters are meant: at least one of these; several narrow the choice. `everything` means all."""

    ids: Annotated[list[UUID], Field(max_length=200)] | None = None
    reason: QueryText | None = None
    consumer: QueryText | None = None
    topic: QueryText | None = None
    everything: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Cursor = None

    def filter(self) -> Filter:
        """The filter it stands for. Raises InvalidInput when it says nothing."""
        if not self.everything and not any((self.ids, self.reason, self.consumer, self.topic)):
            raise refused(
                "body",
                "nennt weder ids, reason, consumer, topic noch everything",
                "names none of ids, reason, consumer, topic, everything",
                code="no_selection",
            )
        return Filter(reason=self.reason, consumer=self.consumer, topic=self.topic, ids=self.ids)


@router.get("", summary="Dead letters, newest first (operators)")
async def list_letters(
    runtime: RuntimeDep, caller: Operator, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None
) -> LetterPage:
    """Without their bytes; `next_cursor` leads to older ones."""
    before = None if cursor is None else read_cursor(cursor, UUID)[0]
    async with runtime.database.read(caller) as connection:
        rows = await deadletters.newest(connection, wanted, before=before, limit=limit + 1)  # type: ignore[arg-type]
    return LetterPage(
        items=[LetterView.of(row, runtime.settings) for row in rows[:limit]],
        next_cursor=write_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


@router.get("/counts", summary="How many dead letters there are, by consumer, topic and reason (operators)")
async def count_letters(runtime: RuntimeDep, caller: Operator, wanted: Wanted) -> list[CountView]:
    """Most first, at most 200 rows."""
    async with runtime.database.read(caller) as connection:
        return [CountView.model_validate(row) for row in await deadletters.counts(connection, wanted)]


@router.get("/{letter_id}", summary="One dead letter with its bytes (operators)")
async def show_letter(runtime: RuntimeDep, caller: Operator, letter_id: UUID) -> WholeLetterView:
    """Key, headers and value as they were delivered. A private topic's record holds personal data."""
    async with runtime.database.read(caller) as connection:
        letter = await deadletters.whole(connection, letter_id)
    if letter is None:
        raise no_such_letter()
    return WholeLetterView.whole(letter, runtime.settings)


@router.post("/replay", summary="Handle a selection of dead letters again, in order (operators)")
async def replay_selection(runtime: RuntimeDep, caller: Operator, selection: Selection) -> BatchResult:
    """Answers after at most some seconds with what became of each letter; `next_cursor` says that there are more."""
    return await _batch(runtime, caller, selection, replay)


@router.post("/discard", summary="Give up a selection of dead letters (operators)")
async def discard_selection(runtime: RuntimeDep, caller: Operator, selection: Selection) -> BatchResult:
    """Answers like a replay of a selection. What is discarded has no effect and cannot be opened again."""
    return await _batch(runtime, caller, selection, discard)


@router.post("/{letter_id}/replay", summary="Handle one dead letter again (operators)")
async def replay_letter(runtime: RuntimeDep, caller: Operator, letter_id: UUID) -> ActionResult:
    """`result` is `replayed`, or `failed` with the new reason; 409 when it is closed or older ones of its key are open.

    The original bytes are read and handled by the consumer that failed, in one transaction with the status change.
    """
    return done_or_conflict(await replay(runtime, letter_id, caller, datetime.now(UTC)))


@router.post("/{letter_id}/discard", summary="Give up one dead letter (operators)")
async def discard_letter(runtime: RuntimeDep, caller: Operator, letter_id: UUID) -> ActionResult:
    """It has no effect and cannot be opened again; 409 when it is closed already."""
    return done_or_conflict(await discard(runtime, letter_id, caller, datetime.now(UTC)))


async def _batch(runtime: RuntimeDep, caller: Caller, selection: Selection, action: Action) -> BatchResult:
    outcomes, last = await in_turn(
        runtime,
        selection.filter(),
        action,
        caller=caller,
        now=datetime.now(UTC),
        after=_place(selection.cursor),
        limit=selection.limit,
    )
    return BatchResult(
        items=[ActionResult.of(outcome) for outcome in outcomes], next_cursor=write_cursor(*last) if last else None
    )


def done_or_conflict(outcome: Outcome) -> ActionResult:
    """One letter's outcome as an answer. Raises Conflict where nothing could be done, and says why."""
    if outcome.result is Result.WAITS:
        older = [str(letter_id) for letter_id in outcome.older]
        raise Conflict(
            f"Ältere offene Dead Letters desselben Schlüssels kommen zuerst: {_listed(older)}.",
            f"Older open dead letters of the same key come first: {_listed(older)}.",
            code="older_letters_open",
            older=older,
        )
    if outcome.result is Result.CLOSED:
        raise Conflict(
            f"Dieser Dead Letter ist schon erledigt ({outcome.reason}, von {outcome.closed_by}).",
            f"This dead letter is closed already ({outcome.reason}, by {outcome.closed_by}).",
            code="letter_closed",
        )
    if outcome.result is Result.NO_CONSUMER:
        raise Conflict(
            "Den Consumer dieses Dead Letters hat der Dienst nicht mehr; er lässt sich nur verwerfen.",
            "The service no longer has this dead letter's consumer; it can only be discarded.",
            code="no_consumer",
        )
    return ActionResult.of(outcome)


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (f" (+ {len(ids) - 3})" if len(ids) > 3 else "")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    parts: Any = read_cursor(cursor, str, str, int, int, UUID)
    return parts  # type: ignore[no-any-return]
