"""Contact persons of organisations: entered by the responsible office, kept with a purpose, a basis and a last day.

They stay with the office that entered them when the organisation moves, whose purpose and consent they were kept for.
Nothing of them is published, and the audit log says which fields were touched, not what stands in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from asyncpg import UniqueViolationError
from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict, FieldError, NotFound, StaleVersion, Text
from norda_common.identifiers import new_id
from norda_common.requests import refused
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.merging import MERGED
from ..rules.people import LEGAL_BASES, PURPOSES, ROLES, check_codes, check_consent, check_retention, phone_key
from ..rules.rights import PERSON_INVITE, PERSON_KEEP
from ..store import known_persons, organisations, people, searches
from ..store.people import Invited, Person
from .organisations import local_day
from .people_commands import ChangePerson, EnterPerson, PersonTerms
from .recognising import keys_of, recognised
from .recording import already_merged, kept_elsewhere, no_such_organisation

T = TypeVar("T")
ITEM = "contact_person"
"""What the audit log calls a contact person."""
ENTERED = tuple(EnterPerson.model_fields)
_CODED = {"roles": ROLES, "purposes": PURPOSES}


async def people_of(connection: Connection, organisation_id: UUID, *, caller: Caller, limit: int) -> Sequence[Person]:
    """The contact persons that the caller's office keeps of an organisation, by name. Raises Forbidden and NotFound.

    Those of companies that became part of it are among them, and stay theirs: what they agreed to was said of those.
    """
    caller.require_own_state(PERSON_KEEP)
    absorbed = await searches.absorbed_by(connection, organisation_id)
    if absorbed is None:
        raise no_such_organisation()
    return await people.of_organisations(connection, [organisation_id, *absorbed], limit=limit)


async def find_people(
    connection: Connection, words: Sequence[str], *, caller: Caller, after: UUID | None, limit: int
) -> Sequence[tuple[Person, str | None]]:
    """Contact persons of the caller's office with their organisations' names, after the one with that id.

    Raises Forbidden, and InvalidInput (`cursor_gone`) when that one has been removed meanwhile.
    """
    caller.require_own_state(PERSON_KEEP)
    return _found(await people.search(connection, words, after=after, limit=limit))


async def people_to_invite(
    connection: Connection, words: Sequence[str], *, caller: Caller, after: UUID | None, limit: int
) -> Sequence[Invited]:
    """Who of the caller's state's contact persons agreed to be invited. Raises as `find_people`."""
    caller.require_own_state(PERSON_INVITE)
    return _found(await people.to_invite(connection, words, after=after, limit=limit))


def _found(page: Sequence[T] | None) -> Sequence[T]:
    if page is None:
        raise refused(
            "cursor",
            "führt hinter jemanden, der hier nicht mehr steht; bitte beginnen Sie von vorn",
            "leads behind somebody who is here no longer; please begin anew",
            code="cursor_gone",
        )
    return page


async def own_person(connection: Connection, key: UUID, *, caller: Caller) -> Person:
    """A contact person of the caller's office. Raises Forbidden, and NotFound, also for another state's."""
    state = caller.require_own_state(PERSON_KEEP)
    person = await people.get(connection, key)
    if person is None or person.state is not state:
        raise _no_such_person()
    return person


async def people_with_phone(connection: Connection, phone: str, *, caller: Caller, limit: int) -> Sequence[Person]:
    """Contact persons of the caller's office with this phone number, however it is written. Raises Forbidden."""
    state, key = caller.require_own_state(PERSON_KEEP), phone_key(phone)
    return await people.of_phone(connection, state, key, limit=limit) if key else ()


