"""Fixtures of the whole suite: servers, installations. A missing server fails a test, it never skips it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.installation import Installation, in_thread, make_template, new_installation
from support.servers import Servers


@pytest.fixture(scope="session")
def servers() -> Servers:
    return Servers.from_environment()


@pytest.fixture(scope="session")
def template(servers: Servers) -> None:
    in_thread(make_template(servers.postgres))


@pytest.fixture
def installation(servers: Servers, template: None, tmp_path: Path) -> Iterator[Installation]:
    with new_installation(servers, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def module_installation(
    servers: Servers, template: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with new_installation(servers, tmp_path_factory.mktemp("installation")) as made:
        yield made
