"""Asking organisations to confirm their profiles, and deciding about what they propose."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import NordaError, NotFound, StaleVersion, Text
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.web.forms import Compared, Form
from norda_common.web.pages import Page, page_for

from ..api.confirmations import links_of
from ..rules.corrections import CORRECTABLE, REMARK, values_of
from ..rules.rights import CHANGE, CONFIRM
from ..store import confirmation_plans, confirmations, documents
from ..store.confirmations import Confirmation
from ..usecases.confirming import decide, send_confirmation, send_due
from ..usecases.links import MOST_AT_ONCE
from ..usecases.profile_commands import MOST_A_DAY, DecideCorrection, PlanConfirmations
from ..usecases.yearly import plan_confirmations
from . import texts
from .entering import CHOICE, done, path_of, version_of
from .organisations import find
from .profile import form_of, group_text

router = APIRouter(prefix="/registry")
Changer = Annotated[Page, page_for(CHANGE)]
Staff = Annotated[Page, page_for(CONFIRM)]
LIST = "/registry/confirmations"
TITLE = Text("Bestätigungen", "Confirmations")
ROWS = 25
PLANNED = {
    "yearly": Text(
        "Links gehen von selbst hinaus: an alle, die seit einem Jahr weder bestätigt haben noch gefragt wurden",
        "Links go out by themselves: to all that have neither confirmed nor been asked for a year",
    ),
    "a_day": Text("Höchstens so viele am Tag", "At most so many a day"),
}


@router.post("/organisations/{organisation_id}/confirmation")
async def ask(page: Changer, organisation_id: UUID) -> Response:
    """Send the organisation's contact a link."""
    await page.form()
    async with page.transaction() as connection:
        until = await send_confirmation(
            connection,
            organisation_id,
            links=links_of(page.runtime),
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
        )
    day = until.date().isoformat()
    told = Text(f"Der Link ist unterwegs; er gilt bis {day}.", f"The link is on its way; it holds until {day}.")
    return await page.go(path_of(organisation_id), told)


@router.get("/confirmations")
async def show_list(page: Staff, undecided: QueryText = "", cursor: Cursor = None) -> Response:
    """Links that were sent, what was answered, and what is to be decided."""
    return await _list(page, undecided, cursor)


async def _list(
    page: Page, undecided: str, cursor: str | None, form: Form | None = None, error: NordaError | None = None
) -> Response:
    state = page.caller.require_own_state(CONFIRM)
    before = read_cursor(cursor, datetime, UUID) if cursor else None
    async with page.read() as connection:
        found = await confirmations.listed(
            connection,
            state=state,
            open_only=undecided == "yes",
            before=before,  # type: ignore[arg-type]
            limit=ROWS + 1,
        )
        names = await documents.of(connection, {item.organisation_id for item in found})
        plan = await confirmation_plans.get(connection, state)
    form = form or Form.of({"yearly": "yes" if plan.yearly else "", "a_day": str(plan.a_day)}, language=page.language)
    fields = {name: form.field(name, text.in_language(page.language)) for name, text in PLANNED.items()}
    last = found[ROWS - 1] if len(found) > ROWS else None
    return page.show(
        "confirmations.html.jinja",
        title=TITLE,
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        plan=plan,
        fields=fields,
        errors=form.summary,
        most_a_day=MOST_A_DAY,
        items=[(item, _name(names, item), _stage(page, item)) for item in found[:ROWS]],
        undecided=undecided,
        may_change=page.caller.may(CHANGE),
        most=MOST_AT_ONCE,
        listing={
            "path": LIST,
            "query": [("undecided", undecided)] if undecided else [],
            "total": None,
            "cursor": cursor,
            "next_cursor": write_cursor(last.sent_at, last.id) if last else None,
        },
    )


@router.post("/confirmations/due")
async def ask_all(page: Changer) -> Response:
    """Send links to all that are due."""
    await page.form()
    async with page.transaction() as connection:
        sent = await send_due(
            connection,
            links=links_of(page.runtime),
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
        )
    told = Text(f"{sent} Links sind unterwegs.", f"{sent} links are on their way.")
    if sent == MOST_AT_ONCE:
        told = Text(f"{told.de} Weitere sind noch fällig.", f"{told.en} Others are due still.")
    return await page.go(LIST, told, kind="success" if sent else "info")


