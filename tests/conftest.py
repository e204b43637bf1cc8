"""Fixtures of the whole suite: servers, installations. A missing server fails a test, it never skips it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.installation import Installation, in_thread, make_template, new_installation
from support.servers import Servers

# A busy machine makes an example slow, not wrong: no property is judged by its time. The first draw of a whole number
# reads all sources for constants, too. `--hypothesis-profile thorough` looks longer.
settings.register_profile("norda", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("thorough", settings.get_profile("norda"), max_examples=3_000)
settings.load_profile("norda")


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
