"""Whatever stands in an address: a clear refusal or an answer, never a fault of the program."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from support.installation import SERVICES, Installation, Running

JUNK = [
    "%00",
    "%ff%fe",
    "0001-01-01",
    "9999-12-31T23:59:59-14:00",
    "-1",
    "9" * 40,
    "%27%22%3B--",
    "%F0%9F%9A%97",
    "x" * 5000,
]


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest, module_installation: Installation) -> Running:
    return module_installation.start(request.param)


async def test_no_query_parameter_makes_the_service_fail(service: Running) -> None:
    failures: list[str] = []
    async with service.client() as office, service.client(state=None, role="operator") as operator:
        paths: dict[str, Any] = (await office.get("/openapi.json")).json()["paths"]
        asked = 0
        for path, operations in paths.items():
            filled = re.sub(r"\{state\}", "hb", path)
            filled = re.sub(r"\{[a-z_]+\}", str(uuid4()), filled)
            for parameter in operations.get("get", {}).get("parameters", []):
                if parameter["in"] != "query":
                    continue
                for junk in JUNK:
                    for client in (office, operator):
                        answer = await client.get(f"{filled}?{parameter['name']}={junk}")
                        asked += 1
                        if answer.status_code >= 500:
                            failures.append(f"{answer.status_code} {path}?{parameter['name']}={junk[:40]}")
    assert failures == []
    assert asked > 50


async def test_no_path_makes_the_service_fail(service: Running) -> None:
    async with service.client() as client:
        paths: dict[str, Any] = (await client.get("/openapi.json")).json()["paths"]
        for path in paths:
            for junk in ("%00", "%ff", "0", quote("ä" * 300), "..%2f..%2fetc"):
                answer = await client.get(re.sub(r"\{[a-z_]+\}", junk, path))
                assert answer.status_code < 500, (path, junk, answer.text)
