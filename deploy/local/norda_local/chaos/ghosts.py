"""Transactions that store events and then do not commit: nothing of them may ever be on a topic."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

from norda_common.contracts.registry import ORGANISATION
from norda_common.states import ALL_STATES

from norda_local.chaos.faults.database import append
from norda_local.chaos.field import Field
from norda_local.chaos.witness import LOST

PAUSE_SECONDS = 0.7


async def haunt(field: Field) -> None:
    """Until cancelled: append as the registry's own role, then roll back, or vanish without a word."""
    vanish = False
    while True:
        connection = await field.witness.connect(field.cluster.service_dsn("registry"))
        with suppress(*LOST):
            await connection.execute("begin")
            event_id = await append(
                connection, ORGANISATION, state=field.random.choice(ALL_STATES), key=uuid4(), change="erased"
            )
            field.ghosts.append(event_id)
            await asyncio.sleep(0.1)
            if not vanish:
                await connection.execute("rollback")
        connection.terminate()
        vanish = not vanish
        await asyncio.sleep(PAUSE_SECONDS)
