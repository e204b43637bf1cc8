"""What is released for the public, of organisations of all states: own ones as decided here, others from the topic.

The row of an ended release stays, since whoever follows the topic compares sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection
from norda_common.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Since when an organisation is shown to everybody, what of it, and which state's office decided it.

    `released_by` is a pseudonymous subject, of an own organisation's release alone.
    """

    organisation_id: UUID
    state: State
    fields: tuple[str, ...]
    released_at: datetime
    released_by: str | None
    sequence: int
    ended_at: datetime | None = None


_COLUMNS = "organisation_id, state, fields, released_at, released_by, sequence, ended_at"


async def get(connection: Connection, organisation_id: UUID) -> Release | None:
    """The release that holds."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from release where organisation_id = $1 and ended_at is null",  # noqa: S608 - constants
        organisation_id,
    )
    return _read(row) if row else None


async def put(connection: Connection, release: Release) -> Release | None:
    """Store an own office's decision with a sequence above any before; None when it was so already.

    A release that goes on keeps its beginning.
    """
    row = await connection.fetchrow(
        f"""insert into release (organisation_id, state, fields, released_at, released_by, sequence)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (organisation_id) do update
               set state = excluded.state, fields = excluded.fields, ended_at = null,
                   released_at = case when release.ended_at is null then release.released_at
                                      else excluded.released_at end,
                   released_by = excluded.released_by, sequence = greatest(release.sequence + 1, excluded.sequence),
                   touched = pg_current_xact_id()
             where release.ended_at is not null or release.fields <> excluded.fields
            returning {_COLUMNS}""",  # noqa: S608 - constants
        release.organisation_id,
        release.state,
        list(release.fields),
        release.released_at,
        release.released_by,
        release.sequence,
    )
    return _read(row) if row else None


async def end(
    connection: Connection, organisation_id: UUID, *, state: State, now: datetime, sequence: int
) -> Release | None:
    """End a release by that state's office, with a sequence above any before; None when there was none."""
    row = await connection.fetchrow(
        f"""update release set ended_at = $2, state = $3, sequence = greatest(sequence + 1, $4),
                    touched = pg_current_xact_id()
             where organisation_id = $1 and ended_at is null
         returning {_COLUMNS}""",  # noqa: S608 - constants
        organisation_id,
        now,
        state,
        sequence,
    )
    return _read(row) if row else None


async def follow(connection: Connection, releases: Sequence[Release]) -> None:
    """Take over what was said on the topic and is newer; each organisation may occur once. Idempotent."""
    await connection.executemany(
        """insert into release (organisation_id, state, fields, released_at, sequence, ended_at)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (organisation_id) do update
              set state = excluded.state, fields = excluded.fields, released_at = excluded.released_at,
                  released_by = null, sequence = excluded.sequence, ended_at = excluded.ended_at,
                  touched = pg_current_xact_id()
            where release.sequence < excluded.sequence""",
        [
            (each.organisation_id, each.state, list(each.fields), each.released_at, each.sequence, each.ended_at)
            for each in releases
        ],
    )


def _read(row: Record) -> Release:
    return Release(**dict(row) | {"state": State(row["state"]), "fields": tuple(row["fields"])})
