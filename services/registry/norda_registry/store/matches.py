"""Who holds a number, and which organisation an entry of an import means; own rows first, the directory for the others.

The directory may lag behind, so of own organisations only the own row counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from norda_common.database import Connection


@dataclass(frozen=True, slots=True)
class Match:
    """An organisation that has or had a number. `own` is True when its row is in this database."""

    kind: str
    value: str
    organisation_id: UUID
    responsible_state: str
    legal_name: str
    current: bool
    own: bool


_FIND = """
with wanted as (select distinct kind, value from unnest($1::text[], $2::text[]) as row(kind, value))
select wanted.kind, wanted.value, organisation.id, organisation.responsible_state, organisation.legal_name,
       identifier.held, true
  from wanted
  join identifier on identifier.kind = wanted.kind and identifier.value = wanted.value
  join organisation on organisation.id = identifier.organisation_id
union all
select wanted.kind, wanted.value, directory.organisation_id, directory.responsible_state, directory.legal_name,
       number.held, false
  from wanted
  join directory_number number on number.kind = wanted.kind and number.value = wanted.value
  join directory on directory.organisation_id = number.organisation_id
 where not exists (select from organisation where organisation.id = directory.organisation_id)
"""


async def find(connection: Connection, numbers: Sequence[tuple[str, str]]) -> list[Match]:
    """All organisations that have or had one of these (kind, value) numbers."""
    if not numbers:
        return []
    rows = await connection.fetch(_FIND, [kind for kind, _ in numbers], [value for _, value in numbers])
    return [Match(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Cluster:
    """An active cluster that organisations may belong to."""

    cluster_id: UUID
    code: str


_CLUSTERS = """
select id, cluster_code from organisation
 where kind = 'cluster' and status = 'active' and (cluster_code = any($1) or id = any($2))
union
select organisation_id, cluster_code from directory
 where kind = 'cluster' and status = 'active' and (cluster_code = any($1) or organisation_id = any($2))
   and not exists (select from organisation where organisation.id = directory.organisation_id)
"""


async def clusters(connection: Connection, *, codes: Sequence[str] = (), ids: Sequence[UUID] = ()) -> list[Cluster]:
    """Active clusters with one of these codes or ids, of any state."""
    rows = await connection.fetch(_CLUSTERS, list(codes), list(ids))
    return [Cluster(row["id"], row["cluster_code"]) for row in rows]


async def plan_every_statement(connection: Connection) -> None:
    """Plan statements anew in this transaction.

    A plan kept from when a table was empty would go on scanning it whole while the transaction fills it.
    """
    await connection.execute("set local plan_cache_mode = force_custom_plan")


async def take_import_turn(connection: Connection, state: str) -> bool:
    """Whether this transaction may import for the state; one import per state at a time."""
    taken = await connection.fetchval("select pg_try_advisory_xact_lock(hashtext('registry.import.' || $1))", state)
    return bool(taken)
