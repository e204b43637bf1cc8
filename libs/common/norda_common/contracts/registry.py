"""What the registry publishes: organisations, in full after every change, without personal data."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode, UtcInstant
from .privacy import ANSWERS, PRIVACY_REQUEST
from .searches import SEARCH_MATCH
from .topics import Topic, TopicKind


class RegisterEntry(EventData):
    """A register entry; several may share (court, type, number), so suffix and former court are part of it."""

    court_code: str = Field(
        description="XJustiz code of the court; empty for one known by its name alone", examples=["K1101R"]
    )
    court: str
    type: str = Field(description="HRA, HRB, GnR, PR, VR or GsR; open", examples=["HRB"])
    number: str
    suffix: str = ""
    former_court: str = ""
    euid: str | None = Field(default=None, description="European unique identifier (Regulation (EU) 2021/1042)")
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which the entry no longer held")
    source: str | None = Field(default=None, description="Where it is known from", examples=["Handelsregister"])


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
    kind: str | None = Field(default=None, description="full, associated, sponsor or honorary; open")
    valid_from: date | None = None
    valid_to: date | None = None


class FormerName(EventData):
    """A legal name the organisation no longer bears."""

    legal_name: str
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which the name no longer held")
    source: str | None = None


class FormerLegalForm(EventData):
    """A legal form the organisation no longer has (Formwechsel)."""

    legal_form: str
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which the legal form no longer held")
    source: str | None = None


class FormerSeat(EventData):
    """A seat the organisation no longer has."""

    address: Address
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="First day on which the seat no longer held")
    source: str | None = None


class Since(EventData):
    """Since when what holds now has held, and where that is known from; for name, legal form and seat."""

    legal_name: date | None = None
    legal_name_source: str | None = None
    legal_form: date | None = None
    legal_form_source: str | None = None
    seat: date | None = None
    seat_source: str | None = None


class Certificate(EventData):
    """A certificate the organisation holds or held, such as IATF 16949."""

    name: str = Field(examples=["IATF 16949"])
    number: str | None = None
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="The last day of its validity")


class Link(EventData):
    """Another organisation that belongs to the same enterprise or has a share in it (2003/361/EC, article 3)."""

    organisation_id: UUID
    kind: str = Field(description="partner (25 to 50 %) or linked (more than 50 %, or control); open")
    share_percent: int | None = Field(default=None, description="A partner's share in capital or votes, if it is known")


class Indicator(EventData):
    """A dated figure from a named source, such as a cluster's members; a new one never replaces an old one."""

    kind: str = Field(description="members; open", examples=["members"])
    value: int
    on: date
    source: str


class Handover(EventData):
    """A relocation to another state that its office has not accepted; it is open until refused."""

    to_state: StateCode
    seat: Address
    register_entry: RegisterEntry | None = None
    moves_on: date
    offered_at: UtcInstant
    withdrawn_at: UtcInstant | None = Field(
        default=None, description="Taken back, which the other state's own instance has not confirmed yet"
    )
    refused_at: UtcInstant | None = None
    refusal: str | None = Field(default=None, description="Why the other state's office does not take it over")


class Organisation(EventData):
    """The full public state of an organisation."""

    organisation_id: UUID
    responsible_state: StateCode
    previous_state: StateCode | None = Field(default=None, description="Whose it was before the last relocation")
    kind: str = Field(description="company, cluster, research, association or public_body; open")
    status: str = Field(description="active, deactivated, dissolved or merged; open")
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
    former_legal_forms: tuple[FormerLegalForm, ...] = ()
    former_seats: tuple[FormerSeat, ...] = ()
    since: Since | None = None
    dissolved_on: date | None = None
    merged_into: UUID | None = Field(default=None, description="Who it became by a merger; its id redirects for ever")
    absorbed: tuple[UUID, ...] = Field(default=(), description="Who merged into it")
    split_from: UUID | None = None
    handover: Handover | None = None
    roles: tuple[str, ...] = Field(
        default=(),
        description="oem, tier1, tier2, tier3, service, research, cluster, association, administration; open",
        examples=[["tier2", "service"]],
    )
    value_chain: str | None = Field(
        default=None,
        description="materials, parts, modules, systems, vehicles, software, trade, aftermarket, recycling; open",
    )
    links: tuple[Link, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    website: str | None = None
    name_en: str | None = Field(default=None, description="How it calls itself in English")
    profile: str | None = None
    profile_en: str | None = None
    confirmed_at: UtcInstant | None = Field(default=None, description="When it last confirmed its profile")
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
        "renamed": "The legal name changed; the old one is in `former_names`.",
        "converted": "The legal form changed; the old one is in `former_legal_forms`.",
        "relocation_offered": "The seat is to move to another state, whose office has not accepted yet.",
        "relocation_withdrawn": "The offer was taken back or refused.",
        "seat_relocated": "The seat moved; said on the topic of the old and of the new state, with the same sequence.",
        "merged": "It became part of another organisation (`merged_into`), to which its id redirects for ever.",
        "absorbed": "Another organisation became part of it.",
        "merge_undone": "A merger was taken back: entered by mistake. Said of both.",
        "split": "A part of it became an organisation of its own, which names it in `split_from`.",
        "dissolved": "It was dissolved and deleted from its register.",
        "reopened": "It is active again: deactivated or dissolved by mistake, or in liquidation once more.",
        "confirmed": "The organisation itself confirmed its profile.",
        "deactivated": "The organisation is no longer active.",
        "erased": "The record was withdrawn; a tombstone.",
    },
)


