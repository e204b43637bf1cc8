"""The HTTP edge: problems in both languages, tokens, limits, health; through a real server on a real port."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import uvicorn
from fastapi import APIRouter
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from norda_common.consumer import Consumer
from norda_common.database import SYSTEM, Database
from norda_common.errors import Conflict
from norda_common.input import Command, Line
from norda_common.rights import STAFF, Right
from norda_common.service import Service, create_app
from norda_common.settings import ServiceSettings
from norda_common.web import CallerDep, RuntimeDep
from support.installation import free_port

from .conftest import THING, Probe

router = APIRouter(prefix="/api/v1")


class Body(Command):
    text: Line
    count: int = 0


@router.post("/things")
async def make(body: Body, caller: CallerDep, runtime: RuntimeDep) -> dict[str, Any]:
    caller.require(Right("thing.write", STAFF))
    async with runtime.database.read(caller) as connection:
        return {"text": body.text, "one": await connection.fetchval("select 1")}


@router.post("/conflict")
async def conflict() -> None:
    raise Conflict("Das geht nicht.", "That cannot be.", code="no_way")


@router.post("/boom")
async def boom() -> None:
    raise ZeroDivisionError


@router.post("/broken")
async def broken(runtime: RuntimeDep) -> None:
    async with runtime.database.read(SYSTEM):
        pass


KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
OTHER = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


def token(key: ECKey = KEY, **claims: Any) -> str:
    now = int(time.time())
    content = {"iss": "norda-local", "aud": "norda", "sub": "s", "exp": now + 60, "state": "hb", "role": "office"}
    content |= claims
    return jwt.encode({"alg": "ES256", "kid": key.kid}, content, key, algorithms=["ES256"])


@asynccontextmanager
async def served(
    settings: ServiceSettings, jwks: Path, *, consumers: Sequence[Consumer] = ()
) -> AsyncIterator[httpx2.AsyncClient]:
    jwks.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    service = Service(
        name="probe",
        title="Probe",
        description="-",
        topics=[THING],
        migrations=jwks.parent,
        routers=[router],
        consumers=consumers,
    )
    port = free_port()
    app = create_app(service, settings.model_copy(update={"body_limit_bytes": 5000}))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            client.headers["authorization"] = f"Bearer {token()}"
            yield client
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def client(probe: Probe, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(probe.settings, tmp_path / "jwks.json") as made:
        yield made


async def test_a_good_request_is_answered(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", json={"text": "  Gro\u0308ße "})
    assert (answer.status_code, answer.json()) == (200, {"text": "Größe", "one": 1})
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("url", ["http://norda.example", "https://norda.example"])
async def test_browsers_are_told_to_stay_with_https_where_it_is(probe: Probe, tmp_path: Path, url: str) -> None:
    settings = probe.settings.model_copy(update={"public_url": url})
    async with served(settings, tmp_path / "jwks.json") as client:
        answer = await client.get("/livez")
        assert ("strict-transport-security" in answer.headers) is url.startswith("https")


async def test_a_problem_speaks_the_callers_language_and_holds_both(client: httpx2.AsyncClient) -> None:
    german = await client.post("/api/v1/conflict")
    english = await client.post("/api/v1/conflict", headers={"accept-language": "en-GB,de;q=0.5"})
    assert german.status_code == 409
    assert german.headers["content-type"] == "application/problem+json"
    assert german.json()["detail"] == "Das geht nicht."
    assert english.json()["detail"] == "That cannot be."
    assert german.json()["type"] == "urn:norda:problem:no_way"
    assert german.json()["messages"] == {"de": "Das geht nicht.", "en": "That cannot be."}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "text", "missing"),
        ({"text": "x", "colour": 1}, "colour", "extra_forbidden"),
        ({"text": "a\u0000b"}, "text", "control_character"),
        ({"text": "a\u202eb"}, "text", "control_character"),
        ({"text": "x", "count": "many"}, "count", "int_parsing"),
        ({"text": "x" * 1001}, "text", "string_too_long"),
    ],
)
async def test_a_wrong_field_is_named_in_both_languages(
    client: httpx2.AsyncClient, body: dict[str, Any], field: str, code: str
) -> None:
    answer = await client.post("/api/v1/things", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["de"] != error["en"]
    assert field in answer.json()["detail"]


@pytest.mark.parametrize("content", [b"{", b'{"text": "\xff"}', b"\x00", b'{"text": "\\ud800"}'])
async def test_unreadable_bodies_are_refused_as_problems(client: httpx2.AsyncClient, content: bytes) -> None:
    answer = await client.post("/api/v1/things", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
async def test_an_oversized_body_is_refused_with_413(client: httpx2.AsyncClient, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    answer = await client.post(
        "/api/v1/things", content=b"x" * 10_000 if announced else chunks(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["messages"]["en"].startswith("The body is too large")


@pytest.mark.parametrize(
    "bad",
    [
        token(OTHER),
        token(aud="elsewhere"),
        token(iss="somebody"),
        token(exp=int(time.time()) - 3600),
        token(state="xx"),
        token(role=None),
        token()[:-4] + "AAAA",
        "garbage",
    ],
)
async def test_a_bad_token_is_refused(client: httpx2.AsyncClient, bad: str) -> None:
    answer = await client.post("/api/v1/things", json={"text": "x"}, headers={"authorization": f"Bearer {bad}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_missing_token_is_refused(client: httpx2.AsyncClient) -> None:
    del client.headers["authorization"]
    assert (await client.post("/api/v1/things", json={"text": "x"})).status_code == 401


async def test_a_reading_role_may_not_write(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/things", json={"text": "x"}, headers={"authorization": f"Bearer {token(role='auditor')}"}
    )
    assert answer.status_code == 403


async def test_keys_can_be_rotated_without_a_restart(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    await asyncio.sleep(0.02)
    (tmp_path / "jwks.json").write_text(json.dumps(KeySet([OTHER]).as_dict(private=False)))
    old = await client.post("/api/v1/things", json={"text": "x"})
    new = await client.post("/api/v1/things", json={"text": "x"}, headers={"authorization": f"Bearer {token(OTHER)}"})
    assert (old.status_code, new.status_code) == (401, 200)


async def test_an_unexpected_fault_is_a_problem_without_details(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/boom")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "ZeroDivision" not in answer.text


async def test_unknown_addresses_and_methods_are_problems(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/nowhere")).json()["code"] == "not_found"
    assert (await client.delete("/api/v1/things")).json()["code"] == "method_not_allowed"


async def test_health_says_ready_and_names_the_parts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez")).json()["status"] == "alive"
    for _ in range(50):
        document = (await client.get("/readyz")).json()
        if document["relay"]["active"]:
            break
        await asyncio.sleep(0.1)
    assert document["status"] == "ready"
    assert document["checks"]["database"] == "ok"
    assert document["relay"]["active"] is True


async def test_without_its_servers_it_starts_says_so_and_refuses_politely(probe: Probe, tmp_path: Path) -> None:
    away = probe.settings.model_copy(
        update={
            "database_url": type(probe.settings.database_url)("postgresql://norda_probe:x@127.0.0.1:9/none"),
            "kafka_bootstrap_servers": "127.0.0.1:9",
        }
    )
    async with served(away, tmp_path / "jwks.json") as client:
        ready = await client.get("/readyz")
        answer = await client.post("/api/v1/things", json={"text": "x"})
    assert ready.status_code == 503
    assert ready.json()["status"] == "unavailable"
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["code"] == "unavailable"


async def test_kafka_away_degrades_but_commands_go_on(probe: Probe, tmp_path: Path) -> None:
    away = probe.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:9"})
    async with served(away, tmp_path / "jwks.json") as client:
        answer = await client.post("/api/v1/things", json={"text": "x"})
        assert answer.status_code == 200
        for _ in range(100):
            document = (await client.get("/readyz")).json()
            if document["checks"]["relay"] != "ok":
                break
            await asyncio.sleep(0.1)
    assert document["status"] == "degraded"
    assert "Kafka" in document["checks"]["relay"] or "Timeout" in document["checks"]["relay"]


async def test_a_connection_that_broke_while_it_was_given_back_is_a_fault_of_the_surroundings(
    probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def breaking(_: Database, __: object) -> AsyncIterator[None]:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        yield

    async with served(probe.settings, tmp_path / "jwks.json") as client:
        monkeypatch.setattr(Database, "read", breaking)
        answer = await client.post("/api/v1/broken")
        ready = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "InternalClientError")
