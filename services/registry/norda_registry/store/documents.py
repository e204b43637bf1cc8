"""Organisations of any state as documents: own ones as they are, others as last published."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from .searches import Entry

_OF = """
select id, data from organisation where id = any($1)
 union all
select organisation_id, data from directory
 where organisation_id = any($1) and not exists (select from organisation where id = organisation_id)
"""


async def of(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Organisation]:
    """These organisations by id; unknown ones are left out."""
    rows = await connection.fetch(_OF, list(ids))
    return {row["id"]: Organisation.model_validate_json(row["data"]) for row in rows}


# `offset 0`: a plan is kept for a connection's life, and one made while the tables were small would read them whole.
_ENTRIES = """
select wanted.id, found.version, found.data
  from unnest($1::uuid[]) as wanted(id)
 cross join lateral (
    select version, data from organisation where id = wanted.id
     union all
    select sequence, data from directory
     where organisation_id = wanted.id and not exists (select from organisation where id = wanted.id offset 0)
    offset 0) as found
"""


async def entries(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Entry]:
    """These organisations with their versions, by id: the own row, which is never behind, else the directory's."""
    if not ids:
        return {}
    rows = await connection.fetch(_ENTRIES, list(ids))
    return {row["id"]: Entry(Organisation.model_validate_json(row["data"]), row["version"]) for row in rows}


async def members(connection: Connection, cluster_code: str) -> list[Organisation]:
    """Active organisations that are members of the cluster by the directory, as they are now."""
    rows = await connection.fetch(
        "select organisation_id from directory_shown where clusters @> array[$1::text] and status = 'active'",
        cluster_code,
    )
    return list((await of(connection, [row["organisation_id"] for row in rows])).values())


async def named(connection: Connection, names: Iterable[str]) -> list[Organisation]:
    """Active organisations whose name folds to one of these (the first 200 letters)."""
    rows = await connection.fetch(
        "select organisation_id from directory_shown where sort_name = any($1) and status = 'active'", list(names)
    )
    return list((await of(connection, [row["organisation_id"] for row in rows])).values())
