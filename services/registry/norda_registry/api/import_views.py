"""What the API answers about staged imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from norda_common import audit
from norda_common.errors import FieldError
from pydantic import BaseModel, Field

from ..rules.size_class import Figures
from ..store.imports import Import, Source
from ..usecases.imports.showing import ShownRow
from ..usecases.people_commands import PersonTerms


class FindingView(BaseModel):
    """What is wrong with a field of a row, or worth a look."""

    field: str
    code: str
    de: str
    en: str


class SheetView(BaseModel):
    """A sheet of the upload."""

    name: str
    heading_row: int = Field(description="The last row of its heading, as a spreadsheet counts")
    headings: list[str]


class Progress(BaseModel):
    """How far the running phase is."""

    done: int
    total: int
    rows_per_second: float | None = None
    seconds_left: float | None = None


class ImportView(BaseModel):
    """A staged import. `counts`: rows by what they would do (`outcome`), did (`result`), and how it was taken back;
    none while the worker is at it.
    """

    import_id: UUID
    state: str
    source: str
    file_name: str
    format: str = Field(examples=["xlsx"])
    encoding: str
    delimiter: str
    sheets: list[SheetView]
    sheet: int
    heading_row: int
    headings: list[str]
    columns: list[str] = Field(description="What each heading means; empty for what is left alone")
    mode: str = Field(description="both, create or update")
    empty_clears: bool
    persons: PersonTerms | None = Field(default=None, description="Why the list's contact persons are kept")
    status: str = Field(
        description="mapping, planning, planned, applying, applied, reverting, reverted, cancelled or failed"
    )
    progress: Progress
    counts: dict[str, dict[str, int]] = {}
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None
    forgotten_at: datetime | None = Field(default=None, description="Since then its rows are deleted")


class ImportPage(BaseModel):
    """Imports, newest first."""

    items: list[ImportView]
    next_cursor: str | None = None


class Difference(BaseModel):
    """A field that a row changes; of the contact address it is only said that it does."""

    field: str
    old: Any = None
    new: Any = None


class RowPerson(BaseModel):
    """A contact person that a row enters."""

    name: str
    email: str | None = None
    phone: str | None = None
    roles: tuple[str, ...] = ()


class RowFigure(BaseModel):
    """A dated figure that a row adds; a head count or euro cents."""

    kind: str = Field(examples=["employees"])
    on: date
    value: int | None = None


class RowView(BaseModel):
    """A row with what it would do, and what it did."""

    row: int
    name: str
    outcome: str = Field(description="create, change, unchanged, duplicate, foreign, skipped or error")
    decision: str | None = Field(default=None, description="leave_out, same or other")
    without: list[str] = Field(default=[], description="The fields whose cells are at fault and left out")
    organisation_id: UUID | None = None
    differences: list[Difference] = []
    figures: list[RowFigure] = []
    person: RowPerson | None = None
    note: str | None = None
    errors: list[FindingView] = []
    warnings: list[FindingView] = []
    result: str | None = Field(default=None, description="created, changed, unchanged or failed")
    reverted: str | None = Field(default=None, description="withdrawn, deactivated, restored or left")
    reason: str | None = Field(default=None, description="changed_since, gone, number_taken or internal")


class RowPage(BaseModel):
    """Rows of an import, as the file has them."""

    items: list[RowView]
    next_cursor: str | None = None


class SourceView(BaseModel):
    """How a source's columns were understood last."""

    name: str
    sheet: str
    columns: dict[str, str] = Field(description="What each heading means")
    mode: str
    empty_clears: bool
    used_at: datetime


class FieldView(BaseModel):
    """What a column can mean."""

    name: str
    de: str
    en: str


def import_view(found: Import, now: datetime, counts: Mapping[str, Mapping[str, int]] | None = None) -> ImportView:
    """The import as answered."""
    return ImportView(
        import_id=found.id,
        state=found.state,
        source=found.source,
        file_name=found.file_name,
        format=found.format,
        encoding=found.encoding,
        delimiter=found.delimiter,
        sheets=[
            SheetView(name=sheet["name"], heading_row=sheet["first_row"] - 1, headings=sheet["headings"])
            for sheet in found.sheets
        ],
        sheet=found.sheet,
        heading_row=found.first_row - 1,
        headings=list(found.headings),
        columns=list(found.columns),
        mode=found.mode,
        empty_clears=found.empty_clears,
        persons=PersonTerms.model_validate_json(found.persons) if found.persons else None,
        status=found.status,
        progress=Progress(
            done=found.done,
            total=found.total,
            rows_per_second=_rounded(found.rows_per_second(now)),
            seconds_left=_rounded(found.seconds_left(now)),
        ),
        counts={kind: dict(numbers) for kind, numbers in (counts or {}).items()},
        created_at=found.created_at,
        created_by=found.created_by,
        ended_at=found.ended_at,
        forgotten_at=found.forgotten_at,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def row_view(shown: ShownRow) -> RowView:
    """The row as answered."""
    return RowView(
        row=shown.row,
        name=shown.name,
        outcome=shown.outcome,
        decision=shown.decision,
        without=sorted(shown.further.without),
        organisation_id=shown.organisation_id,
        differences=differences(shown),
        figures=[
            RowFigure(kind=kind, on=date.fromisoformat(on), value=value) for kind, on, value in shown.further.figures
        ],
        person=RowPerson(**asdict(shown.further.person)) if shown.further.person else None,
        note=shown.further.note,
        errors=_findings(shown.errors),
        warnings=_findings(shown.warnings),
        result=shown.result,
        reverted=shown.reverted,
        reason=shown.reason,
    )


def differences(shown: ShownRow) -> list[Difference]:
    """What the row changes, field by field."""
    if shown.before is None or shown.after is None:
        return []
    excluded = {"changed_at"}
    old, new = audit.difference(
        shown.before.model_dump(mode="json", exclude=excluded), shown.after.model_dump(mode="json", exclude=excluded)
    )
    found = [Difference(field=name, old=old[name], new=new[name]) for name in old]
    for name in Figures.__dataclass_fields__:
        before, after = getattr(shown.old_figures, name), getattr(shown.figures, name)
        if before != after:
            found.append(Difference(field=name, old=before, new=after))
    if shown.email:
        found.append(Difference(field="contact_email"))
    return found


def _findings(found: Sequence[FieldError]) -> list[FindingView]:
    return [FindingView(field=item.field, code=item.code, de=item.text.de, en=item.text.en) for item in found]


def source_view(known: Source) -> SourceView:
    """The source as answered."""
    return SourceView(
        name=known.name,
        sheet=known.sheet,
        columns=known.by_heading,
        mode=known.mode,
        empty_clears=known.empty_clears,
        used_at=known.used_at,
    )
