"""Rows of the directory whose searchable parts are not of their version: what the release before has written, or all of
them when facets have changed (`facets.EDITION`). A worker reads them anew.
"""

from __future__ import annotations

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from pydantic import ValidationError

from ..rules.facets import EDITION
from .directory import Row, row_of

AT_ONCE = 500

# The edition is written out, as in the index `directory_unread`: another one takes a migration that makes it anew.
_UNREAD = f"""
select organisation_id, sequence, data from directory where facets_of <> sequence or facets_edition <> {EDITION}
 order by organisation_id limit $1 for update skip locked
"""  # noqa: S608 - a constant
_WRITE = """
update directory
   set sort_name = row.sort_name, search_text = row.search_text, name_end = row.name_end, former_end = row.former_end,
       facets = string_to_array(row.facets, E'\\n'), facets_edition = $1, facets_of = row.sequence,
       touched = pg_current_xact_id()
  from unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::int[], $8::text[])
       as row(organisation_id, sequence, sort_name, search_text, name_end, former_end, facets)
 where directory.organisation_id = row.organisation_id and directory.sequence = row.sequence
"""
_LEAVE = """
update directory set facets_edition = $1, facets_of = sequence where organisation_id = any($2::uuid[])
"""


async def forget_other_clusters(connection: Connection) -> None:
    """Rows of a database that was restored elsewhere name transactions that are yet to come: name this one instead."""
    for table in ("directory", "directory_erasure", "release"):
        await connection.execute(
            f"""update {table} set touched = pg_current_xact_id()
                 where touched > pg_snapshot_xmax(pg_current_snapshot())"""  # noqa: S608 - constants
        )
    await connection.execute(
        """update search_position set seen = null
            where pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot())"""
    )


async def reread(connection: Connection) -> int:
    """Read up to AT_ONCE rows anew; how many there were. Idempotent.

    A row whose document this release cannot read stays as it is, and is not looked at again in this version: the
    consumer lets none in, so it is of a release before, whose rules were others.
    """
    found = await connection.fetch(_UNREAD, AT_ONCE)
    rows = [row for item in found if (row := _read(item))]
    if rows:
        await connection.execute(
            _WRITE,
            EDITION,
            [row.organisation_id for row in rows],
            [row.sequence for row in rows],
            [row.sort_name for row in rows],
            [row.search_text for row in rows],
            [row.name_end for row in rows],
            [row.former_end for row in rows],
            [row.facets for row in rows],
        )
    if len(rows) < len(found):
        left = {item["organisation_id"] for item in found} - {row.organisation_id for row in rows}
        await connection.execute(_LEAVE, EDITION, list(left))
    return len(found)


def _read(item: Record) -> Row | None:
    try:
        organisation = Organisation.model_validate_json(item["data"])
    except ValidationError:
        return None
    return row_of(item["sequence"], organisation, data=item["data"])
