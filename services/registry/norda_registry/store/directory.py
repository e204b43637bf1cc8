"""The directory: organisations of all states as last published. Written by the consumer alone.

Upserts compare sequences, so redelivery, replay and the record left on a former state's topic change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules.classifications import with_broader
from ..rules.names import fold, search_text
from ..rules.profile import ACTIVE, current_clusters, current_entry, identifiers
from .matches import plan_every_statement

_BREAK = "\n"

_UPSERT = """
insert into directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
                       competences, clusters, cluster_code, data, changed_at)
select organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
       string_to_array(competences, E'\\n'), string_to_array(clusters, E'\\n'), cluster_code,
       data, changed_at
  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::timestamptz[])
       as row(organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name, search_text,
              competences, clusters, cluster_code, data, changed_at)
 where not exists (select from directory_erasure erased
                    where erased.organisation_id = row.organisation_id and erased.sequence >= row.sequence)
on conflict (organisation_id) do update
   set sequence = excluded.sequence, responsible_state = excluded.responsible_state, kind = excluded.kind,
       status = excluded.status, legal_name = excluded.legal_name, sort_name = excluded.sort_name,
       search_text = excluded.search_text, competences = excluded.competences, clusters = excluded.clusters,
       cluster_code = excluded.cluster_code, data = excluded.data,
       changed_at = excluded.changed_at
 where directory.sequence < excluded.sequence
returning organisation_id
"""


async def upsert(connection: Connection, published: Sequence[tuple[int, Organisation]]) -> None:
    """Take over what is newer; each organisation may occur once. At most three statements. Idempotent."""
    organisations = [organisation for _, organisation in published]
    await plan_every_statement(connection)
    rows = await connection.fetch(
        _UPSERT,
        [organisation.organisation_id for organisation in organisations],
        [sequence for sequence, _ in published],
        [organisation.responsible_state for organisation in organisations],
        [organisation.kind for organisation in organisations],
        [organisation.status for organisation in organisations],
        [organisation.legal_name for organisation in organisations],
        [fold(organisation.legal_name)[:200] for organisation in organisations],
        [_searchable(organisation) for organisation in organisations],
        [_BREAK.join(with_broader(organisation.competences)) for organisation in organisations],
        [_BREAK.join(current_clusters(organisation.memberships)) for organisation in organisations],
        [organisation.cluster_code for organisation in organisations],
        [organisation.model_dump_json(exclude_none=True) for organisation in organisations],
        [organisation.changed_at for organisation in organisations],
    )
    taken = {row["organisation_id"] for row in rows}
    await _replace_numbers(
        connection, [organisation for organisation in organisations if organisation.organisation_id in taken]
    )


async def _replace_numbers(connection: Connection, organisations: Sequence[Organisation]) -> None:
    """Write the numbers of those that have others than before: few changes touch a number, each has some six."""
    known: dict[UUID, set[tuple[str, str, bool]]] = defaultdict(set)
    for row in await connection.fetch(
        "select organisation_id, kind, value, held from directory_number where organisation_id = any($1)",
        [organisation.organisation_id for organisation in organisations],
    ):
        known[row["organisation_id"]].add((row["kind"], row["value"], row["held"]))
    wanted = {organisation.organisation_id: _numbers(organisation) for organisation in organisations}
    changed = [key for key, numbers in wanted.items() if numbers != known[key]]
    if any(known[key] for key in changed):
        await connection.execute("delete from directory_number where organisation_id = any($1)", changed)
    await connection.copy_records_to_table(
        "directory_number",
        columns=["organisation_id", "kind", "value", "held"],
        records=[(key, *number) for key in changed for number in wanted[key]],
    )


def _numbers(organisation: Organisation) -> set[tuple[str, str, bool]]:
    active = organisation.status == ACTIVE
    return {(item.kind, item.value, item.current and active) for item in identifiers(organisation)}


def _searchable(organisation: Organisation) -> str:
    """What a search looks through: present and former names, places, the source's id and the register number."""
    entry = current_entry(organisation)
    return search_text(
        organisation.legal_name,
        *(former.legal_name for former in organisation.former_names),
        organisation.seat.place,
        *(site.address.place for site in organisation.sites),
        organisation.own_id,
        organisation.cluster_code,
        entry.number if entry else None,
    )


async def erase(connection: Connection, erased: Sequence[tuple[int, UUID]]) -> None:
    """Take withdrawn organisations out, and remember it: an older record read later must not bring them back."""
    sequences, ids = [sequence for sequence, _ in erased], [organisation_id for _, organisation_id in erased]
    await connection.execute(
        """insert into directory_erasure (organisation_id, sequence) select * from unnest($1::uuid[], $2::bigint[])
           on conflict (organisation_id) do update
           set sequence = greatest(directory_erasure.sequence, excluded.sequence)""",
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
