"""What persons ask for under the GDPR: taken by one office, done by every service for every state, proven, forgotten.

An office's request goes out on the private topic; each service answers for each state (the registry itself among them,
as one of three). When all have, the request is completed: its addresses are deleted and the request withdrawn by a
tombstone. What stays is the proof: by what the person was looked for, who found and changed how many records and when,
and keyed hashes of addresses and phone numbers (docs/decisions/0091-requests-of-persons.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from norda_common import audit, outbox
from norda_common.addresses import address_key
from norda_common.auth import Caller
from norda_common.contracts.privacy import PRIVACY_REQUEST, PrivacyAnswer, PrivacyRequest
from norda_common.contracts.topics import Event
from norda_common.database import Connection
from norda_common.errors import NotFound
from norda_common.identifiers import new_id
from norda_common.privacy import ASKED, WITHDRAWN, Done, RequestKind, as_record, system_of
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.people import known_phone
from ..rules.requests import REPORT_DAYS, missing
from ..rules.rights import PRIVACY
from ..store import confirmations, known_persons, people, requests
from ..store.import_persons import Held
from ..store.people import Person
from ..store.requests import Answer, Request
from .confirming import withdraw_sent_to
from .imports.forgetting import forget_person, rows_about, stop_imports
from .people import ITEM as PERSON_ITEM
from .people_commands import AskForPerson, FindProof
from .recording import CONTACT
from .recording import ITEM as ORGANISATION_ITEM
from .whom import Whom, locked_whom, whom_in

ITEM = "privacy_request"
"""What the audit log calls a request."""
_OR_ID = ("wird gebraucht, oder die Kennung einer Person; nicht beides", "is needed, or a person's id; not both")
_OR_PHONE = ("wird gebraucht, oder eine Telefonnummer; nicht beides", "is needed, or a phone number; not both")


@dataclass(frozen=True, slots=True)
class Progress:
    """A request, what was answered, and who has not answered yet."""

    request: Request
    answers: Sequence[Answer]
    missing: Sequence[tuple[str, State]]


async def ask(
    connection: Connection, command: AskForPerson, *, caller: Caller, served: Collection[State], now: datetime
) -> tuple[Request, bool]:
    """Take a request; it goes to all services and states. One that nobody has answered yet is the same one (False).

    Once somebody has, it is a new one: what they did was before, and there may be something new. Raises Forbidden,
    Conflict (`state_not_served`) and InvalidInput.
    """
    state = caller.require_served(PRIVACY, served)
    whom = await _asked_about(connection, command, state)
    known = await requests.unanswered(connection, state, command.kind, known_by=whom.known_by, person_id=whom.person_id)
    if known is not None:
        return known, False
    request = Request(
        id=new_id(),
        state=state,
        kind=command.kind.value,
        emails=whom.emails,
        addresses=len(whom.emails),
        person_id=whom.person_id,
        asked_at=now,
        asked_by=caller.subject,
        completed_at=None,
        records_until=None,
    )
    await requests.add(connection, request, known_by=whom.known_by)
    said = PrivacyRequest(
        request_id=request.id,
        kind=request.kind,
        email=next(iter(whom.emails), None),
        further_emails=whom.emails[1:],
        person_id=whom.person_id,
        state=state.value,
        requested_at=now,
    )
    await outbox.append(
        connection,
        PRIVACY_REQUEST.event("asked", said, state=state, key=request.id, sequence=ASKED, time=now),
    )
    await audit.record(connection, caller, audit.Entry("privacy.ask", ITEM, str(request.id), after={"kind": said.kind}))
    return request, True


async def asked_about(connection: Connection, command: AskForPerson, *, caller: Caller) -> Whom:
    """Whom a request would be about, before it is taken. Raises Forbidden and InvalidInput."""
    return await _asked_about(connection, command, caller.require_own_state(PRIVACY))


async def _asked_about(connection: Connection, command: AskForPerson, state: State) -> Whom:
    """Who is meant by what was named. A pseudonym that the office has not is refused: finding nothing by it would prove
    nothing.
    """
    findings = Findings()
    if (command.email is None) == (command.person_id is None):
        findings.refuse("email", "one_of_two", *_OR_ID)
    findings.raise_errors()
    whom = await whom_in(connection, state, _given(command.email), command.person_id, lock=False)
    if command.person_id is not None and not whom.found:
        findings.refuse("person_id", "unknown_person", "gibt es bei Ihrer Stelle nicht", "is not known to your office")
    findings.raise_errors()
    return whom


def _given(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


async def find_proof(
    connection: Connection, command: FindProof, *, caller: Caller, limit: int
) -> Sequence[tuple[Request, Sequence[tuple[str, State]]]]:
    """The own office's requests about an address or a phone number, newest first. Raises Forbidden and InvalidInput."""
    findings = Findings()
    if (command.email is None) == (command.phone is None):
        findings.refuse("email", "one_of_two", *_OR_PHONE)
    key = address_key(command.email) if command.email else known_phone(command.phone or "")
    if not findings.errors and key is None:
        findings.refuse("phone", "no_digits", "enthält keine Ziffer", "has no digit")
    findings.raise_errors()
    return await list_requests(connection, caller=caller, key=key, limit=limit)


