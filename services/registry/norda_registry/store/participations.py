"""Participations of organisations in events, as the events service published them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.events import Registration
from norda_common.database import Connection

_UPSERT = """
insert into participation (registration_id, sequence, organisation_id, event_id, responsible_state, participant_state,
                           status, registered_at, changed_at)
select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[])
on conflict (registration_id) do update
   set sequence = excluded.sequence, organisation_id = excluded.organisation_id, event_id = excluded.event_id,
       responsible_state = excluded.responsible_state, participant_state = excluded.participant_state,
       status = excluded.status, changed_at = excluded.changed_at
 where participation.sequence < excluded.sequence
"""


async def upsert(connection: Connection, published: Sequence[tuple[int, Registration]]) -> None:
    """Take over what is newer, in one statement; each registration may occur once. Idempotent."""
    registrations = [registration for _, registration in published]
    await connection.execute(
        _UPSERT,
        [registration.registration_id for registration in registrations],
        [sequence for sequence, _ in published],
        [registration.organisation_id for registration in registrations],
        [registration.event_id for registration in registrations],
        [registration.responsible_state for registration in registrations],
        [registration.participant_state for registration in registrations],
        [registration.status for registration in registrations],
        [registration.registered_at for registration in registrations],
        [registration.changed_at for registration in registrations],
    )


async def remove(connection: Connection, gone: Sequence[tuple[int, UUID]]) -> None:
    """Take out registrations that were erased, or have no organisation any more; newer ones stay. Idempotent."""
    await connection.execute(
        """delete from participation using unnest($1::bigint[], $2::uuid[]) as row(sequence, registration_id)
            where participation.registration_id = row.registration_id and participation.sequence <= row.sequence""",
        [sequence for sequence, _ in gone],
        [registration_id for _, registration_id in gone],
    )


async def of_organisation(
    connection: Connection, organisation_id: UUID, *, after: tuple[object, ...] | None, limit: int
) -> list[Record]:
    """Participations of one organisation, newest registration first, after that (registered_at, registration_id)."""
    before, before_id = after or (None, None)
    return await connection.fetch(
        """select registration_id, event_id, responsible_state, participant_state, status, registered_at, changed_at
             from participation
            where organisation_id = $1
              and ($2::timestamptz is null or registered_at < $2 or (registered_at = $2 and registration_id > $3))
            order by registered_at desc, registration_id limit $4""",
        organisation_id,
        before,
        before_id,
        limit,
    )
