"""Who sees and writes what: over HTTP, and in the database with the service's role, where somebody forgot to ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common.auth import Caller
from norda_common.contracts.registry import EXAMPLE
from norda_common.database import SYSTEM, identity_of
from norda_common.identifiers import new_id
from norda_common.migrate import read_migrations, set_up_schema
from norda_common.rights import Role
from norda_common.statements import Identity
from norda_common.states import ALL_STATES, State
from norda_common.web.pages import NOBODY
from norda_registry.rules.rights import CHANGE, READ_FIGURES
from norda_registry.rules.search import Order, wording
from norda_registry.rules.size_class import Figures
from norda_registry.service import SERVICE
from norda_registry.store import directory, finding, matches, organisations, participations, searches
from norda_registry.store.organisations import Change, Stored
from support.installation import Installation, Running, dsn_for

from .conftest import in_directory, in_stuhr, registered

EMAIL = "kontakt@ex-510.example"
EVERYONE = [(role, state) for role in Role for state in (*ALL_STATES, None)]
PUBLIC = ("organisation", "organisation_version", "identifier")
READ_MODELS = ("directory", "directory_number", "participation")
OFFICE_ONLY = ("figures", "contact")


def caller(role: Role | str, state: State | str | None = "hb") -> Caller:
    return Caller(
        subject=f"{Role(role)}-{state or 'all'}",
        name="x",
        roles=frozenset({Role(role)}),
        state=State(state) if state else None,
    )


async def act_as(connection: asyncpg.Connection[Any], asking: Caller | Identity) -> None:
    """Let what follows run for somebody, as the pool does for whoever takes a connection."""
    identity = asking if isinstance(asking, Identity) else identity_of(asking)
    await connection.fetchrow(
        "select set_config('norda.subject', $1, false), set_config('norda.state', $2, false), "
        "set_config('norda.roles', $3, false)",
        *identity,
    )


@asynccontextmanager
async def database(installation: Installation) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection with the service's role, for nobody until somebody is named."""
    connection = await installation.connect(role="norda_registry", system=False)
    try:
        await connection.execute("set search_path to registry, public")
        yield connection
    finally:
        await connection.close()


async def known(registry: Running) -> UUID:
    """An organisation of Bremen with figures and a contact address."""
    async with registry.client() as client:
        made = await registered(client, employees=12, turnover_eur="100000", contact_email=EMAIL)
        await in_directory(client, made["organisation_id"])
        return UUID(made["organisation_id"])


async def count(connection: asyncpg.Connection[Any], table: str) -> int:
    return int(await connection.fetchval(f"select count(*) from {table}"))  # noqa: S608


async def test_figures_and_contact_are_shown_to_the_own_states_staff_alone(registry: Running) -> None:
    key = await known(registry)
    for role, state in EVERYONE:
        async with registry.client(state=state, role=role) as client:
            answer = await client.get(f"/api/v1/organisations/{key}")
            assert answer.status_code == 200
            assert ("internal" in answer.json()) is caller(role, state).may(READ_FIGURES, State.BREMEN), (role, state)
            assert EMAIL not in (await client.get(f"/api/v1/organisations/{key}/versions")).text
    assert caller("pr").may(READ_FIGURES, State.BREMEN)
    assert not caller("lead", "hh").may(READ_FIGURES, State.BREMEN)


