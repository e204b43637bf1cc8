"""What became of the mails, committed by those that wait for it together: a commit costs more than a mail's row.

Invariant: an attempt stays listed until it is committed or found to be what cannot be. So an attempt whose own task is
cancelled, or that shares a commit with one that fails, is settled by the next, and its mail does not go out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import SYSTEM, Database, is_transient
from opentelemetry.trace import Span, use_span

from .mail.smtp import Verdict
from .usecases.deliver import settle

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A claimed mail and what the server said of it; its delivery's event continues the span's trace."""

    claimed: Record
    verdict: Verdict
    span: Span


class Settlements:
    """The attempts of one postman, whose leases `owner` marks; `away` is called whenever the database is found away."""

    def __init__(self, database: Database, *, owner: UUID, away: Callable[[], None]) -> None:
        self._database = database
        self._owner = owner
        self._away = away
        self._open: list[Attempt] = []
        self._committing = asyncio.Lock()

    async def add(self, attempt: Attempt) -> None:
        """Commit what became of a mail, however long the database is away: forgetting it would send the mail twice.

        Attempts that end while a commit is under way share the next one, so a commit settles no more than those.
        Raises what is no passing fault of the database, for the attempt that has it alone.
        """
        self._open.append(attempt)
        async with self._committing:
            together = list(self._open)
            while attempt in self._open:
                try:
                    await self._settle(together)
                except Exception as error:
                    if is_transient(error):
                        self._away()
                        await asyncio.sleep(RETRY_SECONDS)
                    elif together == [attempt]:
                        self._open.remove(attempt)
                        raise
                    else:
                        # One of them has a fault that stays: from here on each speaks for itself.
                        together = [attempt]
                else:
                    self._open = [item for item in self._open if item not in together]

    async def _settle(self, attempts: Sequence[Attempt]) -> None:
        async with self._database.transaction(SYSTEM) as connection:
            for attempt in attempts:
                with use_span(attempt.span):
                    await settle(
                        connection,
                        attempt.claimed,
                        owner=self._owner,
                        outcome=attempt.verdict.outcome,
                        error=attempt.verdict.error,
                        now=datetime.now(UTC),
                    )
