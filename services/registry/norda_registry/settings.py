"""Settings of the registry service: the platform's."""

from __future__ import annotations

from functools import cache

from norda_common.settings import ServiceSettings, load
from norda_common.states import State


@cache
def served_states() -> frozenset[State]:
    """The states this instance may write for, read once: consumers are handed a connection and records, no runtime."""
    return frozenset(load(ServiceSettings).states)
