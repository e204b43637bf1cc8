"""Every route of every service, walked with every role and state: who has the right gets in, nobody else does.

The list is made from the applications themselves, so a new route is in it; one that names no right fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.routing import _iter_routes_with_context as routes_with_context
from norda_common.auth import Caller
from norda_common.rights import Right, Role
from norda_common.service import create_app
from norda_common.settings import ServiceSettings
from norda_common.states import ALL_STATES, State
from pydantic import SecretStr
from starlette.routing import Mount, Route
from support.installation import SERVICES, Installation, Running, service_of
from support.people import signed_in

WRITTEN_BY_FASTAPI = {"/openapi.json"}
EVERYONE: list[tuple[Role, State | None]] = [(role, state) for role in Role for state in (*ALL_STATES, None)]
VALUES = {"state": "hb", "token": "0" * 64, "row_id": "1", "identity": "none", "what": "imprint"}
"""Path parameters that are no ids."""


@dataclass(frozen=True)
class Walked:
    """A route as a request: method, a path that leads to it, and the right it names."""

    method: str
    path: str
    right: Right

    @property
    def is_page(self) -> bool:
        return not self.path.startswith(("/api/", "/livez", "/readyz", "/asyncapi", "/schemas")) and self.path != "/"


def application(name: str) -> FastAPI:
    service = service_of(name)
    given = {key: info.default for key, info in service.settings.model_fields.items() if not info.is_required()}
    settings: ServiceSettings = service.settings.model_construct(
        **given
        | {
            "database_url": SecretStr("postgresql://nowhere"),
            "kafka_bootstrap_servers": "nowhere:1",
            "http_port": 1,
            "token_jwks_file": Path("none.json"),
        }
    )
    return create_app(service, settings)


def rights_of(dependant: Dependant) -> Iterator[Right]:
    right = getattr(dependant.call, "right", None)
    if isinstance(right, Right):
        yield right
    for needed in dependant.dependencies:
        yield from rights_of(needed)


def walked(name: str) -> list[Walked]:
    """All routes of a service. Fails for one that names no right."""
    found, silent = list[Walked](), list[str]()
    for route, context in routes_with_context(application(name).routes):
        if isinstance(route, APIRoute):
            named = set(rights_of(context.dependant if context else route.dependant))
            where = context.path if context else route.path
            if len(named) != 1:
                silent.append(f"{sorted(route.methods)} {where} names {[right.name for right in named]}")
                continue
            path = re.sub(r"{(\w+)[^}]*}", lambda part: VALUES.get(part[1], str(uuid4())), where)
            found += [Walked(method, path, *named) for method in sorted(route.methods)]
        elif isinstance(route, Mount):
            assert route.name == "static", f"{route.path} is mounted, and asks nobody who comes"
        elif isinstance(route, Route):
            assert route.path in WRITTEN_BY_FASTAPI, route.path
    assert silent == []
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_names_one_right(name: str) -> None:
    assert len(walked(name)) > 10


async def status(client: httpx2.AsyncClient, route: Walked, form: dict[str, str]) -> tuple[int, str]:
    """What a request with nothing in it gets, and the problem's code."""
    sends = route.method not in {"GET", "DELETE"}
    content: dict[str, Any] = {"data": form} if sends and route.is_page else {"json": {}} if sends else {}
    response = await client.request(route.method, route.path, **content)
    kind = response.headers.get("content-type", "")
    return response.status_code, response.json().get("code", "") if "problem+json" in kind else ""


@pytest.mark.parametrize("name", SERVICES)
async def test_each_role_of_each_state_gets_in_where_it_has_the_right(
    module_installation: Installation, name: str
) -> None:
    running = module_installation.start(name)
    routes, wrong = walked(name), list[str]()
    for role, state in EVERYONE:
        caller = Caller(subject="x", name="x", roles=frozenset({role}), state=state)
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(running.client(state=state and state.value, role=role.value))
            person = await stack.enter_async_context(
                signed_in(running, state=state and state.value, roles=(role.value,))
            )
            for route in routes:
                if "back-channel" in route.path or "sign-" in route.path:
                    continue
                client = person.client if route.is_page else api
                got, code = await status(client, route, {"csrf": person.csrf})
                may = caller.may(route.right)
                if got >= 500 and code != "sign_in_missing":
                    wrong.append(f"{role} of {state}: {route.method} {route.path} answers {got}")
                elif may and (got == 401 or code in {"role_missing", "no_state"}):
                    wrong.append(f"{role} of {state} may {route.method} {route.path}, but gets {got} {code}")
                elif not may and got != 403:
                    wrong.append(f"{role} of {state} may not {route.method} {route.path}, but gets {got} {code}")
    assert wrong == []


@pytest.mark.parametrize("name", SERVICES)
async def test_nobody_gets_in_where_a_right_is_needed(module_installation: Installation, name: str) -> None:
    running: Running = module_installation.start(name)
    wrong = list[str]()
    async with httpx2.AsyncClient(base_url=running.url, timeout=30, headers={"accept": "text/html"}) as nobody:
        for route in walked(name):
            if route.right.public:
                continue
            response = await nobody.request(route.method, route.path)
            sent_to_sign_in = response.status_code == 303 and "/sign-in?" in response.headers["location"]
            if response.status_code not in {401, 403} and not (route.is_page and sent_to_sign_in):
                wrong.append(f"{route.method} {route.path} answers {response.status_code}")
    assert wrong == []
