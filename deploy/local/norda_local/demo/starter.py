"""The starter data: fictional companies, real bodies, events; read as they are, sent as they are."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def companies_csv() -> bytes:
    """The 40 example companies, as an office would upload them."""
    return (DATA / "seed_companies.csv").read_bytes()


def organisations_csv() -> bytes:
    """The clusters and public bodies."""
    return (DATA / "organisations.csv").read_bytes()


def row_count(content: bytes) -> int:
    """How many rows a file has below its heading."""
    return sum(1 for _ in csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def companies() -> list[dict[str, str]]:
    """The rows of the company file."""
    return list(csv.DictReader(io.StringIO(companies_csv().decode("utf-8-sig"))))


def event(own_id: str) -> dict[str, Any]:
    """One of the starter events."""
    found: dict[str, Any] = next(
        item for item in json.loads((DATA / "events.json").read_text(encoding="utf-8")) if item["id"] == own_id
    )
    return found
