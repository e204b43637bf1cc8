"""How services are told their settings, and when they count as changed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from norda_local import lifecycle, processes, services
from norda_local.errors import PartFailedError
from norda_local.folders import PROJECT_ROOT, Home
from norda_local.services import SERVICES, SOURCE_SUFFIXES, Servers, code_digest, run_setup_if_due, service_part
from norda_local.stack import Stack
from support.installation import free_port
from support.waiting import until

MakeStack = Callable[..., Stack]
STRAY = {
    "NORDA_KAFKA_REPLICATION": "many",
    "NORDA_LOG_FORMAT": "nonsense",
    "OTEL_METRICS_EXPORTER": "nonsense",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=stray",
}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "clone"
    for folder in ("services/registry/norda_registry", "services/events/norda_events", "libs/common/norda_common"):
        (root / folder).mkdir(parents=True)
    monkeypatch.setattr(services, "PROJECT_ROOT", root)
    return root


@pytest.mark.parametrize("suffix", [".py", ".sql", ".csv", ".toml", ".jinja", ".html", ".json"])
@pytest.mark.parametrize("folder", ["services/registry/norda_registry", "libs/common/norda_common"])
def test_whatever_a_service_reads_counts_as_its_code(sources: Path, folder: str, suffix: str) -> None:
    path = sources / folder / f"part{suffix}"
    path.write_text("before")
    before = code_digest("registry")
    assert code_digest("registry") == before
    path.write_text("after")
    changed = code_digest("registry")
    path.rename(path.with_stem("renamed"))
    assert len({before, changed, code_digest("registry")}) == 3


def test_what_python_writes_and_other_services_do_not_count(sources: Path) -> None:
    before = code_digest("registry")
    cache = sources / "services/registry/norda_registry/__pycache__"
    cache.mkdir()
    (cache / "part.cpython-311.pyc").write_bytes(b"x")
    (sources / "services/events/norda_events/part.py").write_text("x")
    assert code_digest("registry") == before


def test_the_services_hold_no_file_that_would_not_count() -> None:
    folders = [PROJECT_ROOT / "libs" / "common", *(PROJECT_ROOT / "services" / name for name in SERVICES)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    read = [path for path in files if "__pycache__" not in path.parts and path.name != "py.typed"]
    assert [path for path in read if path.suffix not in SOURCE_SUFFIXES] == []


@pytest.fixture
def stray_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STRAY.items():
        monkeypatch.setenv(name, value)


def test_variables_of_the_shell_do_not_reach_a_part(home: Home, make_stack: MakeStack, stray_variables: None) -> None:
    stack = make_stack("otlp")
    stack.up()
    process = processes.running(home, "otlp")
    assert process is not None
    given = process.environ()
    ours = {name: value for name, value in given.items() if name.startswith(("NORDA_", "OTEL_"))}
    assert ours == {"NORDA_STACK": str(home.path), "NORDA_PART": "otlp"}
    assert given["PATH"] == os.environ["PATH"]


@pytest.fixture
def unreachable() -> Servers:
    closed = free_port()
    database = f"postgresql://norda:x@127.0.0.1:{closed}/norda"
    return Servers(
        database=database, kafka=f"127.0.0.1:{closed}", otlp="", smtp=f"smtp://127.0.0.1:{closed}", issuer=""
    )


@pytest.fixture
def started(home: Home) -> Iterator[list[str]]:
    names: list[str] = []
    yield names
    for name in names:
        process = processes.running(home, name)
        if process is not None:
            processes.kill_session(process)


def test_variables_of_the_shell_do_not_reach_a_service(
    home: Home, unreachable: Servers, started: list[str], stray_variables: None
) -> None:
    """A real service refuses each of these variables at its start; with servers away it lives on and says so."""
    part = service_part(home, "notifications", port=free_port(), states="hb", servers=unreachable, needs=())
    started.append(part.name)
    process = processes.launch(home, part)

    def unready() -> bool:
        assert process.poll() is None, processes.log_tail(home, part.name)
        return "503" in lifecycle.problem_of(part.probe)

    until(unready, "it does not say that the servers are away", pause=0.1)
    processes.stop(psutil.Process(process.pid), stop_signal=signal.SIGTERM, seconds=15)
    refused = subprocess.run(
        part.command, env={**os.environ, **part.environment}, capture_output=True, text=True, check=False, timeout=30
    )
    assert refused.returncode == 2, "the variables of this test are ones that a service would refuse"
    assert "NORDA_LOG_FORMAT" in refused.stderr


def test_variables_of_the_shell_do_not_reach_a_setup(home: Home, unreachable: Servers, stray_variables: None) -> None:
    part = service_part(home, "registry", port=free_port(), states="hb", servers=unreachable, needs=())
    assert "NORDA_ADMIN_DATABASE_URL" not in part.environment, "only setup may be told"
    with pytest.raises(PartFailedError, match="cannot reach the database"):
        run_setup_if_due(home, "registry", dict(part.environment), unreachable)