class Release(EventData):
    """What an office shows of an organisation to everybody; name and seat always are."""

    organisation_id: UUID
    responsible_state: StateCode
    fields: tuple[str, ...] = Field(
        description="website, profile, competences, activities, sites, certificates, memberships, size_class or "
        "english; open, and what a reader does not know it does not show",
        examples=[["competences", "website"]],
    )
    released_at: UtcInstant
    ended_at: UtcInstant | None = Field(default=None, description="Since when it is shown no longer")


RELEASE = Topic(
    service="registry",
    aggregate="release",
    kind=TopicKind.STATE,
    data=Release,
    description="Which organisations are shown to everybody, and what of them; the key is the organisation's id.",
    example=Release.model_validate(
        {
            "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
            "responsible_state": "ni",
            "fields": ["competences", "website"],
            "released_at": "2026-12-01T08:00:00Z",
        }
    ),
    changes={
        "released": "The organisation is shown to everybody, or other fields of it are.",
        "withdrawn": "It is shown no longer; no tombstone, since an older record may stay on a former state's topic.",
        "erased": "The record was withdrawn; a tombstone.",
    },
)


class Confirmation(EventData):
    """An organisation's contact is asked to confirm its profile by a link; private, as the link opens the profile."""

    confirmation_id: UUID
    organisation_id: UUID
    state: StateCode = Field(description="Whose office asks")
    legal_name: str
    email: str
    link: str = Field(description="Signed, used once, until `expires_at`")
    expires_at: UtcInstant


CONFIRMATION = Topic(
    service="registry",
    aggregate="confirmation",
    kind=TopicKind.PRIVATE,
    data=Confirmation,
    description="Links by which organisations confirm their profiles, for the platform's own services only.",
    example=Confirmation.model_validate(
        {
            "confirmation_id": "0199d1a0-a000-7c4b-9a53-0d5a7c1b2e3f",
            "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
            "state": "ni",
            "legal_name": "Beispiel Roland Batteriesysteme GmbH",
            "email": "kontakt@ex-005.example",
            "link": "https://registry.norda.example/registry/confirm/AZnRoKAAfEuaUw1afBsuPw",
            "expires_at": "2027-01-30T08:00:00Z",
        }
    ),
    changes={
        "requested": "An office asks the organisation to confirm its profile.",
        "erased": "The link was used, replaced or has expired; a tombstone.",
    },
    partitions=1,
)


class MembershipProposal(EventData):
    """A membership that another state's office found in a cluster's list; the organisation's own office decides."""

    proposal_id: UUID
    organisation_id: UUID
    state: StateCode = Field(description="Whose organisation it is, and who decides")
    proposed_by: StateCode
    cluster_id: UUID
    cluster_code: str
    change: str = Field(description="join or leave; open")
    kind: str | None = None
    on: date
    source: str
    proposed_at: UtcInstant
    decision: str | None = Field(default=None, description="taken or refused, by the organisation's office; open")
    decided_at: UtcInstant | None = None


MEMBERSHIP_PROPOSAL = Topic(
    service="registry",
    aggregate="membershipproposal",
    kind=TopicKind.STATE,
    data=MembershipProposal,
    description="Joins and leaves that a cluster's list of members shows, for the office that keeps the organisation.",
    example=MembershipProposal.model_validate(
        {
            "proposal_id": "0199d1a0-b000-7c4b-9a53-0d5a7c1b2e3f",
            "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
            "state": "hb",
            "proposed_by": "ni",
            "cluster_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e40",
            "cluster_code": "ANW",
            "change": "join",
            "on": "2026-12-01",
            "source": "Mitgliederliste ANW",
            "proposed_at": "2026-12-01T08:00:00Z",
        }
    ),
    changes={
        "proposed": "An office proposes it, on its own state's topic.",
        "decided": "The organisation's office decided, on the topic of its state, with a higher sequence.",
        "erased": "The record was withdrawn; a tombstone.",
    },
    partitions=1,
)

TOPICS = (ORGANISATION, RELEASE, CONFIRMATION, MEMBERSHIP_PROPOSAL, PRIVACY_REQUEST, ANSWERS["registry"], SEARCH_MATCH)
