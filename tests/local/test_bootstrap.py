"""The `./norda` script on machines that lack something, with the real pip and uv and no way to a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from norda_local.folders import PROJECT_ROOT
from support.installation import free_port

TOOLS = ("sh", "dirname", "uname", "cat", "cksum", "mkdir", "rm", "mv", "sleep", "grep", "env")
FILES = ("norda", "uv.lock", "pyproject.toml", "deploy/local/uv.txt")
MEMBERS = ("libs/common", "services/registry", "services/events", "services/notifications", "deploy/local")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the script looks at, in a folder with a blank in its name."""
    root = tmp_path / "a clone"
    members = [PROJECT_ROOT / member for member in MEMBERS]
    packages = [path for member in members for path in member.glob("norda_*/__init__.py")]
    projects = [member / "pyproject.toml" for member in members]
    for path in (*(PROJECT_ROOT / name for name in FILES), *projects, *packages):
        target = root / path.relative_to(PROJECT_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return root


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the system's small tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


def run(clone: Path, *arguments: str, path: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    closed = f"http://127.0.0.1:{free_port()}"
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    cut_off = {
        "HOME": str(home),
        "PATH": str(path),
        "PIP_INDEX_URL": closed,
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": "/dev/null",
        "HTTPS_PROXY": closed,
        "UV_HTTP_RETRIES": "0",
    }
    return subprocess.run(
        [str(clone / "norda"), *arguments],
        env={**cut_off, **environment},
        cwd=clone.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    return result.stderr.splitlines()[-1]


def base_python() -> str:
    """The interpreter that made the virtual environment; the script got uv by its pip."""
    return str(getattr(sys, "_base_executable", sys.executable))


def prepare(clone: Path) -> None:
    """Make the clone look prepared, with a command that shows its arguments."""
    command = clone / ".venv" / "bin" / "norda"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    command.chmod(0o755)
    names = "uv.lock pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml"
    stamp = subprocess.run(
        ["sh", "-c", f"cksum {names} deploy/local/uv.txt && pwd -P"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    )
    (clone / ".venv" / ".norda-stamp").write_text(stamp.stdout)


def test_without_python_one_line_says_what_to_install(clone: Path, bare_path: Path) -> None:
    result = run(clone, "status", path=bare_path)
    assert result.stderr.count("\n") == 1
    assert last_line(result).startswith("norda: no Python from 3.11 to 3.13 was found -> install one")


def test_without_pip_one_line_says_so(clone: Path, bare_path: Path, tmp_path: Path) -> None:
    subprocess.run([base_python(), "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    result = run(clone, path=f"{tmp_path / 'bare' / 'bin'}:{bare_path}")
    assert last_line(result).endswith("has no pip -> install it, for example: apt install python3-pip")


def test_without_network_one_line_says_so_for_pip_and_for_uv(clone: Path) -> None:
    path = os.environ["PATH"]
    without_uv = run(clone, "status", path=path, NORDA_PYTHON=base_python())
    assert last_line(without_uv).startswith("norda: no network: the package registry cannot be reached")
    tools = clone / ".norda" / "tools"
    shutil.copytree(PROJECT_ROOT / ".norda" / "tools", tools)
    without_wheels = run(clone, "status", path=path, NORDA_PYTHON=base_python())
    assert last_line(without_wheels).startswith("norda: no network: the package registry cannot be reached")
    assert not (clone / ".norda" / "bootstrap.lock").exists()


def test_a_prepared_clone_needs_no_network_no_python_and_no_time(clone: Path, bare_path: Path) -> None:
    prepare(clone)
    began = time.monotonic()
    result = run(clone, "status", "two words", "", path=bare_path)
    assert time.monotonic() - began < 1
    assert (result.returncode, result.stdout, result.stderr) == (0, "<status><two words><>", "")


def test_a_changed_lock_or_a_moved_clone_is_prepared_anew(clone: Path, bare_path: Path) -> None:
    prepare(clone)
    moved = clone.rename(clone.parent / "moved")
    assert "no Python" in last_line(run(moved, path=bare_path))
    moved.rename(clone)
    assert run(clone, path=bare_path).returncode == 0
    with (clone / "uv.lock").open("a") as lock:
        lock.write("\n")
    assert "no Python" in last_line(run(clone, path=bare_path))


def test_the_lock_of_a_killed_bootstrap_is_taken_over(clone: Path, bare_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = clone / ".norda" / "bootstrap.lock"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(str(ended.pid))
    assert "no Python" in last_line(run(clone, path=bare_path))
    assert not lock.exists()
