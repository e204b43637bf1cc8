"""A staged import's rows as a person looks at them, and the rows that were refused as a table to be corrected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import FieldError, Text

from ...rules.csv_reading import legible
from ...rules.import_cells import name_of
from ...rules.import_faults import cells_at_fault
from ...rules.size_class import Figures
from ...store import import_rows
from ...store.imports import Import
from .deciding import suspected
from .further import Further, unpacked_further
from .plan_batch import unpacked
from .rows import Decision, Outcome

REASONS = ("changed_since", "gone", "number_taken", "internal")
"""Why a row's organisation was left as it is when the import was taken back."""


_ERASED = FieldError(
    field="row",
    code="erased",
    text=Text(
        "nannte eine Person, deren Daten gelöscht sind; was noch dasteht, wird beim Übernehmen neu geprüft",
        "named a person whose data have been erased; what is left is checked anew when it is applied",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row with what it would do (`before` to `after`) and did. `email` says that the contact address changes."""

    row: int
    name: str
    outcome: Outcome
    decision: Decision | None
    organisation_id: UUID | None
    before: Organisation | None
    after: Organisation | None
    old_figures: Figures
    figures: Figures
    email: bool
    further: Further
    errors: Sequence[FieldError]
    warnings: Sequence[FieldError]
    result: str | None
    reverted: str | None
    reason: str | None

    @property
    def left_out(self) -> bool:
        """Whether somebody said that it is not to be taken."""
        return self.decision is Decision.LEAVE_OUT

    @property
    def spares_cells(self) -> bool:
        """Whether a person may say that it is taken without the cells that are at fault."""
        return self.outcome is Outcome.ERROR and bool(cells_at_fault(self.errors))

    @property
    def suspected(self) -> bool:
        """Whether a person may say that it is, or is not, the organisation it seems to be."""
        return suspected(self.outcome, self.decision, self.further)


async def shown_rows(
    connection: Connection, found: Import, *, narrowed: str, after_row: int, limit: int
) -> list[ShownRow]:
    """Rows after that one, narrowed to one of `import_rows.FILTERS`."""
    rows = await import_rows.shown(
        connection, found.id, found.sheet, narrowed=narrowed, after_row=after_row, limit=limit
    )
    return [_shown(row, found) for row in rows]


def _shown(row: Record, found: Import) -> ShownRow:
    findings = unpacked(row["findings"])
    later = unpacked(row["result_findings"])
    after = Organisation.model_validate_json(row["document"]) if row["document"] else None
    if after is None and row["outcome"] in {Outcome.CREATE, Outcome.CHANGE}:
        findings["warnings"].append(_ERASED)
    changes = row["outcome"] == Outcome.CHANGE
    return ShownRow(
        row=row["row"],
        name=after.legal_name if after else legible(name_of(json.loads(row["cells"]), found.columns)),
        outcome=Outcome(row["outcome"]),
        decision=Decision(row["decision"]) if row["decision"] else None,
        organisation_id=row["organisation_id"],
        before=Organisation.model_validate_json(row["earlier"]) if changes and row["earlier"] else None,
        after=after,
        old_figures=Figures(row["old_employees"], row["old_turnover"], row["old_balance"]) if changes else Figures(),
        figures=Figures(row["employees"], row["turnover_cents"], row["balance_cents"]),
        email=row["email"] is not None,
        further=unpacked_further(row["further"]),
        errors=[*findings["errors"], *later["errors"]],
        warnings=findings["warnings"],
        result=row["result"],
        reverted=row["reverted"],
        reason=row["reason"],
    )


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken: its cells as they came, and why."""

    row: int
    cells: Sequence[str]
    findings: Sequence[FieldError]


async def refused_rows(connection: Connection, found: Import, *, after_row: int, limit: int) -> list[RefusedRow]:
    """Rows with an error, that failed, or seem to be duplicates nobody decided about; by row."""
    rows = await import_rows.refused(connection, found.id, found.sheet, after_row, limit=limit)
    refused = []
    for row in rows:
        findings = unpacked(row["findings"])
        refused.append(RefusedRow(row["row"], json.loads(row["cells"]), findings["errors"] or findings["warnings"]))
    return refused


async def samples(connection: Connection, found: Import, *, most: int) -> list[list[str]]:
    """What stands in the first rows below the heading, per column, without what is empty."""
    rows = await import_rows.after(connection, found.id, found.sheet, found.first_row - 1, limit=most)
    cells = [json.loads(row.cells) for row in rows]
    return [
        [legible(row[place][:200]) for row in cells if place < len(row) and row[place].strip()]
        for place in range(len(found.headings))
    ]
