"""Contact persons, each for the office that keeps them; and, for its public relations, who agreed to be invited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Body, Response
from norda_common.auth import Caller
from norda_common.errors import Text
from norda_common.requests import Cursor, ExpectedVersion, Limit, etag, read_cursor, write_cursor
from norda_common.rights import SIGNED_IN
from norda_common.runtime import Runtime
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.people import LEGAL_BASES, PURPOSES, ROLES, person_words
from ..rules.rights import PERSON_INVITE, PERSON_KEEP
from ..store.people import Person
from ..usecases import people
from ..usecases.people_commands import ChangePerson, EnterPerson, FindInvited, FindPeople

router = APIRouter(prefix="/api/v1", tags=["people"])
Keeper = Annotated[Caller, caller_with(PERSON_KEEP)]
Inviting = Annotated[Caller, caller_with(PERSON_INVITE)]
MOST_OF_ONE = 200

_ENTER = {
    "support": {
        "summary": "Purchasing, for the support of the company",
        "value": {
            "name": "Beispiel Person",
            "email": "person@ex-005.example",
            "phone": "+49 421 5550100",
            "roles": ["purchasing"],
            "source": "Visitenkarte, Messe im November 2026",
            "purposes": ["support"],
            "legal_basis": "public_task",
            "retain_until": "2029-12-31",
        },
    },
}


class PersonView(BaseModel):
    """A contact person as its office sees it. `version` is the ETag, `person_id` pseudonymous.

    `restricted_at`: the person asked for restriction, so the record is used for nothing; `objected_at`: no advertising.
    """

    id: UUID
    organisation_id: UUID
    organisation_name: str | None = None
    state: str
    person_id: UUID
    name: str
    email: str | None
    phone: str | None
    language: str
    roles: list[str]
    source: str
    purposes: list[str]
    legal_basis: str
    consent_given_on: date | None
    consent_wording: str | None
    retain_until: date
    restricted_at: datetime | None
    objected_at: datetime | None
    created_at: datetime
    changed_at: datetime
    version: int


class PeoplePage(BaseModel):
    """Contact persons by name; `next_cursor` is absent on the last page."""

    items: list[PersonView]
    next_cursor: str | None = Field(default=None)


class InvitedView(BaseModel):
    """What an invitation needs of somebody who agreed to it."""

    id: UUID
    organisation_id: UUID
    organisation_name: str | None
    name: str
    email: str
    language: str
    roles: list[str]


class InvitedPage(BaseModel):
    """Who agreed to be invited, by name; `next_cursor` is absent on the last page."""

    items: list[InvitedView]
    next_cursor: str | None = Field(default=None)


class CodeView(BaseModel):
    """A code and its label in both languages."""

    code: str
    de: str
    en: str


class PeopleCodes(BaseModel):
    """The code lists; open, so that readers must expect codes of a later release."""

    roles: list[CodeView]
    purposes: list[CodeView]
    legal_bases: list[CodeView]


@router.get("/people/codes", summary="Roles, purposes and legal bases, in both languages")
async def list_codes(_: Annotated[Caller, caller_with(SIGNED_IN)]) -> PeopleCodes:
    """The codes that records of contact persons hold."""
    return PeopleCodes(roles=_codes(ROLES), purposes=_codes(PURPOSES), legal_bases=_codes(LEGAL_BASES))


@router.get("/people/to-invite", summary="Who agreed to be invited")
async def list_people_to_invite(
    caller: Inviting, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> InvitedPage:
    """Contact persons of the own state with the purpose `invitations` and their consent, without those who objected,
    are restricted or past their last day.
    """
    return await _invited(caller, runtime, "", limit, cursor)


@router.post("/people/to-invite/search", summary="Search who agreed to be invited")
async def search_people_to_invite(
    command: FindInvited, caller: Inviting, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> InvitedPage:
    """By beginnings of words of name or e-mail address. A POST, so that neither stands in a URL."""
    return await _invited(caller, runtime, command.q, limit, cursor)


async def _invited(caller: Caller, runtime: Runtime, q: str, limit: int, cursor: str | None) -> InvitedPage:
    after = place(cursor)
    async with runtime.database.read(caller) as connection:
        found = await people.people_to_invite(connection, person_words(q), caller=caller, after=after, limit=limit + 1)
    return InvitedPage(
        items=[InvitedView.model_validate(each, from_attributes=True) for each in found[:limit]],
        next_cursor=write_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@router.get("/people", summary="List contact persons of the own office")
async def list_all_people(caller: Keeper, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None) -> PeoplePage:
    """In the order of names."""
    return await _people(caller, runtime, "", limit, cursor)


@router.post("/people/search", summary="Search contact persons of the own office")
async def search_people(
    command: FindPeople, caller: Keeper, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None
) -> PeoplePage:
    """By beginnings of words of name, e-mail address or phone number, in the order of names; or by a whole phone
    number, the first `limit`. A POST, so that none of it stands in a URL.
    """
    if command.phone is not None:
        async with runtime.database.read(caller) as connection:
            having = await people.people_with_phone(connection, command.phone, caller=caller, limit=limit)
        return PeoplePage(items=[_view(person) for person in having])
    return await _people(caller, runtime, command.q, limit, cursor)


async def _people(caller: Caller, runtime: Runtime, q: str, limit: int, cursor: str | None) -> PeoplePage:
    after = place(cursor)
    async with runtime.database.read(caller) as connection:
        found = await people.find_people(connection, person_words(q), caller=caller, after=after, limit=limit + 1)
    return PeoplePage(
        items=[_view(person, name) for person, name in found[:limit]],
        next_cursor=write_cursor(found[limit - 1][0].id) if len(found) > limit else None,
    )


@router.get("/organisations/{organisation_id}/people", summary="Read the contact persons of an organisation")
async def list_people(organisation_id: UUID, caller: Keeper, runtime: RuntimeDep) -> PeoplePage:
    """Those that the own office keeps, also of an organisation that has moved to another state, and of those that have
    become part of it (`organisation_id` says whose); 200 at most.
    """
    async with runtime.database.read(caller) as connection:
        found = await people.people_of(connection, organisation_id, caller=caller, limit=MOST_OF_ONE)
    return PeoplePage(items=[_view(person) for person in found])


@router.post("/organisations/{organisation_id}/people", status_code=201, summary="Enter a contact person")
async def enter_person(
    organisation_id: UUID,
    command: Annotated[EnterPerson, Body(openapi_examples=_ENTER)],
    caller: Keeper,
    runtime: RuntimeDep,
    response: Response,
) -> PersonView:
    """By the responsible office. Source, purpose, legal basis and last day are mandatory; invitations need consent."""
    async with runtime.database.transaction(caller) as connection:
        person = await people.enter_person(
            connection,
            organisation_id,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
        )
    response.headers["Location"] = f"/api/v1/people/{person.id}"
    return _answer(person, response)


@router.get("/people/{key}", summary="Read a contact person")
async def get_person(key: UUID, caller: Keeper, runtime: RuntimeDep, response: Response) -> PersonView:
    """404 for one that another office keeps."""
    async with runtime.database.read(caller) as connection:
        return _answer(await people.own_person(connection, key, caller=caller), response)


@router.patch("/people/{key}", summary="Change a contact person")
async def change_person(
    key: UUID,
    command: ChangePerson,
    caller: Keeper,
    runtime: RuntimeDep,
    response: Response,
    expected_version: ExpectedVersion,
) -> PersonView:
    """Change the given fields. 409 `person_restricted` for who asked for restriction, 412 for a stale `If-Match`."""
    async with runtime.database.transaction(caller) as connection:
        person = await people.change_person(
            connection,
            key,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=datetime.now(UTC),
            expected_version=expected_version,
        )
    return _answer(person, response)


@router.delete("/people/{key}", status_code=204, summary="Remove a contact person")
async def remove_person(key: UUID, caller: Keeper, runtime: RuntimeDep, expected_version: ExpectedVersion) -> None:
    """Delete this record for good. What a person asks for themselves is a request, which reaches all services."""
    async with runtime.database.transaction(caller) as connection:
        await people.remove_person(
            connection, key, caller=caller, served=runtime.settings.states, expected_version=expected_version
        )


def place(cursor: str | None) -> UUID | None:
    """Behind whose record a page begins; names are personal data, and stand in no address. Raises InvalidInput."""
    return cast("UUID", read_cursor(cursor, UUID)[0]) if cursor else None


def _view(person: Person, organisation_name: str | None = None) -> PersonView:
    view = PersonView.model_validate(person, from_attributes=True)
    return view.model_copy(update={"organisation_name": organisation_name})


def _answer(person: Person, response: Response) -> PersonView:
    response.headers["ETag"] = etag(person.version)
    return _view(person)


def _codes(known: Mapping[str, Text]) -> list[CodeView]:
    return [CodeView(code=code, de=text.de, en=text.en) for code, text in known.items()]
