"""Every operation of every OpenAPI document, fuzzed by schemathesis against real services with a filled world.

Each operation gets its coverage cases (every boundary of its schema, right and wrong) and `NORDA_FUZZ_EXAMPLES` drawn
ones, the same in every run. Whoever has the right asks as Bremen's head of office, or in the role that has it, and
nobody at all asks the same. Ids are mostly those of records that are there, or all would end at 404. Nothing may be
answered by 5xx, everything has to be what the document says, and refusals are problem documents; in the end the
services are well, and none has caused what another could not handle.

No operation is left out: signing out and the provider's back channel are in no document, dead letters are replayed and
discarded by operators, who are asked here, too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from norda_common.rights import Right, Role
from norda_local.demo import World, run_main_job
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.installation import SERVICES, Installation, Running, in_thread
from support.routes import walked
from support.waiting import eventually

from .filled import Row, fill, ids_of

DOCUMENTS = Path(__file__).parents[2] / "docs" / "contracts" / "openapi"
EXAMPLES = int(os.environ.get("NORDA_FUZZ_EXAMPLES", "4"))
SENDER = "fuzzing@norda.example"
METHODS = ("get", "post", "put", "patch", "delete")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DRAWN = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Not made smaller when one fails: the world is another one by then."""
ROLES = (Role.LEAD, Role.PR, Role.OPERATOR, Role.AUDITOR)
"""As whom an operation is asked: the first that has its right."""
_PARAMETER = re.compile(r"{(\w+)}")


def operations() -> Iterator[tuple[str, str, str]]:
    """All operations of the committed documents: service, method, path; a test holds them against the services."""
    for service in SERVICES:
        for path, methods in json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"].items():
            yield from ((service, method, path) for method in methods if method in METHODS)


@dataclass
class Fuzzed:
    """A service that runs, its document, and who may what there."""

    running: Running
    schema: BaseSchema
    rights: dict[str, Right]
    nobody: requests.Session = field(default_factory=requests.Session)
    letters: frozenset[str] = frozenset()
    """Dead letters that are there from the beginning."""
    seen: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """How often each operation answered what, to whoever may."""
    known: list[str] = field(default_factory=list)
    """Ids of organisations and of much else, for bodies and queries."""

    def allowed(self, method: str, path: str) -> requests.Session | None:
        """A session of somebody who may; None where everybody may."""
        right = self.rights[f"{method.upper()} {path}"]
        if right.public:
            return None
        role = next(role for role in ROLES if role in right.roles)
        session = requests.Session()
        state = None if role in {Role.OPERATOR, Role.AUDITOR} else "hb"
        token = self.running.installation.token(state=state, role=role.value)
        session.headers["Authorization"] = f"Bearer {token}"
        return session


@pytest.fixture(scope="module")
def world(module_installation: Installation) -> dict[str, Fuzzed]:
    sender = {"NORDA_MAIL_FROM": f"Norda <{SENDER}>"}
    running = {name: module_installation.start(name, wait=False, environment=sender) for name in SERVICES}
    for service in running.values():
        service.wait_ready()
    servers = module_installation.servers
    demo = World(
        **{name: service.url for name, service in running.items()},
        kafka=servers.kafka,
        token=lambda state, role: module_installation.token(state=state, role=role),
        mail_url=servers.mail,
        tracing_url=servers.tracing,
        topic_prefix=module_installation.prefix,
        mails_from=SENDER,
    )
    run_main_job(demo)
    assert demo.failures == []
    in_thread(fill(running["registry"], module_installation))
    organisations = [row[0] for row in ids_of(module_installation, "registry", ("organisation_id",))]
    return {
        name: Fuzzed(
            service,
            schemathesis.openapi.from_dict(httpx2.get(f"{service.url}/openapi.json").json()),
            {f"{route.method} {route.where}": route.right for route in walked(name)},
            letters=frozenset(asyncio.run(eventually(lambda service=service: _letters(service), within=30))),
            known=organisations + [row[0] for row in ids_of(module_installation, "events", ("event_id",))][:5],
        )
        for name, service in running.items()
    }


async def _letters(running: Running) -> list[str]:
    """The newest dead letters' ids."""
    async with running.client(None, "operator") as operator:
        return [letter["id"] for letter in (await operator.get("/api/v1/dead-letters")).json()["items"]]


@dataclass
class Asked:
    """An operation that is being fuzzed."""

    service: Fuzzed
    operation: APIOperation
    somebody: requests.Session | None
    names: tuple[str, ...]
    rows: list[Row]
    count: Iterator[int] = field(default_factory=itertools.count)