@router.post("/confirmations/plan")
async def plan_links(page: Changer) -> Response:
    """Have links go out by themselves once a year, or not any more."""
    form = await page.form()
    try:
        command = Form({name: form.values.get(name, ()) for name in ("yearly", "a_day")}, page.language).command(
            PlanConfirmations
        )
        async with page.transaction() as connection:
            plan = await plan_confirmations(
                connection, command, caller=page.caller, served=page.runtime.settings.states, now=page.now
            )
    except NordaError as error:
        return await _list(page, "", None, form.refuse(error), error)
    told = Text(
        f"Links gehen jetzt von selbst hinaus, höchstens {plan.a_day} am Tag.",
        f"Links go out by themselves now, at most {plan.a_day} a day.",
    )
    if not plan.yearly:
        told = Text("Es geht kein Link mehr von selbst hinaus.", "No link goes out by itself any more.")
    return await page.go(LIST, told)


@router.get("/confirmations/{confirmation_id}")
async def show(page: Staff, confirmation_id: UUID) -> Response:
    """What was proposed, field by field beside what is stored."""
    return await _show(page, confirmation_id)


@router.post("/confirmations/{confirmation_id}")
async def settle(page: Changer, confirmation_id: UUID) -> Response:
    """Take over the chosen fields, refuse the others."""
    form = await page.form()
    sent, organisation, _ = await _proposal(page, confirmation_id)
    stored = values_of(organisation)
    proposed = {name: value for name, value in (sent.proposal or {}).items() if name != REMARK}
    take = [name for name in proposed if form.value(f"{CHOICE}{name}") == "mine" or stored[name] == proposed[name]]
    try:
        async with page.transaction() as connection:
            outcome = await decide(
                connection,
                confirmation_id,
                DecideCorrection(take=tuple(take)),
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
                expected_version=version_of(form),
            )
    except NordaError as error:
        return await _show(page, confirmation_id, form.refuse(error), error)
    told = Text(
        f"{len(take)} von {len(proposed)} Änderungen sind übernommen.",
        f"{len(take)} of {len(proposed)} changes are taken over.",
    )
    return await done(page, sent.organisation_id, told, outcome)


async def _show(
    page: Page, confirmation_id: UUID, form: Form | None = None, error: NordaError | None = None
) -> Response:
    sent, organisation, version = await _proposal(page, confirmation_id)
    language = page.language
    proposal, shown = sent.proposal or {}, sent.shown or {}
    now = form_of(organisation, language)
    now = Form({**now.values, "competences": organisation.competences}, language)
    mine, base = (_form(organisation, values, language) for values in (proposal, shown))
    rows = [
        Compared(
            name,
            texts.field_label(name, language),
            group_text(name, mine, language),
            group_text(name, now, language),
            group_text(name, base, language),
        )
        for name in CORRECTABLE
        if name in proposal
    ]
    name = Text(organisation.legal_name, organisation.legal_name)
    return page.show(
        "confirmation.html.jinja",
        title=Text(f"{name.de}: Vorschläge", f"{name.en}: proposals"),
        status=error.status if error else 200,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (name, None)],
        it=organisation,
        sent=sent,
        stage=_stage(page, sent),
        rows=rows,
        remark=proposal.get(REMARK),
        version=version,
        stale=isinstance(error, StaleVersion),
        errors=form.summary if form else [],
        may_change=page.caller.may(CHANGE, sent.state) and sent.decided_at is None and sent.proposal is not None,
        taken=[texts.field_label(field, language) for field in sent.taken or ()],
    )


async def _proposal(page: Page, confirmation_id: UUID) -> tuple[Confirmation, Organisation, int]:
    """The link, its organisation and its version. Raises NotFound, also for another state's."""
    async with page.read() as connection:
        sent = await confirmations.get(connection, confirmation_id)
        if sent is None or sent.state is not page.caller.state:
            raise NotFound("Diesen Link gibt es nicht.", "There is no such link.")
        shown = await find(connection, sent.organisation_id)
    return sent, shown.organisation, shown.version


def _form(organisation: Organisation, values: dict[str, Any], language: str) -> Form:
    """The organisation's form with these fields in place of its own."""
    made = Organisation.model_validate(
        organisation.model_dump(mode="json") | {name: value for name, value in values.items() if name != REMARK}
    )
    form = form_of(made, language)
    return Form({**form.values, "competences": made.competences}, language)


def _name(names: dict[UUID, Organisation], item: Confirmation) -> str:
    known = names.get(item.organisation_id)
    return known.legal_name if known else str(item.organisation_id)


def _stage(page: Page, item: Confirmation) -> tuple[str, str]:
    """Where a link stands, and the kind of its badge."""
    if item.answer == "confirmed":
        return page.t("bestätigt", "confirmed"), "success"
    if item.answer == "proposed":
        if item.decided_at is None:
            return page.t("Änderungen vorgeschlagen", "changes proposed"), "warning"
        return page.t("entschieden", "decided"), "success"
    if item.is_open(page.now):
        return page.t("wartet auf Antwort", "waits for an answer"), "info"
    return page.t("abgelaufen oder ersetzt", "expired or replaced"), "neutral"
