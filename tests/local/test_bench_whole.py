"""Whole measurements with tiny sizes: every contestant and case is there with its figures; nothing is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from norda_local.bench import consume, journey, registry, scale
from norda_local.bench.report import Report


def quiet(_: str) -> None:
    """Nobody listens."""


def document(report: Report, folder: Path) -> dict[str, Any]:
    """The report as it is written, after a look at every figure."""
    written: dict[str, Any] = json.loads(report.write(folder).read_text())
    assert all(math.isfinite(value) for value in numbers(written))
    for table in written["tables"]:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    return written


def numbers(value: Any) -> Iterable[float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif isinstance(value, int | float):
        yield value


def targets(written: dict[str, Any]) -> list[str]:
    return [target["name"] for target in written["targets"]]


def test_consume_has_every_contestant_and_target(tmp_path: Path) -> None:
    sizes = consume.Sizes(catch_up=3_000, rows=60, changes=50, rounds=1)
    written = document(consume.measure_with(sizes, quick=True, say=quiet), tmp_path)
    assert targets(written) == [
        "events: events per second",
        "events: share of the no-op",
        "registry: events per second",
        "registry: share of the no-op",
        "events: cost of an event with ten times the rows",
        "registry: cost of an event with ten times the rows",
    ]
    assert set(written["rounds"]["catching up"]) == {"no-op", "events", "registry"}
    for service in ("events", "registry"):
        rounds = written["rounds"][f"{service}, changes by rows"]
        assert {rows: found[0]["events"] for rows, found in rounds.items()} == {"60": 50, "600": 50}


def test_scale_has_every_case_at_every_size(tmp_path: Path) -> None:
    plan = scale.Plan(sizes=(400, 800), directory_sizes=(400, 800), relayed=200, consumed=100)
    written = document(scale.measure_with(plan, quick=True, say=quiet), tmp_path)
    cases = [
        "relay: events that have passed",
        "relay: events that wait",
        "inbox: events handled once",
        "read model of events",
        "registry's directory",
    ]
    assert targets(written) == [f"growth, {case}" for case in cases]
    for case in cases:
        assert {size: len(costs) for size, costs in written["rounds"][case].items()} == {
            "400": scale.SEGMENTS,
            "800": scale.SEGMENTS,
        }


def test_journey_times_every_stage_with_and_without_load(tmp_path: Path) -> None:
    written = document(journey.measure_with(rounds=1, seconds=1.0, quick=True, say=quiet), tmp_path)
    assert set(written["rounds"]) == set(journey.CASES)
    for trips in written["rounds"].values():
        assert {len(trip) for found in trips for trip in found} == {len(journey.STAGES)}
        assert len(trips[0]) == journey.PER_SECOND


def test_registry_has_every_kind_of_question(tmp_path: Path) -> None:
    written = document(registry.measure_with(rows=600, imported=40, rounds=2, quick=True, say=quiet), tmp_path)
    assert targets(written) == [
        "search with facets, p95 ms",
        "typo search, p95 ms",
        "look-up, p95 ms",
        "duplicate check, p95 ms",
        "import, rows per second",
    ]
    assert written["rounds"]["import"]["rows"] == 40
    assert written["tables"][-1]["title"] == "import of 40 new organisations among 600"
    assert [row[0] for row in written["tables"][-1]["rows"]][-1] == "a bare COPY of the documents"
    assert {kind for kind, values in written["rounds"]["search with facets"].items() if len(values) == 2} >= {
        "a company's name",
        "three facets",
        "facets of no row",
        "page 21 of all by name",
    }
