"""What callers may ask for: the bodies of requests, checked field by field; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from norda_common.addresses import EmailAddress
from norda_common.input import Command, Paragraph, clean_line
from norda_common.states import State
from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MOST_SEATS = 1_000_000


def _clean_text(value: str) -> str:
    """A cleaned line that is not blank; the length is checked before, so that the fault speaks of characters."""
    text = clean_line(value)
    if not text:
        raise PydanticCustomError("blank", "is blank")
    return text


Title = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_clean_text)]
Sentence = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_clean_text)]
PersonName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean_text)]
Moment = Annotated[
    str,
    Field(
        max_length=40,
        description="With offset, or local time of `time_zone`: `2027-02-10T10:00+01:00`, `2027-02-10T10:00`",
        examples=["2027-02-10T10:00+01:00"],
    ),
]
Seats = Annotated[int, Field(ge=0, le=MOST_SEATS, strict=True)]
Code = Annotated[str, Field(max_length=20, pattern=r"^[A-Z][A-Z0-9]*(-[0-9]{2})?$")]
OwnId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["ev-01"])]


def _distinct(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


Codes = Annotated[list[Code], Field(max_length=50), AfterValidator(_distinct)]


class HostInput(Command):
    """A host: a state or an organisation, exactly one of the two."""

    state: State | None = None
    organisation_id: UUID | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> HostInput:
        if (self.state is None) == (self.organisation_id is None):
            raise PydanticCustomError(
                "host",
                "must name either state or organisation_id",
                {
                    "de": "muss entweder state oder organisation_id nennen",
                    "en": "must name either state or organisation_id",
                },
            )
        return self


class DraftEvent(Command):
    """A new event; the lead is the caller's state."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "own_id": "ev-01",
                    "title": "Transformationsforum Nord",
                    "title_en": "Transformation Forum North",
                    "starts": "2027-02-10T10:00+01:00",
                    "ends": "2027-02-10T16:00+01:00",
                    "venue": "Beispielhalle, Bremen",
                    "hosts": [{"state": "hb"}, {"state": "hh"}, {"state": "ni"}],
                    "capacity": 120,
                    "quotas": {"hb": 30, "hh": 30, "ni": 60},
                    "quota_release_at": "2027-02-03T00:00+01:00",
                    "competences": ["SRV-04"],
                    "clusters": ["ANW"],
                },
                {
                    "own_id": "ev-08",
                    "title": "24-Stunden-Hackathon Datenräume",
                    "starts": "2027-10-30T18:00",
                    "ends": "2027-10-31T18:00",
                    "time_zone": "Europe/Berlin",
                    "capacity": 80,
                },
            ]
        }
    )

    own_id: OwnId | None = Field(default=None, description="The office's own identifier, unique in its state")
    title: Title
    title_en: Title | None = None
    description: Paragraph | None = None
    starts: Moment
    ends: Moment
    time_zone: Annotated[str, Field(max_length=60)] = "Europe/Berlin"
    venue: Sentence | None = None
    online: bool = False
    hosts: list[HostInput] = Field(
        default=[], max_length=20, description="States and organisations; nobody means the lead state alone"
    )
    capacity: Seats | None = Field(default=None, description="Seats in all; null means unlimited")
    quotas: dict[State, Seats] = Field(default={}, description="Seats set aside per state", examples=[{"hb": 30}])
    quota_release_at: Moment | None = Field(default=None, description="When unused quotas open to everybody")
    competences: Codes = Field(default=[])
    clusters: Codes = Field(default=[])


class ChangeEvent(Command):
    """What is to change; fields that are left out stay. Times, zone and hosts can be changed in drafts only."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"examples": [{"title": "Transformationsforum Nord 2027", "capacity": 140}]}
    )

    title: Title | None = None
    title_en: Title | None = None
    description: Paragraph | None = None
    starts: Moment | None = None
    ends: Moment | None = None
    time_zone: Annotated[str, Field(max_length=60)] | None = None
    venue: Sentence | None = None
    online: bool | None = None
    hosts: list[HostInput] | None = Field(default=None, max_length=20)
    capacity: Seats | None = None
    quotas: dict[State, Seats] | None = None
    quota_release_at: Moment | None = None
    competences: Codes | None = None
    clusters: Codes | None = None

    @model_validator(mode="after")
    def _required_stay(self) -> ChangeEvent:
        for name in ("title", "starts", "ends", "time_zone", "online", "hosts", "quotas", "competences", "clusters"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise PydanticCustomError(
                    "not_removable",
                    "{name} cannot be removed",
                    {"name": name, "de": f"{name} darf nicht fehlen", "en": f"{name} cannot be removed"},
                )
        return self


class RescheduleEvent(Command):
    """A new time for a published event; the zone and the quotas' release stay unless given."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"examples": [{"starts": "2027-02-17T10:00+01:00", "ends": "2027-02-17T16:00+01:00"}]}
    )

    starts: Moment
    ends: Moment
    time_zone: Annotated[str, Field(max_length=60)] | None = None
    quota_release_at: Moment | None = None


class CancelEvent(Command):
    """Why the event will not take place; published, so it must not name persons."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Die Halle steht nicht zur Verfügung."}]}
    )

    reason: Sentence


class RegisterParticipant(Command):
    """Somebody takes part, for an organisation or not.

    `participant_state` defaults to the organisation's responsible state; without an organisation it must be given, null
    for somebody from none of the three states.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
                    "name": "Beispiel Person",
                    "email": "person@ex-005.example",
                    "language": "de",
                }
            ]
        }
    )

    organisation_id: UUID | None = None
    participant_state: State | None = None
    name: PersonName
    email: EmailAddress
    language: Literal["de", "en"] = "de"
