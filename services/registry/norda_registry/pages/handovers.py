"""Relocations to another state: the list of what is offered, and the pages that accept, refuse and take back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Handover, RegisterEntry
from norda_common.errors import Conflict, NordaError, Text
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..rules.code_lists import courts
from ..rules.handovers import offered_to
from ..rules.register_entries import court_entered
from ..rules.rights import CHANGE, TAKE_OVER
from ..store import handovers
from ..usecases.commands import AcceptRelocation, RefuseRelocation
from ..usecases.handovers import accept_relocation, refuse_relocation, withdraw_relocation
from . import texts
from .actions import Action, read_own
from .entering import apply, done, version_of
from .organisations import Shown, find

router = APIRouter(prefix="/registry")
LIST = "/registry/relocations"
TITLE = Text("Angebotene Verlegungen", "Offered relocations")
MOST_SHOWN = 200
Taker = Annotated[Page, page_for(TAKE_OVER)]
Changer = Annotated[Page, page_for(CHANGE)]

ACCEPT = Action("accept_offer.html.jinja", Text("Verlegung annehmen", "Accept the relocation"), "accept")
REFUSE = Action("refuse_offer.html.jinja", Text("Verlegung ablehnen", "Refuse the relocation"), "refuse")
WITHDRAW = Action(
    "withdraw_offer.html.jinja", Text("Verlegung zurücknehmen", "Take the relocation back"), "withdraw-offer"
)


@router.get("/relocations")
async def offers(page: Taker) -> Response:
    """What is offered to the person's office, and what that office offers."""
    state = page.caller.require_own_state(TAKE_OVER)
    async with page.read() as connection:
        incoming = await handovers.incoming(connection, state, limit=MOST_SHOWN)
        outgoing = await handovers.outgoing(connection, state, limit=MOST_SHOWN)
    return page.show(
        "offers.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        incoming=[entry.organisation for entry in handovers.latest(incoming)],
        outgoing=[entry.organisation for entry in handovers.latest(outgoing)],
        answers=state in page.runtime.settings.states,
        address_line=texts.address_line,
    )


async def _offered(page: Page, organisation_id: UUID) -> tuple[Shown, Handover]:
    """The organisation and the offer to the person's office. Raises NotFound, Conflict (`not_offered`)."""
    state = page.caller.require_own_state(TAKE_OVER)
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
    offer = offered_to(shown.organisation, state)
    if offer is None:
        raise Conflict(
            "Diese Organisation wird Ihrer Stelle nicht (mehr) angeboten.",
            "This organisation is not (or no longer) offered to your office.",
            code="not_offered",
        )
    return shown, offer


def _accept_values(offer: Handover) -> dict[str, object]:
    values: dict[str, object] = {f"seat.{name}": value for name, value in offer.seat.model_dump().items()}
    values["date"] = offer.moves_on.isoformat()
    if offer.register_entry is not None:
        values |= _entry_values(offer.register_entry)
    return values


def _entry_values(entry: RegisterEntry) -> dict[str, object]:
    known = entry.court_code in courts()
    return {
        "register_entry.court": courts()[entry.court_code].name if known else court_entered(entry),
        "register_entry.type": entry.type,
        "register_entry.number": entry.number,
        "register_entry.suffix": entry.suffix,
        "register_entry.former_court": entry.former_court,
        "register_entry.court_name": "" if known or not entry.court_code else entry.court,
    }


def _label(code: str) -> str:
    return texts.STATES.get(code, code.upper())


@router.get("/organisations/{organisation_id}/accept")
async def acceptance(page: Taker, organisation_id: UUID) -> Response:
    """What was offered, to be completed and accepted."""
    shown, offer = await _offered(page, organisation_id)
    form = Form.of(_accept_values(offer), language=page.language)
    return ACCEPT.show(page, shown, form, old_office=_label(shown.organisation.responsible_state))


@router.post("/organisations/{organisation_id}/accept")
async def accept(page: Taker, organisation_id: UUID) -> Response:
    """Take the organisation over."""
    form = await page.form()
    try:
        command = form.command(AcceptRelocation)
        outcome = await apply(page, organisation_id, accept_relocation, command, version=version_of(form))
    except NordaError as error:
        shown, _ = await _offered(page, organisation_id)
        old_office = _label(shown.organisation.responsible_state)
        return ACCEPT.show(page, shown, form.refuse(error), error, old_office=old_office)
    told = Text(
        "Die Verlegung ist angenommen; zuständig ist jetzt Ihre Stelle.",
        "The relocation is accepted; your office is responsible now.",
    )
    return await done(page, organisation_id, told, outcome)


@router.get("/organisations/{organisation_id}/refuse")
async def refusal(page: Taker, organisation_id: UUID) -> Response:
    """The form for the reason."""
    shown, _ = await _offered(page, organisation_id)
    form = Form.of({}, language=page.language)
    return REFUSE.show(page, shown, form, old_office=_label(shown.organisation.responsible_state))


@router.post("/organisations/{organisation_id}/refuse")
async def refuse(page: Taker, organisation_id: UUID) -> Response:
    """Leave the organisation where it is."""
    form = await page.form()
    try:
        command = form.command(RefuseRelocation)
        outcome = await apply(page, organisation_id, refuse_relocation, command, version=version_of(form))
    except NordaError as error:
        shown, _ = await _offered(page, organisation_id)
        old_office = _label(shown.organisation.responsible_state)
        return REFUSE.show(page, shown, form.refuse(error), error, old_office=old_office)
    old = State(outcome.stored.organisation.responsible_state)
    told = Text(
        f"Die Verlegung ist abgelehnt; {old.label} wird benachrichtigt.",
        f"The relocation is refused; {old.label} is told.",
    )
    return await done(page, organisation_id, told, outcome)


@router.get("/organisations/{organisation_id}/withdraw-offer")
async def withdrawal(page: Changer, organisation_id: UUID) -> Response:
    """The question before it."""
    return WITHDRAW.show(page, await read_own(page, organisation_id), Form.of({}, language=page.language))


@router.post("/organisations/{organisation_id}/withdraw-offer")
async def withdraw(page: Changer, organisation_id: UUID) -> Response:
    """Take the offer back, or put a refused one away."""
    form = await page.form()
    await read_own(page, organisation_id)
    try:
        outcome = await apply(page, organisation_id, withdraw_relocation, version=version_of(form))
    except NordaError as error:
        return WITHDRAW.show(page, await read_own(page, organisation_id), form.refuse(error), error)
    offer = outcome.stored.organisation.handover
    told = (
        Text("Die Verlegung ist zurückgenommen.", "The relocation is taken back.")
        if offer is None
        else Text(
            f"Die Rücknahme ist unterwegs; die Instanz von {_label(offer.to_state)} muss sie noch bestätigen.",
            f"The withdrawal is on its way; the instance of {_label(offer.to_state)} still has to confirm it.",
        )
    )
    return await done(page, organisation_id, told, outcome)
