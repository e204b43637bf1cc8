"""Decision records can be found: each stands in the index with its title, and says what the template asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = [path for path in sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]-*.md")) if path.name != "0000-template.md"]
SECTIONS = ["Context", "Decision", "Consequences", "When to revisit"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_stands_in_the_index_and_has_the_templates_sections(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    number = path.name[:4]
    title = text.partition("\n")[0].removeprefix(f"# {number}: ")
    row = f"| [{number}]({path.name}) | {title} |"
    assert row in (FOLDER / "README.md").read_text(encoding="utf-8"), f"add to docs/decisions/README.md: {row}"
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


def test_numbers_are_used_once() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert sorted(set(numbers)) == numbers


def test_a_record_named_in_the_code_exists() -> None:
    named = {
        name
        for folder in ("libs", "services", "deploy", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"docs/decisions/(\d{4}-[\w-]+\.md)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= {path.name for path in RECORDS}
