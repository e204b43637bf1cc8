"""An import whose process is killed goes on where it was: nothing twice, nothing left out."""

from __future__ import annotations

import signal
from collections import Counter

from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.states import State
from support.installation import Installation
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
