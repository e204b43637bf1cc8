"""Progress bars: there for a person at a terminal, and nowhere else."""

from __future__ import annotations

import io

import pytest
from norda_local import display
from norda_local.stack import NOT_STARTED, PartStatus
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


FIGURES = {"backlog": 0, "oldest_age_seconds": 0.0, "blocked": 0, "consumer_lag": 0, "dead_letters_open": 0}


def reported(*rows: PartStatus, **options: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, width=80, color_system=None)
    console.print(*display.status_report(list(rows), **options), sep="\n")
    return written.getvalue()


def service(name: str, **figures: float | str) -> PartStatus:
    title, port = name.capitalize(), "http://127.0.0.1:8101/"
    return PartStatus(name, title, "healthy", port, 4_000_000, 200 << 20, figures={**FIGURES, **figures})


def test_what_waits_stands_below_the_table_where_anything_does() -> None:
    text = reported(service("registry", backlog=12, oldest_age_seconds=3.4, blocked=1), service("events"))
    assert "Registry: backlog 12, the oldest event 3 s; blocked 1 (./norda outbox list)" in text
    assert "Events:" not in text
    text = reported(service("events", consumer_lag=7, dead_letters_open=2, attention="relay: KafkaConnectionError"))
    assert "Events: lag 7; dead letters 2 (./norda deadletters list); relay:" in text
    assert "Events:" not in reported(service("events", consumer_lag=7), just_started=True)


def test_what_replicas_share_is_said_once() -> None:
    text = reported(
        service("registry", dead_letters_open=2), service("registry-2", dead_letters_open=2, consumer_lag=3)
    )
    assert text.count("dead letters") == 1
    assert "Registry-2: lag 3" in text


def test_a_long_problem_leaves_the_table_in_shape() -> None:
    problem = "ended by itself; the last fault in its log: " + "a very long line [with] brackets " * 5
    text = reported(
        PartStatus("postgres", "PostgreSQL 18", "down", "127.0.0.1:8107, database norda", problem=problem),
        PartStatus("kafka", "Apache Kafka 4.4", "down", "127.0.0.1:8108", problem=NOT_STARTED),
        service("registry"),
    )
    lines = text.splitlines()
    assert len(lines) > 4
    assert lines[1].split() == ["PostgreSQL", "18", "down", "see", "below"]
    assert lines[2].split()[-2:] == ["not", "started"]
    assert lines[3].endswith("http://127.0.0.1:8101/")
    assert "[with]" in text
    assert "./norda logs postgres" in " ".join(text.split())
