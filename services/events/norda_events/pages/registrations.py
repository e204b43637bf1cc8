"""Pages that register somebody for an event, withdraw a registration, and erase its person."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import NordaError, Text
from norda_common.states import ALL_STATES
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.views import RegistrationView, registration_view
from ..rules.event import Event
from ..rules.lifecycle import require_open
from ..rules.registration import RegistrationStatus
from ..rules.rights import READ, REGISTER
from ..store import organisations, registrations
from ..usecases.commands import RegisterParticipant
from ..usecases.loading import visible_event
from ..usecases.registering import (
    Registered,
    erase_person,
    register_participant,
    registration_of,
    withdraw_registration,
)
from .edge import EVENT, allowed, as_uuid, crumbs_to, event_of, office_of, organisation_options, summary
from .fields import SEARCH_ROWS
from .history import registration_entry
from .words import REGISTRATION_STATUSES, span

router = APIRouter(prefix="/events")

REGISTRATION = EVENT + "/registrations/{registration_id:uuid}"
NEW = Text("Person anmelden", "Register somebody")
ONE = Text("Anmeldung", "Registration")
HISTORY = 100
ELSEWHERE = "none"
"""The choice of a state for somebody from none of the three."""


@router.get(f"{EVENT}/registrations/new")
async def new(page: Annotated[Page, page_for(REGISTER)], event_id: UUID) -> Response:
    """The form, where one may register. Raises Forbidden, Conflict."""
    event = await event_of(page, event_id)
    office_of(page).require_host(event)
    require_open(event, now=page.now)
    return await _show_form(page, event, Form(language=page.language))


@router.post(f"{EVENT}/registrations/new")
async def register(page: Annotated[Page, page_for(REGISTER)], event_id: UUID) -> Response:
    """Register, and tell whether there was a seat; with `search` only organisations are looked for.

    The same person again gets the registration there is.
    """
    form, event = await page.form(), await event_of(page, event_id)
    if form.value("search"):
        return await _show_form(page, event, form)
    given: dict[str, Any] = {name: text for name in ("name", "email", "language") if (text := form.value(name).strip())}
    if form.value("organisation_id"):
        given["organisation_id"] = form.value("organisation_id")
    if state := form.value("participant_state"):
        given["participant_state"] = None if state == ELSEWHERE else state
    try:
        command = Form(language=form.language).command(RegisterParticipant, **given)
        async with page.transaction() as connection:
            registered = await register_participant(connection, event_id, command, office=office_of(page), now=page.now)
    except NordaError as error:
        return await _show_form(page, event, form.refuse(error), status=error.status)
    kind, told = _outcome(registered)
    return await page.go(f"/events/{event_id}/registrations/{registered.row.registration.id}", told, kind=kind)


def _outcome(registered: Registered) -> tuple[str, Text]:
    if registered.already:
        return "info", Text(
            "Diese Person war schon angemeldet; es hat sich nichts geändert.",
            "This person was registered before; nothing changed.",
        )
    if registered.row.registration.status is RegistrationStatus.CONFIRMED:
        return "success", Text("Bestätigt: Die Person hat einen Platz.", "Confirmed: the person has a seat.")
    return "warning", Text(
        "Kein Platz frei: Die Person steht auf der Warteliste und rückt der Reihe nach auf.",
        "No free seat: the person is on the waiting list and moves up in order.",
    )


@router.get(REGISTRATION)
async def show_registration(page: Annotated[Page, page_for(READ)], event_id: UUID, registration_id: UUID) -> Response:
    """One registration, for the offices of the lead and the hosting states; its person to whom it is shown."""
    event, view = await _registration(page, event_id, registration_id)
    async with page.read() as connection:
        history = await registrations.history(connection, registration_id, limit=HISTORY)
    office = office_of(page)
    mine = allowed(office.require_desk_for, event, view.participant_state)
    live = view.status in {RegistrationStatus.CONFIRMED, RegistrationStatus.WAITLISTED}
    label, kind = REGISTRATION_STATUSES[view.status]
    return page.show(
        "registration.html.jinja",
        title=ONE,
        crumbs=crumbs_to(event, (ONE, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        it=view,
        status_label=label.in_language(page.language),
        status_kind=kind,
        may_withdraw=mine and live and allowed(require_open, event, now=page.now),
        may_erase=mine and view.erased_at is None and not (view.participant and view.participant.restricted_at),
        history=[registration_entry(row, page) for row in history],
    )


@router.get(f"{REGISTRATION}/withdraw")
async def ask_to_withdraw(page: Annotated[Page, page_for(REGISTER)], event_id: UUID, registration_id: UUID) -> Response:
    """The question before a registration is withdrawn."""
    event, view = await _registration(page, event_id, registration_id)
    return _ask(page, event, view, "withdraw")


@router.post(f"{REGISTRATION}/withdraw")
async def withdraw(page: Annotated[Page, page_for(REGISTER)], event_id: UUID, registration_id: UUID) -> Response:
    """Withdraw; the next in order gets the seat."""
    await page.form()
    try:
        async with page.transaction() as connection:
            await withdraw_registration(connection, event_id, registration_id, office=office_of(page), now=page.now)
    except NordaError as error:
        event, view = await _registration(page, event_id, registration_id)
        return _ask(page, event, view, "withdraw", error=error)
    told = Text(
        "Die Person ist abgemeldet; wer als Nächstes wartet, rückt nach.",
        "The person is withdrawn; whoever waits next moves up.",
    )
    return await page.go(f"/events/{event_id}/registrations/{registration_id}", told)


@router.get(f"{REGISTRATION}/erase")
async def ask_to_erase(page: Annotated[Page, page_for(REGISTER)], event_id: UUID, registration_id: UUID) -> Response:
    """The question before a person is erased."""
    event, view = await _registration(page, event_id, registration_id)
    return _ask(page, event, view, "erase")


@router.post(f"{REGISTRATION}/erase")
async def erase(page: Annotated[Page, page_for(REGISTER)], event_id: UUID, registration_id: UUID) -> Response:
    """Erase the person for good."""
    await page.form()
    try:
        async with page.transaction() as connection:
            await erase_person(connection, event_id, registration_id, office=office_of(page), now=page.now)
    except NordaError as error:
        event, view = await _registration(page, event_id, registration_id)
        return _ask(page, event, view, "erase", error=error)
    return await page.go(f"/events/{event_id}", Text("Die Person ist gelöscht.", "The person is erased."))


async def _registration(page: Page, event_id: UUID, registration_id: UUID) -> tuple[Event, RegistrationView]:
    """The registration as this person may see it. Raises NotFound, Forbidden."""
    office = office_of(page)
    async with page.read() as connection:
        event = await visible_event(connection, event_id, office=office)
        office.require_host(event)
        row = await registration_of(connection, event, registration_id)
    return event, registration_view(event, row, office=office)


def _ask(page: Page, event: Event, view: RegistrationView, step: str, *, error: NordaError | None = None) -> Response:
    t, office = page.t, office_of(page)
    office.require_desk_for(event, view.participant_state)
    if step == "withdraw":
        title, question = (
            Text("Abmelden", "Withdraw"),
            t("Diese Anmeldung zurückziehen?", "Withdraw this registration?"),
        )
        consequences = [t("Der Platz geht an die Nächsten auf der Warteliste.", "The seat goes to the next who waits.")]
    else:
        title, question = (
            Text("Person löschen", "Erase person"),
            t("Diese Person für immer löschen?", "Erase for good?"),
        )
        consequences = [
            t(
                "Name und E-Mail-Adresse verschwinden überall; das lässt sich nicht zurücknehmen.",
                "Name and e-mail address vanish everywhere; this cannot be taken back.",
            ),
            t("Ein Platz oder Wartelistenplatz wird frei.", "A seat or a place on the waiting list becomes free."),
        ]
    if view.participant:
        consequences.insert(0, t(f"Es geht um {view.participant.name}.", f"It is about {view.participant.name}."))
    address = f"/events/{event.id}/registrations/{view.registration_id}"
    return page.show(
        "confirm.html.jinja",
        title=title,
        status=error.status if error else 200,
        crumbs=crumbs_to(event, (ONE, address), (title, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        question=question,
        consequences=consequences,
        action=f"{address}/{step}",
        back=address,
        hidden=[],
        errors=[("", error.text.in_language(page.language))] if error else [],
        missing=[],
        reason=None,
    )


async def _show_form(page: Page, event: Event, form: Form, *, status: int = 200) -> Response:
    t, words = page.t, form.value("organisation_words")
    async with page.read() as connection:
        found = await organisations.named(connection, words, limit=SEARCH_ROWS) if words.strip() else []
        chosen = as_uuid(form.value("organisation_id"))
        kept = await organisations.get(connection, chosen) if chosen else None
    listed = ([kept] if kept and kept.id not in {item.id for item in found} else []) + found
    fields: dict[str, Any] = {
        "organisation_id": form.field("organisation_id", t("Organisation", "Organisation"), required=True),
        "organisations": [("", t("ohne Organisation", "without organisation")), *organisation_options(listed)],
        "organisation_words": form.field("organisation_words", t("Organisation suchen", "Look for an organisation")),
        "organisations_found": len(found) if words.strip() else None,
        "participant_state": form.field(
            "participant_state",
            t("Land der Person", "The person's state"),
            hint=t(
                "Danach richtet sich das Kontingent; leer: das Land der Organisation.",
                "Decides the quota; empty: the organisation's state.",
            ),
        ),
        "states": [
            *((state.value, state.label) for state in ALL_STATES),
            (ELSEWHERE, t("keines der drei Länder", "none of the three states")),
        ],
        "name": form.field("name", t("Name", "Name"), required=True),
        "email": form.field("email", t("E-Mail-Adresse", "E-mail address"), required=True),
        "language": form.field(
            "language", t("Sprache der Nachrichten", "Language of messages"), default="de", required=True
        ),
        "languages": [("de", "Deutsch"), ("en", "English")],
    }
    return page.show(
        "registration_form.html.jinja",
        title=NEW,
        status=status,
        crumbs=crumbs_to(event, (NEW, None)),
        event=event,
        when=span(event.starts_at, event.ends_at, zone=event.time_zone, language=page.language),
        fields=fields,
        errors=summary(form, {name: field for name, field in fields.items() if hasattr(field, "label")}),
    )
