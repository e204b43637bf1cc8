"""Profiles: how an organisation describes itself, its figures and size, codes to confirm, and what is still missing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import NotFound
from norda_common.requests import Cursor, Limit, read_cursor, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.activity_mapping import proposals
from ..rules.completeness import completeness
from ..rules.figures import Figure, FigureKind, holding
from ..rules.places import states_of_postal_code
from ..rules.rights import CHANGE, READ, READ_FIGURES
from ..store import documents, figures, profiles
from ..usecases import profiles as changing
from ..usecases.figures import add_figure
from ..usecases.mapping import decide_code
from ..usecases.profile_commands import AddFigure, AddIndicator, ChangeProfile, DecideCode, SetLink
from ..usecases.recording import no_such_organisation
from ..usecases.sizing import Sized, size_of
from .views import OrganisationView
from .writing import TargetDep

router = APIRouter(prefix="/api/v1", tags=["profiles"])
ONE = "/organisations/{organisation_id}"
Reader = Annotated[Caller, caller_with(READ)]
Officer = Annotated[Caller, caller_with(CHANGE)]


class CompletenessView(BaseModel):
    """How complete a profile is; `missing` names its parts with what each would add, in per cent."""

    percent: int
    missing: dict[str, int]


class IncompleteProfile(BaseModel):
    """An own organisation whose profile lacks something."""

    organisation_id: UUID
    legal_name: str
    kind: str
    completeness: CompletenessView


class IncompletePage(BaseModel):
    """The least complete first."""

    items: list[IncompleteProfile]
    next_cursor: str | None = None


class FigureView(BaseModel):
    """A dated figure; `holds` is false for one that was corrected. Money in euros."""

    kind: FigureKind
    value: Decimal | None
    on: date
    source: str
    recorded_at: datetime
    recorded_by: str
    holds: bool


class YearView(BaseModel):
    """What a year's figures make, with linked enterprises and partners; a sum is absent where a part is not known."""

    year: int
    employees: int | None = None
    turnover_eur: Decimal | None = None
    balance_eur: Decimal | None = None
    enterprises: int
    size_class: str | None = None
    unknown: list[UUID] = Field(default=[], description="Whose figures or share are not known here")
    cycles: list[UUID] = Field(default=[], description="Who is named by whom it names; counted once")


class SizeView(BaseModel):
    """The size class by 2003/361/EC: `size_class` after the rule of two years, `last_year` of the last year alone."""

    size_class: str | None = None
    last_year: str | None = None
    years: list[YearView]


class TargetView(BaseModel):
    """A code of WZ 2025; `whole` when the old code became nothing else."""

    code: str
    title: str
    whole: bool


class CodeProposal(BaseModel):
    """What is proposed for a code of WZ 2008, with both meanings where WZ 2025 has the same code."""

    code: str
    title: str
    means_otherwise: bool
    other_title: str
    targets: list[TargetView]
    present: list[str]


class CodeProposals(BaseModel):
    """An organisation with codes of WZ 2008 for which nobody has decided."""

    organisation_id: UUID
    legal_name: str
    items: list[CodeProposal]


class CodeProposalPage(BaseModel):
    """By id."""

    items: list[CodeProposals]
    next_cursor: str | None = None


class PostalCodeView(BaseModel):
    """The states in which places with that postal code may lie: a hint, as a postal code gives no state."""

    postal_code: str
    states: list[str]
    ambiguous: bool


@router.patch(f"{ONE}/profile", summary="Change the description", response_model_exclude_none=True)
async def change_profile(command: ChangeProfile, target: TargetDep) -> OrganisationView:
    """Roles, value chain, website, English name, texts, certificates: what is given is changed, null empties."""
    return await target.apply(changing.change_profile, command)


@router.put(f"{ONE}/links/{{other_id}}", summary="Enter a linked enterprise", response_model_exclude_none=True)
async def set_link(other_id: UUID, command: SetLink, target: TargetDep) -> OrganisationView:
    """Another organisation that counts for the size class, of any state."""
    return await target.apply(changing.set_link, other_id, command)


