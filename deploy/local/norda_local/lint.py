"""The rule that only the edges commit, as a check over the services' syntax trees.

A use case joins its caller's transaction, so that an edge decides what belongs together (docs/decisions, architecture).
Therefore `.transaction()`, `.commit()` and SQL that begins or ends a transaction are allowed in a service's `api`,
`pages`, `consumers` and `workers` modules or packages only. `python -m norda_local.lint` prints each breach and ends
with 1 when there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from norda_local.folders import PROJECT_ROOT

EDGES = ("api", "pages", "consumers", "workers")
COMMITTING_CALLS = {"transaction", "commit", "rollback"}
COMMITTING_SQL = {"BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION", "END"}


def breaches(source: str, path: Path) -> Iterator[str]:
    """One line per place in the source that begins or ends a transaction."""
    for node in ast.walk(ast.parse(source, str(path))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in COMMITTING_CALLS:
            yield f"{path}:{node.lineno}: .{node.func.attr}() outside an edge ({', '.join(EDGES)})"
        for argument in node.args[:1]:
            if isinstance(argument, ast.Constant) and _committing(argument.value):
                yield f"{path}:{node.lineno}: {argument.value!r} outside an edge"


def is_edge(path: Path, package: Path) -> bool:
    """Whether the module is one of the service's edges: `api.py`, `api_imports.py`, `consumers/…`."""
    return path.relative_to(package).parts[0].startswith(EDGES)


def check(root: Path = PROJECT_ROOT) -> list[str]:
    """Every breach in the services below root."""
    found: list[str] = []
    for package in sorted(root.glob("services/*/norda_*")):
        for path in sorted(package.rglob("*.py")):
            if not is_edge(path, package):
                found += breaches(path.read_text(), path.relative_to(root))
    return found


def _committing(value: object) -> bool:
    return isinstance(value, str) and value.strip().rstrip(";").upper() in COMMITTING_SQL


if __name__ == "__main__":
    lines = check()
    print("\n".join(lines) or "only the edges commit")
    sys.exit(1 if lines else 0)
