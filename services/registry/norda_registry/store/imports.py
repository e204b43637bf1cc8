"""Imports and their sources, and what an import asks of what is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection, affected

from ..rules.merging import MERGED
from ..rules.size_class import Figures
from .matches import Match
from .organisations import Stored

WORKING = ("planning", "applying", "reverting")
"""While the worker has something to do."""
NOTHING_TAKEN_BACK = "nothing_taken_back"
"""The fault of an import that was to be taken back, and of which nothing could be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One uploaded table and how far it is. `sheets`: name, rows, heading rows and headings of each; `columns` say what
    each heading of the chosen sheet means. Rows are counted as the spreadsheet does.
    """

    id: UUID
    state: str
    source: str
    file_name: str
    format: str
    encoding: str
    delimiter: str
    sheets: Sequence[Mapping[str, Any]]
    sheet: int
    first_row: int
    headings: Sequence[str]
    columns: Sequence[str]
    mode: str
    empty_clears: bool
    status: str
    fault: str | None
    total: int
    done: int
    cursor_row: int
    phase_started_at: datetime
    phase_done: int
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    forgotten_at: datetime | None
    acting_subject: str
    acting_roles: Sequence[str]
    traceparent: str | None
    persons: str | None = None
    """Why the contact persons of the list are kept, and how long, as JSON."""

    @property
    def working(self) -> bool:
        """Whether the worker has something to do."""
        return self.status in WORKING

    @property
    def said_status(self) -> str:
        """Its status as people are told: NOTHING_TAKEN_BACK is another one to them than `reverted`."""
        return NOTHING_TAKEN_BACK if self.fault == NOTHING_TAKEN_BACK else self.status

    def rows_per_second(self, now: datetime) -> float | None:
        """How quick the running phase is; None while nothing can be said."""
        seconds, rows = (now - self.phase_started_at).total_seconds(), self.done - self.phase_done
        return rows / seconds if self.working and rows > 0 and seconds > 0 else None

    def seconds_left(self, now: datetime) -> float | None:
        """When the running phase will be through; None while nothing can be said."""
        rate = self.rows_per_second(now)
        return max(self.total - self.done, 0) / rate if rate else None


_COLUMNS = ", ".join(Import.__dataclass_fields__)


def _import(row: Record) -> Import:
    return Import(**{**dict(row.items()), "sheets": json.loads(row["sheets"])})


async def add(connection: Connection, made: Import) -> None:
    """Enter an import."""
    values = [json.dumps(made.sheets) if name == "sheets" else getattr(made, name) for name in _names()]
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await connection.execute(f"insert into import ({_COLUMNS}) values ({places})", *values)  # noqa: S608 - constants


def _names() -> list[str]:
    return list(Import.__dataclass_fields__)


async def get(connection: Connection, import_id: UUID, *, lock: bool = False) -> Import | None:
    """An import of the caller's own state."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from import where id = $1 {'for update' if lock else ''}",  # noqa: S608 - constants
        import_id,
    )
    return _import(row) if row else None


async def listed(connection: Connection, *, before: UUID | None, limit: int) -> list[Import]:
    """Imports of the caller's own state, newest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from import where ($1::uuid is null or id < $1)
             order by id desc limit $2""",  # noqa: S608 - constants
        before,
        limit,
    )
    return [_import(row) for row in rows]


async def change(connection: Connection, import_id: UUID, **values: Any) -> None:
    """Set these columns. Raises asyncpg.UniqueViolationError when another import of the state is writing."""
    assert values.keys() <= set(_names()) | {"lease_owner", "lease_until"}  # noqa: S101 - they stand in the statement
    places = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, start=2))
    await connection.execute(f"update import set {places} where id = $1", import_id, *values.values())  # noqa: S608


async def writing(connection: Connection, state: str) -> bool:
    """Whether an import of the state is writing."""
    found = await connection.fetchval(
        "select exists (select from import where state = $1 and status in ('applying', 'reverting'))", state
    )
    return bool(found)


async def claim(
    connection: Connection, state: str, *, owner: UUID, now: datetime, lease_until: datetime
) -> Import | None:
    """Take the oldest import of the state with something to do, unless another worker's lease on it holds."""
    row = await connection.fetchrow(
        f"""update import set lease_owner = $2, lease_until = $4
             where id = (select id from import
                          where state = $1 and status in ('planning', 'applying', 'reverting')
                            and (lease_until is null or lease_until < $3 or lease_owner = $2)
                          order by id limit 1 for update skip locked)
            returning {_COLUMNS}""",  # noqa: S608 - constants
        state,
        owner,
        now,
        lease_until,
    )
    return _import(row) if row else None


async def at_work(connection: Connection, *, now: datetime) -> bool:
    """Whether some worker is about an import, of whatever state."""
    found = await connection.fetchval(
        """select exists (select from import
                           where status in ('planning', 'applying', 'reverting') and lease_until > $1)""",
        now,
    )
    return bool(found)


