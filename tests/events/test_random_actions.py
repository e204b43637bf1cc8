"""Random sequences of actions through the use cases and a real database: what must hold after every single one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from norda_common.auth import Caller
from norda_common.errors import Conflict, InvalidInput, NotFound
from norda_common.rights import OFFICES
from norda_common.states import ALL_STATES, State
from norda_events.rules.event import EventStatus
from norda_events.rules.seats import SeatPlan
from norda_events.store import events, registrations
from norda_events.usecases.changing import cancel_event, change_event, publish_event, reschedule_event
from norda_events.usecases.commands import CancelEvent, ChangeEvent, DraftEvent, RegisterParticipant, RescheduleEvent
from norda_events.usecases.drafting import draft_event
from norda_events.usecases.office import Office
from norda_events.usecases.quotas import release_due_quotas, release_quota
from norda_events.usecases.registering import erase_person, register_participant, withdraw_registration
from support.installation import Installation

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFICE = Office(Caller(subject="lead", name="Lead", roles=OFFICES, state=State.BREMEN), frozenset(ALL_STATES))

states = st.sampled_from([*ALL_STATES, None])
actions = st.one_of(
    st.tuples(st.just("register"), states),
    st.tuples(st.just("withdraw"), st.integers(0, 30)),
    st.tuples(st.just("erase"), st.integers(0, 30)),
    st.tuples(st.just("again"), st.integers(0, 30)),
    st.tuples(st.just("release"), st.sampled_from(ALL_STATES)),
    st.tuples(st.just("release_due"), st.none()),
    st.tuples(st.just("capacity"), st.integers(3, 12)),
    st.tuples(st.just("quotas"), st.dictionaries(st.sampled_from(ALL_STATES), st.integers(0, 4))),
    st.tuples(st.just("reschedule"), st.integers(1, 28)),
)
CANCEL: tuple[str, Any] = ("cancel", None)


@dataclass
class Run:
    """One event and what was done to it."""

    connection: asyncpg.Connection[Any]
    event_id: UUID
    persons: dict[int, UUID] = field(default_factory=dict)

    async def act(self, name: str, argument: Any) -> None:
        if name == "register":
            await self._register(len(self.persons), argument)
        elif name == "again" and self.persons:
            await self._register(argument % len(self.persons), State.HAMBURG)
        elif name in {"withdraw", "erase"} and self.persons:
            chosen = self.persons[argument % len(self.persons)]
            use_case = withdraw_registration if name == "withdraw" else erase_person
            await use_case(self.connection, self.event_id, chosen, office=OFFICE, now=NOW)
        elif name == "release":
            await release_quota(self.connection, self.event_id, argument, office=OFFICE, now=NOW)
        elif name == "release_due":
            await release_due_quotas(self.connection, self.event_id, now=NOW + timedelta(days=20))
        elif name in {"capacity", "quotas"}:
            command = ChangeEvent.model_validate({name: argument})
            await change_event(self.connection, self.event_id, command, office=OFFICE, now=NOW)
        elif name == "reschedule":
            day = f"2027-02-{argument:02}"
            moved = RescheduleEvent(starts=f"{day}T10:00", ends=f"{day}T16:00")
            await reschedule_event(self.connection, self.event_id, moved, office=OFFICE, now=NOW)
        elif name == "cancel":
            reason = CancelEvent(reason="Sturmflut")
            await cancel_event(self.connection, self.event_id, reason, office=OFFICE, now=NOW)

    async def _register(self, number: int, state: State | None) -> None:
        command = RegisterParticipant(
            participant_state=state, name=f"Person {number}", email=f"person{number}@ex-001.example"
        )
        done = await register_participant(self.connection, self.event_id, command, office=OFFICE, now=NOW)
        self.persons[number] = done.row.registration.id


async def check(run: Run, before: dict[UUID, Any]) -> dict[UUID, Any]:
    """What holds after every action; returns the registrations for the next comparison."""
    event = await events.get(run.connection, run.event_id)
    assert event is not None
    rows = [
        row.registration
        for row in await registrations.page(run.connection, run.event_id, status=None, state=None, after=0, limit=1000)
    ]
    confirmed = [row for row in rows if row.status == "confirmed"]
    waiting = [row for row in rows if row.status == "waitlisted"]
    taken = await registrations.taken(run.connection, run.event_id)
    assert sum(taken.values()) == len(confirmed), "sums hold"
    plan = SeatPlan.of(event)
    assert plan.fits(taken), "never more confirmed than capacity or quota"
    assert plan.capacity is None or len(confirmed) <= plan.capacity
    for quota in event.quotas_held:
        assert taken.get(quota.state.value, 0) <= quota.seats + plan.opened
    assert len({row.position for row in rows}) == len(rows)
    if event.status is EventStatus.CANCELLED:
        assert not confirmed
        assert not waiting
    else:
        assert all(not plan.may_take(row.participant_state, taken=taken) for row in waiting), "no seat stays empty"
    promoted = [row for row in confirmed if row.id in before and before[row.id].status == "waitlisted"]
    for row in waiting:
        passed = [p for p in promoted if p.position > row.position and p.participant_state == row.participant_state]
        assert not passed, "order kept"
    for row in rows:
        if row.id in before and before[row.id] != row:
            assert row.version > before[row.id].version
    return {row.id: row for row in rows}


async def topics_are_gapless(run: Run) -> None:
    """In the outbox every aggregate's sequences grow from 1 without gaps; both registration topics say the same."""
    rows = await run.connection.fetch("select topic, key, sequence from outbox order by id")
    by_topic: dict[tuple[str, UUID], list[int]] = {}
    for row in rows:
        by_topic.setdefault((row["topic"], row["key"]), []).append(row["sequence"])
    assert by_topic.pop(("hb.events.event.v1", run.event_id)) == list(
        range(1, len([row for row in rows if row["key"] == run.event_id]) + 1)
    )
    for (topic, key), sequences in by_topic.items():
        assert sequences == list(range(1, len(sequences) + 1)), topic
        other = topic.replace("registration", "participation")
        other = f"internal.{other}" if not topic.startswith("internal.") else topic
        assert by_topic[other, key] == sequences


