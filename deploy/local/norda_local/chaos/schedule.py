"""The order of faults, drawn by the seed: what measures something one after the other, the rest side by side.

Invariant: a round holds every chosen kind that can be injected here at least once; equal seeds give equal rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from norda_local.chaos.faults import Fault


@dataclass(frozen=True, slots=True)
class Round:
    """What is injected in one round: `measured` alone and in order, then `taking` in order with `beside` at once."""

    measured: Sequence[type[Fault]]
    taking: Sequence[type[Fault]]
    beside: Sequence[type[Fault]]


def next_round(random: Random, kinds: Mapping[str, type[Fault]]) -> Round:
    """Draw a round of these kinds."""
    shuffled = random.sample(sorted(kinds), len(kinds))
    faults = [kinds[name] for name in shuffled]
    beside = [fault for fault in faults if not fault.measures and not fault.takes]
    return Round(
        measured=[fault for fault in faults if fault.measures],
        taking=[fault for fault in faults if fault.takes],
        # What takes no server away is short, and meets different absences the second time.
        beside=[*beside, *random.sample(beside, len(beside))] if any(fault.takes for fault in faults) else beside,
    )
