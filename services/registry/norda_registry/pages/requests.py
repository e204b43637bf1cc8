"""Requests of persons: taken, with a question before what cannot be undone; followed, proven, and reported.

No address stands in the address of a page: it would be in the browser's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
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
from ..usecases.people import own_person, people_with_phone
from ..usecases.people_commands import AskForPerson, FindByPhone, FindProof
from ..usecases.privacy import ask, asked_about, find_proof, list_requests, progress_of, report_of
from ..usecases.whom import Whom
from .people_words import FIELDS, answerer_label, kind_label, record_in_words, shown

router = APIRouter(prefix="/registry/requests")
Office = Annotated[Page, page_for(PRIVACY)]
LIST = "/registry/requests"
TITLE = Text("Anträge von Personen", "Requests of persons")
NEW = Text("Antrag aufnehmen", "Take a request")
FOUND = Text("Anträge zu einer Person", "Requests about a person")
BY_PHONE = Text("Person ohne E-Mail-Adresse", "Person without an e-mail address")
REPORT = Text("Auskunft", "Access report")
ROWS = 25
MOST_OF_PHONE = 50
ADDRESSES_ONLY = Text(
    "Es gibt keine E-Mail-Adresse dieser Person allein: Gefunden werden nur die Ansprechpersonen Ihrer Stelle. Andere "
    "Länder, Veranstaltungen und Benachrichtigungen kennen Personen nur mit Adresse.",
    "There is no e-mail address of this person alone: only your office's contact persons are found. Other states, "
    "events and notifications know persons by addresses alone.",
)
MAY_HAVE_NONE = Text(
    "Führt Ihre Stelle die Person vielleicht ohne Adresse? Dann suchen Sie sie mit Telefonnummer oder Namen.",
    "Does your office perhaps keep the person without an address? Then look for them by phone number or name.",
)
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
            "Die Person bekommt keine Werbung mehr, auch wenn sie neu eingetragen oder importiert wird: wer eine ihrer "
            "Adressen hat, und wer mit einer ihrer Telefonnummern ebenso heißt.",
            "The person gets no advertising any more, also if they are entered or imported anew: whoever has one of "
            "their addresses, and whoever is called the same with one of their phone numbers.",
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
    """Those about one address or phone number, also completed ones: the proof for who asks."""
    form = await page.form()
    try:
        command = form.command(FindProof)
        async with page.read() as connection:
            found = await find_proof(connection, command, caller=page.caller, limit=ROWS)
    except InvalidInput as error:
        async with page.read() as connection:
            latest = await list_requests(connection, caller=page.caller, limit=ROWS)
        return _list(page, latest, form.refuse(error), status=error.status)
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
    fields = [
        form.field(name, FIELDS[name].in_language(page.language), autocomplete="off") for name in ("email", "phone")
    ]
    return page.show(
        "requests.html.jinja",
        title=title,
        status=status,
        crumbs=crumbs,
        items=[_shown(page, request, missing) for request, missing in found],
        listing={"path": LIST, "query": [], "total": None, "cursor": cursor, "next_cursor": following},
        errors=form.summary,
        fields=fields,
    )


@router.get("/new")
async def new(page: Office, person: UUID | None = None) -> Response:
    """The form; for a contact person of the own office, if one is named by the id of their record."""
    values: dict[str, object] = {}
    if person is not None:
        async with page.read() as connection:
            values = {"person_id": (await own_person(connection, person, caller=page.caller)).person_id}
    return await _form(page, Form.of(values, language=page.language))


@router.post("/persons")
async def by_phone(page: Office) -> Response:
    """Whose phone number it is: for who has no address."""
    form = await page.form()
    try:
        command = form.command(FindByPhone)
    except InvalidInput as error:
        return await _form(page, form.refuse(error), status=error.status)
    async with page.read() as connection:
        found = await people_with_phone(connection, command.phone, caller=page.caller, limit=MOST_OF_PHONE)
    return page.show(
        "request_persons.html.jinja",
        title=BY_PHONE,
        crumbs=_crumbs((NEW, f"{LIST}/new"), (BY_PHONE, None)),
        items=[shown(person, page.language) for person in found],
        phone=command.phone,
    )


@router.post("/new")
async def confirm(page: Office) -> Response:
    """The question before it: what happens to whom, and by what they are looked for."""
    form = await page.form()
    try:
        command = form.command(AskForPerson)
        async with page.read() as connection:
            whom = await asked_about(connection, command, caller=page.caller)
    except InvalidInput as error:
        return await _form(page, form.refuse(error), status=error.status)
    return page.show(
        "request_confirm.html.jinja",
        title=NEW,
        crumbs=_crumbs((NEW, None)),
        email=command.email,
        person_id=command.person_id,
        whom=whom,
        names=_names(whom),
        kind=command.kind.value,
        kind_label=kind_label(command.kind, page.language),
        consequences=[
            *(text.in_language(page.language) for text in CONSEQUENCES[command.kind]),
            *_looked_for(page, whom),
        ],
    )


def _names(whom: Whom) -> str:
    return ", ".join(whom.names)


def _looked_for(page: Page, whom: Whom) -> list[str]:
    """By what the person is looked for, and what that does not reach."""
    told = [page.t(f"Gesucht wird nach: {each}", f"Looked for is: {each}") for each in whom.emails]
    number = len(whom.found)
    told.append(
        page.t(f"Ihre Stelle hat dazu Ansprechpersonen: {number}", f"Contact persons of your office with it: {number}")
    )
    told += [
        page.t(
            f"Nicht gesucht wird nach {each}: Diese Adresse hat auch jemand anderes.",
            f"Not looked for is {each}: somebody else has this address, too.",
        )
        for each in whom.shared
    ]
    if whom.several:
        names = _names(whom)
        told.append(
            page.t(
                f"Diese Adresse haben mehrere, und der Antrag gilt für alle: {names}. Ist nur jemand davon gemeint, "
                "nehmen Sie den Antrag bei dessen Eintrag auf.",
                f"Several have this address, and the request is for all of them: {names}. If only one of them is "
                "meant, take the request at that one's record.",
            )
        )
    if not whom.emails:
        told.append(ADDRESSES_ONLY.in_language(page.language))
    elif not whom.found:
        told.append(MAY_HAVE_NONE.in_language(page.language))
    return told


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
        return await _form(page, form.refuse(error), status=error.status)
    told = (
        Text("Der Antrag ist aufgenommen und unterwegs.", "The request is taken and on its way.")
        if taken
        else Text("Dieser Antrag ist schon unterwegs.", "This request is on its way already.")
    )
    return await page.go(f"{LIST}/{request.id}", told, kind="success" if taken else "info")


async def _form(page: Page, form: Form, *, status: int = 200) -> Response:
    whom, pseudonym = None, form.value("person_id")
    if pseudonym:
        with suppress(InvalidInput):
            async with page.read() as connection:
                command = Form.of({"kind": "access", "person_id": pseudonym}, language=page.language).command(
                    AskForPerson
                )
                whom = await asked_about(connection, command, caller=page.caller)
    kinds = [(code, text.in_language(page.language)) for code, text in KINDS.items()]
    return page.show(
        "request_form.html.jinja",
        title=NEW,
        status=status,
        crumbs=_crumbs((NEW, None)),
        whom=whom,
        names=_names(whom) if whom else "",
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
        phone=form.field("phone", FIELDS["phone"].in_language(page.language), required=True, autocomplete="off"),
        errors=form.summary,
    )


@router.get("/{request_id}")
async def show_request(page: Office, request_id: UUID) -> Response:
    """How far it is: who answered, what was found and done; the proof."""
    async with page.read() as connection:
        progress = await progress_of(connection, request_id, caller=page.caller)
    label = kind_label(progress.request.kind, page.language)
    until = progress.request.records_until
    return page.show(
        "request.html.jinja",
        title=Text(
            f"Antrag: {kind_label(progress.request.kind, 'de')}", f"Request: {kind_label(progress.request.kind, 'en')}"
        ),
        crumbs=_crumbs((Text(label, label), None)),
        it=_shown(page, progress.request, progress.missing),
        request=progress.request,
        addresses_only=ADDRESSES_ONLY.in_language(page.language),
        answers=[
            {
                "who": answerer_label(each.service, each.state, page.language),
                "found": each.found,
                "changed": each.changed,
                "at": each.answered_at,
            }
            for each in progress.answers
        ],
        missing=[answerer_label(service, state, page.language) for service, state in progress.missing],
        late_minutes=int(LATE_AFTER.total_seconds() // 60),
        report=f"{LIST}/{request_id}/report" if until is not None and until > page.now else None,
    )


@router.get("/{request_id}/report")
async def show_report(page: Office, request_id: UUID) -> Response:
    """The report in words, to be printed or read."""
    async with page.read() as connection:
        progress = await report_of(connection, request_id, caller=page.caller, now=page.now)
    kind = progress.request.kind
    return page.show(
        "report.html.jinja",
        title=REPORT,
        crumbs=_crumbs(
            (Text(kind_label(kind, "de"), kind_label(kind, "en")), f"{LIST}/{request_id}"),
            (REPORT, None),
        ),
        it=_shown(page, progress.request, progress.missing),
        until=progress.request.records_until,
        download=f"{LIST}/{request_id}/report.json",
        parts=[
            {
                "who": answerer_label(each.service, each.state, page.language),
                "records": [record_in_words(record, page.language) for record in each.records or ()],
            }
            for each in progress.answers
        ],
    )


@router.get("/{request_id}/report.json")
async def download_report(page: Office, request_id: UUID) -> Response:
    """The same for machines (Art. 20), as a file."""
    async with page.read() as connection:
        progress = await report_of(connection, request_id, caller=page.caller, now=page.now)
    headers = {"Content-Disposition": f'attachment; filename="norda-{request_id}.json"'}
    return JSONResponse(report_view(progress).model_dump(mode="json"), headers=headers)


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
