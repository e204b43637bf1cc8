"""What people said about the rows of planned imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from norda_common.database import Connection

from .import_rows import FILTERS

_WITHOUT = """further like '%"without": [%'"""
"""Whether cells of a row are left out: in the JSON of a text the quotation marks would be escaped."""


class Decided(NamedTuple):
    """What is planned for a row, and what a person said about it."""

    row: int
    outcome: str
    decision: str | None
    further: str | None
    findings: str | None


async def said(
    connection: Connection, import_id: UUID, rows: Sequence[int] | None = None
) -> list[tuple[int, str | None, str | None]]:
    """What people said about rows, about all or these: (row, decision, what it says beside its document)."""
    found = await connection.fetch(
        f"""select row, decision, further from import_plan
             where import_id = $1 and (decision is not null or {_WITHOUT}) and ($2::int[] is null or row = any($2))""",  # noqa: S608
        import_id,
        rows,
    )
    return [tuple(row.values()) for row in found]


async def forget_without(connection: Connection, import_id: UUID) -> None:
    """Leave no cells of rows out any more, which are to be planned anew."""
    await connection.execute(f"update import_plan set further = null where import_id = $1 and {_WITHOUT}", import_id)  # noqa: S608


async def put_further(connection: Connection, import_id: UUID, rows: Sequence[tuple[int, str | None]]) -> None:
    """Keep what rows say beside their documents: (row, as JSON)."""
    await connection.execute(
        """update import_plan set further = said.further from unnest($2::int[], $3::text[]) as said(row, further)
            where import_id = $1 and import_plan.row = said.row""",
        import_id,
        *zip(*rows, strict=True),
    )


async def outcomes(connection: Connection, import_id: UUID, rows: Sequence[int]) -> list[Decided]:
    """What is planned and decided for these rows; who is no row is left out."""
    found = await connection.fetch(
        """select row, outcome, decision, further, findings from import_plan where import_id = $1 and row = any($2)
            order by row""",
        import_id,
        list(rows),
    )
    return [Decided(*row.values()) for row in found]


async def narrowed(connection: Connection, import_id: UUID, *, only: str) -> list[Decided]:
    """The same of all rows narrowed to one of `FILTERS`."""
    found = await connection.fetch(
        f"""select plan.row, plan.outcome, plan.decision, plan.further, plan.findings from import_plan as plan
              left join import_result as result on result.import_id = plan.import_id and result.row = plan.row
             where plan.import_id = $1 and {FILTERS[only]} order by plan.row""",  # noqa: S608 - constants
        import_id,
    )
    return [Decided(*row.values()) for row in found]


async def decide(connection: Connection, import_id: UUID, rows: Sequence[int], decision: str | None) -> None:
    """Keep what a person said about rows."""
    await connection.execute(
        "update import_plan set decision = $3 where import_id = $1 and row = any($2)", import_id, list(rows), decision
    )
