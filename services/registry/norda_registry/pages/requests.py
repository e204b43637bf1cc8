"""Requests of persons: taken, with a question before what cannot be undone; followed, proven, and reported.

No address stands in the address of a page: it would be in the browser's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from norda_common.errors import InvalidInput, NordaError, Text
from norda_common.requests import Cursor, read_cursor, write_cursor
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page, page_for

from ..api.requests import report_view
from ..rules.requests import KINDS, LATE_AFTER, REPORT_DAYS, is_late, to_be_met_by
from ..rules.rights import PRIVACY
from ..store.requests import Request
from ..usecases.people_commands import AskForPerson, FindProof
from ..usecases.privacy import ask, list_requests, progress_of, report_of
from .people_words import answerer_label, kind_label, record_in_words

router = APIRouter(prefix="/registry/requests")
Office = Annotated[Page, page_for(PRIVACY)]
LIST = "/registry/requests"
TITLE = Text("Anträge von Personen", "Requests of persons")
NEW = Text("Antrag aufnehmen", "Take a request")
FOUND = Text("Anträge zu einer Adresse", "Requests about an address")
REPORT = Text("Auskunft", "Access report")
ROWS = 25
CONSEQUENCES = {
    "access": (
        Text(
            "Alle Dienste aller drei Länder melden, was sie von dieser Person gespeichert haben.",
            "All services of all three states say what they keep of this person.",
        ),
        Text(
            f"Die Auskunft liegt hier {REPORT_DAYS} Tage und wird dann gelöscht.",
            f"The report is kept here for {REPORT_DAYS} days and then deleted.",
        ),
    ),
    "erasure": (
        Text(
            "Gelöscht wird in allen drei Ländern, wo die Person als Ansprechperson, in Anmeldungen, Abonnements, "
            "Nachrichten und Importen steht.",
            "The person is erased in all three states: as a contact person, from registrations, subscriptions, "
            "messages and imports.",
        ),
        Text(
            "Auch eine Auskunft, die hier noch liegt, ist dann fort: Händigen Sie sie vorher aus.",
            "An access report that is still kept here goes, too: hand it out before.",
        ),
        Text(
            "Ein Platz bei einer künftigen Veranstaltung wird frei; die Teilnahme der Organisation bleibt ohne Person.",
            "A seat at a coming event becomes free; the organisation's participation stays, without the person.",
        ),
        Text("Das lässt sich nicht rückgängig machen.", "This cannot be undone."),
    ),
    "restriction": (
        Text(
            "Die Angaben bleiben gespeichert und werden für nichts benutzt: keine Nachricht, keine Ausgabe, keine "
            "Änderung.",
            "The data stay stored and are used for nothing: no message, no export, no change.",
        ),
    ),
    "lifting": (
        Text(
            "Die Person muss vorher davon unterrichtet sein (Art. 18 Abs. 3).",
            "The person must have been told before (Art. 18 (3)).",
        ),
    ),
    "objection": (
        Text(
            "Die Adresse bekommt keine Werbung mehr, auch wenn sie neu eingetragen oder importiert wird.",
            "The address gets no advertising any more, also if it is entered or imported anew.",
        ),
        Text("Das lässt sich nicht zurücknehmen.", "This cannot be taken back."),
    ),
}


@router.get("")
async def show_list(page: Office, cursor: Cursor = None) -> Response:
    """The own office's requests, newest first, and the search for those about an address."""
    before = read_cursor(cursor, UUID)[0] if cursor else None
    async with page.read() as connection:
        found = await list_requests(connection, caller=page.caller, before=before, limit=ROWS + 1)
    following = write_cursor(found[ROWS - 1][0].id) if len(found) > ROWS else None
    return _list(page, found[:ROWS], Form(language=page.language), cursor=cursor, following=following)


@router.post("/search")
async def search(page: Office) -> Response:
    """Those about one address, also completed ones: the proof for who asks."""
    form = await page.form()
    try:
        command = form.command(FindProof)
    except InvalidInput as error:
        async with page.read() as connection:
            latest = await list_requests(connection, caller=page.caller, limit=ROWS)
        return _list(page, latest, form.refuse(error), status=error.status)
    async with page.read() as connection:
        found = await list_requests(connection, caller=page.caller, email=command.email, limit=ROWS)
    return _list(page, found, form, title=FOUND)


def _list(
    page: Page,
    found: Sequence[tuple[Request, Sequence[tuple[str, State]]]],
    form: Form,
    *,
    title: Text = TITLE,
    status: int = 200,
    cursor: str | None = None,
    following: str | None = None,
) -> Response:
    crumbs: list[tuple[Text, str | None]] = [(Text("Übersicht", "Overview"), "/registry/")]
    crumbs += [(TITLE, None)] if title is TITLE else [(TITLE, LIST), (title, None)]
    email = form.field("email", page.t("E-Mail-Adresse", "E-mail address"), required=True, autocomplete="off")
    return page.show(
        "requests.html.jinja",
        title=title,
        status=status,
        crumbs=crumbs,
        items=[_shown(page, request, missing) for request, missing in found],
        listing={"path": LIST, "query": [], "total": None, "cursor": cursor, "next_cursor": following},
        errors=form.summary,
        email=email,
    )


