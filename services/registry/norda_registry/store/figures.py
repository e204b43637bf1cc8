"""Dated figures, and who counts whom in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from norda_common.database import Connection, affected

from ..rules.figures import Figure, FigureKind


async def add(connection: Connection, organisation_id: UUID, figure: Figure, *, merger_id: UUID | None = None) -> None:
    """Add a row; none is ever changed. One that a merger carried along says so, and goes with its undoing."""
    await connection.execute(
        """insert into figure (organisation_id, kind, on_day, source, value, recorded_at, recorded_by, merger_id)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        organisation_id,
        figure.kind,
        figure.on,
        figure.source,
        figure.value,
        figure.recorded_at,
        figure.recorded_by,
        merger_id,
    )


async def take_back(connection: Connection, organisation_id: UUID, merger_id: UUID) -> int:
    """Take out the rows that a merger carried along; how many there were."""
    status = await connection.execute(
        "delete from figure where organisation_id = $1 and merger_id = $2", organisation_id, merger_id
    )
    return affected(status)


async def of(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Figure]]:
    """All rows of these organisations that the caller may see, in the order they were recorded; none: no entry."""
    rows = await connection.fetch(
        """select organisation_id, kind, on_day, source, value, recorded_at, recorded_by from figure
            where organisation_id = any($1) order by id""",
        list(ids),
    )
    found: dict[UUID, list[Figure]] = {}
    for row in rows:
        found.setdefault(row["organisation_id"], []).append(
            Figure(
                kind=FigureKind(row["kind"]),
                on=row["on_day"],
                source=row["source"],
                value=row["value"],
                recorded_at=row["recorded_at"],
                recorded_by=row["recorded_by"],
            )
        )
    return found


async def counted_in(connection: Connection, ids: Sequence[UUID], *, state: str) -> list[UUID]:
    """Of these those that an own active organisation of the state names as partner or linked, by their ids."""
    rows = await connection.fetch(
        """select distinct named.id from organisation
            cross join lateral (select (link ->> 'organisation_id')::uuid as id
                                  from jsonb_array_elements(data -> 'links') as link) as named
            where responsible_state = $1 and status = 'active' and jsonb_path_exists(data, '$.links[*]')
              and named.id = any($2) order by named.id""",
        state,
        list(ids),
    )
    return [row["id"] for row in rows]


async def counting_in(connection: Connection, organisation_id: UUID, *, state: str) -> list[UUID]:
    """Own active organisations of the state that name this one as partner or linked, in the order of their ids."""
    rows = await connection.fetch(
        """select id from organisation
            where responsible_state = $1 and status = 'active' and jsonb_path_exists(data, '$.links[*]')
              and data @> $2::jsonb
            order by id""",
        state,
        json.dumps({"links": [{"organisation_id": str(organisation_id)}]}),
    )
    return [row["id"] for row in rows]
