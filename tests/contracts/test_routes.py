"""What holds for every route of every service."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute
from support.installation import SERVICES, service_of


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for needed in dependant.dependencies:
        yield from calls(needed)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_of_a_request_runs_in_a_thread(name: str) -> None:
    # FastAPI hands what is no coroutine function over to a thread, each time and back
    # (docs/decisions/0064-the-price-of-a-command.md).
    routes = [route for router in service_of(name).routers for route in router.routes if isinstance(route, APIRoute)]
    assert routes
    found = {
        f"{call.__module__}.{call.__qualname__} of {route.path}"
        for route in routes
        for call in calls(get_dependant(path=route.path_format, call=route.endpoint))
        if not inspect.iscoroutinefunction(call) and not inspect.iscoroutinefunction(type(call).__call__)
    }
    assert found == set()
