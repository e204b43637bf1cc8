"""The lease: which of a service's instances sends its outbox. A session advisory lock per schema, nothing stored.

The lock ends with the connection that holds it, so a killed process gives it up at once. A frozen one (stopped, or on a
machine that hangs) does not: its connection stays. But the holder uses its connection at least once a second, also
while it waits for Kafka; a standby that sees it silent for longer ends that connection, and with it the lock.
"""

from __future__ import annotations

import asyncpg

FROZEN_SECONDS = 10.0

_KEY = "hashtextextended('norda.relay.' || current_schema(), 0)"
_TAKE = f"select pg_try_advisory_lock({_KEY})"
# An advisory lock of 64 bits is shown as two halves. Who holds it and sits idle for long does not live. Materialized:
# the planner may ask conditions in any order, and the last one ends connections.
_END_FROZEN = f"""
with frozen as materialized (
    select l.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
      and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid::bigint << 32 | l.objid::bigint) = {_KEY}
      and a.state like 'idle%' and a.state_change < clock_timestamp() - make_interval(secs => $1)
)
select pid from frozen where pg_terminate_backend(pid)
"""  # noqa: S608 - no parameter is spliced


async def take(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Try to take the lease for this connection's life; at once. Take it once only: the lock counts."""
    return bool(await connection.fetchval(_TAKE))


async def end_frozen_holder(connection: asyncpg.Connection[asyncpg.Record]) -> int | None:
    """End the holder's connection if it was silent for FROZEN_SECONDS; returns its server process, or None."""
    pid: int | None = await connection.fetchval(_END_FROZEN, FROZEN_SECONDS)
    return pid