@router.delete(f"{ONE}/links/{{other_id}}", summary="Take a link out", response_model_exclude_none=True)
async def remove_link(other_id: UUID, target: TargetDep) -> OrganisationView:
    """The size class follows."""
    return await target.apply(changing.remove_link, other_id)


@router.post(f"{ONE}/indicators", status_code=201, summary="Add an indicator", response_model_exclude_none=True)
async def add_indicator(command: AddIndicator, target: TargetDep) -> OrganisationView:
    """A public figure with day and source; none is overwritten."""
    return await target.apply(changing.add_indicator, command)


@router.get(f"{ONE}/completeness", summary="What the profile lacks")
async def read_completeness(organisation_id: UUID, caller: Reader, runtime: RuntimeDep) -> CompletenessView:
    """Of an organisation of any state."""
    async with runtime.database.read(caller) as connection:
        known = await documents.of(connection, [organisation_id])
    if organisation_id not in known:
        raise no_such_organisation()
    return _completeness(known[organisation_id])


@router.get("/profiles", summary="List own profiles by completeness")
async def list_profiles(
    caller: Officer,
    runtime: RuntimeDep,
    below: Annotated[int, Query(ge=1, le=100, description="Per cent")] = 100,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> IncompletePage:
    """Active organisations of the own state below that many per cent, the least complete first."""
    state = caller.require_own_state(CHANGE)
    after = read_cursor(cursor, int, UUID) if cursor else None
    async with runtime.database.read(caller) as connection:
        rows = await profiles.incomplete(connection, state, below=below, after=after, limit=limit + 1)  # type: ignore[arg-type]
    found = [Organisation.model_validate_json(row["data"]) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return IncompletePage(
        items=[
            IncompleteProfile(
                organisation_id=item.organisation_id,
                legal_name=item.legal_name,
                kind=item.kind,
                completeness=_completeness(item),
            )
            for item in found
        ],
        next_cursor=write_cursor(last["completeness"], last["id"]) if last else None,
    )


@router.get(f"{ONE}/figures", summary="Read the figures and where they are from")
async def read_figures(
    organisation_id: UUID, caller: Annotated[Caller, caller_with(READ_FIGURES)], runtime: RuntimeDep
) -> list[FigureView]:
    """Every row, the newest day first; for the responsible office alone.

    Of an organisation that has moved to another instance, for the office that entered them here.
    """
    async with runtime.database.read(caller) as connection:
        rows = (await figures.of(connection, [organisation_id])).get(organisation_id, [])
        if not rows:
            await _own(connection, organisation_id, caller)
    kept = holding(rows)
    ordered = sorted(rows, key=lambda row: (row.on, row.recorded_at), reverse=True)
    return [
        FigureView(
            kind=row.kind,
            value=_shown_value(row),
            on=row.on,
            source=row.source,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
            holds=row in kept,
        )
        for row in ordered
    ]


@router.post(f"{ONE}/figures", status_code=201, summary="Add a figure", response_model_exclude_none=True)
async def enter_figure(command: AddFigure, target: TargetDep) -> OrganisationView:
    """A figure of a day from a source; the newest of each kind make the size class."""
    return await target.apply(add_figure, command)


@router.get(f"{ONE}/size", summary="How the size class comes about", response_model_exclude_none=True)
async def read_size(
    organisation_id: UUID, caller: Annotated[Caller, caller_with(READ_FIGURES)], runtime: RuntimeDep
) -> SizeView:
    """By year, with linked enterprises and partners; for the responsible office alone."""
    async with runtime.database.read(caller) as connection:
        organisation = await _own(connection, organisation_id, caller)
        sized = await size_of(connection, organisation)
    return _size(sized)


@router.get(f"{ONE}/codes", summary="Read proposed codes of WZ 2025")
async def read_codes(organisation_id: UUID, caller: Reader, runtime: RuntimeDep) -> CodeProposals:
    """What is proposed for codes of WZ 2008 until a person decides."""
    async with runtime.database.read(caller) as connection:
        known = await documents.of(connection, [organisation_id])
        decided = await profiles.decided_codes(connection, [organisation_id])
    if organisation_id not in known:
        raise no_such_organisation()
    return _codes(known[organisation_id], decided.get(organisation_id, set()))


@router.post(f"{ONE}/codes/decisions", summary="Decide a code", response_model_exclude_none=True)
async def decide(command: DecideCode, target: TargetDep) -> OrganisationView:
    """Enter codes of WZ 2025 for one of WZ 2008, or none; the old one stays."""
    return await target.apply(decide_code, command)


@router.get("/code-proposals", summary="List codes nobody has confirmed")
async def list_codes(
    caller: Officer, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> CodeProposalPage:
    """Own organisations with codes of WZ 2008 for which nobody has decided."""
    state = caller.require_own_state(CHANGE)
    after = UUID(str(read_cursor(cursor, UUID)[0])) if cursor else None
    async with runtime.database.read(caller) as connection:
        found = await profiles.with_undecided_codes(connection, state, after=after, limit=limit + 1)
        decided = await profiles.decided_codes(connection, [item.organisation_id for item in found])
    return CodeProposalPage(
        items=[_codes(item, decided.get(item.organisation_id, set())) for item in found[:limit]],
        next_cursor=write_cursor(found[limit - 1].organisation_id) if len(found) > limit else None,
    )


@router.get("/postal-codes/{postal_code}", summary="Which states a postal code may lie in")
async def read_postal_code(
    postal_code: Annotated[str, Path(pattern=r"^[0-9]{5}$")],
    caller: Reader,  # noqa: ARG001 - asked for, and that is all
) -> PostalCodeView:
    """A hint for forms; 19273, 21039 and 22113 lie in or near two states."""
    states = sorted(states_of_postal_code(postal_code))
    if not states:
        raise NotFound("Diesen Zustellbereich kennt die Liste nicht.", "The list does not know that postal area.")
    return PostalCodeView(postal_code=postal_code, states=states, ambiguous=len(states) > 1)


async def _own(connection: Connection, organisation_id: UUID, caller: Caller) -> Organisation:
    """An organisation of the caller's own state. Raises NotFound and Forbidden."""
    known = await documents.of(connection, [organisation_id])
    if organisation_id not in known:
        raise no_such_organisation()
    caller.require(READ_FIGURES, State(known[organisation_id].responsible_state))
    return known[organisation_id]


def _completeness(organisation: Organisation) -> CompletenessView:
    found = completeness(organisation)
    return CompletenessView(percent=found.percent, missing=dict(found.missing))


def _shown_value(row: Figure) -> Decimal | None:
    if row.value is None:
        return None
    return Decimal(row.value) if row.kind is FigureKind.EMPLOYEES else Decimal(row.value) / 100


def _size(sized: Sized) -> SizeView:
    return SizeView(
        size_class=sized.held,
        last_year=sized.last,
        years=[
            YearView(
                year=year,
                employees=found.figures.employees,
                turnover_eur=_euros(found.figures.turnover_cents),
                balance_eur=_euros(found.figures.balance_cents),
                enterprises=found.counted,
                size_class=found.size,
                unknown=[UUID(key) for key in found.unknown],
                cycles=[UUID(key) for key in found.cycles],
            )
            for year, found in sized.years
        ],
    )


def _euros(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100


def _codes(organisation: Organisation, decided: set[str]) -> CodeProposals:
    return CodeProposals(
        organisation_id=organisation.organisation_id,
        legal_name=organisation.legal_name,
        items=[
            CodeProposal(
                code=item.code,
                title=item.title,
                means_otherwise=item.means_otherwise,
                other_title=item.other_title,
                targets=[TargetView(code=each.code, title=each.title, whole=each.whole) for each in item.targets],
                present=list(item.present),
            )
            for item in proposals(organisation, decided=decided)
        ],
    )
