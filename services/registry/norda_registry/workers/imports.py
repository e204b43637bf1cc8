"""What the registry does beside its requests: staged imports, one at a time per state, in the name of whoever asked.

Every batch is one transaction, which also says how far the import is; a lease on the import lets another process go on
when this one has died. Who has lost the lease, or whose import was cancelled, notices before it writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from norda_common.auth import Caller
from norda_common.database import SYSTEM, Connection, is_transient
from norda_common.identifiers import new_id
from norda_common.rights import Role
from norda_common.runtime import Runtime
from norda_common.states import State
from norda_common.telemetry import context_of, tracer

from ..store import imports, likenesses
from ..store.imports import Import
from ..store.organisations import NumberTaken
from ..usecases.imports import applying, plan_batch, reverting
from ..usecases.imports.applying import ApplyRun
from ..usecases.imports.forgetting import forget_ended
from ..usecases.imports.plan_batch import PlanRun
from ..usecases.imports.reverting import RevertRun
from ..usecases.suspecting import TAKEN_APART_AT_ONCE, take_apart_marked
from .row_reader import RowReader

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
"""The floor: what this process commits wakes the worker at once."""
LEASE = timedelta(seconds=15)
"""Longer than a batch takes; so long an import waits whose process was killed."""
FORGET_SECONDS = 3600
BREATH_SECONDS = 0.05
Run = PlanRun | ApplyRun | RevertRun


async def work_on_imports(runtime: Runtime) -> None:
    """Plan, apply and take back imports of the states this instance serves, until cancelled."""
    owner = new_id()
    async with asyncio.TaskGroup() as tasks:
        for state in runtime.settings.states:
            tasks.create_task(_Desk(runtime, state, owner).run())
        tasks.create_task(_forget(runtime))


async def _forget(runtime: Runtime) -> None:
    while True:
        forgotten = 0
        try:
            async with runtime.database.transaction(SYSTEM, news=False) as connection:
                forgotten = await forget_ended(connection, now=_now())
        except Exception as error:
            if not is_transient(error):
                raise
        await asyncio.sleep(1 if forgotten else FORGET_SECONDS)


class _Desk:
    """The imports of one state."""

    def __init__(self, runtime: Runtime, state: State, owner: UUID) -> None:
        self._database = runtime.database
        self._served = runtime.settings.states
        self._state = state
        self._owner = owner
        self._committed = runtime.database.commit_signal()

    async def run(self) -> None:
        """Go on for ever; while the database is away, which health shows by itself, there is nothing to do."""
        while True:
            try:
                await self._round()
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(POLL_SECONDS)

    async def _round(self) -> None:
        # Before the claim: what is committed after this and missed by the claim ends the wait below.
        self._committed.clear()
        async with self._database.transaction(SYSTEM, news=False) as connection:
            found = await imports.claim(
                connection, self._state.value, owner=self._owner, now=_now(), lease_until=_now() + LEASE
            )
        if found is not None:
            await self._work(found)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._committed.wait(), POLL_SECONDS)

    async def _work(self, found: Import) -> None:
        """Go on with an import until its phase is through, or it is somebody else's."""
        caller = _caller(found)
        with tracer().start_as_current_span(
            f"import {found.status}",
            context=context_of(found.traceparent),
            attributes={"norda.import.id": str(found.id), "norda.import.rows": found.total},
        ):
            reader, run = RowReader(found), None
            try:
                run = await self._begin(found, caller, reader)
                while run is not None and await self._batch(found, caller, run):
                    pass
            finally:
                if isinstance(run, PlanRun | ApplyRun):
                    run.forget_upcoming()
                await reader.close()

    async def _begin(self, found: Import, caller: Caller, reader: RowReader) -> Run | None:
        if found.status == "planning":
            if not await self._all_comparable(found):
                return None
            async with self._database.transaction(caller, news=False) as connection:
                if not await imports.hold(connection, found.id, found.status, owner=self._owner):
                    return None
                return await plan_batch.begin_planning(connection, found, read=reader.read, now=_now())
        if found.status == "applying" and not await self._all_comparable(found):
            return None
        async with self._database.transaction(caller, news=False) as connection:
            # What was done before this process took over says nothing of how quick it is.
            await imports.change(connection, found.id, phase_started_at=_now(), phase_done=found.done)
        if found.status == "applying":
            looking = partial(self._database.transaction, caller, news=False)
            return ApplyRun(found, caller, self._served, looking, after=found.cursor_row, done=found.done)
        return RevertRun(found, caller, self._served, after=found.cursor_row, done=found.done)

    async def _all_comparable(self, found: Import) -> bool:
        """Let nothing that the directory holds be missed as a duplicate because nobody has taken it apart yet; False
        when the import is no longer this worker's.
        """
        began = _now()
        while True:
            async with self._database.transaction(SYSTEM, news=False) as connection:
                if not await imports.hold(connection, found.id, found.status, owner=self._owner):
                    return False
                await imports.change(connection, found.id, lease_until=_now() + LEASE)
            async with self._database.transaction(SYSTEM, news=False) as connection:
                taken = await take_apart_marked(connection, now=_now())
            async with self._database.read(SYSTEM) as connection:
                if not await likenesses.any_marked(connection, until=began):
                    return True
            if taken < TAKEN_APART_AT_ONCE:
                # The rest is being taken apart by the worker whose work it is.
                await asyncio.sleep(BREATH_SECONDS)

    async def _batch(self, found: Import, caller: Caller, run: Run) -> bool:
        """One batch in one transaction. A number taken meanwhile, or a fault of a row, is told of that row."""
        most = run.limit
        try:
            return await self._in_transaction(found, caller, lambda connection: _step(connection, run))
        except NumberTaken as error:
            assert not isinstance(run, PlanRun)  # noqa: S101 - planning gives no number away
            run.taken.add(error.number)
            return True
        except Exception as error:
            if is_transient(error):
                raise
            # The fault is one row's: smaller batches find it, and it is passed over and told.
            log.exception("a batch of an import failed", import_id=str(found.id), rows=most)
            if isinstance(run, PlanRun | ApplyRun):
                run.forget_upcoming()
            if run.limit > 1:
                run.limit = max(1, run.limit // 10)
                return True
            again = await self._in_transaction(found, caller, lambda connection: _give_up(connection, run))
            run.limit = 100
            return again

    async def _in_transaction(
        self, found: Import, caller: Caller, step: Callable[[Connection], Awaitable[bool]]
    ) -> bool:
        async with self._database.transaction(caller) as connection:
            if not await imports.hold(connection, found.id, found.status, owner=self._owner):
                return False
            await imports.change(connection, found.id, lease_until=_now() + LEASE)
            return await step(connection)


async def _step(connection: Connection, run: Run) -> bool:
    if isinstance(run, PlanRun):
        return await plan_batch.plan_batch(connection, run)
    if isinstance(run, ApplyRun):
        return await applying.apply_batch(connection, run, now=_now())
    return await reverting.revert_batch(connection, run, now=_now())


async def _give_up(connection: Connection, run: Run) -> bool:
    """Pass over the next row; without one the fault is the import's, which has failed then."""
    after = run.after
    if isinstance(run, PlanRun):
        await plan_batch.give_up_row(connection, run)
    elif isinstance(run, ApplyRun):
        await applying.give_up_row(connection, run)
    else:
        await reverting.give_up_row(connection, run)
    if run.after == after:
        await imports.change(connection, run.found.id, status="failed", fault="internal", ended_at=_now())
        return False
    return True


def _caller(found: Import) -> Caller:
    """Whoever asked for it, with the roles they had then."""
    return Caller(
        subject=found.acting_subject,
        name=found.acting_subject,
        roles=frozenset(Role(role) for role in found.acting_roles),
        state=State(found.state),
    )


def _now() -> datetime:
    return datetime.now(UTC)
