"""Every route of every service, walked with every role and state: who has the right gets in, nobody else does.

The list is made from the applications themselves, so a new route is in it; one that names no right fails, and so does
one that names a record without an expectation in `cells/`. Those are asked about a real record of each state.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from norda_common.auth import Caller
from norda_common.rights import STAFF, Role
from norda_common.states import ALL_STATES, State
from support.installation import SERVICES, Installation, Running
from support.people import Person, signed_in, text_of
from support.routes import Walked, walked

from .cells import CELLS, PHRASES, Cell, expected, filled
from .records import Records, records_of

EVERYONE: list[tuple[Role, State | None]] = [(role, state) for role in Role for state in (*ALL_STATES, None)]


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_names_one_right(name: str) -> None:
    assert len(walked(name)) > 10


def code_of(response: httpx2.Response) -> str:
    """The code of a problem document; empty for everything else."""
    kind = response.headers.get("content-type", "")
    return str(response.json().get("code", "")) if "problem+json" in kind else ""


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_that_names_a_record_says_what_it_answers_to_whom(name: str) -> None:
    walk = {f"{route.method} {route.where}" for route in walked(name) if route.names_a_record}
    assert walk - CELLS[name].keys() == set(), "these are asked about no record; see cells/"
    assert CELLS[name].keys() - {f"{route.method} {route.where}" for route in walked(name)} == set(), "no such routes"


@dataclass(frozen=True)
class Asking:
    """Somebody of a role and a state, as a program and as a person at the pages."""

    role: Role
    state: str | None
    api: httpx2.AsyncClient
    person: Person

    def __str__(self) -> str:
        return f"{self.role} of {self.state}"

    async def ask(
        self,
        route: Walked,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send what a program or a browser would."""
        content: dict[str, Any] = {}
        if route.method not in {"GET", "DELETE"}:
            content = {"data": {"csrf": self.person.csrf, **body}} if route.is_page else {"json": dict(body)}
        client = self.person.client if route.is_page else self.api
        if query:
            content["params"] = dict(query)
        return await client.request(route.method, path, headers=dict(headers or {}), **content)


async def everyone(running: Running, stack: AsyncExitStack) -> list[Asking]:
    found = []
    for role, state in EVERYONE:
        code = state.value if state else None
        api = await stack.enter_async_context(running.client(state=code, role=role.value))
        person = await stack.enter_async_context(signed_in(running, state=code, roles=(role.value,)))
        found.append(Asking(role, code, api, person))
    return found


@pytest.mark.parametrize("name", SERVICES)
async def test_each_role_of_each_state_gets_in_where_it_has_the_right(
    module_installation: Installation, name: str
) -> None:
    running = module_installation.start(name)
    wrong = list[str]()
    async with AsyncExitStack() as stack:
        people = await everyone(running, stack)
        for route in walked(name):
            if route.names_a_record or "back-channel" in route.path or "sign-" in route.path:
                continue
            for asking in people:
                caller = Caller(
                    subject="x",
                    name="x",
                    roles=frozenset({asking.role}),
                    state=State(asking.state) if asking.state else None,
                )
                response = await asking.ask(route, route.path, {})
                got, code, may = response.status_code, code_of(response), caller.may(route.right)
                if got >= 500 and code != "sign_in_missing":
                    wrong.append(f"{asking}: {route.method} {route.path} answers {got}")
                elif may and (got == 401 or code in {"role_missing", "no_state"}):
                    wrong.append(f"{asking} may {route.method} {route.path}, but gets {got} {code}")
                elif not may and got != 403:
                    wrong.append(f"{asking} may not {route.method} {route.path}, but gets {got} {code}")
    assert wrong == []


@pytest.mark.parametrize("name", SERVICES)
async def test_each_role_of_each_state_gets_what_the_rights_say_of_a_record_of_its_own_and_of_another_state(
    module_installation: Installation, name: str
) -> None:
    running = module_installation.start(name)
    wrong = list[str]()
    # A record may be named in what is sent, too.
    routes = [route for route in walked(name) if f"{route.method} {route.where}" in CELLS[name]]
    async with AsyncExitStack() as stack:
        records = await records_of(running, module_installation, stack)
        people = await everyone(running, stack)
        for route in routes:
            for cell in CELLS[name][f"{route.method} {route.where}"]:
                for asking in people:
                    # Whom the edge refuses is refused before anybody looks whose record it is.
                    refused = asking.role not in route.right.roles and not route.right.public
                    for whose in [asking.state or "hb"] if refused else list(records.of):
                        wrong += await differences(route, cell, asking, records, whose=whose)
    assert wrong == [], "\n".join(wrong)


async def differences(route: Walked, cell: Cell, asking: Asking, records: Records, *, whose: str) -> list[str]:
    """In what an answer is not as expected."""
    wanted = expected(cell, route.right, asking.role, asking.state, whose=whose)
    used_up = cell.fresh and wanted in {204, 303}
    ids = await records.fresh(cell.record, whose) if used_up else records.of[whose][cell.record]
    path = route.at({**ids, **filled(cell.path, whose, ids)})
    body, query = filled(cell.body, whose, ids), filled(cell.query, whose, ids)
    response = await asking.ask(route, path, body, cell.headers, query)
    what = f"{asking}: {route.method} {path}, {cell.record} of {whose}"
    status = wanted if isinstance(wanted, int) else 403 if wanted in PHRASES else 409
    if response.status_code != status:
        return [f"{what} answers {response.status_code} {code_of(response)}, not {wanted}"]
    if isinstance(wanted, str):
        told = text_of(response) if route.is_page else ""
        said = any(text in told for text in PHRASES[wanted]) if route.is_page else code_of(response) == wanted
        return [] if said else [f"{what} is not refused as {wanted}: {text_of(response)[-300:]}"]
    if cell.kept:
        own = asking.state == whose and asking.role in STAFF
        if (cell.kept in response.json()) != own:
            return [f"{what} shows {cell.kept}: {not own}"]
    return []


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
