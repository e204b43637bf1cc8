from __future__ import annotations

from pathlib import Path

import pytest
from norda_local.lint import breaches, check, is_edge

PACKAGE = Path("services/registry/norda_registry")


@pytest.mark.parametrize(
    "source",
    [
        "async def f(c):\n    async with c.transaction():\n        pass\n",
        "async def f(c):\n    await c.execute('commit;')\n",
        "def f(c):\n    c.commit()\n",
    ],
)
def test_a_transaction_outside_an_edge_is_a_breach(source: str) -> None:
    (line,) = breaches(source, Path("usecases/x.py"))
    assert line.startswith("usecases/x.py:2:")


def test_ordinary_statements_are_none() -> None:
    assert list(breaches("async def f(c):\n    await c.execute('UPDATE x SET begin = 1')\n", Path("store.py"))) == []


@pytest.mark.parametrize(
    ("module", "edge"),
    [
        ("api/organisations.py", True),
        ("consumers.py", True),
        ("workers/promotion.py", True),
        ("usecases/api.py", False),
        ("store/consumers.py", False),
    ],
)
def test_edges_are_told_by_their_place(module: str, edge: bool) -> None:
    assert is_edge(PACKAGE / module, PACKAGE) is edge


def test_a_breach_in_a_service_is_found(tmp_path: Path) -> None:
    module = tmp_path / PACKAGE / "usecases" / "register.py"
    module.parent.mkdir(parents=True)
    module.write_text("async def f(c):\n    async with c.transaction():\n        pass\n")
    assert len(check(tmp_path)) == 1