@router.get("/new")
async def new(page: Office) -> Response:
    """The form."""
    return _form(page, Form(language=page.language))


@router.post("/new")
async def confirm(page: Office) -> Response:
    """The question before it: what happens to whom."""
    form = await page.form()
    try:
        command = form.command(AskForPerson)
    except InvalidInput as error:
        return _form(page, form.refuse(error), status=error.status)
    return page.show(
        "request_confirm.html.jinja",
        title=NEW,
        crumbs=_crumbs((NEW, None)),
        email=command.email,
        kind=command.kind.value,
        kind_label=kind_label(command.kind, page.language),
        consequences=[text.in_language(page.language) for text in CONSEQUENCES[command.kind]],
    )


@router.post("/take")
async def take(page: Office) -> Response:
    """Take the request, and lead to how far it is."""
    form = await page.form()
    try:
        command = form.command(AskForPerson)
        async with page.transaction() as connection:
            request, taken = await ask(
                connection, command, caller=page.caller, served=page.runtime.settings.states, now=page.now
            )
    except NordaError as error:
        return _form(page, form.refuse(error), status=error.status)
    told = (
        Text("Der Antrag ist aufgenommen und unterwegs.", "The request is taken and on its way.")
        if taken
        else Text("Dieser Antrag ist schon unterwegs.", "This request is on its way already.")
    )
    return await page.go(f"{LIST}/{request.id}", told, kind="success" if taken else "info")


def _form(page: Page, form: Form, *, status: int = 200) -> Response:
    kinds = [(code, text.in_language(page.language)) for code, text in KINDS.items()]
    return page.show(
        "request_form.html.jinja",
        title=NEW,
        status=status,
        crumbs=_crumbs((NEW, None)),
        kind=form.field(
            "kind", page.t("Was die Person verlangt", "What the person asks for"), required=True, options=kinds
        ),
        email=form.field(
            "email",
            page.t("E-Mail-Adresse der Person", "The person's e-mail address"),
            required=True,
            autocomplete="off",
            hint=page.t(
                "Vergewissern Sie sich, dass die Person wirklich diese ist (Art. 12 Abs. 6 DSGVO), zum Beispiel durch "
                "eine Rückfrage an die Adresse.",
                "Make sure that the person is who they say (Art. 12 (6) GDPR), for example by asking back.",
            ),
        ),
        errors=form.summary,
    )


@router.get("/{request_id}")
async def show_request(page: Office, request_id: UUID) -> Response:
    """How far it is: who answered, what was found and done; the proof."""
    async with page.read() as connection:
        shown = await progress_of(connection, request_id, caller=page.caller)
    label = kind_label(shown.request.kind, page.language)
    until = shown.request.records_until
    return page.show(
        "request.html.jinja",
        title=Text(
            f"Antrag: {kind_label(shown.request.kind, 'de')}", f"Request: {kind_label(shown.request.kind, 'en')}"
        ),
        crumbs=_crumbs((Text(label, label), None)),
        it=_shown(page, shown.request, shown.missing),
        email=shown.request.email,
        answers=[
            {
                "who": answerer_label(each.service, each.state, page.language),
                "found": each.found,
                "changed": each.changed,
                "at": each.answered_at,
            }
            for each in shown.answers
        ],
        missing=[answerer_label(service, state, page.language) for service, state in shown.missing],
        late_minutes=int(LATE_AFTER.total_seconds() // 60),
        report=f"{LIST}/{request_id}/report" if until is not None and until > page.now else None,
    )


@router.get("/{request_id}/report")
async def show_report(page: Office, request_id: UUID) -> Response:
    """The report in words, to be printed or read."""
    async with page.read() as connection:
        shown = await report_of(connection, request_id, caller=page.caller, now=page.now)
    return page.show(
        "report.html.jinja",
        title=REPORT,
        crumbs=_crumbs(
            (Text(kind_label(shown.request.kind, "de"), kind_label(shown.request.kind, "en")), f"{LIST}/{request_id}"),
            (REPORT, None),
        ),
        it=_shown(page, shown.request, shown.missing),
        until=shown.request.records_until,
        download=f"{LIST}/{request_id}/report.json",
        parts=[
            {
                "who": answerer_label(each.service, each.state, page.language),
                "records": [record_in_words(record, page.language) for record in each.records or ()],
            }
            for each in shown.answers
        ],
    )


@router.get("/{request_id}/report.json")
async def download_report(page: Office, request_id: UUID) -> Response:
    """The same for machines (Art. 20), as a file."""
    async with page.read() as connection:
        shown = await report_of(connection, request_id, caller=page.caller, now=page.now)
    headers = {"Content-Disposition": f'attachment; filename="norda-{request_id}.json"'}
    return JSONResponse(report_view(shown).model_dump(mode="json"), headers=headers)


def _shown(page: Page, request: Request, missing: Sequence[tuple[str, State]]) -> dict[str, Any]:
    return {
        "id": request.id,
        "kind": kind_label(request.kind, page.language),
        "asked_at": request.asked_at,
        "meet_by": to_be_met_by(request.asked_at),
        "completed_at": request.completed_at,
        "missing": len(missing),
        "late": bool(missing) and is_late(request.asked_at, now=page.now),
    }


def _crumbs(*last: tuple[Text, str | None]) -> list[tuple[Text, str | None]]:
    return [(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), *last]
