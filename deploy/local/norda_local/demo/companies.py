"""Step 1: the three offices import clusters, public bodies and companies; every service knows all of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import starter
from .world import LABELS, STATES, World


def import_organisations(world: World) -> None:
    """Each office uploads both files; each enters its own state's rows only. A second run changes nothing."""
    bodies = [_upload(world, state, "organisations.csv", starter.organisations_csv()) for state in STATES]
    world.expect_soon("10 clusters and public bodies are in the directory", lambda: len(_bodies(world)), 10)
    companies = [_upload(world, state, "seed_companies.csv", starter.companies_csv()) for state in STATES]
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


def _upload(world: World, state: str, name: str, content: bytes) -> dict[str, Any]:
    answer = world.call(
        "POST",
        f"{world.registry}/api/v1/imports/organisations",
        state=state,
        files={"file": (name, content, "text/csv")},
    )
    report: dict[str, Any] = answer.json()
    return report
