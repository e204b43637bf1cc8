"""Capacity, quotas and promotion as pure rules: what holds for every combination."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from norda_events.rules.seats import SeatPlan, Waiting, promotions

STATES = ("hb", "hh", "ni")
ANYWHERE = (*STATES, None)


@st.composite
def plans(draw: st.DrawFn) -> SeatPlan:
    """Plans as they come about: quotas within the capacity, some of them released."""
    quotas = draw(st.dictionaries(st.sampled_from(STATES), st.integers(0, 6)))
    released = draw(st.sets(st.sampled_from(sorted(quotas)))) if quotas else set()
    return SeatPlan(
        capacity=sum(quotas.values()) + draw(st.integers(0, 5)),
        held={state: seats for state, seats in quotas.items() if state not in released},
        opened=sum(quotas[state] for state in released),
    )


arrivals = st.lists(st.sampled_from(ANYWHERE), max_size=40)


def fill(plan: SeatPlan, states: list[str | None]) -> tuple[Counter[str | None], list[Waiting[int]]]:
    """Let participants arrive one after the other; who gets no seat waits."""
    taken: Counter[str | None] = Counter()
    waiting: list[Waiting[int]] = []
    for position, state in enumerate(states, start=1):
        if plan.may_take(state, taken=taken):
            taken[state] += 1
        else:
            waiting.append(Waiting(position, state, position))
    return taken, waiting


@given(plans(), arrivals)
def test_never_more_than_capacity_nor_than_an_unreleased_quota_allows(plan: SeatPlan, states: list[str | None]) -> None:
    taken, _ = fill(plan, states)
    assert plan.capacity is not None
    assert sum(taken.values()) <= plan.capacity
    for state, seats in plan.held.items():
        assert taken[state] <= seats + plan.opened
    if not plan.opened:
        assert all(taken[state] <= seats for state, seats in plan.held.items())


@given(plans(), arrivals)
def test_a_state_always_gets_its_unreleased_quota(plan: SeatPlan, states: list[str | None]) -> None:
    taken, waiting = fill(plan, states)
    for state, seats in plan.held.items():
        assert taken[state] >= min(seats, states.count(state))
    assert all(not plan.may_take(item.state, taken=taken) for item in waiting)


@given(plans(), arrivals)
def test_states_without_a_quota_share_what_is_outside_all_quotas(plan: SeatPlan, states: list[str | None]) -> None:
    taken, _ = fill(plan, states)
    assert plan.capacity is not None
    others = sum(count for state, count in taken.items() if state not in plan.held)
    assert others <= plan.capacity - sum(plan.held.values())


@given(plans(), arrivals, st.data())
def test_a_release_keeps_all_seats_and_promotes_in_order(
    plan: SeatPlan, states: list[str | None], data: st.DataObject
) -> None:
    taken, waiting = fill(plan, states)
    if not plan.held:
        return
    state = data.draw(st.sampled_from(sorted(plan.held)))
    after = SeatPlan(
        capacity=plan.capacity,
        held={key: seats for key, seats in plan.held.items() if key != state},
        opened=plan.opened + plan.held[state],
    )
    assert after.fits(taken), "a release never makes given seats too many"
    promoted = promotions(after, taken=taken, waiting=reversed(waiting))
    assert promoted == sorted(promoted)
    by_position = {item.position: item for item in waiting}
    for position in promoted:
        taken[by_position[position].state] += 1
    assert after.fits(taken)
    left = [item for item in waiting if item.position not in promoted]
    assert all(not after.may_take(item.state, taken=taken) for item in left)
    for item in left:
        later_of_same_state = [p for p in promoted if p > item.position and by_position[p].state == item.state]
        assert not later_of_same_state, "nobody is promoted past somebody of the same state"


@given(plans(), arrivals)
def test_after_the_release_of_all_quotas_the_order_alone_decides(plan: SeatPlan, states: list[str | None]) -> None:
    taken, waiting = fill(plan, states)
    assert plan.capacity is not None
    released = SeatPlan(capacity=plan.capacity, held={}, opened=plan.opened + sum(plan.held.values()))
    free = plan.capacity - sum(taken.values())
    assert promotions(released, taken=taken, waiting=waiting) == [item.key for item in waiting[:free]]


@given(arrivals)
def test_an_unlimited_event_has_a_seat_for_everybody(states: list[str | None]) -> None:
    assert fill(SeatPlan(capacity=None, held={}, opened=0), states)[1] == []
