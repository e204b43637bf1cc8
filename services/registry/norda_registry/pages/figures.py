"""Figures of an organisation for its own office: where each is from, and how the size class comes about."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, Text
from norda_common.signin import sessions
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.figures import OFFICE, Figure, FigureKind, holding
from ..rules.rights import CHANGE, READ_FIGURES
from ..store import figures as store
from ..usecases.days import local_day
from ..usecases.figures import add_figure
from ..usecases.profile_commands import AddFigure
from ..usecases.sizing import Sized, size_of
from . import texts
from .actions import Action
from .entering import apply, done, plain_number, version_of
from .organisations import find

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
FIGURES = Action("figures.html.jinja", Text("Zahlen und Größe", "Figures and size"), "figures")


@router.get("/figures")
async def show(page: Annotated[Page, page_for(READ_FIGURES)], organisation_id: UUID) -> Response:
    """Every figure with day and source, each year's sums, and the form for a further one."""
    values = {"on": local_day(page.now).isoformat(), "kind": FigureKind.EMPLOYEES.value}
    return await _show(page, organisation_id, Form.of(values, language=page.language))


@router.post("/figures")
async def enter(page: Annotated[Page, page_for(CHANGE)], organisation_id: UUID) -> Response:
    """Add a figure; none is overwritten."""
    form = await page.form()
    try:
        value = plain_number(form.value("value"), page.language)
        emptied: dict[str, object] = {} if value.strip() else {"value": None}
        typed = {name: form.values.get(name, ()) for name in ("kind", "on", "source")} | {"value": (value,)}
        command = Form(typed, page.language).command(AddFigure, lists=(), **emptied)
        outcome = await apply(page, organisation_id, add_figure, command, version=version_of(form))
    except NordaError as error:
        return await _show(page, organisation_id, form.refuse(error), error)
    return await done(page, organisation_id, Text("Die Zahl ist eingetragen.", "The figure is entered."), outcome)


async def _show(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        rows = (await store.of(connection, [organisation_id])).get(organisation_id, [])
        if not rows:
            # Who sees some is responsible, or entered them before it moved to another instance: policies say so.
            page.caller.require(READ_FIGURES, State(shown.organisation.responsible_state))
        sized = await size_of(connection, shown.organisation, rows)
        who = await sessions.names(connection, [row.recorded_by for row in rows]) if rows else {}
    kept = holding(rows)
    ordered = sorted(rows, key=lambda row: (row.on, row.recorded_at), reverse=True)
    return FIGURES.show(
        page,
        shown,
        form,
        error,
        rows=[_row(page, row, who.get(row.recorded_by, row.recorded_by), holds=row in kept) for row in ordered],
        sized=sized,
        years=_years(page, sized),
        size_label=lambda code: texts.named(texts.SIZES, code, page.language),
        figure_kinds=[(code, text.in_language(page.language)) for code, text in texts.FIGURES.items()],
        may_change=page.caller.may(CHANGE, State(shown.organisation.responsible_state)) and shown.stored is not None,
    )


def _row(page: Page, row: Figure, who: str, *, holds: bool) -> dict[str, Any]:
    return {
        "kind": texts.named(texts.FIGURES, row.kind, page.language),
        "money": row.kind is not FigureKind.EMPLOYEES,
        "value": row.value,
        "on": row.on,
        "source": page.t("Landesstelle", "Office") if row.source == OFFICE else row.source,
        "who": who,
        "when": row.recorded_at,
        "holds": holds,
    }


def _years(page: Page, sized: Sized) -> list[dict[str, Any]]:
    """Each year's sums, the latest first, with what is not known."""

    def names(keys: tuple[str, ...]) -> list[str]:
        return [sized.names[key].legal_name if key in sized.names else key for key in keys]

    return [
        {
            "year": year,
            "figures": found.figures,
            "counted": found.counted,
            "size": texts.named(texts.SIZES, found.size, page.language) if found.size else None,
            "unknown": names(found.unknown),
            "cycles": names(found.cycles),
        }
        for year, found in reversed(sized.years)
    ]
