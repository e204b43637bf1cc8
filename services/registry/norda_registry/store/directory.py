"""The directory: organisations of all states as last published. Written by the consumer alone.

Upserts compare sequences, so redelivery, replay and the record left on a former state's topic change nothing.

Two replicas may write about one organisation at once. Both first take its key in `directory`, where the second waits
for the first's commit; only a statement after that sees what the first wrote. So numbers and erasures are read when the
key is held, never in the statement that takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules.classifications import with_broader
from ..rules.facets import EDITION, facets_of
from ..rules.names import as_search_text, fold, search_words
from ..rules.profile import ACTIVE, current_clusters, numbers_of
from .matches import plan_every_statement

_BREAK = "\n"

# A row keeps its slot; what touches it says which transaction did, for those who follow (store/facet_index.py).
_UPSERT = """
insert into directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
                       name_end, former_end, facets, facets_edition, facets_of, competences, clusters, cluster_code,
                       data, changed_at, slot)
select organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
       name_end, former_end, string_to_array(facets, E'\\n'), $16::smallint, sequence,
       string_to_array(competences, E'\\n'), string_to_array(clusters, E'\\n'), cluster_code, data, changed_at,
       coalesce((select known.slot from directory as known where known.organisation_id = row.organisation_id),
                nextval('directory_slot'))
  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::int[], $10::int[], $11::text[], $12::text[], $13::text[], $14::text[], $15::jsonb[],
              $17::timestamptz[])
       as row(organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
              name_end, former_end, facets, competences, clusters, cluster_code, data, changed_at)
on conflict (organisation_id) do update
   set sequence = excluded.sequence, responsible_state = excluded.responsible_state, kind = excluded.kind,
       status = excluded.status, legal_name = excluded.legal_name, sort_name = excluded.sort_name,
       search_text = excluded.search_text, name_end = excluded.name_end, former_end = excluded.former_end,
       facets = excluded.facets, facets_edition = excluded.facets_edition, facets_of = excluded.facets_of,
       competences = excluded.competences, clusters = excluded.clusters,
       cluster_code = excluded.cluster_code, data = excluded.data,
       changed_at = excluded.changed_at, touched = pg_current_xact_id()
 where directory.sequence < excluded.sequence
returning organisation_id
"""
_SETTLE = """
with forbidden as (
delete from directory using directory_erasure as erased
 where directory.organisation_id = any($1) and erased.organisation_id = directory.organisation_id
   and erased.sequence >= directory.sequence
returning directory.organisation_id, directory.slot),
gone as (
update directory_erasure set slot = forbidden.slot, touched = pg_current_xact_id()
  from forbidden where directory_erasure.organisation_id = forbidden.organisation_id)
select organisation_id, forbidden.organisation_id is not null as forbidden, number.kind, number.value, number.held
  from unnest($1::uuid[]) as written(organisation_id)
  left join forbidden using (organisation_id)
  left join directory_number as number using (organisation_id)
"""
_ADD_NUMBERS = """
insert into directory_number (organisation_id, kind, value, held)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[])
"""
# An unknown organisation has no row that could be locked: one is put in its place and taken out again with the others.
_LOCK = """
insert into directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
                       competences, clusters, data, changed_at)
select organisation_id, sequence, '', 'company', 'active', '', '', '', '{}', '{}', '{}', now()
  from unnest($1::uuid[], $2::bigint[]) as row(organisation_id, sequence)
