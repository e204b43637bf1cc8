"""Which organisation a source's rows without numbers mean, as somebody decided or an import made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from norda_common.database import Connection


async def of(connection: Connection, source: str, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    """The organisations of these keys, of the caller's own office's source."""
    rows = await connection.fetch(
        "select key, organisation_id from import_known where source = $1 and key = any($2)", source, list(keys)
    )
    return {row["key"]: row["organisation_id"] for row in rows}


async def any_of(connection: Connection, source: str) -> bool:
    """Whether anything is known of that source's rows."""
    found = await connection.fetchval("select exists (select from import_known where source = $1)", source)
    return bool(found)


async def remember(
    connection: Connection, state: str, source: str, known: Mapping[bytes, UUID], *, by: str, now: datetime
) -> None:
    """Keep which organisations these keys mean from now on."""
    if known:
        await connection.execute(
            """insert into import_known (state, source, key, organisation_id, known_at, known_by)
               select $1::text, $2::text, key, organisation_id, $5::timestamptz, $6::text
                 from unnest($3::bytea[], $4::uuid[]) as row(key, organisation_id)
               on conflict (state, source, key) do update
                  set organisation_id = excluded.organisation_id, known_at = excluded.known_at,
                      known_by = excluded.known_by
                where import_known.organisation_id <> excluded.organisation_id""",
            state,
            source,
            list(known),
            list(known.values()),
            now,
            by,
        )


async def forget(connection: Connection, source: str, keys: Sequence[bytes]) -> None:
    """These mean nobody any more."""
    await connection.execute("delete from import_known where source = $1 and key = any($2)", source, list(keys))


async def forget_organisations(connection: Connection, ids: Sequence[UUID]) -> None:
    """Nothing means these any more, which are gone."""
    await connection.execute("delete from import_known where organisation_id = any($1)", list(ids))
