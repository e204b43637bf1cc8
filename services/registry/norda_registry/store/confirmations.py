"""Links sent to organisations to confirm their profiles, and what was answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection
from norda_common.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A link and what became of it. `proposal` and `shown` are fields by name: what was proposed, what was there."""

    id: UUID
    organisation_id: UUID
    state: State
    version: int
    sent_at: datetime
    sent_by: str
    expires_at: datetime
    answered_at: datetime | None
    answer: str | None
    shown: dict[str, Any] | None
    proposal: dict[str, Any] | None
    decided_at: datetime | None
    decided_by: str | None
    taken: tuple[str, ...] | None
    ended_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether the link may be used."""
        return self.ended_at is None and now < self.expires_at


_COLUMNS = (
    "id, organisation_id, state, version, sent_at, sent_by, expires_at, answered_at, answer, shown, proposal, "
    "decided_at, decided_by, taken, ended_at"
)
_GET = f"select {_COLUMNS} from confirmation where id = $1"  # noqa: S608 - constants


async def add(
    connection: Connection,
    rows: Sequence[tuple[UUID, UUID, str]],
    *,
    state: State,
    now: datetime,
    expires_at: datetime,
    subject: str,
) -> None:
    """Store links as (id, organisation, key of the address); of the address a keyed hash is kept."""
    await connection.execute(
        """insert into confirmation (id, organisation_id, address_hash, state, sent_at, sent_by, expires_at)
           select id, organisation_id, keyed_hash(address_key), $4, $5, $6, $7
             from unnest($1::uuid[], $2::uuid[], $3::text[]) as row(id, organisation_id, address_key)""",
        *([row[place] for row in rows] for place in range(3)),
        state,
        now,
        subject,
        expires_at,
    )


async def get(connection: Connection, confirmation_id: UUID) -> Confirmation | None:
    """One link."""
    row = await connection.fetchrow(_GET, confirmation_id)
    return _read(row) if row else None


async def lock(connection: Connection, confirmation_id: UUID) -> Confirmation | None:
    """One link, locked until the transaction ends; None also where the caller may not settle it."""
    row = await connection.fetchrow(f"{_GET} for update", confirmation_id)
    return _read(row) if row else None


async def listed(
    connection: Connection,
    *,
    state: State | None = None,
    organisation_id: UUID | None = None,
    open_only: bool = False,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Confirmation]:
    """Links the caller may see, the latest first; `open_only`: those with a proposal nobody has decided."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from confirmation
             where ($1::text is null or state = $1) and ($2::uuid is null or organisation_id = $2)
               and (not $3 or (answer = 'proposed' and decided_at is null))
               and ($4::timestamptz is null or (sent_at, id) < ($4, $5::uuid))
             order by sent_at desc, id desc limit $6""",  # noqa: S608 - constants
        state,
        organisation_id,
        open_only,
        *(before or (None, None)),
        limit,
    )
    return [_read(row) for row in rows]


async def end_open(
    connection: Connection, organisation_ids: Sequence[UUID], *, now: datetime
) -> list[tuple[UUID, State]]:
    """End the open links of these organisations, of those that the caller may settle; id and state of each."""
    rows = await connection.fetch(
        """update confirmation set ended_at = $2 where organisation_id = any($1) and ended_at is null
        returning id, state""",
        list(organisation_ids),
        now,
    )
    return [(row["id"], State(row["state"])) for row in rows]


async def sent_to(connection: Connection, state: State, address_keys: Sequence[str]) -> list[Confirmation]:
    """A state's open links that were sent to these addresses; for the service itself."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from confirmation
             where state = $1 and address_hash = any(array(select keyed_hash(key) from unnest($2::text[]) as key))
               and ended_at is null order by id""",  # noqa: S608
        state,
        list(address_keys),
    )
    return [_read(row) for row in rows]


async def end_sent_to(
    connection: Connection, state: State, address_keys: Sequence[str], *, now: datetime
) -> list[UUID]:
    """End a state's open links that were sent to these addresses, and forget those of all; the ids of the ended."""
    rows = await connection.fetch(
        """update confirmation set ended_at = coalesce(ended_at, $3), address_hash = null
            where state = $1 and address_hash = any(array(select keyed_hash(key) from unnest($2::text[]) as key))
        returning id, old.ended_at is null as was_open""",
        state,
        list(address_keys),
        now,
    )
    return [row["id"] for row in rows if row["was_open"]]


_OVER = """
update confirmation set ended_at = $1
 where id in (select id from confirmation
               where ended_at is null
                 and (expires_at <= $1
                      or not exists (select from organisation
                                      where organisation.id = confirmation.organisation_id and status = 'active'
                                        and responsible_state = confirmation.state))
               order by expires_at limit $2 for update skip locked)
returning id, state
"""


async def end_over(connection: Connection, *, now: datetime, limit: int) -> list[tuple[UUID, State]]:
    """End links that nobody can use any more: expired ones, and those of organisations that are not active, or not the
    sending office's any more. Id and state of each.
    """
    rows = await connection.fetch(_OVER, now, limit)
    return [(row["id"], State(row["state"])) for row in rows]


async def answer(
    connection: Connection,
    confirmation_id: UUID,
    *,
    answer: str,
    now: datetime,
    shown: dict[str, Any] | None = None,
    proposal: dict[str, Any] | None = None,
) -> None:
    """Store the answer; the link is used up by it."""
    await connection.execute(
        """update confirmation set answer = $2, answered_at = $3, ended_at = $3, shown = $4, proposal = $5,
                                   version = version + 1
            where id = $1""",
        confirmation_id,
        answer,
        now,
        None if shown is None else json.dumps(shown, ensure_ascii=False),
        None if proposal is None else json.dumps(proposal, ensure_ascii=False),
    )


async def decide(
    connection: Connection, confirmation_id: UUID, *, taken: Sequence[str], now: datetime, subject: str
) -> None:
    """Store what the office took over of a proposal."""
    await connection.execute(
        """update confirmation set decided_at = $2, decided_by = $3, taken = $4, version = version + 1 where id = $1""",
        confirmation_id,
        now,
        subject,
        list(taken),
    )


def _read(row: Record) -> Confirmation:
    values = dict(row)
    for name in ("shown", "proposal"):
        values[name] = json.loads(values[name]) if values[name] is not None else None
    values["taken"] = tuple(values["taken"]) if values["taken"] is not None else None
    return Confirmation(**values | {"state": State(values["state"])})
