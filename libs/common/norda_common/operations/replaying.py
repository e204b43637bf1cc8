"""Replaying and discarding dead letters: one transaction per letter, that decides under the letter's row lock.

A replay hands the original bytes to the same consumer's own reading and handling; it goes on no topic. Invariants: the
effect and the status change commit together; a letter waits for the open ones before it of its consumer, topic,
partition and key; what fails again stays open with its new reason; a fault of the surroundings changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
import structlog

from .. import audit, deadletters
from ..auth import Caller
from ..contracts.envelope import UnreadableRecord
from ..database import SYSTEM, Connection, is_transient
from ..deadletters import DISCARDED, OPEN, REPLAYED, Filter, Place
from ..errors import NotFound, Unavailable
from ..runtime import Runtime

log = structlog.get_logger(__name__)

BATCH_SECONDS = 5.0
"""After so long a request answers with what is done and a cursor to go on with."""


class Result(StrEnum):
    """What became of one letter."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"
    FAILED = "failed"
    """It was handled again and failed again; it stays open with the new reason."""
    WAITS = "waits"
    """Older letters of its key are open; nothing was done."""
    CLOSED = "closed"
    """It was replayed or discarded before."""
    NO_CONSUMER = "no_consumer"
    """The service has no consumer of that name any more; nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one letter, with the reason of a failure and the letters it waits for."""

    letter_id: UUID
    result: Result
    reason: str | None = None
    detail: str | None = None
    older: Sequence[UUID] = ()
    closed_by: str | None = None


Action = Callable[[Runtime, UUID, Caller, datetime], Awaitable[Outcome]]


async def replay(runtime: Runtime, letter_id: UUID, caller: Caller, now: datetime) -> Outcome:
    """Let the consumer read and handle the record again. Raises NotFound, and Unavailable when nothing was changed.

    Harmless when repeated: a closed letter is left alone, and two operators at once wait for each other.
    """
    by = caller.subject
    # The consumer handles the record as ever: for the service, not for the operator.
    async with runtime.database.transaction(SYSTEM) as connection:
        letter = await _locked(connection, letter_id)
        if letter["status"] != OPEN:
            return _closed(letter)
        older = await deadletters.open_before(connection, letter)
        if older:
            return Outcome(letter_id=letter_id, result=Result.WAITS, older=older)
        fault = await _handle(runtime, connection, letter, now)
        if isinstance(fault, Outcome):
            return fault
        if fault is not None:
            await deadletters.keep_open(connection, letter_id, reason=fault.code, detail=fault.detail, by=by, now=now)
            outcome = Outcome(letter_id=letter_id, result=Result.FAILED, reason=fault.code, detail=fault.detail)
        else:
            await deadletters.close(connection, letter_id, status=REPLAYED, by=by, now=now)
            await audit.record(connection, caller, audit.Entry("dead_letter.replay", "dead_letter", str(letter_id)))
            outcome = Outcome(letter_id=letter_id, result=Result.REPLAYED)
    log.info("dead letter handled again", letter_id=str(letter_id), result=outcome.result.value, by=by)
    return outcome


async def discard(runtime: Runtime, letter_id: UUID, caller: Caller, now: datetime) -> Outcome:
    """Close the letter without any effect. Raises NotFound. Harmless when repeated."""
    by = caller.subject
    async with runtime.database.transaction(caller) as connection:
        letter = await _locked(connection, letter_id)
        if letter["status"] != OPEN:
            return _closed(letter)
        await deadletters.close(connection, letter_id, status=DISCARDED, by=by, now=now)
        await audit.record(connection, caller, audit.Entry("dead_letter.discard", "dead_letter", str(letter_id)))
    log.info("dead letter discarded", letter_id=str(letter_id), by=by)
    return Outcome(letter_id=letter_id, result=Result.DISCARDED)


async def in_turn(
    runtime: Runtime, wanted: Filter, action: Action, *, caller: Caller, now: datetime, after: Place | None, limit: int
) -> tuple[list[Outcome], Place | None]:
    """Do it to the letters in the order of their topics; returns what became of each, and where to go on.

    Ends early after BATCH_SECONDS, or with a fault of the surroundings once something is done: the next call meets it.
    """
    async with runtime.database.read(caller) as connection:
        places = await deadletters.in_order(connection, wanted, after=after, limit=limit + 1)
    outcomes: list[Outcome] = []
    last, started = after, time.monotonic()
    for row in places[:limit]:
        if outcomes and time.monotonic() - started > BATCH_SECONDS:
            return outcomes, last
        try:
            outcomes.append(await action(runtime, row["id"], caller, now))
        except NotFound:
            # It was closed and forgotten since the places were read.
            pass
        except Exception as error:
            if not outcomes or not (isinstance(error, Unavailable) or is_transient(error)):
                raise
            return outcomes, last
        last = (row["consumer"], row["topic"], row["partition"], row["offset"], row["id"])
    return outcomes, last if len(places) > limit else None


async def _locked(connection: Connection, letter_id: UUID) -> asyncpg.Record:
    letter = await deadletters.whole(connection, letter_id, lock=True)
    if letter is None:
        raise no_such_letter()
    return letter


async def _handle(
    runtime: Runtime, connection: Connection, letter: asyncpg.Record, now: datetime
) -> UnreadableRecord | Outcome | None:
    """Handle it within a savepoint: None, the fault for which it stays dead, or that there is nobody to handle it."""
    consumer = next((item for item in runtime.consumer_runtimes if item.consumer.name == letter["consumer"]), None)
    if consumer is None:
        return Outcome(letter_id=letter["id"], result=Result.NO_CONSUMER)
    try:
        async with connection.transaction():
            await consumer.apply_again(connection, deadletters.record_of(letter), now)
    except UnreadableRecord as fault:
        return fault
    except Exception as error:
        if not is_transient(error):
            raise
        raise Unavailable(
            "Die Umgebung ist gestört; es wurde nichts geändert. Bitte später noch einmal.",
            "The surroundings are faulty; nothing was changed. Please try again later.",
        ) from error
    return None


def no_such_letter() -> NotFound:
    """The refusal for an id nobody knows, or of a letter that was closed and is forgotten."""
    return NotFound("Diesen Dead Letter gibt es nicht.", "There is no such dead letter.")


def _closed(letter: asyncpg.Record) -> Outcome:
    return Outcome(letter_id=letter["id"], result=Result.CLOSED, reason=letter["status"], closed_by=letter["closed_by"])
