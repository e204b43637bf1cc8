"""An import whose process is killed goes on where it was: nothing twice, nothing left out."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress

import psutil
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from norda_registry.workers.row_reader import WORTH_ROWS
from support.installation import Installation, Running
from support.waiting import eventually

from .staged import IMPORTS, csv_of, mapped, reached, rows, staged

ROWS = 2_500
_HOLD = """
create function registry.hold_row() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(4711);
    return new;
end $$;
create trigger hold before insert on registry.import_result
   for each row when (new.row = 1500) execute function registry.hold_row();
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
            # The second thousand waits for a lock that is not given back before the process is dead.
            await connection.execute(_HOLD)
            await connection.execute("select pg_advisory_lock(4711)")
            assert (await client.post(f"{IMPORTS}/{plan['import_id']}/application")).status_code == 202

            async def waits() -> None:
                assert await connection.fetchval(
                    "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
                )

            await eventually(waits, within=20)
            found = (await client.get(f"{IMPORTS}/{plan['import_id']}")).json()
            assert (found["status"], found["progress"]["done"]) == ("applying", 1_000)
            assert found["progress"]["rows_per_second"] > 0
            assert len(await rows(client, plan, "created")) == 1_000
        first.stop(signal.SIGKILL)
        await connection.execute("select pg_advisory_unlock(4711)")
        await connection.execute("drop trigger hold on registry.import_result")
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
