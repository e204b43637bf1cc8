"""What a person says about the rows of a planned import."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from norda_common.input import Command
from norda_common.requests import refused
from norda_common.web import RuntimeDep
from pydantic import BaseModel, Field

from ..store.import_rows import FILTERS
from ..usecases.imports.deciding import decide, decide_all
from ..usecases.imports.rows import Decision
from .imports import Importer

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class DecideRow(Command):
    """What is to become of a row: `leave_out`, of a suspected duplicate also `same` or `other`, of one with faults in
    cells that it does not need `without` these; null for as planned.
    """

    decision: Decision | None = None


class DecideRows(DecideRow):
    """The same for many rows at once: these `rows`, or all narrowed as the list of rows is (`only`)."""

    rows: tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...] = Field(default=(), max_length=1_000)
    only: str = Field(default="", max_length=20, examples=["duplicate"])


class DecidedRows(BaseModel):
    """About how many rows something was said."""

    rows: int


@router.put("/{import_id}/rows/{row_id}/decision", status_code=204, summary="Decide about a row")
async def decide_row(
    import_id: UUID, row_id: RowNumber, command: DecideRow, caller: Importer, runtime: RuntimeDep
) -> None:
    """Leave a row or its faulty cells out, or say whether a suspected duplicate is the organisation it seems to be.

    Which cells `without` leaves out is a warning of the row; the worker plans the whole import anew then (status
    `planning`). Where one of them is needed, it is 409 `nothing_to_leave_out`.
    """
    async with runtime.database.transaction(caller) as connection:
        await decide(
            connection,
            import_id,
            [row_id],
            command.decision,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )


@router.put("/{import_id}/decisions", summary="Decide about many rows")
async def decide_rows(import_id: UUID, command: DecideRows, caller: Importer, runtime: RuntimeDep) -> DecidedRows:
    """Rows about which that cannot be said are passed over: of `same` and `other` those that are not suspected, of
    `without` those that need what is at fault.

    Above 200 rows, and where cells are left out, the worker plans the import anew (status `planning`).
    """
    if bool(command.rows) == bool(command.only) or command.only not in FILTERS:
        raise refused("only", "oder rows: genau eines ist nötig", "or rows: exactly one is needed")
    now = datetime.now(UTC)
    async with runtime.database.transaction(caller) as connection:
        if command.rows:
            number = await decide(
                connection,
                import_id,
                command.rows,
                command.decision,
                caller=caller,
                served=runtime.settings.states,
                now=now,
            )
        else:
            number = await decide_all(
                connection,
                import_id,
                command.only,
                command.decision,
                caller=caller,
                served=runtime.settings.states,
                now=now,
            )
    return DecidedRows(rows=number)
