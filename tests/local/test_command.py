"""The command as a person uses it, with a home and ports of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from norda_local.settings import free_ports

PARTS = ("postgres", "mail", "otlp")

Norda = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def norda(tmp_path: Path) -> Iterator[Norda]:
    base = free_ports()["registry"]
    environment = {**os.environ, "NORDA_HOME": str(tmp_path / "home"), "NORDA_PORT_BASE": str(base), "COLUMNS": "200"}

    def run(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "norda_local", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd=tmp_path,
        )

    yield run
    run("down")


def test_up_status_logs_reset_and_down(norda: Norda, tmp_path: Path) -> None:
    up = norda("up", *PARTS)
    assert up.returncode == 0, up.stderr
    assert "PostgreSQL 18" in up.stderr

    status = norda("status", "--json")
    assert status.returncode == 1, "the other parts are down"
    document = json.loads(status.stdout)
    assert document["healthy"] is False
    assert {part["name"]: part["healthy"] for part in document["parts"]}["postgres"] is True
    expected = {"registry", "events", "notifications", "kafka", "database", "tracing", "mail", "issuer"}
    assert expected <= set(document["endpoints"])
    assert document["endpoints"]["database"].startswith("postgresql://norda:")
    assert ":" in document["endpoints"]["kafka"]

    assert "ready to accept connections" in norda("logs", "postgres").stdout
    asked = norda("reset")
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert (tmp_path / "home" / "data" / "postgres").exists()
    assert norda("reset", "--yes").returncode == 0
    assert not (tmp_path / "home" / "data").exists()
    assert (tmp_path / "home" / "secrets").exists()
    ours = str(tmp_path / "home")
    assert not [process for process in psutil.process_iter() if ours in " ".join(_command(process))]


def test_a_killed_part_is_told_by_status_and_doctor_and_started_by_up(norda: Norda) -> None:
    norda("up", "otlp")
    rows = json.loads(norda("status", "--json").stdout)["parts"]
    (bridge,) = [row for row in rows if row["name"] == "otlp"]
    os.kill(bridge["pid"], signal.SIGKILL)
    rows = json.loads(norda("status", "--json").stdout)["parts"]
    (killed,) = [row for row in rows if row["name"] == "otlp"]
    assert killed["state"] == "down"
    assert "ended by itself" in killed["problem"]
    doctor = norda("doctor")
    assert doctor.returncode == 1
    assert "otlp ended without being stopped" in doctor.stdout
    assert norda("up", "otlp").returncode == 0


def test_a_failure_is_one_line_and_exit_code_one(norda: Norda) -> None:
    for arguments in (["up", "nonsense"], ["logs", "nonsense"], ["token", "--state", "xx"], ["topic"]):
        result = norda(*arguments)
        assert result.returncode == 1, arguments
        assert result.stderr.startswith("norda: "), arguments
        assert result.stderr.count("\n") == 1, result.stderr


def test_help_teaches_every_command(norda: Norda) -> None:
    page = norda("--help").stdout
    commands = (
        "up",
        "down",
        "status",
        "demo",
        "test",
        "logs",
        "reset",
        "doctor",
        "topic",
        "token",
        "deadletters",
        "outbox",
        "chaos",
    )
    for command in commands:
        assert command in page
        assert len(norda(command, "--help").stdout.splitlines()) > 8


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
