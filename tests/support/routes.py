"""All routes of a service, as its application has them, and the right each names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.routing import _iter_routes_with_context as routes_with_context
from norda_common.rights import Right
from norda_common.service import create_app
from norda_common.settings import ServiceSettings
from pydantic import SecretStr
from starlette.routing import Mount, Route

from .installation import service_of

WRITTEN_BY_FASTAPI = {"/openapi.json"}
VALUES = {
    "state": "hb", "token": "0" * 64, "row_id": "1", "identity": "none", "what": "imprint", "postal_code": "28195",
    "_": "entity",
}  # fmt: skip
"""Path parameters that are no ids."""
OF_NO_STATE = {"identity", "what", "row_id", "letter_id", "action", "token", "postal_code", "_"}
"""Path parameters that name no record of a state."""
_PARAMETER = re.compile(r"{(\w+)[^}]*}")


@dataclass(frozen=True)
class Walked:
    """A route as a request: method, where it is, a path that leads to it, and the right it names."""

    method: str
    where: str
    path: str
    right: Right

    @property
    def is_page(self) -> bool:
        return not self.path.startswith(("/api/", "/livez", "/readyz", "/asyncapi", "/schemas")) and self.path != "/"

    @property
    def names_a_record(self) -> bool:
        return not set(_PARAMETER.findall(self.where)) <= OF_NO_STATE

    def at(self, ids: Mapping[str, str]) -> str:
        """The path to this record."""
        return _PARAMETER.sub(lambda part: ids[part[1]], self.where)

    def leads_to(self, path: str) -> bool:
        """Whether this path is one of the route's."""
        parts = _PARAMETER.split(self.where)
        fixed = [re.escape(part) for part in parts[::2]]
        return re.fullmatch("[^/]+".join(fixed), path) is not None


def application(name: str) -> FastAPI:
    """The service's application, which nothing was started for."""
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
    """The rights a route's dependencies check."""
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
            path = _PARAMETER.sub(lambda part: VALUES.get(part[1], str(uuid4())), where)
            found += [Walked(method, where, path, *named) for method in sorted(route.methods)]
        elif isinstance(route, Mount):
            assert route.name == "static", f"{route.path} is mounted, and asks nobody who comes"
        elif isinstance(route, Route):
            assert route.path in WRITTEN_BY_FASTAPI, route.path
    assert silent == []
    return found
