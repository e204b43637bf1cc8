"""What offices ask for: the bodies of requests, with unknown fields forbidden and text cleaned.

Form only; what the values mean is checked by the rules, so that an import says the same as the API.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from norda_common.addresses import EmailAddress
from norda_common.contracts.registry import Address
from norda_common.input import Command, clean_line, clean_paragraph
from norda_common.states import State
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..rules.duplicates import Candidate, RuleClass, candidate_of_texts
from ..rules.fields import EnteredRegisterEntry, address
from ..rules.identity import Told
from ..rules.merging import MergerKind
from ..rules.notes import MOST_LETTERS, NoteKind, Visibility
from ..rules.size_class import SizeClass


def required_line(value: str) -> str:
    """One line of text, cleaned, with something in it."""
    text = clean_line(value)
    if not text:
        raise PydanticCustomError("blank", "is blank", {"de": "ist leer", "en": "is blank"})
    return text


def note_text(value: str) -> str:
    """Paragraphs of text, cleaned, with something in it; what cleaning made longer is still bounded."""
    text = clean_paragraph(value)
    if not text:
        raise PydanticCustomError("blank", "is blank", {"de": "ist leer", "en": "is blank"})
    if len(text) > MOST_LETTERS:
        raise PydanticCustomError("string_too_long", "is too long", {"max_length": MOST_LETTERS})
    return text


class Kind(StrEnum):
    """What an organisation is."""

    COMPANY = "company"
    CLUSTER = "cluster"
    RESEARCH = "research"
    ASSOCIATION = "association"
    PUBLIC_BODY = "public_body"


Day = date  # a field of that name would hide the type
# Lengths stand before the cleaning, where they are lengths of text; a bound around a validator would speak of entries.
Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(required_line)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(required_line)]
Short = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(required_line)]
Addition = Annotated[str, Field(max_length=200), AfterValidator(clean_line)]
Source = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(required_line)]
Reason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(required_line)]
NoteText = Annotated[str, Field(min_length=1, max_length=MOST_LETTERS), AfterValidator(note_text)]
Grounds = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(required_line)]
ClusterCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9-]{1,15}$")]
Money = Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 13, decimal_places=2)]
MembershipKind = Literal["full", "associated", "sponsor", "honorary"]
Headcount = Annotated[int, Field(ge=0, le=10_000_000)]


class AddressInput(Command):
    """A seat or site; `state` is ISO 3166-2, any of the 16."""

    place: Title
    postal_code: Short | None = None
    street: Title | None = None
    state: Short
    ags: Short | None = None
    nuts: Short | None = None

    def entered(self) -> Address:
        """The address with its codes in their usual spelling."""
        return address(self.model_dump())


class RegisterEntryInput(Command):
    """A register entry; `court` is a XJustiz code or a name, also with `Amtsgericht`; `type` in any case."""

    court: Title
    type: Short
    number: Short
    suffix: Addition = ""
    former_court: Addition = ""
    court_name: Addition = ""
    valid_from: date | None = None
    source: Source | None = None

    def entered(self) -> EnteredRegisterEntry:
        """As the rules take it."""
        return EnteredRegisterEntry(**self.model_dump())


class ActivityInput(Command):
    """An economic activity: edition and code."""

    edition: Short = Field(examples=["WZ2025"])
    code: Short = Field(examples=["29.32.0"])


class _Identity(Command):
    """What may be said of an organisation when it is registered and when it is changed."""

    legal_form: Title | None = None
    own_id: Short | None = None
    register_entry: RegisterEntryInput | None = None
    euid: Short | None = None
    vat_id: Short | None = None
    widnr: Short | None = None
    lei: Short | None = None
    activities: Annotated[tuple[ActivityInput, ...], Field(max_length=50)] = ()
    competences: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    size_class: SizeClass | None = None
    employees: Headcount | None = None
    turnover_eur: Money | None = None
    balance_eur: Money | None = None
    contact_email: EmailAddress | None = None
    on: Day | None = Field(
        default=None,
        description="The first day on which name, legal form, seat and register entry are as they are given here; "
        "of a change without one today",
    )
    source: Source | None = Field(default=None, description="Where that is known from; never a person's name")

    def given(self) -> dict[str, Any]:
        """The public fields that were entered, as the rules take them."""
        fields: dict[str, Any] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if name in _PRIVATE:
                continue
            if name in {"register_entry", "seat"}:
                fields[name] = value.entered() if value is not None else None
            elif name == "activities":
                fields[name] = [(item.edition, item.code) for item in value]
            else:
                fields[name] = value
        return fields


_PRIVATE = frozenset(
    {"employees", "turnover_eur", "balance_eur", "contact_email", "responsible_state", "size_class", "clusters",
     "on", "source", "correction", "sites"}
)  # fmt: skip
"""What is said of the command, of the office or of others, rather than of the organisation as it is published."""


class RegisterOrganisation(_Identity):
    """Enter an organisation, under the caller's own state unless it is given; figures stay with the office."""

    responsible_state: State | None = None
    kind: Kind = Kind.COMPANY
    legal_name: Name
    seat: AddressInput
    cluster_code: ClusterCode | None = None
    clusters: Annotated[tuple[Short, ...], Field(max_length=20)] = ()

    def given(self) -> dict[str, Any]:
        """The public fields that were entered; the kind is always one of them."""
        return super().given() | {"kind": self.kind.value}


