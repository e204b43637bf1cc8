"""Setting up is safe to run twice and at once, and gives each service's role its own schema alone."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from pathlib import Path

import asyncpg
import pytest
from norda_common import outbox
from norda_common.contracts.envelope import encode_headers, header_block
from norda_common.identifiers import new_id
from norda_common.migrate import Migration, SetupError, read_migrations, set_up_schema
from norda_common.states import State
from support.installation import SERVICES, Installation, dsn_for, service_of

from .conftest import SEEN, Probe, thing


async def set_up(probe: Probe, *migrations: Migration) -> list[Migration]:
    return await set_up_schema(
        admin_dsn=dsn_for(probe.servers.postgres, database=probe.database),
        service_dsn=dsn_for(probe.servers.postgres, database=probe.database, role="norda_probe"),
        schema="probe",
        migrations=migrations,
        extensions=(),
    )


async def test_a_second_run_applies_nothing(probe: Probe, tmp_path: Path) -> None:
    assert await set_up(probe, *read_migrations("common", tmp_path), SEEN) == []


async def test_many_at_once_apply_each_migration_once(probe: Probe) -> None:
    more = Migration("probe", 2, "more", "create table more (id int)")
    results = await asyncio.gather(*(set_up(probe, SEEN, more) for _ in range(5)))
    assert sorted(len(applied) for applied in results) == [0, 0, 0, 0, 1]


async def test_two_databases_of_one_cluster_can_be_set_up_at_once(probe: Probe) -> None:
    admin = await probe.connect()
    names = [f"{probe.database}_{number}" for number in range(4)]
    for name in names:
        await admin.execute(f'create database "{name}"')
    await admin.close()
    role = f"norda_{secrets.token_hex(4)}"
    await asyncio.gather(
        *(
            set_up_schema(
                admin_dsn=dsn_for(probe.servers.postgres, database=name),
                service_dsn=dsn_for(probe.servers.postgres, database=name, role=role),
                schema="probe",
                migrations=[SEEN],
                extensions=(),
            )
            for name in names
        )
    )


async def test_a_failing_migration_leaves_nothing_behind(probe: Probe) -> None:
    broken = Migration("probe", 2, "broken", "create table half (id int); select nonsense")
    with pytest.raises(SetupError, match="nonsense"):
        await set_up(probe, SEEN, broken)
    connection = await probe.connect()
    assert await connection.fetchval("select to_regclass('probe.half')") is None
    await connection.close()


async def test_a_migration_changed_after_it_ran_is_refused(probe: Probe) -> None:
    with pytest.raises(SetupError, match="changed after it ran"):
        await set_up(probe, dataclasses.replace(SEEN, sql=SEEN.sql + " "))


async def test_a_wrong_address_is_one_clear_error(probe: Probe) -> None:
    with pytest.raises(SetupError, match="NORDA_ADMIN_DATABASE_URL"):
        await set_up_schema(
            admin_dsn="postgresql://nobody@127.0.0.1:9/none",
            service_dsn="postgresql://a:b@127.0.0.1:9/none",
            schema="probe",
            migrations=(),
            extensions=(),
        )


async def test_the_role_may_use_but_not_alter(probe: Probe) -> None:
    connection = await probe.connect(role="norda_probe")
    assert await connection.fetchval("select count(*) from seen") == 0
    for statement in (
        "create table mine (id int)",
        "alter table seen add column more int",
        "drop table seen",
        "update schema_migration set checksum = ''",
        "create table public.mine (id int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_services_role_sees_no_other_services_schema(installation: Installation, name: str) -> None:
    connection = await installation.connect(role=f"norda_{name}")
    admin = await installation.connect()
    for other in SERVICES:
        tables = await admin.fetch("select table_name from information_schema.tables where table_schema = $1", other)
        assert len(tables) > 3
        for row in tables:
            statement = f'select * from "{other}"."{row["table_name"]}" limit 1'  # noqa: S608 - names come from the catalogue
            if other == name:
                await connection.fetch(statement)
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(statement)
    assert service_of(name).name == name
    await admin.close()
    await connection.close()


async def test_what_waits_while_headers_come_to_be_stored_encoded_is_given_them(probe: Probe, tmp_path: Path) -> None:
    """Migration 0004 writes in SQL what the outbox writes from then on."""
    connection = await probe.connect()
    traced = f"00-{'a' * 32}-{'b' * 16}-01"
    events = [dataclasses.replace(thing(new_id(), 10**number), state=State.HAMBURG) for number in range(3)]
    await outbox.append(connection, *events)
    await connection.execute("update outbox set traceparent = $1 where sequence = 10", traced)
    await connection.execute("alter table outbox drop column headers")
    migration = next(item for item in read_migrations("common", tmp_path) if item.version == 4)
    await connection.execute(migration.sql)
    found = {row["sequence"]: row["headers"] for row in await connection.fetch("select sequence, headers from outbox")}
    await connection.close()
    for event in events:
        trace = traced if event.sequence == 10 else None
        assert found[event.sequence] == header_block(encode_headers(event, traceparent=trace, hop=trace))