on conflict (organisation_id) do update set sequence = excluded.sequence where false
"""


class Row(NamedTuple):
    """An organisation ready to be written; `data` is its JSON, each number a kind, a value and whether it is held."""

    organisation_id: UUID
    sequence: int
    responsible_state: str
    kind: str
    status: str
    legal_name: str
    sort_name: str
    search_text: str
    name_end: int
    former_end: int
    facets: str
    competences: str
    clusters: str
    cluster_code: str | None
    data: str
    changed_at: datetime
    numbers: Collection[tuple[str, str, bool]]


class Erased(NamedTuple):
    """An organisation that was withdrawn with that version."""

    organisation_id: UUID
    sequence: int


def row_of(sequence: int, organisation: Organisation, *, data: str | None = None) -> Row:
    """The row of an organisation of that version; `data` is its JSON, where the caller has it already."""
    name = fold(organisation.legal_name)
    active = organisation.status == ACTIVE
    return Row(
        organisation.organisation_id,
        sequence,
        organisation.responsible_state,
        organisation.kind,
        organisation.status,
        organisation.legal_name,
        name[:200],
        *_searchable(organisation),
        _BREAK.join(facets_of(organisation)),
        _BREAK.join(with_broader(organisation.competences)),
        _BREAK.join(current_clusters(organisation.memberships)),
        organisation.cluster_code,
        organisation.model_dump_json(exclude_none=True) if data is None else data,
        organisation.changed_at,
        {(kind, value, current and active) for (kind, value), current in numbers_of(organisation).items()},
    )


async def upsert(connection: Connection, rows: Sequence[Row]) -> set[UUID]:
    """Take over what is newer; each organisation may occur once. At most five statements. Idempotent.

    Returns whose rows these now are: all that were newer, and have not been withdrawn.
    """
    if not rows:
        return set()
    await plan_every_statement(connection)
    *columns, changed_at, _ = zip(*rows, strict=True)
    written = [key for (key,) in await connection.fetch(_UPSERT, *columns, EDITION, changed_at)]
    if not written:
        return set()
    gone = set[UUID]()
    wanted = {row.organisation_id: row.numbers for row in rows}
    known: dict[UUID, set[tuple[str, str, bool]]] = {key: set() for key in written}
    for key, forbidden, kind, value, held in await connection.fetch(_SETTLE, written):
        if forbidden:
            wanted[key] = set()
            gone.add(key)
        if kind is not None:
            known[key].add((kind, value, held))
    await _replace_numbers(connection, known, wanted)
    return {*written} - gone


async def _replace_numbers(
    connection: Connection,
    known: Mapping[UUID, Collection[tuple[str, str, bool]]],
    wanted: Mapping[UUID, Collection[tuple[str, str, bool]]],
) -> None:
    """Write the numbers of those that have others than before: few changes touch a number, each has some six."""
    changed = [key for key, numbers in known.items() if numbers != wanted[key]]
    if any(known[key] for key in changed):
        await connection.execute("delete from directory_number where organisation_id = any($1)", changed)
    if changed:
        # No COPY: PostgreSQL has none into a table with policies.
        rows = [(key, *number) for key in changed for number in wanted[key]]
        await connection.execute(_ADD_NUMBERS, *(zip(*rows, strict=True) if rows else [()] * 4))


def _searchable(organisation: Organisation) -> tuple[str, int, int]:
    """What a search looks through: present and former names and places, the source's id, all register numbers; and so
    many characters of it are of the present name, and with former ones.
    """
    words = search_words(organisation.legal_name)
    name_end = _length(words)
    if organisation.former_names:
        words |= search_words(*(former.legal_name for former in organisation.former_names))
    former_end = _length(words)
    words |= search_words(
        organisation.seat.place,
        *(site.address.place for site in organisation.sites),
        organisation.own_id,
        organisation.cluster_code,
        *(former.address.place for former in organisation.former_seats),
        *dict.fromkeys(entry.number for entry in organisation.register_entries),
    )
    return as_search_text(words), name_end, former_end


def _length(words: Mapping[str, None]) -> int:
    return sum(map(len, words)) + len(words)


async def erase(connection: Connection, erased: Sequence[Erased]) -> None:
    """Take withdrawn organisations out, and remember it: an older record read later must not bring them back."""
    ids, sequences = [item.organisation_id for item in erased], [item.sequence for item in erased]
    await connection.execute(_LOCK, ids, sequences)
    await connection.execute(
        """insert into directory_erasure (organisation_id, sequence, slot)
           select row.organisation_id, row.sequence, directory.slot
             from unnest($1::uuid[], $2::bigint[]) as row(organisation_id, sequence)
             left join directory using (organisation_id)
           on conflict (organisation_id) do update
           set sequence = greatest(directory_erasure.sequence, excluded.sequence),
               slot = coalesce(excluded.slot, directory_erasure.slot), touched = pg_current_xact_id()""",
        ids,
        sequences,
    )
    # No foreign key does it: its check, once per number, was half of what a new organisation cost.
    await connection.execute(
        """delete from directory_number number using directory, unnest($1::uuid[], $2::bigint[])
                                                     as row(organisation_id, sequence)
            where number.organisation_id = row.organisation_id and directory.organisation_id = row.organisation_id
              and directory.sequence <= row.sequence""",
        ids,
        sequences,
    )
    await connection.execute(
        """delete from directory using unnest($1::uuid[], $2::bigint[]) as row(organisation_id, sequence)
            where directory.organisation_id = row.organisation_id and directory.sequence <= row.sequence""",
        ids,
        sequences,
    )
