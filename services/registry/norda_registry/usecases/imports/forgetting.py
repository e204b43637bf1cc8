"""Rows of imports are kept as long as they are needed, and no longer: they may hold addresses and names of persons.

Who asks for erasure is taken out of them at once, and out of what was planned and done by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from norda_common.database import Connection
from norda_common.states import State

from ...store import import_persons, imports
from ...store.import_persons import Held

KEPT = timedelta(days=30)
"""After its end an import can be looked at and taken back so long."""


async def forget_ended(connection: Connection, *, now: datetime) -> int:
    """Delete the rows of some imports that ended long ago; how many imports they were. Idempotent."""
    return await imports.forget_rows(connection, before=now - KEPT, now=now)


async def stop_imports(connection: Connection, state: State) -> None:
    """Let the state's imports wait until the transaction ends, and then read anew what they have not stored yet. Waits
    for the batch that is being written.
    """
    await import_persons.stop_work(connection, state.value)


async def forget_person(
    connection: Connection, state: State, addresses: Sequence[str], *, shared: Sequence[str], names: Sequence[str]
) -> int:
    """Take the person with these addresses out of a state's imports, which the caller has stopped; how many rows there
    were. Of addresses that others have, too (`shared`), rows that have one of the names. Idempotent.
    """
    rows = await import_persons.rows_about(connection, state.value, addresses, shared=shared, names=names)
    return await import_persons.forget(connection, state.value, addresses, rows, names=names)


async def rows_about(
    connection: Connection, state: State, addresses: Sequence[str], *, shared: Sequence[str], names: Sequence[str]
) -> Sequence[Held]:
    """Rows of a state's imports in which the person with these addresses, or names and `shared` addresses, stands."""
    return await import_persons.rows_about(connection, state.value, addresses, shared=shared, names=names)
