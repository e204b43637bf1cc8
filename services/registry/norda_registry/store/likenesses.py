"""What of each organisation says who is meant: kept by a worker of what the directory says, read to find suspects."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules.duplicates import Candidate, blocking_keys, candidate_of

_FIELDS = tuple(each.name for each in fields(Candidate))
# An array of arrays would have to be a rectangle: keys travel as text.
_UPSERT = """
insert into likeness (organisation_id, responsible_state, status, name_hash, keys, facts, due_at)
select organisation_id, responsible_state, status, name_hash, string_to_array(keys, ' ')::integer[], facts,
       $7::timestamptz
  from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
       as row(organisation_id, responsible_state, status, name_hash, keys, facts)
on conflict (organisation_id) do update
   set responsible_state = excluded.responsible_state, status = excluded.status, name_hash = excluded.name_hash,
       keys = excluded.keys, facts = excluded.facts, due_at = excluded.due_at
 where (likeness.responsible_state, likeness.status, likeness.facts)
       is distinct from (excluded.responsible_state, excluded.status, excluded.facts)
"""
MOST_COMPARED = 60
"""So many of those that share a key are compared: those that share most."""
COMMON_ROWS = 500
"""A key that so many have tells nothing by itself: of those that share it alone, which are compared were chance."""
MOST_PAIRED = 5
"""Of common keys so many are looked for in pairs, the rarest."""
_THESE = """
select organisation_id, responsible_state, status, facts from likeness_shown
 where organisation_id = any($1) and ($2::text is null or status = $2)
"""
_NAMED = """
select wanted.place, found.organisation_id, found.responsible_state, found.status, found.facts
  from unnest($1::integer[], $2::integer[]) as wanted(place, name_hash)
 cross join lateral (select organisation_id, responsible_state, status, facts from likeness_shown
                      where name_hash = wanted.name_hash limit 20) as found
union all
select wanted.place, found.organisation_id, found.responsible_state, found.status, found.facts
  from unnest($3::integer[], $4::text[], $5::text[]) as wanted(place, kind, value)
 cross join lateral (select organisation_id from directory_number
                      where kind = wanted.kind and value = wanted.value limit 20) as number
 cross join lateral (select organisation_id, responsible_state, status, facts from likeness_shown
                      where organisation_id = number.organisation_id offset 0) as found
"""


class Row(NamedTuple):
    """What is kept of an organisation; `keys` are the hashes as text, `facts` is the Candidate as JSON."""

    organisation_id: UUID
    responsible_state: str
    status: str
    name_hash: int
    keys: str
    facts: str


@dataclass(frozen=True, slots=True)
class Known:
    """An organisation of the directory as it is compared."""

    organisation_id: UUID
    responsible_state: str
    status: str
    candidate: Candidate


def row_of(organisation: Organisation) -> Row:
    """The row of an organisation. Pure."""
    return row_of_candidate(
        organisation.organisation_id,
        candidate_of(organisation),
        responsible_state=organisation.responsible_state,
        status=organisation.status,
    )


def row_of_candidate(organisation_id: UUID, candidate: Candidate, *, responsible_state: str, status: str) -> Row:
    """The row of what is compared of an organisation. Pure."""
    said = {name: value for name in _FIELDS if (value := getattr(candidate, name))}
    keys = blocking_keys(candidate)
    return Row(
        organisation_id,
        responsible_state,
        status,
        keys[0],
        " ".join(map(str, keys)),
        json.dumps(said, ensure_ascii=False, separators=(",", ":")),
    )


async def mark(connection: Connection, ids: Collection[UUID], now: datetime) -> None:
    """Note that these were written in the directory, or withdrawn. Idempotent."""
    if ids:
        await connection.execute(
            """insert into likeness_mark (organisation_id, marked_at) select *, $2::timestamptz from unnest($1::uuid[])
               on conflict do nothing""",
            list(ids),
            now,
        )


async def take_marked(connection: Connection, *, limit: int) -> dict[UUID, Organisation | None]:
    """The organisations noted first, as the directory has them, None where it no longer does; the notes are gone.

    Whoever writes about one of them meanwhile waits until this transaction ends, and notes it anew.
    """
    # By their places: a plan from when the table was empty would read it whole for each hundred.
    rows = await connection.fetch(
        """with taken as (
               delete from likeness_mark where ctid = any(array(
                   select ctid from likeness_mark order by marked_at, organisation_id limit $1
                      for update skip locked))
               returning organisation_id)
           select organisation_id, data from taken left join directory using (organisation_id)""",
        limit,
    )
    return {
        row["organisation_id"]: Organisation.model_validate_json(row["data"]) if row["data"] else None for row in rows
    }


async def any_marked(connection: Connection, *, until: datetime) -> bool:
    """Whether somebody noted before that instant has not been taken apart yet."""
    found = await connection.fetchval("select exists (select from likeness_mark where marked_at <= $1)", until)
    return bool(found)


async def upsert(connection: Connection, rows: Sequence[Row], now: datetime) -> None:
    """Keep them; whose facts are others than before is to be looked for anew. Idempotent."""
    if rows:
        columns = list(zip(*rows, strict=True))
        await connection.execute(_UPSERT, *columns, now)


async def remove(connection: Connection, ids: Collection[UUID]) -> None:
    """Forget these, and the suspicions about them. Idempotent."""
    if ids:
        await connection.execute("delete from likeness where organisation_id = any($1)", list(ids))
        await connection.execute("delete from suspect where first_id = any($1) or second_id = any($1)", list(ids))


async def sharing(
    connection: Connection, keys: Sequence[int], *, but: Sequence[UUID] = (), status: str | None = None
) -> list[Known]:
    """Organisations that share one of these keys, or two of common ones, those that share most first; of that status
    alone, if given.
    """
    common = await connection.fetchval("select common_keys($1, $2)", list(keys), COMMON_ROWS)
    statement, parameters = sharing_statement(keys, common, but=but, status=status)
    return [_known(row) for row in await connection.fetch(statement, *parameters)]


def sharing_statement(
    keys: Sequence[int], common: Sequence[int], *, but: Sequence[UUID] = (), status: str | None = None
) -> tuple[str, list[object]]:
    """The statement of `sharing`, and its parameters. `common` are those keys of which two have to be shared."""
    rare = [key for key in keys if key not in common]
    pairs = list(combinations(common[:MOST_PAIRED], 2))
    conditions = ["keys && $4::integer[]", *(f"keys @> ${place}::integer[]" for place in range(5, 5 + len(pairs)))]
    statement = f"""
