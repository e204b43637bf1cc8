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


async def begin_import(connection: Connection, import_id: UUID, source: str) -> None:
    """Until `end_import` figures that change are dated today by the database, as this import's and by this source."""
    await connection.execute(
        """select set_config('norda.figures_source', $1, true), set_config('norda.figures_import', $2, true)""",
        source,
        str(import_id),
    )


async def end_import(connection: Connection, import_id: UUID, dated: Sequence[tuple[UUID, Figure]]) -> None:
    """From here on figures that change are the office's again. Those of which the import says the day, by id of the
    organisation, take the place of what the database has dated today in this transaction."""
    await connection.execute(
        "select set_config('norda.figures_source', '', true), set_config('norda.figures_import', '', true)"
    )
    if not dated:
        return
    await connection.execute(
        """delete from figure using unnest($2::uuid[], $3::text[]) as dated (organisation_id, kind)
            where figure.organisation_id = dated.organisation_id and figure.kind = dated.kind and import_id = $1
              and recorded_at >= now()""",
        import_id,
        [key for key, _ in dated],
        [item.kind.value for _, item in dated],
    )
    await connection.execute(
        """insert into figure (organisation_id, kind, on_day, source, value, recorded_at, recorded_by, import_id)
           select *, $8::uuid from unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::bigint[],
                                          $6::timestamptz[], $7::text[])""",
        *zip(
            *(
                (key, item.kind.value, item.on, item.source, item.value, item.recorded_at, item.recorded_by)
                for key, item in dated
            ),
            strict=True,
        ),
        import_id,
    )


async def take_back_import(connection: Connection, import_id: UUID, ids: Sequence[UUID]) -> dict[UUID, set[FigureKind]]:
    """Delete the rows that an import added to these organisations; of which kinds there were, by organisation."""
    gone: dict[UUID, set[FigureKind]] = {}
    if ids:
        rows = await connection.fetch(
            "delete from figure where import_id = $1 and organisation_id = any($2) returning organisation_id, kind",
            import_id,
            list(ids),
        )
        for row in rows:
            gone.setdefault(row["organisation_id"], set()).add(FigureKind(row["kind"]))
    return gone


async def take_back_merger(connection: Connection, organisation_id: UUID, merger_id: UUID) -> int:
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
