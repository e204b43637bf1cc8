"""Rows of imports are kept as long as they are needed, and no longer: they may hold contact addresses."""

from __future__ import annotations

from datetime import datetime, timedelta

from norda_common.database import Connection

from ...store import imports

KEPT = timedelta(days=30)
"""After its end an import can be looked at and taken back so long."""


async def forget_ended(connection: Connection, *, now: datetime) -> int:
    """Delete the rows of some imports that ended long ago; how many imports they were. Idempotent."""
    return await imports.forget_rows(connection, before=now - KEPT, now=now)
