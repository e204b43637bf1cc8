"""Progress bars: there for a person at a terminal, and nowhere else."""

from __future__ import annotations

import io

import pytest
from norda_local import display
from rich.console import Console


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    written = io.StringIO()
    monkeypatch.setattr(
        display, "console", Console(file=written, force_terminal=terminal, width=100, color_system=None)
    )
    with display.imports() as bar:
        bar("Bremen, seed_companies.csv", 0, 40)
        bar("Bremen, seed_companies.csv", 40, 40)
        bar("Hamburg, seed_companies.csv", 0, 40)
    return written.getvalue()


def test_an_import_moves_a_bar_of_its_own_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, terminal=True).replace("\r", "\n").splitlines()
    assert [line for line in lines if "Bremen, seed_companies.csv" in line and "40/40 rows" in line]
    assert [
        line for line in lines if "Hamburg, seed_companies.csv" in line and "0/40 rows" in line.replace(" 0/", "0/")
    ]


def test_elsewhere_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False) == ""
