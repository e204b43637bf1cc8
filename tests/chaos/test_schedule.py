"""A round has every kind, and the seed alone decides its order."""

from __future__ import annotations

from random import Random

from norda_local.chaos.faults import FAULTS
from norda_local.chaos.schedule import next_round


def test_a_round_has_every_kind_and_one_server_fault_at_a_time() -> None:
    drawn = next_round(Random(1), FAULTS)  # noqa: S311
    assert {fault.name for fault in (*drawn.measured, *drawn.taking, *drawn.beside)} == set(FAULTS)
    assert all(fault.takes for fault in drawn.taking)
    assert not any(fault.takes or fault.measures for fault in drawn.beside)


def test_equal_seeds_give_equal_rounds() -> None:
    first, same, other = (next_round(Random(seed), FAULTS) for seed in (7, 7, 8))  # noqa: S311
    assert first == same
    assert first != other


def test_the_issues_faults_are_all_there() -> None:
    wanted = {
        "kill-service", "freeze-service", "kill-relay-holder", "freeze-relay-holder", "restart-postgres",
        "kill-postgres", "restart-kafka", "kill-kafka", "lose-broker", "cut-connections", "delay", "long-transaction",
        "dead-letter-burst", "stop-in-batch", "step-clock",
    }  # fmt: skip
    assert wanted <= set(FAULTS)
