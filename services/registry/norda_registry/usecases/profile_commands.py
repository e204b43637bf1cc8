"""What offices ask for about profiles: figures, description, links, indicators, codes, confirmations, members.

As `commands.py`: form only, with unknown fields forbidden and text cleaned.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from norda_common.input import Command, clean_line, clean_paragraph
from pydantic import AfterValidator, Field

from ..rules.figures import OFFICE, FigureKind
from ..store.confirmation_plans import A_DAY
from .commands import MembershipKind, Short, Title

MOST_PROFILE_LETTERS = 4_000
MOST_CERTIFICATES = 50
MOST_REMARK_LETTERS = 2_000
MOST_A_DAY = 500
"""As many links as are sent in one transaction."""


def line_or_none(value: str | None) -> str | None:
    """One line of text, cleaned; None for a blank one."""
    return (clean_line(value) or None) if value is not None else None


def paragraphs_or_none(value: str | None) -> str | None:
    """Paragraphs of text, cleaned; None for blank ones."""
    return (clean_paragraph(value) or None) if value is not None else None


Day = date  # a field of that name would hide the type
Line = Annotated[str | None, Field(max_length=500), AfterValidator(line_or_none)]
Paragraphs = Annotated[str | None, Field(max_length=MOST_PROFILE_LETTERS), AfterValidator(paragraphs_or_none)]


class CertificateInput(Command):
    """A certificate; `valid_to` is the last day of its validity."""

    name: Title = Field(examples=["IATF 16949"])
    number: Annotated[str | None, Field(max_length=100), AfterValidator(line_or_none)] = None
    valid_from: Day | None = None
    valid_to: Day | None = None


class ChangeProfile(Command):
    """Change what is given; null empties a field. Certificates and roles are given whole."""

    roles: Annotated[tuple[Short, ...], Field(max_length=9)] | None = Field(default=None, examples=[["tier2"]])
    value_chain: Short | None = Field(default=None, examples=["modules"])
    website: Line = Field(default=None, examples=["https://www.ex-002.example/"])
    name_en: Line = None
    profile: Paragraphs = None
    profile_en: Paragraphs = None
    certificates: Annotated[tuple[CertificateInput, ...], Field(max_length=MOST_CERTIFICATES)] | None = None

    def given(self) -> dict[str, Any]:
        """The fields that were entered, as the rules take them."""
        return {
            name: [item.model_dump() for item in getattr(self, name) or ()]
            if name == "certificates"
            else getattr(self, name)
            for name in self.model_fields_set
        }


class AddFigure(Command):
    """A figure of a day, from a named source. Money in euros; a later row for the same day and source corrects."""

    kind: FigureKind
    value: Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 13, decimal_places=2)] | None = Field(
        description="Null says that it is not known any more"
    )
    on: Day
    source: Title = Field(default=OFFICE, examples=["Jahresabschluss 2025"])


class PlanConfirmations(Command):
    """Whether links go out by themselves to organisations that have not confirmed for a year, and how many a day."""

    yearly: bool = False
    a_day: Annotated[int, Field(ge=1, le=MOST_A_DAY)] = A_DAY


class LinkKind(StrEnum):
    """How another organisation belongs to the enterprise."""

    PARTNER = "partner"
    LINKED = "linked"


class SetLink(Command):
    """Another organisation of the same enterprise (`linked`, above 50 %) or with a share (`partner`, 25 to 50 %)."""

    kind: LinkKind
    share_percent: Annotated[int, Field(ge=25, le=50)] | None = None


class AddIndicator(Command):
    """A public figure from a named source, such as a cluster's members."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,39}$")] = Field(default="members", examples=["members"])
    value: Annotated[int, Field(ge=0, le=1_000_000_000)]
    on: Day
    source: Title


class DecideCode(Command):
    """What a person chooses for a code of WZ 2008: codes of WZ 2025, or none of those proposed."""

    code: Short = Field(examples=["25.61.0"])
    chosen: Annotated[tuple[Short, ...], Field(max_length=20)] = Field(default=(), examples=[["25.51.0"]])


class Correction(ChangeProfile):
    """What an organisation says is not right: fields to change, and a remark for all that is none of them."""

    competences: Annotated[tuple[Short, ...], Field(max_length=50)] | None = None
    remark: Annotated[str | None, Field(max_length=MOST_REMARK_LETTERS), AfterValidator(paragraphs_or_none)] = None

    def given(self) -> dict[str, Any]:
        """The fields that were entered, without the remark."""
        return {name: value for name, value in super().given().items() if name != "remark"}


class DecideCorrection(Command):
    """Which of the proposed fields are taken over; the others are refused."""

    take: Annotated[tuple[Short, ...], Field(max_length=20)] = Field(default=(), examples=[["website"]])


class CorrectMembership(Command):
    """Correct a membership: what is given is changed. `begins` says which of several in the cluster is meant."""

    begins: Day | None = Field(default=None, description="`valid_from` of the membership that is meant")
    kind: MembershipKind | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None


class DecideProposal(Command):
    """Whether the membership that another office proposes is entered."""

    take: bool


class ReleaseFields(Command):
    """Which groups of fields everybody sees; name and seat always."""

    fields: Annotated[tuple[Short, ...], Field(max_length=20)] = Field(
        default=("competences",), examples=[["competences", "website"]]
    )


class ApplyList(Command):
    """What of a cluster's list of members is applied. `on` is the day the list is of."""

    on: Day
    source: Title
    join: bool = True
    leave: bool = False
    indicator: bool = False
    rows: tuple[int, ...] | None = Field(default=None, description="Only these rows' joins; absent: all")
    gone: tuple[UUID, ...] | None = Field(default=None, description="Only these organisations' leaves; absent: all")
