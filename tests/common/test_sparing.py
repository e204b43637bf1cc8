"""How much anybody may ask: buckets that hold back who asks without end, by an address that nobody can choose."""

from __future__ import annotations

import math

import pytest
from fastapi import Request
from hypothesis import example, given
from hypothesis import strategies as st
from norda_common import buckets
from norda_common.buckets import Buckets
from norda_common.errors import TooManyRequests
from norda_common.web.sparing import client_address


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_who_has_taken_all_waits_until_there_is_enough_again_and_nobody_else_does() -> None:
    clock = Clock()
    several = Buckets(60, clock=clock)
    assert [several.take("a") for _ in range(60)] == [0.0] * 60
    assert several.take("a", 5) == pytest.approx(5)
    assert several.take("b") == 0
    clock.now += 5
    assert several.take("a", 5) == 0
    assert several.take("a") == pytest.approx(1)
    clock.now += 3_600
    assert several.take("a", 60) == 0, "a bucket does not overflow"
    assert several.take("a") == pytest.approx(1)


def test_what_costs_more_than_a_bucket_holds_is_let_through_by_a_full_one_and_paid_for_afterwards() -> None:
    clock = Clock()
    several = Buckets(10, clock=clock)
    assert several.take("a", 25) == 0
    assert several.take("a") == pytest.approx(96)


def test_without_a_number_there_is_no_limit() -> None:
    none = Buckets(0)
    assert [none.take("a", 1_000) for _ in range(10)] == [0.0] * 10


def test_addresses_that_were_not_heard_of_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_KEYS", 2)
    several = Buckets(1, clock=Clock())
    assert [several.take(key) for key in "abc"] == [0.0, 0.0, 0.0]
    assert several.take("c") > 0
    assert several.take("a") == 0


@given(
    st.integers(1, 200),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20)), max_size=60),
)
@example(per_minute=1, asked=[(0.85, 1), (0.0, 1)])
def test_nobody_gets_more_than_a_bucket_and_what_flowed_in(per_minute: int, asked: list[tuple[float, int]]) -> None:
    clock = Clock()
    several, began, got, largest = Buckets(per_minute, clock=clock), clock.now, 0, 0
    for pause, cost in asked:
        clock.now += pause
        wait = several.take("a", cost)
        if wait == 0:
            got += cost
            largest = max(largest, cost)
        else:
            clock.now += math.ceil(wait)
            assert several.take("a", cost) == 0, "it is said how long to wait, and that is true"
            got += cost
            largest = max(largest, cost)
    # One request that costs more than a bucket is let through, too.
    assert got <= max(per_minute, largest) + (clock.now - began) * per_minute / 60 + largest + 1e-6


def request(client: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "client": (client, 4711), "headers": headers})


@pytest.mark.parametrize(
    ("proxies", "client", "forwarded", "address"),
    [
        (0, "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),
        (1, "10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (1, "10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (1, "10.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (2, "10.0.0.1", ["forged, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (2, "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),
        (1, "10.0.0.1", [], "10.0.0.1"),
        (0, "2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::"),
        (0, "::ffff:203.0.113.9", [], "203.0.113.9"),
        (1, "10.0.0.1", ["[2001:db8:1:2::9]"], "2001:db8:1:2::"),
        (1, "10.0.0.1", ["x" * 5_000], "x" * 64),
    ],
)
def test_the_address_is_what_the_own_proxies_saw(proxies: int, client: str, forwarded: list[str], address: str) -> None:
    assert client_address(request(client, *forwarded), trusted_proxies=proxies) == address


def test_the_refusal_says_when_to_come_back() -> None:
    assert TooManyRequests("x", "x", seconds=7).headers == {"Retry-After": "7"}
