"""The stack as an ordinary user, by the script itself; root lends the test another account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from norda_local.accounts import Account, server_account
from norda_local.folders import PROJECT_ROOT, cache_folder
from norda_local.settings import free_ports
from norda_local.stack import Stack

MakeStack = Callable[..., Stack]
Norda = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """Whoever runs this, or `nobody` for root; it may pass root's folders, where Python may lie, and nothing else."""
    python = (PROJECT_ROOT / ".venv" / "bin" / "python").resolve()
    return server_account(tmp_path / "none yet", tmp_path, PROJECT_ROOT, python)


@pytest.fixture
def norda(account: Account, make_stack: MakeStack, tmp_path: Path) -> Iterator[Norda]:
    """`./norda` with a home, ports and a cache that belong to the account."""
    make_stack("postgres").fetch()
    cache = tmp_path / "cache" / "norda"
    shutil.copytree(cache_folder(), cache, ignore=lambda _, names: [n for n in names if n != "jars" and not _ours(n)])
    user_home = tmp_path / "user"
    user_home.mkdir()
    for path in (tmp_path, user_home, cache.parent, cache, *cache.rglob("*")):
        account.own(path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NORDA_", "OTEL_"))}
    environment |= {"NORDA_HOME": str(user_home / "stack"), "NORDA_PORT_BASE": str(free_ports()["registry"])}
    environment |= {"HOME": str(user_home), "XDG_CACHE_HOME": str(cache.parent), "COLUMNS": "200"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*account.prefix, str(PROJECT_ROOT / "norda"), *arguments],
            env=environment,
            user=account.user,
            group=account.group,
            extra_groups=[] if account.user is not None else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            cwd=user_home,
        )

    yield run
    run("down")


def _ours(name: str) -> bool:
    return name.endswith(".jar") and name.startswith("embedded-postgres")


def test_an_ordinary_user_runs_postgres_as_himself(norda: Norda, account: Account, tmp_path: Path) -> None:
    user = account.owner[0] if account.owner else os.geteuid()
    assert user != 0
    up = norda("up", "postgres")
    assert up.returncode == 0, up.stderr
    document = json.loads(norda("status", "--json").stdout)
    (row,) = [row for row in document["parts"] if row["name"] == "postgres"]
    assert row["healthy"], row
    server = psutil.Process(row["pid"])
    assert server.uids().real == server.uids().effective == user
    again = norda("up", "postgres")
    assert "runs already" in again.stderr
    made = [tmp_path / "user" / "stack", *(tmp_path / "user" / "stack").rglob("*")]
    assert {path.stat().st_uid for path in made} == {user}
    down = norda("down")
    assert down.returncode == 0, down.stderr
    assert not server.is_running()