async def enter_person(
    connection: Connection,
    organisation_id: UUID,
    command: EnterPerson,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> Person:
    """Enter a contact person of an organisation the caller's office is responsible for.

    Who is restricted in this state, or objected in any, is so in the new record too. Raises NotFound, Forbidden,
    Conflict (`state_not_served`, `kept_elsewhere`, `merged`, `person_known`) and InvalidInput.
    """
    caller.require_served(PERSON_KEEP, served)
    await _require_responsible(connection, organisation_id, caller=caller)
    (person,) = await enter_people(connection, [(organisation_id, command)], caller=caller, served=served, now=now)
    if person is None:
        raise _known()
    return person


async def enter_people(
    connection: Connection,
    entered: Sequence[tuple[UUID, EnterPerson]],
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> list[Person | None]:
    """Enter contact persons of organisations that the caller's office is known to be responsible for; None for one with
    an address that the organisation has already. Raises Forbidden, Conflict (`state_not_served`) and InvalidInput.
    """
    state = caller.require_served(PERSON_KEEP, served)
    persons = [
        Person(
            id=new_id(),
            organisation_id=organisation_id,
            state=state,
            person_id=new_id(),
            restricted_at=None,
            objected_at=None,
            created_at=now,
            created_by=caller.subject,
            changed_at=now,
            version=1,
            **{name: getattr(command, name) for name in ENTERED},
        )
        for organisation_id, command in entered
    ]
    for person in persons:
        _check(person, now=now)
    known = await recognised(connection, state, [(person, keys_of(person)) for person in persons])
    persons = [person for person, _ in known]
    added = await people.add(connection, known)
    entries = [_entry("person.enter", person, touched=ENTERED) for person in persons if person.id in added]
    await audit.record(connection, caller, *entries)
    return [person if person.id in added else None for person in persons]


async def take_back_people(connection: Connection, keys: Sequence[UUID], *, caller: Caller) -> None:
    """Delete those of these records that nobody has changed since they were entered. Idempotent."""
    removed = await people.remove_untouched(connection, keys) if keys else []
    entries = [_entry("person.remove", person, touched=ENTERED) for person in removed]
    await audit.record(connection, caller, *entries)


async def change_person(
    connection: Connection,
    key: UUID,
    command: ChangePerson,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Person:
    """Change what the command gives; what changes nothing is no new version. Idempotent.

    Raises NotFound, Forbidden, Conflict (also `person_restricted`), StaleVersion and InvalidInput.
    """
    before = await _lock(connection, key, caller=caller, served=served, expected_version=expected_version)
    changed = replace(before, **{name: getattr(command, name) for name in command.model_fields_set})
    if changed == before:
        return before
    _check(changed, now=now, before=before)
    keys = keys_of(changed)
    if keys != keys_of(before):
        changed = await _recognised(connection, before, changed)
    changed = replace(changed, changed_at=now, version=before.version + 1)
    try:
        await people.change(connection, changed, keys)
    except UniqueViolationError as error:
        if error.constraint_name != people.ONCE:
            raise
        raise _known() from error
    touched = [name for name in ENTERED if getattr(before, name) != getattr(changed, name)]
    await audit.record(connection, caller, _entry("person.change", changed, touched=touched))
    return changed


async def _recognised(connection: Connection, before: Person, changed: Person) -> Person:
    """A changed record as whom it is now.

    Under the same name it is the same person, perhaps with another address. Another name is mostly a correction, and
    another name with another address mostly a successor, who gets a pseudonym of their own; so does who would else
    share one with records under the former name.
    """
    keys, former = keys_of(changed), keys_of(before)
    moved = keys.email_key != former.email_key
    if keys.name_key != former.name_key and (
        moved or await known_persons.has_others(connection, before.state, before.person_id, beside=before.id)
    ):
        changed = replace(changed, person_id=new_id())
    ((found, _),) = await recognised(connection, before.state, [(changed, keys)])
    # A restriction that was lifted, or asked for by somebody else with the address, does not come by a new number.
    return found if moved else replace(found, restricted_at=before.restricted_at)


async def remove_person(
    connection: Connection,
    key: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    expected_version: int | None = None,
) -> None:
    """Delete the record for good. Raises NotFound, Forbidden, Conflict (also `person_restricted`) and StaleVersion."""
    person = await _lock(connection, key, caller=caller, served=served, expected_version=expected_version)
    await people.remove(connection, person.id)
    await audit.record(connection, caller, _entry("person.remove", person, touched=ENTERED))


def check_terms(terms: PersonTerms, *, now: datetime) -> None:
    """Whether persons may be kept so: purposes, legal basis, last day and, where it is needed, consent.

    Raises InvalidInput naming `persons.<field>`.
    """
    findings, today = Findings(), local_day(now)
    check_codes("persons.purposes", terms.purposes, PURPOSES, findings)
    check_codes("persons.legal_basis", [terms.legal_basis], LEGAL_BASES, findings)
    kept = Findings()
    check_retention(terms.retain_until, today=today, findings=kept)
    check_consent(
        legal_basis=terms.legal_basis,
        purposes=terms.purposes,
        given_on=terms.consent_given_on,
        wording=terms.consent_wording,
        today=today,
        findings=kept,
    )
    for fault in kept.errors:
        findings.refuse(f"persons.{fault.field}", fault.code, fault.text.de, fault.text.en)
    findings.raise_errors()


async def _require_responsible(connection: Connection, organisation_id: UUID, *, caller: Caller) -> None:
    stored = await organisations.get(connection, organisation_id)
    state = stored.organisation.responsible_state if stored else await searches.state_of(connection, organisation_id)
    if state is None:
        raise no_such_organisation()
    caller.require(PERSON_KEEP, State(state))
    if stored is None:
        raise kept_elsewhere()
    if stored.organisation.status == MERGED:
        raise already_merged(stored.organisation)


async def _lock(
    connection: Connection, key: UUID, *, caller: Caller, served: Collection[State], expected_version: int | None
) -> Person:
    caller.require_served(PERSON_KEEP, served)
    person = await people.lock(connection, key)
    if person is None:
        raise _no_such_person()
    if expected_version is not None and expected_version != person.version:
        raise StaleVersion(
            f"Inzwischen gilt Version {person.version}, Sie haben {expected_version} geändert.",
            f"Version {person.version} is current, you changed {expected_version}.",
            current_version=person.version,
        )
    if person.restricted_at is not None:
        raise Conflict(
            "Diese Person hat die Einschränkung verlangt: Ihre Angaben bleiben, wie sie sind.",
            "This person asked for restriction: their record stays as it is.",
            code="person_restricted",
        )
    return person


def _check(person: Person, *, now: datetime, before: Person | None = None) -> None:
    """Raises InvalidInput. Of a changed record a last day and codes that stood there already are not asked about."""
    findings, today = Findings(), local_day(now)
    for name in ("name", "language", "source", "legal_basis", "retain_until"):
        if getattr(person, name) is None:
            findings.refuse(name, "required", "darf nicht leer sein", "must not be empty")
    for name in ("roles", "purposes"):
        if getattr(person, name) is None:
            findings.refuse(name, "required", "darf nicht leer sein", "must not be empty")
        else:
            known = {*_CODED[name], *(getattr(before, name) if before else ())}
            new = [code for code in getattr(person, name) if code not in known]
            check_codes(name, new, _CODED[name], findings)
    findings.raise_errors()
    if before is None or before.legal_basis != person.legal_basis:
        check_codes("legal_basis", [person.legal_basis], LEGAL_BASES, findings)
    if person.email is None and person.phone is None:
        findings.refuse(
            "email",
            "unreachable",
            "fehlt: E-Mail-Adresse oder Telefonnummer wird gebraucht",
            "is missing: an e-mail address or a phone number is needed",
        )
    if before is None or before.retain_until != person.retain_until:
        check_retention(person.retain_until, today=today, findings=findings)
    check_consent(
        legal_basis=person.legal_basis,
        purposes=person.purposes,
        given_on=person.consent_given_on,
        wording=person.consent_wording,
        today=today,
        findings=findings,
    )
    findings.raise_errors()


def _entry(action: str, person: Person, *, touched: Sequence[str]) -> audit.Entry:
    """Which fields were touched of whom, by the pseudonym; and nothing of what they hold."""
    said = {
        "organisation_id": str(person.organisation_id),
        "person_id": str(person.person_id),
        "version": person.version,
        "touched": list(touched),
    }
    return audit.Entry(action, ITEM, str(person.id), after=said)


def _no_such_person() -> NotFound:
    return NotFound("Diese Ansprechperson gibt es nicht.", "There is no such contact person.")


def _known() -> Conflict:
    """The refusal of an address that the organisation has."""
    text = Text("steht bei dieser Organisation schon", "is there for this organisation already")
    return Conflict(
        f"email: {text.de}",
        f"email: {text.en}",
        code="person_known",
        errors=[FieldError(field="email", code="person_known", text=text)],
    )
