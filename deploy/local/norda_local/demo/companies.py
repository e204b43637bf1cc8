"""Step 1: the three offices import clusters, public bodies and companies; every service knows all of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import starter
from .world import LABELS, STATES, World


def import_organisations(world: World) -> None:
    """Each office uploads both files; each enters its own state's rows only. A second run changes nothing."""
    bodies = _import(world, "organisations.csv", starter.organisations_csv())
    world.expect_soon("10 clusters and public bodies are in the directory", lambda: len(_bodies(world)), 10)
    companies = _import(world, "seed_companies.csv", starter.companies_csv())
    expected = Counter(row["state"].removeprefix("DE-").lower() for row in starter.companies())
    total = Counter[str]()
    for state, report in zip(STATES, companies, strict=True):
        # A company that moved away after an earlier run stays on the old office's list, and is left alone.
        moved = sum(warning["code"] == "kept_elsewhere" for warning in report["warnings"])
        known = report["created"] + report["changed"] + report["unchanged"] + moved
        total += Counter({key: report[key] for key in ("created", "changed", "unchanged")})
        world.expect(
            f"{LABELS[state]} entered its {expected[state]} companies and nobody else's",
            known == expected[state],
            report,
        )
    world.expect("no body was entered twice", sum(r["created"] + r["unchanged"] + r["changed"] for r in bodies) == 10)
    if not total["created"]:
        world.show("    [dim]All companies were already there: the import changed nothing.[/]")
    world.expect_soon("40 example companies are in the directory", lambda: len(examples(world)), 40)


def examples(world: World) -> dict[str, dict[str, Any]]:
    """The example companies by their own id, as the directory has them."""
    found = world.pages(f"{world.registry}/api/v1/organisations", kind="company")
    return {item["own_id"]: item for item in found if (item.get("own_id") or "").startswith("ex-")}


def _bodies(world: World) -> list[dict[str, Any]]:
    found = world.pages(f"{world.registry}/api/v1/organisations")
    return [item for item in found if (item.get("own_id") or "").startswith("org-")]


def _import(world: World, name: str, content: bytes) -> list[dict[str, Any]]:
    """Each office's report on the same file; a bar per office, moved by what the server answers."""
    rows, reports = starter.row_count(content), []
    with world.import_bars() as bar:
        for state in STATES:
            bar(f"{LABELS[state]}, {name}", 0, rows)
            report = _upload(world, state, name, content)
            bar(f"{LABELS[state]}, {name}", report["rows"], rows)
            reports.append(report)
    return reports


def _upload(world: World, state: str, name: str, content: bytes) -> dict[str, Any]:
    answer = world.call(
        "POST",
        f"{world.registry}/api/v1/imports/organisations",
        state=state,
        files={"file": (name, content, "text/csv")},
    )
    report: dict[str, Any] = answer.json()
    return report
