"""Pages that draft and change an event. Who changes what somebody else changed meanwhile is shown both versions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.states import ALL_STATES
from norda_common.web.forms import BASE, OWN_FIELDS, Compared, Form
from norda_common.web.pages import Page, page_for

from ..rules.event import Event, EventStatus
from ..rules.lifecycle import require_changeable
from ..rules.rights import PLAN
from ..usecases.changing import change_event
from ..usecases.commands import ChangeEvent, DraftEvent
from ..usecases.drafting import draft_event
from .edge import EVENT, LISTED, crumbs_to, current_event, event_of, office_of, summary, version_of
from .fields import (
    FIXED_AFTER_PUBLICATION,
    chosen_organisations,
    event_fields,
    said,
    shown_value,
    stored_values,
)

router = APIRouter(prefix="/events")

NEW = Text("Neuer Entwurf", "New draft")
CHANGE = Text("Ändern", "Change")
PART_FIELDS = frozenset({"hosts", "competences"})
"""Fields of several values, which are missing from a form when none is chosen."""


@router.get("/new")
async def new(page: Annotated[Page, page_for(PLAN)]) -> Response:
    """An empty form; the person's own state hosts."""
    own = office_of(page).drafting_state()
    values = {"hosts": [own.value], "time_zone": "Europe/Berlin"}
    return await _show_new(page, Form.of(values, language=page.language))


@router.post("/new")
async def draft(page: Annotated[Page, page_for(PLAN)]) -> Response:
    """Store the draft, or show the form again with what is wrong; with `search` only organisations are looked for."""
    form = await page.form()
    if form.value("search"):
        return await _show_new(page, form)
    given = {name: value for name, value in said(form).items() if value not in (None, "", [], {})}
    if form.value("own_id").strip():
        given["own_id"] = form.value("own_id").strip()
    try:
        command = Form(language=form.language).command(DraftEvent, **given)
        async with page.transaction() as connection:
            event = await draft_event(connection, command, office=office_of(page), now=page.now)
    except NordaError as error:
        return await _show_new(page, form.refuse(error), status=error.status)
    told = Text(
        "Der Entwurf ist gespeichert. Sichtbar ist er nur den ausrichtenden Ländern.",
        "The draft is stored. Only the hosting states see it.",
    )
    return await page.go(f"/events/{event.id}", told)


@router.get(f"{EVENT}/edit")
async def edit(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """The form with the event as it stands. Raises Forbidden for all but the lead, Conflict when it cannot change."""
    event = await event_of(page, event_id)
    office_of(page).require_lead(event)
    require_changeable(event, now=page.now)
    return await _show_edit(page, event, Form.of(stored_values(event), language=page.language), version=event.version)


@router.post(f"{EVENT}/edit")
async def change(page: Annotated[Page, page_for(PLAN)], event_id: UUID) -> Response:
    """Store the change; or the form again with what is wrong, or both versions when the event changed meanwhile."""
    typed, event = await page.form(), await event_of(page, event_id)
    version = version_of(typed)
    form = _chosen(event, typed) if typed.value("conflict") else typed
    if form.value("search"):
        return await _show_edit(page, event, form, version=version)
    given = said(form)
    if event.status is EventStatus.PUBLISHED:
        given = {name: value for name, value in given.items() if name not in FIXED_AFTER_PUBLICATION}
    try:
        command = Form(language=form.language).command(ChangeEvent, **given)
        async with page.transaction() as connection:
            changed = await change_event(
                connection, event_id, command, office=office_of(page), expected_version=version, now=page.now
            )
    except StaleVersion as error:
        # After a comparison what was chosen is the person's version, and it started from what was compared with.
        return await _show_conflict(page, event, form, error)
    except NordaError as error:
        return await _show_edit(page, event, form.refuse(error), version=version, status=error.status)
    told = Text("Die Änderung ist gespeichert.", "The change is stored.")
    if changed.version == version:
        told = Text("Es gab nichts zu ändern.", "There was nothing to change.")
    return await page.go(f"/events/{event_id}", told)


def _chosen(event: Event, typed: Form) -> Form:
    """The form made of both versions: a person's own where they chose so, else what is stored."""
    stored = Form.of(stored_values(event), language=typed.language)
    chosen = {name.removeprefix("choice-"): typed.value(name) for name in typed.values if name.startswith("choice-")}
    own = {name for name, choice in chosen.items() if choice == "mine"}
    own |= {f"{name}_offset" for name in own}
    values = dict(stored.values) | {BASE: (typed.value(BASE),)}
    for name in own:
        if name in typed.values:
            values[name] = typed.values[name]
        elif name in PART_FIELDS or name == "online":
            values[name] = ()
    return Form(values, typed.language)


async def _show_new(page: Page, form: Form, *, status: int = 200) -> Response:
    async with page.read() as connection:
        fields = await event_fields(connection, form, page, draft=True, new=True)
    return page.show(
        "event_form.html.jinja",
        title=NEW,
        status=status,
        crumbs=[(LISTED, "/events/list"), (NEW, None)],
        fields=fields,
        states=ALL_STATES,
        errors=summary(form, fields),
        draft=True,
        action="/events/new",
        cancel="/events/list",
        version=None,
        base=None,
        zone=None,
    )


async def _show_edit(page: Page, event: Event, form: Form, *, version: int | None, status: int = 200) -> Response:
    draft = event.status is EventStatus.DRAFT
    async with page.read() as connection:
        fields = await event_fields(connection, form, page, draft=draft, new=False)
    return page.show(
        "event_form.html.jinja",
        title=CHANGE,
        status=status,
        crumbs=crumbs_to(event, (CHANGE, None)),
        fields=fields,
        states=ALL_STATES,
        errors=summary(form, fields),
        draft=draft,
        action=f"/events/{event.id}/edit",
        cancel=f"/events/{event.id}",
        version=version,
        base=form.value(BASE) or Form.of(stored_values(event), language=page.language).packed(),
        zone=event.time_zone,
    )


async def _show_conflict(page: Page, event: Event, typed: Form, error: StaleVersion) -> Response:
    """Both versions side by side; what is sent then was made from the version stored now."""
    async with page.read() as connection:
        now = await current_event(connection, event)
        stored, base = Form.of(stored_values(now), language=page.language), typed.base()
        known = [*await chosen_organisations(connection, stored), *await chosen_organisations(connection, typed)]
        fields = await event_fields(connection, stored, page, draft=now.status is EventStatus.DRAFT, new=False)
    names = {state.value: state.label for state in ALL_STATES} | {str(item.id): item.name for item in known}
    rows = [
        Compared(
            name,
            fields[name].label if not isinstance(fields[name], dict) else fields[name]["label"],
            shown_value(typed, name, names, page),
            shown_value(stored, name, names, page),
            shown_value(base, name, names, page) if base else None,
        )
        for name in stored_values(now)
        if name in fields
    ]
    kept = [
        (name, value)
        for name, values in typed.values.items()
        for value in values
        if name not in OWN_FIELDS | {"conflict", "search"} and not name.startswith("choice-")
    ]
    return page.show(
        "conflict.html.jinja",
        title=Text("Inzwischen geändert", "Changed meanwhile"),
        status=error.status,
        crumbs=crumbs_to(now, (CHANGE, None)),
        rows=rows,
        kept=kept,
        event=now,
        base=stored.packed(),
        action=f"/events/{event.id}/edit",
    )
