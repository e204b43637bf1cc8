"""An erasure, and whatever else a person asks for, while persons are entered; and in imports wherever they stand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common.states import ALL_STATES
from norda_registry.usecases.people import enter_people
from norda_registry.usecases.people_commands import EnterPerson
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import registered
from .staged import IMPORTS, applied, csv_of, planned, reached, reverted, staged
from .test_import_further import TERMS, mark, people_of
from .test_people import contact, path_of_one
from .test_requests import address, asked, progress
from .test_rights import act_as, caller, database


@asynccontextmanager
async def entering(installation: Installation, path: str, **fields: Any) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A contact person is entered in a transaction that has not committed; it commits at the end."""
    body = contact(**fields)
    async with database(installation) as connection:
        await act_as(connection, caller("office", "hb"))
        async with connection.transaction():
            (made,) = await enter_people(
                connection,
                [(UUID(path.rpartition("/")[2]), EnterPerson.model_validate(body))],
                caller=caller("office", "hb"),
                served=ALL_STATES,
                now=datetime.now(UTC),
            )
            assert made is not None
            yield connection


async def somebody_waits_for(connection: asyncpg.Connection[Any], admin: asyncpg.Connection[Any], number: int) -> None:
    """Wait until so many processes wait for the connection's locks, or for who waits for them."""
    holder = connection.get_server_pid()

    async def waiting() -> None:
        found = await admin.fetchval(
            """with first as (select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))
               select count(*) from pg_stat_activity
                where $1 = any(pg_blocking_pids(pid)) or pg_blocking_pids(pid) && array(select pid from first)""",
            holder,
        )
        assert found >= number

    await eventually(waiting, within=20)


@pytest.mark.parametrize("kind", ["restriction", "objection", "access", "erasure"])
async def test_who_is_being_entered_while_a_request_is_met_is_waited_for(
    registry: Running, module_installation: Installation, kind: str
) -> None:
    path, email = await path_of_one(registry), address()
    admin = await module_installation.connect()
    try:
        async with registry.client() as office:
            async with entering(module_installation, path, email=email) as connection:
                request_id = await asked(office, kind, email)
                await somebody_waits_for(connection, admin, 1)
            shown = await progress(office, request_id, answers=3)
            assert {each["state"]: each["found"] for each in shown["answers"]} == {"hb": 1, "hh": 0, "ni": 0}
            found = await people_of(office, path.rpartition("/")[2])
            if kind == "erasure":
                assert found == []
            else:
                said = {"restriction": "restricted_at", "objection": "objected_at"}.get(kind, "created_at")
                assert [bool(each[said]) for each in found] == [True]
    finally:
        await admin.close()


async def test_an_erasure_reaches_whom_a_batch_of_an_import_is_just_storing(
    registry: Running, module_installation: Installation
) -> None:
    """The worker waits within its batch for an organisation, the erasure for the batch."""
    key, email = mark(), address()
    admin, holder = await module_installation.connect(), await module_installation.connect()
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    try:
        before = await admin.fetchval(deadlocks)
        async with registry.client() as office:
            known = await registered(office, own_id=f"{key}-k", legal_name=f"Beispiel Bekannt {key} GmbH")
            table = csv_of(
                "Kennung;Firma;Ansprechpartner;E-Mail Ansprechpartner;Telefon Ansprechpartner",
                f"{key}-k;{known['legal_name']};Erna Muster {key};{email};0421 5550123",
            )
            plan = await planned(office, table, source=f"Gerade {key}", persons=TERMS)
            async with holder.transaction():
                await holder.execute(
                    "select from registry.organisation where id = $1 for update", UUID(known["organisation_id"])
                )
                assert (await office.post(f"{IMPORTS}/{plan['import_id']}/application")).status_code == 202
                await somebody_waits_for(holder, admin, 1)
                request_id = await asked(office, "erasure", email)
                await somebody_waits_for(holder, admin, 2)
            shown = await progress(office, request_id, answers=3)
            # The row, and the record that the batch stored.
            assert {each["state"]: each["changed"] for each in shown["answers"]} == {"hb": 2, "hh": 0, "ni": 0}
            await reached(office, plan, "applied")
            assert await people_of(office, known["organisation_id"]) == []
        assert await admin.fetchval(deadlocks) == before, "both lock in one order"
        for table_name in ("contact_person", "import_row", "import_plan", "import_result", "import"):
            kept = str(await admin.fetch(f"select t::text from registry.{table_name} as t"))  # noqa: S608
            for said in (email, f"Erna Muster {key}"):
                assert said not in kept, table_name
    finally:
        await holder.close()
        await admin.close()


async def test_an_erasure_reaches_imports_in_every_status(registry: Running, module_installation: Installation) -> None:
    key, email = mark(), address()

    def table(n: int) -> bytes:
        return csv_of(
            "Kennung;Firma;PLZ;Ort;Ansprechpartner;E-Mail Ansprechpartner;Bemerkung",
            f"{key}-{n};Stand{mark()} GmbH;28195;Bremen;Änne Beispiel {key};{email};Notiz {key} an {email}",
            f"{key}-{n}b;;28195;Bremen;Änne Beispiel {key};{email};ohne Firma {key}",
        )

    async with registry.client() as office:
        mapping = await staged(office, table(1), source=f"Stand {key}", name=f"{email}.csv")
        waiting = await planned(office, table(2), source=f"Stand {key}", persons=TERMS)
        done = await applied(office, await planned(office, table(3), source=f"Stand {key}", persons=TERMS))
        back = await applied(office, await planned(office, table(4), source=f"Stand {key}", persons=TERMS))
        await reverted(office, back)
        ended = await planned(office, table(5), source=f"Stand {key}", persons=TERMS)
        assert (await office.post(f"{IMPORTS}/{ended['import_id']}/cancellation")).is_success
        shown = await progress(office, await asked(office, "erasure", email), answers=3)
        # Two rows of each, and the record of the one that was applied.
        assert {each["state"]: each["changed"] for each in shown["answers"]} == {"hb": 11, "hh": 0, "ni": 0}
        for made in (mapping, waiting, done, back, ended):
            told = (await office.get(f"{IMPORTS}/{made['import_id']}")).text
            told += (await office.get(f"{IMPORTS}/{made['import_id']}/rows")).text
            assert email not in told
            assert f"Änne Beispiel {key}" not in told
        await applied(office, waiting)
    connection = await module_installation.connect()
    try:
        for name in ("contact_person", "import", "import_source", "import_row", "import_plan", "import_result"):
            kept = str(await connection.fetch(f"select t::text from registry.{name} as t"))  # noqa: S608
            for said in (email, f"Änne Beispiel {key}", json.dumps(f"Änne Beispiel {key}")[1:-1]):
                assert said not in kept, (name, said)
    finally:
        await connection.close()