async def list_requests(
    connection: Connection, *, caller: Caller, key: str | None = None, before: object = None, limit: int
) -> Sequence[tuple[Request, Sequence[tuple[str, State]]]]:
    """The own office's requests, newest first, each with who has not answered; by what it is known if that is given."""
    state = caller.require_own_state(PRIVACY)
    found = await requests.newest(connection, state, before=before, key=key, limit=limit)
    answered: Mapping[UUID, set[tuple[str, State]]] = await requests.answered(connection, [each.id for each in found])
    return [(each, [] if each.completed_at else missing(answered[each.id])) for each in found]


async def progress_of(connection: Connection, request_id: UUID, *, caller: Caller) -> Progress:
    """How far a request of the own office is. Raises Forbidden, and NotFound, also for another office's."""
    state = caller.require_own_state(PRIVACY)
    request = await requests.get(connection, request_id)
    if request is None or request.state is not state:
        raise NotFound("Diesen Antrag gibt es nicht.", "There is no such request.")
    answers = await requests.answers(connection, request_id)
    answered = {(answer.service, answer.state) for answer in answers}
    return Progress(request, answers, [] if request.completed_at else missing(answered))


async def report_of(connection: Connection, request_id: UUID, *, caller: Caller, now: datetime) -> Progress:
    """An access request with the records that were found. Raises Forbidden, and NotFound, also with `no_report` while
    somebody has not answered and after its time.
    """
    shown = await progress_of(connection, request_id, caller=caller)
    until = shown.request.records_until
    if until is None or until <= now:
        raise NotFound(
            "Diese Auskunft gibt es nicht, noch nicht oder nicht mehr.",
            "There is no such report, not yet or no longer.",
            code="no_report",
        )
    return shown


async def do_own_part(connection: Connection, request: PrivacyRequest, state: State, now: datetime) -> Done:
    """What the registry keeps of the person for that state: contact persons, general addresses that are theirs, links
    sent to those, rows of imports, and reports made for the person before.

    All but contact persons is shown and erased; there is nothing of it to restrict or object to. Where contact persons
    have further addresses, all of it is looked for by those, too. Who is being entered by one of the addresses at that
    moment, by hand or by an import, is waited for and is among them. Idempotent.
    """
    if request.kind == RequestKind.ERASURE:
        # Before anybody is looked for, since what a batch has just stored is to be found; and before any record is
        # locked, since an import that enters persons has locked itself before.
        await stop_imports(connection, state)
    whom = await locked_whom(connection, state, request.addresses, request.person_id)
    if request.kind == RequestKind.ERASURE:
        return await _erase(connection, request, whom, state, now)
    general = await people.general_addresses(connection, state, whom.written)
    match request.kind:
        case RequestKind.ACCESS:
            records = [_record(person) for person in whom.found]
            records += [as_record("general_address", organisation_id=each, email=email) for each, email in general]
            records += await _further(connection, whom, state)
            return Done(found=len(records), records=records)
        case RequestKind.RESTRICTION:
            changed = await people.restrict(connection, whom.ids, at=now)
        case RequestKind.LIFTING:
            changed = await people.restrict(connection, whom.ids, at=None)
        case RequestKind.OBJECTION:
            await known_persons.remember_objection(connection, whom.objects_by, at=now)
            changed = await people.object_to_advertising(connection, whom.ids, at=now)
        case _:
            raise ValueError("no such kind of request")
    if changed:
        await audit.record(
            connection,
            system_of(state),
            *(_done(f"person.{_DEEDS[request.kind]}", person, request) for person in whom.found),
        )
    return Done(found=len(whom.found) + len(general), changed=changed)


