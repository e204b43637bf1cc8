"""The audit log: who did what to which record, in the transaction that did it, never changed afterwards.

`before` and `after` hold what changed, never personal data: of contacts and people only which fields were touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asyncpg import Record

from .auth import Caller
from .database import Connection
from .statements import Identity
from .telemetry import current_trace_id

BY_ITSELF = "Norda"
"""Who did what no person did: the name in histories of the service's own identity, whose subject is empty."""

_ADD = """
insert into audit_log (subject, roles, state, action, kind, item, before, after, trace_id)
select $1, $2, $3, action, kind, item, before::jsonb, after::jsonb, $9
  from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) as row(action, kind, item, before, after)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing done: `action` is the right's name or what happened (`organisation.change`), `item` the record's id."""

    action: str
    kind: str
    item: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two states of a record what differs, by top-level field; what is missing on a side is None there."""
    old, new = before or {}, after or {}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in changed}, {name: new.get(name) for name in changed}


async def record(connection: Connection, by: Caller | Identity, *entries: Entry) -> None:
    """Add entries in the running transaction; one round trip. `by` is the caller, or `SYSTEM` for what the service does
    by itself.
    """
    if not entries:
        return
    roles = by.roles.split(",") if isinstance(by, Identity) else sorted(by.roles)
    await connection.execute(
        _ADD,
        by.subject,
        roles,
        by.state or None,
        [entry.action for entry in entries],
        [entry.kind for entry in entries],
        [entry.item for entry in entries],
        [_json(entry.before) for entry in entries],
        [_json(entry.after) for entry in entries],
        current_trace_id(),
    )


async def page(
    connection: Connection,
    *,
    before: int | None = None,
    subject: str | None = None,
    action: str | None = None,
    item: str | None = None,
    limit: int,
) -> list[Record]:
    """Entries, newest first, below that id."""
    return await connection.fetch(
        """select a.id, a.at, a.subject, p.name, a.roles, a.state, a.action, a.kind, a.item, a.before, a.after,
                  a.trace_id
             from audit_log a left join person p using (subject)
            where ($1::bigint is null or a.id < $1) and ($2::text is null or a.subject = $2)
              and ($3::text is null or a.action = $3) and ($4::text is null or a.item = $4)
            order by a.id desc limit $5""",
        before,
        subject,
        action,
        item,
        limit,
    )


def _json(content: Mapping[str, Any] | None) -> str | None:
    return None if content is None else json.dumps(content, ensure_ascii=False, default=str)
