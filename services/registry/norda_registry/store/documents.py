"""Organisations of any state as documents: own ones as they are, others as last published."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

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
