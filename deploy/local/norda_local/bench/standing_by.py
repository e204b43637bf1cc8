"""Holds a service's lease as another replica would, so that its own relay stands by while something is measured.

The relay's connection is ended, which it survives as it would a cut; when the lease is free again it takes it within
half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from norda_common import relay_lease

from norda_local.errors import StackError

SECONDS_TO_TAKE = 10.0
_END_HOLDER = "select pg_terminate_backend(pid) from pg_stat_activity where usename = user and application_name = $1"


@asynccontextmanager
async def relay_standing_by(dsn: str, *, service: str) -> AsyncIterator[None]:
    """While the block runs, nothing is sent from the service's outbox; `dsn` is of the service's own role.

    Raises StackError when the lease cannot be had.
    """
    connection = await asyncpg.connect(dsn, server_settings={"search_path": service})
    try:
        await _take(connection, relay=f"norda-{service}-relay")
        # A holder that is idle for long is taken for frozen, and its connection ended; this one works.
        holding = asyncio.create_task(connection.execute("select pg_sleep(3600)"))
        try:
            yield
        finally:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding
    finally:
        await connection.close()


async def _take(connection: asyncpg.Connection[asyncpg.Record], *, relay: str) -> None:
    try:
        async with asyncio.timeout(SECONDS_TO_TAKE):
            while not await relay_lease.take(connection):
                await connection.execute(_END_HOLDER, relay)
                await asyncio.sleep(0.01)
    except TimeoutError as error:
        raise StackError(f"the lease of {relay} cannot be had", "see the service's log") from error