async def _erase(connection: Connection, request: PrivacyRequest, whom: Whom, state: State, now: datetime) -> Done:
    """Take the person out of everything. No import of the state is at work: what they stored is in `whom`, and they go
    on from the rows, which are without the person then.
    """
    rows = await forget_person(connection, state, whom.emails, shared=whom.shared, names=whom.names)
    shown = await people.general_addresses(connection, state, whom.written)
    general = list(dict.fromkeys(organisation_id for organisation_id, _ in shown))
    changed = rows + await people.erase(connection, whom.ids)
    changed += await people.erase_general_addresses(connection, general, [way for way, _ in whom.written])
    changed += await withdraw_sent_to(connection, state, whom.email_keys, now=now)
    changed += await requests.erase_reports(
        connection, state, whom.email_keys, whom.person_ids, shared=whom.shared_keys, now=now
    )
    entries = [_done("person.erase", person, request) for person in whom.found]
    entries += [_erased(organisation_id, request) for organisation_id in general]
    if changed > len(entries):
        said = {"import_rows": rows, "others": changed - len(entries) - rows}
        entries.append(audit.Entry("person.erase", ITEM, str(request.request_id), after=said))
    await audit.record(connection, system_of(state), *entries)
    return Done(found=changed, changed=changed)


async def _further(connection: Connection, whom: Whom, state: State) -> list[dict[str, str]]:
    """What is kept of the person beside contact persons and addresses."""
    rows = await rows_about(connection, state, whom.emails, shared=whom.shared, names=whom.names)
    links = await confirmations.sent_to(connection, state, whom.email_keys)
    reports = await requests.reports_about(connection, state, whom.email_keys, whom.person_ids, shared=whom.shared_keys)
    return [
        *(_import_row(held) for held in rows),
        *(
            as_record(
                "confirmation", organisation_id=link.organisation_id, created_at=link.sent_at, until=link.expires_at
            )
            for link in links
        ),
        *(
            as_record("report", id=report.id, created_at=report.asked_at, until=report.records_until)
            for report in reports
        ),
    ]


def _import_row(held: Held) -> dict[str, str]:
    cells = " | ".join(cell for cell in held.cells if cell)
    return as_record("import_row", file=held.file_name, row=held.row, cells=cells)


async def keep_answer(connection: Connection, answer: PrivacyAnswer, *, now: datetime) -> None:
    """Keep an answer to a request of this instance's; with the last one the request is completed and withdrawn.

    Idempotent. Another instance's request is none of its business.
    """
    request = await requests.lock(connection, answer.request_id)
    if request is None or request.completed_at is not None:
        return
    access = request.kind == RequestKind.ACCESS and request.erased_at is None
    await requests.keep_answer(connection, answer, with_records=access)
    answers = await requests.answers(connection, request.id)
    if missing({(each.service, each.state) for each in answers}):
        return
    until = now + timedelta(days=REPORT_DAYS) if access else None
    await requests.complete(connection, request.id, at=now, records_until=until)
    await outbox.append(connection, _withdrawn(request, now=now))
    done = {f"{each.service}.{each.state.value}": [each.found, each.changed] for each in answers}
    said = {"kind": request.kind, "addresses": request.addresses, "found_and_changed": done}
    await audit.record(
        connection, system_of(request.state), audit.Entry("privacy.complete", ITEM, str(request.id), after=said)
    )


def _withdrawn(request: Request, *, now: datetime) -> Event:
    return PRIVACY_REQUEST.event("erased", None, state=request.state, key=request.id, sequence=WITHDRAWN, time=now)


_DEEDS = {
    RequestKind.RESTRICTION.value: "restrict",
    RequestKind.LIFTING.value: "lift_restriction",
    RequestKind.OBJECTION.value: "object",
}


def _done(action: str, person: Person, request: PrivacyRequest) -> audit.Entry:
    said = {"person_id": str(person.person_id), "request_id": str(request.request_id)}
    return audit.Entry(action, PERSON_ITEM, str(person.id), after=said)


def _erased(organisation_id: UUID, request: PrivacyRequest) -> audit.Entry:
    said = {"touched": [CONTACT], "request_id": str(request.request_id)}
    return audit.Entry("organisation.erase_contact", ORGANISATION_ITEM, str(organisation_id), after=said)


def _record(person: Person) -> dict[str, str]:
    return as_record(
        "contact_person",
        person_id=person.person_id,
        organisation_id=person.organisation_id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        language=person.language,
        roles=person.roles,
        source=person.source,
        purposes=person.purposes,
        legal_basis=person.legal_basis,
        consent_given_on=person.consent_given_on,
        consent_wording=person.consent_wording,
        retain_until=person.retain_until,
        restricted_at=person.restricted_at,
        objected_at=person.objected_at,
        created_at=person.created_at,
        changed_at=person.changed_at,
    )
