"""Stacks of one's own for the tests of the local stack; everything they start is stopped again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from norda_local.folders import Home
from norda_local.settings import StackSettings, free_ports
from norda_local.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in a folder of mode 700, as pytest makes them: as root, PostgreSQL's account cannot pass it."""
    made = Home(tmp_path / "norda home")
    made.create()
    return made


@pytest.fixture
def make_stack(home: Home) -> Iterator[MakeStack]:
    ports = free_ports()

    def make(*parts: str) -> Stack:
        return Stack(home, StackSettings(ports=ports), only=parts, durable=True)

    yield make
    Stack(home, StackSettings(ports=ports)).down()
