"""The rows of imports: as they came, what each would do, what each did; a thousand cost as many round trips as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection


class Cells(NamedTuple):
    """A row as it came, its cells as JSON; `erased` says that a person was taken out of them."""

    row: int
    cells: str
    erased: bool = False


class Plan(NamedTuple):
    """What a row would do. `document` is the organisation as JSON, `findings` those of the row, `changes` marks of what
    it changes, blanks apart.
    """

    row: int
    outcome: str
    decision: str | None
    organisation_id: UUID | None
    base_version: int | None
    document: str | None
    employees: int | None
    turnover_cents: int | None
    balance_cents: int | None
    email: str | None
    findings: str | None
    further: str | None = None
    name_hash: int | None = None
    changes: str | None = None


class Result(NamedTuple):
    """What a row did: `version` and `old_version` of its organisation, figures and contact address from before; the
    contact person and the note it entered.
    """

    row: int
    result: str
    organisation_id: UUID | None
    version: int | None
    old_version: int | None
    employees: int | None
    turnover_cents: int | None
    balance_cents: int | None
    old_email: str | None
    new_email: str | None
    findings: str | None
    person: UUID | None = None
    note: UUID | None = None


async def add(connection: Connection, import_id: UUID, state: str, rows: Sequence[tuple[int, int, str]]) -> None:
    """Keep rows as they came: (sheet, row, cells as JSON)."""
    await connection.execute(
        """insert into import_row (import_id, state, sheet, row, cells)
           select $1::uuid, $2::text, * from unnest($3::smallint[], $4::int[], $5::text[])""",
        import_id,
        state,
        *zip(*rows, strict=True),
    )


async def after(connection: Connection, import_id: UUID, sheet: int, row: int, *, limit: int) -> list[Cells]:
    """The next rows of a sheet."""
    rows = await connection.fetch(
        """select row, cells, erased from import_row where import_id = $1 and sheet = $2 and row > $3
            order by row limit $4""",
        import_id,
        sheet,
        row,
        limit,
    )
    return [Cells(*row.values()) for row in rows]


async def cells(connection: Connection, import_id: UUID, sheet: int, rows: Sequence[int]) -> list[Cells]:
    """These rows of a sheet, in their order."""
    found = await connection.fetch(
        "select row, cells, erased from import_row where import_id = $1 and sheet = $2 and row = any($3) order by row",
        import_id,
        sheet,
        list(rows),
    )
    return [Cells(*row.values()) for row in found]


async def count(connection: Connection, import_id: UUID, sheet: int, *, first_row: int) -> int:
    """How many rows of a sheet stand below its heading."""
    found: int = await connection.fetchval(
        "select count(*) from import_row where import_id = $1 and sheet = $2 and row >= $3",
        import_id,
        sheet,
        first_row,
    )
    return found


async def forget_plans(connection: Connection, import_id: UUID) -> None:
    """Delete what was planned, and what was decided about it."""
    await connection.execute("delete from import_plan where import_id = $1", import_id)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
    """Rows as columns for `unnest`. One without any value is left empty, which means the same: looking at each of its
    values takes the driver longer than reading most others.
    """
    return [column if any(value is not None for value in column) else () for column in zip(*rows, strict=True)]


async def put_plans(connection: Connection, import_id: UUID, state: str, plans: Sequence[Plan]) -> None:
    """Keep what rows would do, instead of what was planned for them before."""
    await connection.execute(
        """insert into import_plan (import_id, state, row, outcome, decision, organisation_id, base_version, document,
                                    employees, turnover_cents, balance_cents, email, findings, further, name_hash,
                                    changes)
           select $1::uuid, $2::text, * from unnest($3::int[], $4::text[], $5::text[], $6::uuid[], $7::bigint[],
                                        $8::text[], $9::int[], $10::bigint[], $11::bigint[], $12::text[], $13::text[],
                                        $14::text[], $15::int[], $16::text[])
           on conflict (import_id, row) do update
              set outcome = excluded.outcome, decision = excluded.decision, organisation_id = excluded.organisation_id,
                  base_version = excluded.base_version, document = excluded.document, employees = excluded.employees,
                  turnover_cents = excluded.turnover_cents, balance_cents = excluded.balance_cents,
                  email = excluded.email, findings = excluded.findings, further = excluded.further,
                  name_hash = excluded.name_hash, changes = excluded.changes""",
        import_id,
        state,
        *_columns(plans),
    )


async def to_apply(connection: Connection, import_id: UUID, after_row: int, *, limit: int) -> list[Plan]:
    """The next rows that would change something and were not left out."""
    rows = await connection.fetch(
        f"""select {", ".join(Plan._fields)} from import_plan
             where import_id = $1 and row > $2 and outcome in ('create', 'change')
               and decision is distinct from 'leave_out'
             order by row limit $3""",  # noqa: S608 - constants
        import_id,
        after_row,
        limit,
    )
    return [Plan(*row.values()) for row in rows]


async def count_to_apply(connection: Connection, import_id: UUID) -> int:
    """How many rows would change something and were not left out."""
    found: int = await connection.fetchval(
        """select count(*) from import_plan where import_id = $1 and outcome in ('create', 'change')
              and decision is distinct from 'leave_out'""",
        import_id,
    )
    return found


async def put_results(connection: Connection, import_id: UUID, state: str, results: Sequence[Result]) -> None:
    """Keep what rows did."""
    await connection.execute(
        """insert into import_result (import_id, state, row, result, organisation_id, version, old_version, employees,
                                      turnover_cents, balance_cents, old_email, new_email, findings, person, note)
           select $1::uuid, $2::text, * from unnest($3::int[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[],
                                        $8::int[], $9::bigint[], $10::bigint[], $11::text[], $12::text[],
                                        $13::text[], $14::uuid[], $15::uuid[])""",
        import_id,
        state,
        *_columns(results),
    )


async def made_by(connection: Connection, import_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these organisations the import itself has written."""
    rows = await connection.fetch(
        "select organisation_id from import_result where import_id = $1 and organisation_id = any($2)",
        import_id,
        list(ids),
    )
    return {row["organisation_id"] for row in rows}


async def to_revert(connection: Connection, import_id: UUID, after_row: int, *, limit: int) -> list[Result]:
    """The next rows that did something."""
    rows = await connection.fetch(
        f"""select {", ".join(Result._fields)} from import_result
             where import_id = $1 and row > $2 and result in ('created', 'changed') order by row limit $3""",  # noqa: S608
        import_id,
        after_row,
        limit,
    )
    return [Result(*row.values()) for row in rows]


async def count_to_revert(connection: Connection, import_id: UUID) -> int:
    """How many rows did something."""
    found: int = await connection.fetchval(
        "select count(*) from import_result where import_id = $1 and result in ('created', 'changed')", import_id
    )
    return found


async def mark_reverted(connection: Connection, import_id: UUID, marks: Sequence[tuple[int, str, str | None]]) -> None:
    """Keep how rows were taken back, or why not: (row, what, code of the reason)."""
    await connection.execute(
        """update import_result set reverted = mark.reverted, reason = mark.reason
             from unnest($2::int[], $3::text[], $4::text[]) as mark(row, reverted, reason)
            where import_id = $1 and import_result.row = mark.row""",
        import_id,
        *zip(*marks, strict=True),
    )


async def any_taken_back(connection: Connection, import_id: UUID) -> bool:
    """Whether of any row something was taken back."""
    found: bool = await connection.fetchval(
        "select exists (select from import_result where import_id = $1 and reverted <> 'left')", import_id
    )
    return found


async def follow_versions(connection: Connection, import_id: UUID, ids: Sequence[UUID]) -> None:
    """Take over the versions these organisations have now: what followed from the import is part of it."""
    if not ids:
        return
    await connection.execute(
        """update import_result set version = organisation.version from organisation
            where import_id = $1 and organisation_id = organisation.id and organisation.id = any($2)
              and result in ('created', 'changed') and reverted is null""",
        import_id,
        list(ids),
    )


async def counts(connection: Connection, import_id: UUID) -> dict[str, dict[str, int]]:
    """How many rows of each outcome, result and way back there are; `left_out` among the outcomes."""
    rows = await connection.fetch(
        """select 'outcome' as kind, case when decision = 'leave_out' then 'left_out' else outcome end as name, count(*)
             from import_plan where import_id = $1 group by 2
           union all
           select 'result', result, count(*) from import_result where import_id = $1 group by 2
           union all
           select 'reverted', reverted, count(*) from import_result
            where import_id = $1 and reverted is not null group by 2""",
        import_id,
    )
    found: dict[str, dict[str, int]] = {"outcome": {}, "result": {}, "reverted": {}}
    for kind, name, number in rows:
        found[kind][name] = number
    return found


_SHOWN = """
select plan.row, plan.outcome, plan.decision, plan.organisation_id, plan.base_version, plan.document, plan.employees,
       plan.turnover_cents, plan.balance_cents, plan.email, plan.findings, plan.further, source.cells,
       result.result, result.version, result.reverted, result.reason, result.findings as result_findings,
       coalesce(result.employees, case when result.row is null then figures.employees end) as old_employees,
       coalesce(result.turnover_cents, case when result.row is null then figures.turnover_cents end) as old_turnover,
       coalesce(result.balance_cents, case when result.row is null then figures.balance_cents end) as old_balance,
       earlier.data as earlier
  from import_plan as plan
  join import_row as source on source.import_id = plan.import_id and source.sheet = $2 and source.row = plan.row
  left join import_result as result on result.import_id = plan.import_id and result.row = plan.row
  left join organisation_version as earlier
         on earlier.organisation_id = plan.organisation_id and earlier.version = plan.base_version
  left join figures on figures.organisation_id = plan.organisation_id and plan.outcome = 'change'
"""
FILTERS = {
    "": "true",
    "left_out": "plan.decision = 'leave_out'",
    "failed": "(plan.outcome = 'error' or result.result = 'failed')",
    "created": "result.result = 'created'",
    "changed": "result.result = 'changed'",
    "left": "result.reverted = 'left'",
    **{
        name: f"plan.outcome = '{name}' and plan.decision is distinct from 'leave_out'"
        for name in ("create", "change", "unchanged", "duplicate", "foreign", "skipped", "error")
    },
}
"""What the rows of an import can be narrowed to."""


async def shown(
    connection: Connection, import_id: UUID, sheet: int, *, narrowed: str, after_row: int, limit: int
) -> list[Record]:
    """Rows with what they would do and did, and what their organisations were before; by row."""
    return await connection.fetch(
        f"{_SHOWN} where plan.import_id = $1 and plan.row > $3 and {FILTERS[narrowed]} order by plan.row limit $4",
        import_id,
        sheet,
        after_row,
        limit,
    )


async def refused(connection: Connection, import_id: UUID, sheet: int, after_row: int, *, limit: int) -> list[Record]:
    """Rows that were not taken: with an error, failed, or a duplicate nobody decided about: row, cells, findings."""
    return await connection.fetch(
        """select plan.row, source.cells, coalesce(result.findings, plan.findings) as findings
             from import_plan as plan
             join import_row as source
               on source.import_id = plan.import_id and source.sheet = $2 and source.row = plan.row
             left join import_result as result on result.import_id = plan.import_id and result.row = plan.row
            where plan.import_id = $1 and plan.row > $3
              and (plan.outcome in ('error', 'duplicate') or result.result = 'failed')
              and plan.decision is distinct from 'leave_out'
            order by plan.row limit $4""",
        import_id,
        sheet,
        after_row,
        limit,
    )


async def versions_before(connection: Connection, wanted: Sequence[tuple[UUID, int]]) -> dict[UUID, str]:
    """The documents of these versions."""
    rows = await connection.fetch(
        """select organisation_id, data from organisation_version
             join unnest($1::uuid[], $2::bigint[]) as wanted(id, number)
               on organisation_id = wanted.id and version = wanted.number""",
        *(zip(*wanted, strict=True) if wanted else ([], [])),
    )
    return {row["organisation_id"]: row["data"] for row in rows}


async def first(connection: Connection, import_id: UUID, sheet: int, *, until: int) -> list[tuple[int, list[str]]]:
    """The rows of a sheet up to that one, at most the last hundred of them, with their cells."""
    rows = await connection.fetch(
        """select row, cells from import_row where import_id = $1 and sheet = $2 and row <= $3
            order by row desc limit 100""",
        import_id,
        sheet,
        until,
    )
    return [(row["row"], json.loads(row["cells"])) for row in reversed(rows)]