async def play(connection: asyncpg.Connection[Any], draft: DraftEvent, sequence: list[tuple[str, Any]]) -> None:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("delete from outbox")
        event = await draft_event(connection, draft, office=OFFICE, now=NOW)
        await publish_event(connection, event.id, office=OFFICE, now=NOW)
        run, known, cancelled = Run(connection, event.id), dict[UUID, Any](), False
        for name, argument in sequence:
            # A refused action is as good as any other: it must change nothing.
            with suppress(Conflict, InvalidInput, NotFound):
                async with connection.transaction():
                    await run.act(name, argument)
            known = await check(run, known)
            cancelled = cancelled or name == "cancel"
            if cancelled:
                assert all(item.status in {"event_cancelled", "withdrawn"} for item in known.values())
        await topics_are_gapless(run)
    finally:
        await transaction.rollback()


@pytest.fixture(scope="module")
def database(module_installation: Installation) -> Iterator[tuple[asyncio.Runner, asyncpg.Connection[Any]]]:
    """A loop and a connection of the service's own role."""
    with asyncio.Runner() as runner:
        connection = runner.run(module_installation.connect(role="norda_events"))
        runner.run(connection.execute("set search_path = events, public"))
        yield runner, connection
        runner.run(connection.close())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    capacity=st.integers(0, 4),
    quotas=st.dictionaries(st.sampled_from(ALL_STATES), st.integers(0, 4)),
    arrivals=st.lists(st.tuples(st.just("register"), states), min_size=8, max_size=14),
    sequence=st.lists(actions, min_size=10, max_size=25),
    after_cancellation=st.lists(actions, max_size=4),
)
def test_whatever_is_done_seats_order_and_sequences_hold(
    database: tuple[asyncio.Runner, asyncpg.Connection[Any]],
    capacity: int,
    quotas: dict[State, int],
    arrivals: list[tuple[str, Any]],
    sequence: list[tuple[str, Any]],
    after_cancellation: list[tuple[str, Any]],
) -> None:
    runner, connection = database
    draft = DraftEvent.model_validate(
        {
            "title": "Zufall",
            "starts": "2027-02-10T10:00",
            "ends": "2027-02-10T16:00",
            "capacity": capacity + sum(quotas.values()),
            "quotas": quotas,
            "quota_release_at": "2026-12-01T00:00" if quotas else None,
        }
    )
    runner.run(play(connection, draft, [*arrivals, *sequence, CANCEL, *after_cancellation]))
