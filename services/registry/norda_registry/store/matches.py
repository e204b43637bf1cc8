"""Who holds a number, and which organisation an entry of an import means; own rows first, the directory for the others.

The directory may lag behind, so of own organisations only the own row counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection

from ..rules.merging import MERGED

CLUSTER = "cluster"
"""The kind of number a cluster's code is; held while the cluster is active."""


@dataclass(frozen=True, slots=True)
class Match:
    """An organisation that has or had a number. `own` is True when its row is in this database, `merged` when it has
    become part of another one.
    """

    kind: str
    value: str
    organisation_id: UUID
    responsible_state: str
    legal_name: str
    current: bool
    own: bool
    merged: bool = False


# Each `offset 0` keeps the planner from joining whole tables: a plan is kept for a connection's life, and one made
# while the tables were small would read them from end to end when they no longer are.
_OWN = """
    select holder.id, holder.responsible_state, holder.legal_name, identifier.held, true as own, holder.status
      from identifier
     cross join lateral (select id, responsible_state, legal_name, status from organisation
                          where id = identifier.organisation_id offset 0) as holder
     where identifier.kind = wanted.kind and identifier.value = wanted.value
"""
_OTHERS = """
    select holder.organisation_id, holder.responsible_state, holder.legal_name, number.held, false, holder.status
      from directory_number as number
     cross join lateral (select organisation_id, responsible_state, legal_name, status from directory
                          where organisation_id = number.organisation_id offset 0) as holder
     where number.kind = wanted.kind and number.value = wanted.value
       and not exists (select from organisation where id = number.organisation_id offset 0)
"""


def _finding(wanted: str, *holders: str) -> str:
    return f"""
select wanted.kind, wanted.value, found.id, found.responsible_state, found.legal_name, found.held, found.own,
       found.status
  from ({wanted}) as wanted(kind, value)
 cross join lateral ({" union all ".join(holders)} offset 0) as found
"""  # noqa: S608 - constants and numbers of parameters


_MANY = "select * from unnest($1::text[], $2::text[])"
_FIND_MANY = _finding(_MANY, _OWN, _OTHERS)
_FIND_MANY_OWN = _finding(_MANY, _OWN)
MOST_WRITTEN_OUT = 10
"""So many numbers stand in the statement one by one; a row estimate that is exact lets PostgreSQL keep one plan."""


@cache
def _find_few(count: int) -> str:
    rows = ", ".join(f"(${2 * place + 1}::text, ${2 * place + 2}::text)" for place in range(count))
    return _finding(f"values {rows}", _OWN, _OTHERS)


async def find(connection: Connection, numbers: Sequence[tuple[str, str]]) -> list[Match]:
    """All organisations that have or had one of these (kind, value) numbers.

    One that has been merged is left out where another has the number: what it had is now that one's.
    """
    wanted = list(dict.fromkeys(numbers))
    if not wanted:
        return []
    if len(wanted) <= MOST_WRITTEN_OUT:
        rows = await connection.fetch(_find_few(len(wanted)), *chain.from_iterable(wanted))
    else:
        rows = await connection.fetch(_FIND_MANY, *zip(*wanted, strict=True))
    return _matches(rows)


async def find_own(connection: Connection, numbers: Sequence[tuple[str, str]]) -> list[Match]:
    """Those whose rows are in this database; of one that was merged as `find`, by what is found here."""
    return _matches(await connection.fetch(_FIND_MANY_OWN, *zip(*numbers, strict=True))) if numbers else []


def _matches(rows: Sequence[Record]) -> list[Match]:
    alive = {(row["kind"], row["value"]) for row in rows if row["status"] != MERGED}
    return [
        Match(kind, value, key, state, name, held, own, status == MERGED)
        for kind, value, key, state, name, held, own, status in rows
        if status != MERGED or (kind, value) not in alive
    ]


@dataclass(frozen=True, slots=True)
class Cluster:
    """An active cluster that organisations may belong to."""

    cluster_id: UUID
    code: str


_CLUSTERS_BY_ID = """
select found.id, found.cluster_code
  from unnest($1::uuid[]) as wanted(id)
 cross join lateral (select id, cluster_code from organisation
                      where id = wanted.id and kind = 'cluster' and status = 'active'
                     union all
                     select organisation_id, cluster_code from directory
                      where organisation_id = wanted.id and kind = 'cluster' and status = 'active'
                        and not exists (select from organisation where id = wanted.id offset 0)
                     offset 0) as found
"""


async def clusters(connection: Connection, *, codes: Sequence[str] = (), ids: Sequence[UUID] = ()) -> list[Cluster]:
    """Active clusters with one of these codes or ids, of any state."""
    found = clusters_among(await find(connection, [(CLUSTER, code) for code in codes]))
    rows = await connection.fetch(_CLUSTERS_BY_ID, list(ids)) if ids else []
    return list(dict.fromkeys([*found, *(Cluster(row["id"], row["cluster_code"]) for row in rows)]))


def clusters_among(found: Sequence[Match]) -> list[Cluster]:
    """The active clusters whose code was looked for."""
    return [Cluster(item.organisation_id, item.value) for item in found if item.kind == CLUSTER and item.current]


async def plan_every_statement(connection: Connection) -> None:
    """Plan statements anew in this transaction.

    A plan kept from when a table was empty would go on scanning it whole while the transaction fills it.
    """
    await connection.execute("set local plan_cache_mode = force_custom_plan")


async def take_import_turn(connection: Connection, state: str) -> bool:
    """Whether this transaction may import for the state; one import per state at a time."""
    taken = await connection.fetchval("select pg_try_advisory_xact_lock(hashtext('registry.import.' || $1))", state)
    return bool(taken)
