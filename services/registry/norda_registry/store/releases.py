"""Which own organisations are released for the public."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from norda_common.database import Connection, affected
from norda_common.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Since when an organisation is shown to everybody, and who decided it (a pseudonymous subject) for which state."""

    organisation_id: UUID
    state: State
    released_at: datetime
    released_by: str


async def get(connection: Connection, organisation_id: UUID) -> Release | None:
    """The release that holds."""
    row = await connection.fetchrow(
        "select organisation_id, state, released_at, released_by from release where organisation_id = $1",
        organisation_id,
    )
    return Release(**dict(row) | {"state": State(row["state"])}) if row else None


async def add(connection: Connection, release: Release) -> bool:
    """Store a release; whether there was none yet."""
    status = await connection.execute(
        """insert into release (organisation_id, state, released_at, released_by) values ($1, $2, $3, $4)
           on conflict (organisation_id) do nothing""",
        release.organisation_id,
        release.state,
        release.released_at,
        release.released_by,
    )
    return affected(status) > 0


async def remove(connection: Connection, organisation_id: UUID) -> bool:
    """End a release; whether there was one."""
    return affected(await connection.execute("delete from release where organisation_id = $1", organisation_id)) > 0