async def test_a_forgotten_check_shows_figures_and_contacts_to_nobody_else(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        for role, state in EVERYONE:
            await act_as(connection, caller(role, state))
            may = caller(role, state).may(READ_FIGURES, State.BREMEN)
            for table in OFFICE_ONLY:
                found = await connection.fetch(f"select from {table} where organisation_id = $1", key)
                assert bool(found) is may, (role, state, table)
            stored = await organisations.get(connection, key)
            assert stored is not None
            assert (stored.figures.employees == 12) is may
            assert bool(await organisations.contacts(connection, [key])) is may


@pytest.mark.parametrize("asking", [NOBODY, Identity("", "hb", "office"), Identity("", "", "lead")], ids=str)
async def test_without_a_subject_nothing_is_shown_at_all(
    registry: Running, module_installation: Installation, asking: Identity
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        await act_as(connection, asking)
        for table in (*PUBLIC, *READ_MODELS, "directory_erasure", "directory_shown", "directory_released", "note"):
            assert await count(connection, table) == 0, table
        assert await organisations.get(connection, key) is None
        assert await organisations.versions(connection, key, before=None, limit=5) == []
        assert await searches.get(connection, key) is None
        assert await searches.state_of(connection, key) is None
        assert await searches.listed(connection, searches.Filters(), after=None, limit=5) == []
        assert await matches.find(connection, [("number", "HRB1")]) == []
        assert await participations.of_organisation(connection, key, after=None, limit=5) == []


async def test_a_connection_that_was_never_told_shows_and_stores_nothing(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        for table in (*PUBLIC, *READ_MODELS, *OFFICE_ONLY):
            assert await count(connection, table) == 0, table
        await attempts_fail(connection, key)


async def test_what_is_public_to_all_states_is_shown_to_whoever_signed_in(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        for role, state in EVERYONE:
            await act_as(connection, caller(role, state))
            assert await organisations.versions(connection, key, before=None, limit=5)
            assert await searches.get(connection, key)
            assert await searches.listed(connection, searches.Filters(), after=None, limit=5)
            assert await count(connection, "identifier")


WRITES = (
    "update organisation set legal_name = 'taken' where id = $1",
    "delete from organisation where id = $1",
    "delete from identifier where organisation_id = $1",
    "update identifier set value = 'taken' where organisation_id = $1",
    "update organisation_version set changed_by = 'somebody else' where organisation_id = $1",
    "delete from organisation_version where organisation_id = $1",
    "update figures set employees = 1 where organisation_id = $1",
    "delete from figures where organisation_id = $1",
    "update contact set email = 'x@ex.example' where organisation_id = $1",
    "delete from contact where organisation_id = $1",
    "update directory set legal_name = 'taken' where organisation_id = $1",
    "delete from directory where organisation_id = $1",
    "delete from directory_number where organisation_id = $1",
    "delete from participation where organisation_id = $1",
    "delete from release where organisation_id = $1",
)
ADDITIONS = (
    """insert into organisation (id, version, responsible_state, status, kind, legal_name, data)
       select gen_random_uuid(), 1, responsible_state, status, kind, legal_name, data from organisation where id = $1
       union all select gen_random_uuid(), 1, 'hb', 'active', 'company', 'x', '{}' where $1::uuid is not null""",
    "insert into identifier (organisation_id, kind, value, held) values ($1, 'vat', 'DE000', false)",
    """insert into organisation_version (organisation_id, version, change, changed_at, changed_by, data)
       values ($1, 99, 'changed', now(), 'x', '{}')""",
    """insert into contact (organisation_id, email) values ($1, 'x@ex.example')
       on conflict (organisation_id) do update set email = excluded.email""",
    """insert into release (organisation_id, state, released_at, released_by, fields, sequence)
       values ($1, 'hb', now(), 'x', '{competences}', 1)""",
    """insert into directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name,
                              search_text, competences, clusters, data, changed_at)
       values ($1, 99, 'hb', 'company', 'active', 'x', 'x', 'x', '{}', '{}', '{}', now())
       on conflict (organisation_id) do update set sequence = excluded.sequence""",
    "insert into directory_number (organisation_id, kind, value, held) values ($1, 'vat', 'DE000', true)",
    "insert into directory_erasure (organisation_id, sequence) values ($1, 99)",
    """insert into participation (registration_id, sequence, organisation_id, event_id, responsible_state, status,
                                  registered_at, changed_at)
       values (gen_random_uuid(), 1, $1, gen_random_uuid(), 'hb', 'x', now(), now())""",
)


async def attempts_fail(connection: asyncpg.Connection[Any], key: UUID) -> None:
    """No statement that writes does anything: rows are passed over, new ones refused."""
    for statement in WRITES:
        assert (await connection.execute(statement, key)).endswith(" 0"), statement
    for statement in ADDITIONS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement, key)


async def test_a_forgotten_check_lets_nobody_else_write(registry: Running, module_installation: Installation) -> None:
    key = await known(registry)
    others = [(role, state) for role, state in EVERYONE if not caller(role, state).may(CHANGE, State.BREMEN)]
    assert len(others) == len(EVERYONE) - 2
    async with database(module_installation) as connection:
        for role, state in others:
            if (role, state) == (Role.PR, State.BREMEN):
                continue
            await act_as(connection, caller(role, state))
            await attempts_fail(connection, key)
            assert await organisations.lock(connection, key) is None
            assert await organisations.lock_many(connection, [key]) == {}
        for asking in (NOBODY, SYSTEM):
            await act_as(connection, asking)
            for statement in WRITES[:10]:
                assert (await connection.execute(statement, key)).endswith(" 0"), statement
        await act_as(connection, caller("lead"))
        locked = await organisations.lock(connection, key)
        assert locked is not None
        assert (locked.version, locked.figures.employees) == (1, 12)


# What stays for good and blocks others where it belongs to nobody: a number that is held, a version that is taken.
OF_NOBODY = (
    "insert into identifier (organisation_id, kind, value, held) values ($1, 'vat', 'DE111111111', true)",
    """insert into organisation_version (organisation_id, version, change, changed_at, changed_by, data)
       values ($1, 1, 'registered', now(), 'x', '{}')""",
    "insert into figures (organisation_id, employees) values ($1, 5)",
    """insert into figure (organisation_id, kind, on_day, source, value, recorded_at, recorded_by)
       values ($1, 'employees', '2025-12-31', 'x', 5, now(), 'x')""",
    "insert into contact (organisation_id, email) values ($1, 'x@ex.example')",
)


async def test_nobody_enters_anything_for_an_organisation_that_is_not_there(module_installation: Installation) -> None:
    async with database(module_installation) as connection:
        for asking in (*(caller(role, state) for role in ("office", "lead") for state in ALL_STATES), SYSTEM):
            await act_as(connection, asking)
            key = new_id()
            for statement in OF_NOBODY:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement, key)
            # Nor do two of one office's own, of which one is not there.
            made = """insert into organisation (id, version, responsible_state, status, kind, legal_name, data)
                      values ($1, 1, caller_state(), 'active', 'company', 'x', '{}')"""
            numbers = """insert into identifier (organisation_id, kind, value, held)
                         values ($1, 'vat', 'DE222222222', true), ($2, 'vat', 'DE333333333', true)"""
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"with made as ({made}) {numbers}", key, new_id())
        await act_as(connection, SYSTEM)
        for table in ("identifier", "organisation_version"):
            assert await connection.fetchval(f"select count(*) from {table} where organisation_id = $1", key) == 0  # noqa: S608


async def test_figures_are_entered_for_the_own_state_alone(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    statement = """insert into figure (organisation_id, state, kind, on_day, source, value, recorded_at, recorded_by)
                   values ($1, $2, 'employees', '2025-12-31', 'x', 5, now(), 'x')"""
    async with database(module_installation) as connection:
        for state in ALL_STATES:
            await act_as(connection, caller("office", state))
            for entered_for in ALL_STATES:
                if (state, entered_for) == (State.BREMEN, State.BREMEN):
                    continue
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement, key, entered_for.value)
        await act_as(connection, caller("office"))
        await connection.execute(statement, key, "hb")


async def test_public_relations_release_and_change_nothing_else(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        await act_as(connection, caller("pr"))
        for statement in WRITES:
            assert (await connection.execute(statement, key)).endswith(" 0"), statement
        for statement in ADDITIONS:
            if "into release" in statement:
                await connection.execute(statement, key)
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement, key)


async def test_the_store_itself_writes_for_the_own_state_alone(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as connection:
        await act_as(connection, caller("office"))
        before = await organisations.get(connection, key)
        assert before is not None
        renamed = before.organisation.model_copy(update={"legal_name": "Beispiel Fremd GmbH"})
        about = {"change": "changed", "changed_by": "x", "changed_at": datetime.now(UTC)}
        foreign = Change(stored=Stored(renamed, 2, Figures(employees=1)), created=False, **about)  # type: ignore[arg-type]
        new = renamed.model_copy(
            update={"organisation_id": new_id(), "vat_id": None, "own_id": "x", "register_entries": ()}
        )
        entered = Change(stored=Stored(new, 1, Figures()), created=True, **about)  # type: ignore[arg-type]
        for asking in (caller("lead", "hh"), caller("office", "ni"), caller("auditor"), caller("pr"), SYSTEM, NOBODY):
            await act_as(connection, asking)
            for change in (foreign, entered):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await organisations.store(connection, [change])
            if asking != caller("pr"):
                assert await organisations.contacts(connection, [key]) == {}
            assert await organisations.remove_contacts(connection, [key]) == []
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await organisations.set_contacts(connection, {key: "x@ex.example"})
        await act_as(connection, caller("office"))
        assert await organisations.get(connection, key) == before
        assert await organisations.contacts(connection, [key]) == {key: EMAIL}
        await organisations.store(connection, [replace(entered)])


async def test_nobody_writes_through_the_views(module_installation: Installation) -> None:
    async with database(module_installation) as connection:
        for asking in (caller("lead"), SYSTEM):
            await act_as(connection, asking)
            for view in ("directory_shown", "directory_released"):
                for statement in (f"update {view} set kind = 'x'", f"delete from {view}"):  # noqa: S608
                    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
                        await connection.execute(statement)


async def test_figures_and_contact_move_with_the_seat_to_the_new_office(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    path = f"/api/v1/organisations/{key}"
    async with registry.client() as old, registry.client(state="ni") as new:
        assert (await old.post(f"{path}/relocation", json=in_stuhr())).status_code == 200
        assert "internal" not in (await new.get(path)).json()
        assert (await new.post(f"{path}/relocation/acceptance", json={})).status_code == 200
        assert "internal" not in (await old.get(path)).json()
        assert (await new.get(path)).json()["internal"] == {
            "employees": 12,
            "turnover_eur": "100000",
            "contact_email": EMAIL,
        }
        refused = await old.patch(path, json={"employees": 3})
        assert (refused.status_code, refused.json()["code"]) == (403, "foreign_state")
        assert (await new.patch(path, json={"employees": 3})).status_code == 200
    async with database(module_installation) as connection:
        await act_as(connection, caller("lead", "hb"))
        await attempts_fail(connection, key)


async def test_a_lock_that_waited_shows_the_figures_that_were_stored_meanwhile(
    registry: Running, module_installation: Installation
) -> None:
    key = await known(registry)
    async with database(module_installation) as first, database(module_installation) as second:
        for connection in (first, second):
            await act_as(connection, caller("office"))
        changing = first.transaction()
        await changing.start()
        before = await organisations.lock(first, key)
        assert before is not None
        waiting = asyncio.ensure_future(organisations.lock(second, key))
        stored = Stored(before.organisation, 2, Figures(employees=77))
        await organisations.store(
            first,
            [Change(stored=stored, change="changed", changed_by="x", changed_at=datetime.now(UTC), created=False)],
        )
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await changing.commit()
        assert await waiting == stored


async def test_an_organisation_that_another_instance_keeps_is_refused_as_before(
    registry: Running, module_installation: Installation
) -> None:
    key = new_id()
    organisation = EXAMPLE.model_copy(update={"organisation_id": key, "responsible_state": "hb"})
    async with database(module_installation) as connection:
        await act_as(connection, SYSTEM)
        await directory.upsert(connection, [directory.row_of(1, organisation)])
    for state, code in (("hb", "kept_elsewhere"), ("hh", "foreign_state")):
        async with registry.client(state=state) as client:
            for method, path in (("PATCH", ""), ("PUT", "/release")):
                answer = await client.request(method, f"/api/v1/organisations/{key}{path}", json={})
                assert answer.json()["code"] == code, (state, path)


async def test_what_was_stored_before_figures_stood_apart_is_taken_over(installation: Installation) -> None:
    name = f"{installation.database}_before"
    admin = await installation.connect()
    await admin.execute(f'create database "{name}"')
    await admin.close()
    migrations = read_migrations("registry", SERVICE.migrations)
    until = next(place for place, item in enumerate(migrations) if item.name == "rights" and item.source == "registry")
    setting = {
        "admin_dsn": dsn_for(installation.servers.postgres, database=name),
        "service_dsn": installation.dsn("registry", database=name),
        "schema": "registry",
        "extensions": SERVICE.extensions,
    }
    await set_up_schema(migrations=migrations[:until], **setting)  # type: ignore[arg-type]
    admin = await installation.connect(database=name)
    keys = [new_id(), new_id()]
    await admin.executemany(
        """insert into registry.organisation (id, version, responsible_state, status, kind, legal_name, data,
                                              employees, turnover_cents)
           values ($1, 1, 'hb', 'active', 'company', 'x', '{}', $2, $3)""",
        [(keys[0], 12, 9_000_000_000), (keys[1], None, None)],
    )
    await set_up_schema(migrations=migrations, **setting)  # type: ignore[arg-type]
    rows = await admin.fetch("select * from registry.figures order by organisation_id")
    assert [tuple(row) for row in rows] == [(keys[0], 12, 9_000_000_000, None), (keys[1], None, None, None)]
    await admin.close()


class _Noting:
    """Stands for a connection: what would be asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, statement: str, *parameters: Any) -> list[Any]:
        self.asked.append((statement, parameters))
        return []


async def _of_the_search() -> list[tuple[str, str, tuple[Any, ...]]]:
    """Statements of the search, and which index each is to use."""
    noting: Any = _Noting()
    words = wording("x777 beispiel")
    few = finding.Listing(
        words=words, choice={}, order=Order.RELEVANCE, descending=False, after=None, limit=26, slots=[1, 2]
    )
    many = replace(few, slots=None, rare=words.terms[:1], rare_in_names=words.terms[:1], walks_names=False)
    await finding.slots_of_words(noting, words, words.terms, released=False)
    await finding.slots_among(noting, words, [1, 2], released=False)
    await finding.page(noting, few)
    await finding.page(noting, replace(many, words=wording(""), order=Order.CHANGED))
    await finding.page(noting, many)
    indexes = ["directory_words", "directory_by_slot", "directory_by_slot", "directory_changed"]
    named = [*zip(indexes, noting.asked[:4], strict=True), ("directory_name_words", noting.asked[-3])]
    return [(index, statement, parameters) for index, (statement, parameters) in named]


async def test_lists_and_look_ups_behind_policies_use_their_indexes(installation: Installation) -> None:
    admin = await installation.connect()
    await admin.execute(
        """insert into registry.directory (organisation_id, sequence, responsible_state, kind, status, legal_name,
                                           sort_name, search_text, competences, clusters, data, changed_at)
           select gen_random_uuid(), 1, 'hb', 'company', 'active', 'x' || n, 'x' || n, ' x' || n || ' beispiel',
                  array['PRD'], array['ANW'], '{}', now() from generate_series(1, 20000) as n"""
    )
    await admin.execute(
        """insert into registry.directory_number select organisation_id, 'vat', legal_name, true
             from registry.directory"""
    )
    await admin.execute("analyze registry.directory; analyze registry.directory_number")
    await admin.close()
    wanted = {
        "directory_sort": searches.Filters(),
        "directory_words": searches.Filters(words=["x777", "beispiel"]),
        "directory_clusters": searches.Filters(cluster="NIX"),
        "directory_inactive_sort": searches.Filters(status="deactivated"),
    }
    async with database(installation) as connection:
        await act_as(connection, caller("auditor", None))
        for index, filters in wanted.items():
            statement, parameters = searches.list_statement(filters, after=None, limit=51)
            plan = await connection.fetch(f"explain {statement}", *parameters)
            text = "\n".join(row[0] for row in plan)
            assert index in text, text
            assert "One-Time Filter" in text, text
        for index, statement, parameters in await _of_the_search():
            plan = await connection.fetch(f"explain {statement}", *parameters)
            text = "\n".join(row[0] for row in plan)
            assert index in text, text
            assert "One-Time Filter" in text, text
        found = await matches.find(connection, [("vat", f"x{number}") for number in range(1, 4)])
        assert len(found) == 3
        plan = await connection.fetch(f"explain {matches._FIND_MANY}", ["vat"], ["x1"])
        text = "\n".join(row[0] for row in plan)
        assert "directory_number_value" in text, text
        assert "Seq Scan on directory" not in text, text


@pytest.mark.parametrize(("role", "state"), [("lead", "hb"), ("auditor", None), ("operator", None)])
async def test_the_audit_log_is_neither_changed_nor_forged(
    registry: Running, module_installation: Installation, role: str, state: str | None
) -> None:
    await known(registry)
    async with database(module_installation) as connection:
        await act_as(connection, caller(role, state))
        for statement in ("update audit_log set subject = 'x'", "delete from audit_log", "truncate audit_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                """insert into audit_log (subject, roles, action, kind, item)
                   values ('somebody else', '{}', 'organisation.change', 'organisation', 'x')"""
            )
        assert (await count(connection, "audit_log") > 0) is (role == "auditor")