class ChangeOrganisation(_Identity):
    """Change what is given; null empties a field. A name, legal form, seat or register entry that no longer holds stays
    in the history with its days, unless it never held: `correction`.
    """

    legal_name: Name | None = None
    seat: AddressInput | None = None
    correction: bool = Field(
        default=False, description="What was entered was wrong: nothing has changed, and nothing is kept of it"
    )

    def told(self) -> Told:
        """What is said of the change."""
        return Told(on=self.on, source=self.source, correction=self.correction)


class SplitOff(RegisterOrganisation):
    """A part becomes an organisation of its own (Spaltung, Ausgliederung) on the day `on`; what is given is the part's.

    `sites` are those of the whole that go with it.
    """

    sites: Annotated[tuple[UUID, ...], Field(max_length=200)] = ()


class RelocateSeat(Command):
    """The seat moves (Sitzverlegung), or is to move to another state. `date` is the first day there."""

    responsible_state: State | None = None
    seat: AddressInput
    register_entry: RegisterEntryInput | None = None
    date: Day
    source: Source | None = None


class AcceptRelocation(Command):
    """The receiving office takes over what is offered to it; what is given here stands in place of what was offered."""

    seat: AddressInput | None = None
    register_entry: RegisterEntryInput | None = None
    date: Day | None = None
    source: Source | None = None


class RefuseRelocation(Command):
    """The receiving office does not take it over; the reason is published and names no person."""

    reason: Reason


class Dissolve(Command):
    """The organisation is dissolved and deleted from its register (Löschung) on that day; today without one."""

    date: Day | None = None


class Deactivate(Command):
    """The organisation is no longer active."""

    date: Day | None = None


class AddSite(Command):
    """A further place of business (Betriebsstätte)."""

    name: Title
    address: AddressInput


class JoinCluster(Command):
    """Membership in a cluster, by its code or id, from a day on."""

    cluster_code: Short | None = None
    cluster_id: UUID | None = None
    kind: MembershipKind | None = None
    valid_from: date | None = None


class TellApart(Command):
    """Two organisations are two companies, and why."""

    reason: Grounds


class CheckDuplicates(Command):
    """What is known of a company, to look for it; numbers in any notation, those that are none are passed over."""

    legal_name: Name
    legal_form: Title | None = None
    place: Title | None = None
    postal_code: Short | None = None
    euid: Short | None = None
    vat_id: Short | None = None
    widnr: Short | None = None
    lei: Short | None = None
    rule: RuleClass = RuleClass.GENERAL

    def candidate(self) -> Candidate:
        """As the rules take it."""
        return candidate_of_texts(self.model_dump(exclude={"rule"}))


class MergeInto(Command):
    """The organisation becomes part of another one, which takes over the fields in `take`; by default what it lacks.

    `kind`: `merger` of two companies, or `duplicate` for one company that was entered twice.
    """

    into: UUID
    kind: MergerKind
    date: Day | None = None
    take: Annotated[tuple[Short, ...], Field(max_length=40)] | None = None
    into_version: Annotated[int, Field(ge=1)] | None = None


class AddNote(Command):
    """A note of one's own office on an organisation; a settlement case is confidential."""

    kind: NoteKind = NoteKind.NOTE
    visibility: Visibility = Visibility.OFFICE
    text: NoteText


class ChangeNote(Command):
    """Change what is given; what is left out stays."""

    kind: NoteKind | None = None
    visibility: Visibility | None = None
    text: NoteText | None = None


class EndMembership(Command):
    """The first day on which the organisation is no longer a member; today when it is not given."""

    valid_to: date | None = None
