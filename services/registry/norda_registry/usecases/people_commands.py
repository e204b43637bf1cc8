"""What offices ask for about people: the bodies of requests, with unknown fields forbidden and text cleaned."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from norda_common.addresses import EmailAddress
from norda_common.input import Command, Line, clean_line
from norda_common.privacy import RequestKind
from pydantic import AfterValidator, Field, StringConstraints

from ..rules.people import LONGEST_NAME, PHONE

Day = date  # a field of that name would hide the type
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Codes = Annotated[tuple[Code, ...], Field(max_length=20)]
Name = Annotated[Line, Field(max_length=LONGEST_NAME)]
Phone = Annotated[str, StringConstraints(pattern=PHONE, max_length=50)]
Words = Annotated[Line, Field(max_length=300)]


class EnterPerson(Command):
    """A contact person of an organisation. An e-mail address or a phone number is needed, best the former: what a
    person asks for by their address finds no record without one. Such a record is found by its number, and named by
    its pseudonym.
    """

    name: Name = Field(examples=["Beispiel Person"])
    email: EmailAddress | None = Field(default=None, examples=["person@ex-005.example"])
    phone: Phone | None = Field(default=None, examples=["+49 421 5550100"])
    language: Literal["de", "en"] = "de"
    roles: Codes = Field(default=(), examples=[["purchasing"]])
    source: Words = Field(examples=["Visitenkarte, Messe im November 2026"])
    purposes: Annotated[Codes, Field(min_length=1)] = Field(examples=[["support"]])
    legal_basis: Code = Field(examples=["public_task"])
    consent_given_on: Day | None = None
    consent_wording: Words | None = None
    retain_until: Day = Field(description="The last day the record is kept", examples=["2029-12-31"])


class PersonTerms(Command):
    """Why the contact persons of a whole list are kept, and how long: asked once, as `EnterPerson` asks for one."""

    purposes: Annotated[Codes, Field(min_length=1)] = Field(examples=[["support"]])
    legal_basis: Code = Field(examples=["public_task"])
    retain_until: Day = Field(description="The last day the records are kept", examples=["2029-12-31"])
    language: Literal["de", "en"] = "de"
    consent_given_on: Day | None = None
    consent_wording: Words | None = None


class ChangePerson(Command):
    """Change what is given; null empties a field that may be empty, what is left out stays."""

    name: Name | None = None
    email: EmailAddress | None = None
    phone: Phone | None = None
    language: Literal["de", "en"] | None = None
    roles: Codes | None = None
    source: Words | None = None
    purposes: Annotated[Codes, Field(min_length=1)] | None = None
    legal_basis: Code | None = None
    consent_given_on: Day | None = None
    consent_wording: Words | None = None
    retain_until: Day | None = None


class AskForPerson(Command):
    """What somebody asks for, by one of the two: an address they are known by, or the pseudonym of a contact person of
    the own office, which is for who has no address, or none of their own. The office has made sure that it is them.
    """

    kind: RequestKind
    email: EmailAddress | None = Field(default=None, examples=["person@ex-005.example"])
    person_id: UUID | None = None


class FindProof(Command):
    """Which requests there were about this address or, of contact persons, this phone number: one of the two."""

    email: EmailAddress | None = None
    phone: Phone | None = None


class FindByPhone(Command):
    """Whose phone number this is."""

    phone: Phone


class FindInvited(Command):
    """Who has words in name or address that begin so."""

    q: Annotated[str, Field(max_length=300), AfterValidator(clean_line)] = Field(default="", examples=["person"])


class FindPeople(FindInvited):
    """Who has words in name, address or phone that begin so; or this phone number, however it is written."""

    phone: Phone | None = None