@pytest.fixture
def asked(request: pytest.FixtureRequest, world: dict[str, Fuzzed]) -> Asked:
    name, method, path = request.param
    service, names = world[name], tuple(_PARAMETER.findall(path))
    rows = ids_of(service.running.installation, name, names) if names else []
    return Asked(service, service.schema[path][method.upper()], service.allowed(method, path), names, rows)


@pytest.mark.parametrize("asked", operations(), indirect=True, ids=lambda one: f"{one[0]}: {one[1].upper()} {one[2]}")
def test_no_request_meets_a_fault(asked: Asked) -> None:
    # As `schema.parametrize()` does it, which would draw all coverage cases while tests are collected; the lazy way
    # asks pytest for what it no longer has since 9.1.
    load_all_checks()
    fuzz = build_operation_test(
        config=asked.operation.schema.config,
        operation=asked.operation,
        test_func=DRAWN(lambda case: ask(case, asked)),
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=DRAWN,
    )
    fuzz()
    assert next(asked.count) > 0, "nothing was asked"


def ask(case: schemathesis.Case, asked: Asked) -> None:
    """Send a request as somebody who may, and as nobody."""
    lead_to_records(case, asked)
    url, turn = asked.service.running.url, next(asked.count)
    if asked.somebody is not None:
        answer = case.call_and_validate(
            base_url=url, session=asked.somebody, checks=CHECKS, additional_checks=[a_problem]
        )
        asked.service.seen[asked.operation.label][answer.status_code] += 1
    # Who is nobody is refused before much is looked at: now and then suffices, but where everybody may.
    if asked.somebody is None or turn % 10 == 0:
        answer = case.call_and_validate(
            base_url=url, session=asked.service.nobody, checks=CHECKS, additional_checks=[a_problem]
        )
        assert asked.somebody is None or answer.status_code >= 400, answer.status_code


def a_problem(_context: Any, response: Any, _case: Any) -> None:
    """A refusal is a problem document with both languages, also where the document speaks of none."""
    if response.status_code < 400:
        return
    kind = response.headers.get("content-type", ["none"])[0]
    assert kind.startswith("application/problem+json"), f"{response.status_code} as {kind}"
    document = json.loads(response.content)
    assert document["status"] == response.status_code
    assert document["messages"]["de"]
    assert document["messages"]["en"]


def lead_to_records(case: schemathesis.Case, asked: Asked) -> None:
    """Put ids of records in place of most drawn ones, by what was drawn, so that each run asks the same."""
    drawn = zlib.crc32(repr((case.path_parameters, case.body)).encode())
    if asked.rows and drawn % 4 and set(asked.names) <= set(case.path_parameters or {}):
        case.path_parameters.update(zip(asked.names, asked.rows[drawn // 4 % len(asked.rows)], strict=True))
    case.body = _known(case.body, asked.service.known)
    if case.query:
        case.query.update(_known(dict(case.query), asked.service.known))


def _known(value: Any, ids: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _known(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [_known(item, ids) for item in value]
    if not isinstance(value, str) or len(value) != 36:
        return value
    try:
        number = UUID(value).int
    except ValueError:
        return value
    return ids[number // 4 % len(ids)] if number % 4 else value


def test_what_was_made_up_gets_beyond_the_edge(world: dict[str, Fuzzed]) -> None:
    seen = {f"{name}: {label}": counts for name, service in world.items() for label, counts in service.seen.items()}
    if not seen:
        pytest.skip("operations were chosen, and none of them asked")
    for label, counts in sorted(seen.items()):
        print(label, dict(sorted(counts.items())))
    reached = {label for label, counts in seen.items() if any(status < 300 for status in counts)}
    assert len(reached) > 0.5 * len(seen), f"only 4xx: {sorted(seen.keys() - reached)}"


async def test_afterwards_all_is_well_and_nothing_was_told_that_nobody_understands(world: dict[str, Fuzzed]) -> None:
    for name, service in world.items():

        async def at_rest(service: Fuzzed = service) -> None:
            document = httpx2.get(f"{service.running.url}/readyz", timeout=20).json()
            assert document["status"] == "ready", document

        await eventually(at_rest, within=60)
        async with service.running.client(None, "operator") as operator:
            assert (await operator.get("/api/v1/outbox/blocked")).json()["items"] == [], name
        assert set(await _letters(service.running)) <= service.letters, name
