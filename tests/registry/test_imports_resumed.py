"""An import whose process is killed goes on where it was: nothing twice, nothing left out."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from typing import Any

import asyncpg
import httpx2
import psutil
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from norda_registry.usecases.imports.applying import BATCH_ROWS
from norda_registry.workers.row_reader import WORTH_ROWS
from support.installation import Installation, Running
from support.waiting import eventually

from .conftest import registered, vat
from .staged import IMPORTS, csv_of, mapped, reached, rows, staged

ROWS = BATCH_ROWS + 500
HELD = 4711
_HOLD = """
create function registry.hold_row() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock({held});
    return new;
end $$;
create trigger hold before insert on registry.import_result
   for each row when (new.row = {row}) execute function registry.hold_row();
"""


async def test_an_import_that_is_killed_goes_on_where_it_was(installation: Installation) -> None:
    first = installation.start("registry")
    lines = [f"kill-{number};Beispiel Abbruch {number} GmbH;28195;Bremen" for number in range(ROWS)]
    connection = await installation.connect()
    try:
        async with first.client() as client:
            made = await staged(client, csv_of("Kennung;Firma;PLZ;Ort", *lines), source="Abbruch")
            plan = await mapped(client, made)
            assert plan["counts"]["outcome"] == {"create": ROWS}
            # The second batch waits for a lock that is not given back before the process is dead.
            await _applied_until(client, connection, plan, row=BATCH_ROWS + 200)
            found = (await client.get(f"{IMPORTS}/{plan['import_id']}")).json()
            assert (found["status"], found["progress"]["done"]) == ("applying", BATCH_ROWS)
            assert found["progress"]["rows_per_second"] > 0
            assert len(await rows(client, plan, "created")) == BATCH_ROWS
        first.stop(signal.SIGKILL)
        await _let_go(connection)
    finally:
        await connection.close()
    second = installation.start("registry")
    async with second.client() as client:
        end = await reached(client, plan, "applied", within=40)
        assert end["counts"]["result"] == {"created": ROWS}
        assert len(await rows(client, plan, "created")) == ROWS
    records = await installation.read_topic(ORGANISATION, State.BREMEN, minimum=ROWS, within=30)
    told = Counter(str(record.data.own_id) for record in records if isinstance(record.data, Organisation))
    assert len(told) == ROWS
    assert set(told.values()) == {1}


async def test_what_somebody_takes_while_the_rows_before_are_written_fails_its_row_alone(
    installation: Installation,
) -> None:
    wanted = vat()
    lines = [f"ahead-{number};Beispiel Vorblick {number} GmbH;28195;Bremen;" for number in range(ROWS)]
    lines[-10] += wanted
    connection = await installation.connect()
    service = installation.start("registry")
    try:
        async with service.client() as client:
            made = await staged(client, csv_of("Kennung;Firma;PLZ;Ort;USt-IdNr", *lines), source="Vorblick")
            plan = await mapped(client, made)
            # The first batch waits; who wants what in the second has been looked up by then.
            await _applied_until(client, connection, plan, row=BATCH_ROWS - 200)
            await registered(client, vat_id=wanted)
            await _let_go(connection)
            end = await reached(client, plan, "applied", within=40)
            assert end["counts"]["result"] == {"created": ROWS - 1, "failed": 1}
            (failed,) = await rows(client, plan, "failed")
            assert (failed["row"], failed["errors"][0]["code"]) == (2 + ROWS - 10, "identifier_taken")
    finally:
        await connection.close()
    records = await installation.read_topic(ORGANISATION, State.BREMEN, minimum=ROWS, within=30)
    told = Counter(record.data.legal_name for record in records if isinstance(record.data, Organisation))
    assert len(told) == ROWS
    assert set(told.values()) == {1}


async def _applied_until(
    client: httpx2.AsyncClient, connection: asyncpg.Connection[asyncpg.Record], plan: dict[str, Any], *, row: int
) -> None:
    """Apply it; when this returns, the batch of that row waits, and goes on when it is let go."""
    await connection.execute(_HOLD.format(held=HELD, row=row))
    await connection.execute("select pg_advisory_lock($1)", HELD)
    assert (await client.post(f"{IMPORTS}/{plan['import_id']}/application")).status_code == 202

    async def waits() -> None:
        assert await connection.fetchval(
            "select exists (select from pg_locks where locktype = 'advisory' and objid = $1 and not granted)", HELD
        )

    await eventually(waits, within=20)


async def _let_go(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute("select pg_advisory_unlock($1)", HELD)
    await connection.execute("drop trigger hold on registry.import_result")


async def test_the_process_that_reads_a_long_list_may_be_killed_and_ends_with_the_plan(registry: Running) -> None:
    lines = [f"read-{number};Beispiel Langliste {number} GmbH;28195;Bremen" for number in range(WORTH_ROWS + 500)]
    async with registry.client() as client:
        made = await staged(client, csv_of("Kennung;Firma;PLZ;Ort", *lines), source="Langliste")
        planning = asyncio.create_task(mapped(client, made))
        while not (found := _readers(registry)):
            assert not planning.done(), "nobody read the rows"
            await asyncio.sleep(0.01)
        assert not any(name.startswith("NORDA") for name in found[0].environ())
        found[0].kill()
        plan = await planning
        assert plan["counts"]["outcome"] == {"create": len(lines)}

        async def ended() -> None:
            assert _readers(registry) == []

        await eventually(ended)


def _readers(registry: Running) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(registry.process.pid).children(recursive=True):
        # One that ends at this moment is none.
        with suppress(psutil.Error):
            if any("row_process" in part for part in child.cmdline()):
                found.append(child)
    return found