select organisation_id, responsible_state, status, facts
  from likeness_shown
 where ({" or ".join(conditions)})
   and organisation_id <> all($2::uuid[]) and ($3::text is null or status = $3)
 order by (select count(*) from unnest(keys) as key where key = any($1::integer[])) desc, organisation_id
 limit {MOST_COMPARED}
"""  # noqa: S608 - constants and placeholders
    return statement, [list(keys), list(but), status, rare, *map(list, pairs)]


async def these(connection: Connection, ids: Sequence[UUID], *, status: str | None = None) -> list[Known]:
    """Organisations by their ids."""
    return [_known(row) for row in await connection.fetch(_THESE, list(ids), status)] if ids else []


async def named(
    connection: Connection, hashes: Sequence[int], numbers: Iterable[tuple[int, str, str]]
) -> Mapping[int, list[Known]]:
    """For each place in `hashes` whose name has that hash, or who has one of the numbers (place, kind, value)."""
    listed = list(numbers)
    rows = await connection.fetch(
        _NAMED,
        list(range(len(hashes))),
        list(hashes),
        [place for place, _, _ in listed],
        [kind for _, kind, _ in listed],
        [value for _, _, value in listed],
    )
    found: dict[int, list[Known]] = {}
    for row in rows:
        found.setdefault(row["place"], []).append(_known(row))
    return found


async def called(connection: Connection, hashes: Sequence[int]) -> list[tuple[int, UUID]]:
    """Who is called so now: each hash of a name with an organisation."""
    rows = await connection.fetch(
        "select name_hash, organisation_id from likeness_shown where name_hash = any($1)", list(hashes)
    )
    return [(row["name_hash"], row["organisation_id"]) for row in rows]


async def take_turn(connection: Connection) -> bool:
    """Whether this transaction may look for suspects; one at a time may."""
    taken = await connection.fetchval("select pg_try_advisory_xact_lock(hashtext('registry.suspects'))")
    return bool(taken)


async def due(connection: Connection, *, limit: int) -> list[Known]:
    """Those whose suspects are to be looked for, the longest waiting first, locked; what others hold is passed over."""
    rows = await connection.fetch(
        """select organisation_id, responsible_state, status, facts from likeness where due_at is not null
            order by due_at, organisation_id limit $1 for update skip locked""",
        limit,
    )
    return [_known(row) for row in rows]


async def done(connection: Connection, ids: Sequence[UUID]) -> None:
    """Their suspects have been looked for."""
    await connection.execute("update likeness set due_at = null where organisation_id = any($1)", list(ids))


def _known(row: Record) -> Known:
    return known(row["organisation_id"], row["responsible_state"], row["status"], row["facts"])


def known(organisation_id: UUID, responsible_state: str, status: str, facts: str) -> Known:
    """An organisation with its facts, read from JSON."""
    said = {name: value for name, value in json.loads(facts).items() if name in _FIELDS}
    for name in ("former_names", "former_entries"):
        if name in said:
            said[name] = tuple(said[name])
    return Known(organisation_id, responsible_state, status, Candidate(**said))