async def hold(connection: Connection, import_id: UUID, status: str, *, owner: UUID) -> bool:
    """Lock the import for the running transaction; False when it is no longer this worker's to go on with."""
    found = await connection.fetchval(
        "select true from import where id = $1 and status = $2 and lease_owner = $3 for update",
        import_id,
        status,
        owner,
    )
    return bool(found)


async def forget_rows(connection: Connection, *, before: datetime, now: datetime) -> int:
    """Delete the rows of imports that ended before that instant, or were left lying since; how many imports."""
    rows = await connection.fetch(
        """select id from import
            where forgotten_at is null and status not in ('planning', 'applying', 'reverting')
              and coalesce(ended_at, created_at) < $1 limit 20 for update skip locked""",
        before,
    )
    ids = [row["id"] for row in rows]
    for table in ("import_row", "import_plan", "import_result"):
        await connection.execute(f"delete from {table} where import_id = any($1)", ids)  # noqa: S608 - constants
    await connection.execute("update import set forgotten_at = $2 where id = any($1)", ids, now)
    return len(ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How a source's columns were understood last."""

    state: str
    name: str
    headings: Sequence[str]
    columns: Sequence[str]
    sheet: str
    mode: str
    empty_clears: bool
    used_at: datetime
    used_by: str
    persons: str | None = None

    @property
    def by_heading(self) -> dict[str, str]:
        """What each heading meant."""
        return dict(zip(self.headings, self.columns, strict=True))


_SOURCE = ", ".join(Source.__dataclass_fields__)


async def sources(connection: Connection) -> list[Source]:
    """The sources the caller's office has named, by name."""
    rows = await connection.fetch(f"select {_SOURCE} from import_source order by name limit 500")  # noqa: S608
    return [Source(**dict(row.items())) for row in rows]


async def source(connection: Connection, name: str) -> Source | None:
    """One of them."""
    row = await connection.fetchrow(f"select {_SOURCE} from import_source where name = $1", name)  # noqa: S608
    return Source(**dict(row.items())) if row else None


async def remember(connection: Connection, known: Source) -> None:
    """Keep how a source's columns are understood."""
    names = list(Source.__dataclass_fields__)
    places = ", ".join(f"${place}" for place in range(1, len(names) + 1))
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    await connection.execute(
        f"""insert into import_source ({_SOURCE}) values ({places})
            on conflict (state, name) do update set {changed}""",  # noqa: S608 - constants
        *(getattr(known, name) for name in names),
    )


async def forget_source(connection: Connection, name: str) -> bool:
    """Forget a source; whether there was one."""
    await connection.execute("delete from import_known where source = $1", name)
    return affected(await connection.execute("delete from import_source where name = $1", name)) > 0


async def current(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """Own organisations as they are at this moment, without keeping anybody from changing them."""
    rows = await connection.fetch(
        """select organisation.id, version, data, employees, turnover_cents, balance_cents
             from organisation join figures on figures.organisation_id = organisation.id
            where organisation.id = any($1)""",
        list(ids),
    )
    return {
        row["id"]: Stored(
            Organisation.model_validate_json(row["data"]),
            row["version"],
            Figures(row["employees"], row["turnover_cents"], row["balance_cents"]),
        )
        for row in rows
    }


async def by_id(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Match]:
    """Who these organisations are, of any state: own rows first, the directory for the others."""
    rows = await connection.fetch(
        """select id, responsible_state, legal_name, true as own, status from organisation where id = any($1)
           union all
           select organisation_id, responsible_state, legal_name, false, status from directory
            where organisation_id = any($1) and not exists (select from organisation where id = organisation_id)""",
        list(ids),
    )
    return {
        row["id"]: Match(
            "norda",
            str(row["id"]),
            row["id"],
            row["responsible_state"],
            row["legal_name"],
            True,
            row["own"],
            merged=row["status"] == MERGED,
        )
        for row in rows
    }


async def successors(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Match]:
    """Whom these have become part of, after however many mergers; who is nowhere to be found is left out."""
    rows = await connection.fetch(
        "select id, successor_of(id) as successor from unnest($1::uuid[]) as merged(id)", list(ids)
    )
    known = await by_id(connection, [row["successor"] for row in rows])
    return {row["id"]: known[row["successor"]] for row in rows if row["successor"] in known}


async def referred_to(connection: Connection, ids: Sequence[UUID], *, but_by: UUID) -> set[UUID]:
    """Which of these own organisations somebody refers to, also in what the caller may not see; what that import said
    of their figures does not count.
    """
    rows = await connection.fetch(
        "select id from unnest($1::uuid[]) as wanted(id) where is_referred_to(id, $2)", list(ids), but_by
    )
    return {row["id"] for row in rows}


async def withdraw(connection: Connection, ids: Sequence[UUID]) -> None:
    """Delete own organisations and all that belongs to them, versions too, as if they had never been entered."""
    if ids:
        await connection.execute("select withdraw_organisations($1)", list(ids))
