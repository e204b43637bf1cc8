"""What the registry publishes: organisations, in full after every change, without personal data."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode, UtcInstant
from .topics import Topic, TopicKind


class RegisterEntry(EventData):
    """A register entry; several may share (court, type, number), so suffix and former court are part of it."""

    court_code: str = Field(description="XJustiz code of the court", examples=["K1101R"])
    court: str
    type: str = Field(description="HRA, HRB, GnR, PR, VR or GsR; open", examples=["HRB"])
    number: str
    suffix: str = ""
    former_court: str = ""
    euid: str | None = Field(default=None, description="European unique identifier (Regulation (EU) 2021/1042)")
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which the entry no longer held")


class Address(EventData):
    """A seat or site. `state` is ISO 3166-2 and may be any of the 16; AGS and NUTS name municipality and region."""

    place: str | None = None
    postal_code: str | None = None
    street: str | None = None
    state: str = Field(examples=["DE-HB"])
    ags: str | None = Field(
        default=None,
        description="Municipality key (Amtlicher Gemeindeschlüssel): 5 digits for the district, 8 for the municipality",
    )
    nuts: str | None = Field(default=None, description="NUTS 2024 code")


class Site(EventData):
    """A further place of business (Betriebsstätte)."""

    site_id: UUID
    name: str
    address: Address


class Activity(EventData):
    """An economic activity: always edition and code, since 178 codes mean different things in WZ 2008 and WZ 2025."""

    edition: str = Field(examples=["WZ2025"])
    code: str = Field(examples=["29.32.0"])


class Membership(EventData):
    """Membership in a cluster, dated."""

    cluster_id: UUID
    cluster_code: str = Field(examples=["ITS"])
    valid_from: date | None = None
    valid_to: date | None = None


class FormerName(EventData):
    """A legal name the organisation no longer bears."""

    legal_name: str
    valid_to: date | None = None


class Organisation(EventData):
    """The full public state of an organisation."""

    organisation_id: UUID
    responsible_state: StateCode
    previous_state: StateCode | None = Field(default=None, description="Whose it was before the last relocation")
    kind: str = Field(description="company, cluster, research, association or public_body; open")
    status: str = Field(description="active or deactivated; open")
    legal_name: str
    legal_form: str | None = Field(default=None, description="FIM code list of legal forms", examples=["350"])
    own_id: str | None = Field(default=None, description="The source's own identifier", examples=["ex-005"])
    cluster_code: str | None = Field(default=None, description="A cluster's short code", examples=["ITS"])
    seat: Address
    sites: tuple[Site, ...] = ()
    register_entries: tuple[RegisterEntry, ...] = Field(
        default=(), description="Present and past; past ones have valid_to"
    )
    vat_id: str | None = None
    widnr: str | None = Field(default=None, description="Wirtschafts-Identifikationsnummer; survives name and address")
    lei: str | None = None
    activities: tuple[Activity, ...] = ()
    competences: tuple[str, ...] = Field(default=(), examples=[["BAT-02"]])
    memberships: tuple[Membership, ...] = ()
    size_class: str | None = Field(default=None, description="Size class by 2003/361/EC: micro, small, medium, large")
    former_names: tuple[FormerName, ...] = ()
    changed_at: UtcInstant


EXAMPLE = Organisation.model_validate(
    {
        "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
        "responsible_state": "ni",
        "previous_state": "hb",
        "kind": "company",
        "status": "active",
        "legal_name": "Beispiel Roland Batteriesysteme GmbH",
        "legal_form": "350",
        "own_id": "ex-005",
        "seat": {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"},
        "register_entries": [
            {"court_code": "H1101", "court": "Bremen", "type": "HRB", "number": "990005", "suffix": "HB",
             "euid": "DEH1101.HRB990005HB", "valid_to": "2026-12-01"},
            {"court_code": "P2716", "court": "Walsrode", "type": "HRB", "number": "990105",
             "euid": "DEP2716.HRB990105", "valid_from": "2026-12-01"},
        ],
        "vat_id": "DE999000050",
        "widnr": "DE999000050-00001",
        "activities": [{"edition": "WZ2025", "code": "27.20.0"}],
        "competences": ["BAT-02", "BAT-03"],
        "memberships": [
            {"cluster_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e40", "cluster_code": "ANW", "valid_from": "2024-01-01"}
        ],
        "size_class": "medium",
        "changed_at": "2026-12-01T08:00:00Z",
    }
)  # fmt: skip

ORGANISATION = Topic(
    service="registry",
    aggregate="organisation",
    kind=TopicKind.STATE,
    data=Organisation,
    description="Companies, clusters, research, associations and public bodies, in full after every change.",
    example=EXAMPLE,
    changes={
        "registered": "The organisation was entered.",
        "changed": "Master data changed.",
        "seat_relocated": "The seat moved; said on the topic of the old and of the new state, with the same sequence.",
        "deactivated": "The organisation is no longer active.",
        "erased": "The record was withdrawn; a tombstone.",
    },
)

TOPICS = (ORGANISATION,)
