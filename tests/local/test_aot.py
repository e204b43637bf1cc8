"""The Java servers' caches: made at the first stop, used by the next start, and harmless when they are broken."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from norda_local import aot, processes
from norda_local.folders import Home
from norda_local.stack import Stack
from support.waiting import PATIENCE, until

MakeStack = Callable[..., Stack]


def mapped(home: Home, cache: Path) -> bool:
    """Whether the running broker works with the cache: Java maps the file it uses into its memory."""
    process = processes.running(home, "kafka")
    assert process is not None
    return str(cache) in {region.path for region in process.memory_maps()}


def _kill_while_it_writes(home: Home) -> None:
    process = processes.running(home, "kafka")
    assert process is not None
    process.send_signal(signal.SIGTERM)

    def begun() -> bool:
        assert process.is_running()
        return any((home.data / "aot").glob("*.aot"))

    until(begun, "it writes no cache", within=60, pause=0.005)
    processes.kill_session(process)


@pytest.fixture
def kafka(home: Home, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> tuple[Stack, Path]:
    """A broker that was killed while it wrote its cache, as by a slow `down`, then ran and was stopped in peace."""
    # Whoever is stopped before the cache is written has none, and a busy machine takes long to write it.
    monkeypatch.setattr(aot, "DUMP_SECONDS", aot.DUMP_SECONDS * PATIENCE)
    stack = make_stack("kafka")
    stack.fetch()
    stack.up()
    _kill_while_it_writes(home)
    stack.up()
    stack.down()
    (cache,) = (home.data / "aot").glob("kafka-*.aot")
    return stack, cache


def test_the_second_start_uses_the_cache_and_a_broken_one_costs_only_time(
    home: Home, kafka: tuple[Stack, Path]
) -> None:
    stack, cache = kafka
    whole = cache.read_bytes()
    stack.up()
    assert mapped(home, cache)
    said: list[str] = []
    stack.up(report=lambda _, text: said.append(text))
    assert said == ["runs already"]
    for broken in (b"garbage, no cache of Java's", whole[: len(whole) // 2]):
        stack.down()
        cache.write_bytes(broken)
        stack.up()
        (row,) = stack.status()
        assert row.state == "healthy", row.problem
        assert not mapped(home, cache)
