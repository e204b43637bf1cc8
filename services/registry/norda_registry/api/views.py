"""What the API answers: organisations as published, with version and, for their own office, what is not published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from fastapi import Response
from norda_common.contracts.registry import Address, Handover, Membership, Organisation, RegisterEntry
from norda_common.errors import FieldError, Moved
from norda_common.requests import etag
from pydantic import BaseModel, Field

from ..rules.as_of import AsOf
from ..rules.profile import current_clusters, current_entry
from ..usecases.recording import Outcome
from ..usecases.searching import Counted


class WarningView(BaseModel):
    """Something the office should look at; it refused nothing."""

    field: str
    code: str
    de: str
    en: str
    row: int | None = None


class Internal(BaseModel):
    """What the responsible office alone sees."""

    employees: int | None = None
    turnover_eur: Decimal | None = None
    balance_eur: Decimal | None = None
    contact_email: str | None = None


class OrganisationView(Organisation):
    """An organisation in full. `version` is the event's sequence and the ETag."""

    version: int
    internal: Internal | None = None
    warnings: tuple[WarningView, ...] = ()


class OrganisationAsOf(BaseModel):
    """What is known of an organisation on a day. What is absent is not known; `unknown` says of what and why.

    Numbers without days are those of today.
    """

    organisation_id: UUID
    as_of: date
    version: int = Field(description="The version whose dated facts are read here")
    legal_name: str | None = None
    legal_form: str | None = None
    seat: Address | None = None
    register_entries: tuple[RegisterEntry, ...] = ()
    memberships: tuple[Membership, ...] = ()
    status: str | None = Field(default=None, description="`dissolved` from the day of the dissolution on")
    vat_id: str | None = None
    widnr: str | None = None
    lei: str | None = None
    unknown: tuple[WarningView, ...] = ()


class OrganisationSummary(BaseModel):
    """An organisation in a list."""

    organisation_id: UUID
    version: int
    responsible_state: str
    kind: str
    status: str
    legal_name: str
    seat: Address
    own_id: str | None = None
    cluster_code: str | None = None
    euid: str | None = None
    size_class: str | None = None
    competences: tuple[str, ...] = ()
    clusters: tuple[str, ...] = Field(default=(), description="Codes of the clusters it is a member of now")
    merged_into: UUID | None = None


class Count(BaseModel):
    """How many: exactly, or at least so many."""

    count: int
    exact: bool = True


class FacetValue(Count):
    """How many organisations have a value."""

    value: str = Field(examples=["hb"])


class OrganisationPage(BaseModel):
    """A page of a list; `next_cursor` is absent on the last one."""

    items: list[OrganisationSummary]
    next_cursor: str | None = None
    total: Count | None = None
    facets: dict[str, list[FacetValue]] | None = Field(
        default=None,
        description="By facet: state, district, activity, competence, cluster, size, role, kind, status; most first. "
        "What is chosen of a facet does not narrow its own counts.",
    )
    corrected: list[str] | None = Field(
        default=None, description="Words looked for in the place of those asked for, which lead nowhere"
    )


class FoundOrganisation(BaseModel):
    """A hit of a look-up: by which kind of number, and whether the organisation still holds it."""

    matched: str = Field(description="euid, register, number, vat, widnr, lei or own", examples=["euid"])
    current: bool = Field(description="False for a number it no longer holds, e.g. the EUID before a relocation")
    organisation: OrganisationView
    merged_from: UUID | None = Field(default=None, description="Who had the number and has become part of this one")


class FoundAsOf(BaseModel):
    """Who held the number on the day, as they were then; `held` is absent where the number's days are not known."""

    matched: str = Field(description="euid, register, number, vat, widnr, lei or own", examples=["euid"])
    held: bool | None = None
    organisation: OrganisationAsOf


class LookupResult(BaseModel):
    """What a number leads to; empty when nobody has or had it."""

    identifier: str
    items: list[FoundOrganisation]


class LookupAsOf(BaseModel):
    """Who held a number on a day; empty when nobody did."""

    identifier: str
    as_of: date
    items: list[FoundAsOf]


class OfferedRelocation(BaseModel):
    """An organisation whose seat is to move to another state, whose office has not answered yet."""

    organisation_id: UUID
    version: int = Field(description="For `If-Match`, when one answers")
    from_state: str
    legal_name: str
    legal_form: str | None = None
    seat: Address
    handover: Handover


class OfferedRelocations(BaseModel):
    """Offers, the newest first."""

    items: list[OfferedRelocation]


class VersionView(BaseModel):
    """One version of an organisation; `changed_by` is the caller's pseudonymous subject."""

    version: int
    change: str
    changed_at: datetime
    changed_by: str
    organisation: Organisation


class VersionPage(BaseModel):
    """Versions, newest first."""

    items: list[VersionView]
    next_cursor: str | None = None


class ParticipationView(BaseModel):
    """An organisation's registration for an event; who takes part is not known here."""

    registration_id: UUID
    event_id: UUID
    responsible_state: str
    participant_state: str | None = None
    status: str
    registered_at: datetime
    changed_at: datetime


class ParticipationPage(BaseModel):
    """Participations, newest first."""

    items: list[ParticipationView]
    next_cursor: str | None = None


def count(counted: Counted) -> Count:
    """A count as answered."""
    return Count(count=counted.number, exact=counted.exact)


def values_of(counts: Mapping[str, Counted]) -> list[FacetValue]:
    """A facet's values, those of most organisations first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1].number, item[0]))
    return [FacetValue(value=value, count=counted.number, exact=counted.exact) for value, counted in ordered]


def view(organisation: Organisation, version: int) -> OrganisationView:
    """The organisation with its version."""
    return OrganisationView.model_construct(**dict(organisation), version=version)


def view_as_of(organisation: Organisation, version: int, then: AsOf) -> OrganisationAsOf:
    """The organisation on that day."""
    return OrganisationAsOf(
        organisation_id=organisation.organisation_id,
        as_of=then.day,
        version=version,
        legal_name=then.legal_name,
        legal_form=then.legal_form,
        seat=then.seat,
        register_entries=then.register_entries,
        memberships=then.memberships,
        status=then.status,
        vat_id=organisation.vat_id,
        widnr=organisation.widnr,
        lei=organisation.lei,
        unknown=tuple(warning(item) for item in then.unknown),
    )


def offered(organisation: Organisation, version: int) -> OfferedRelocation:
    """The offer, of an organisation that has one."""
    assert organisation.handover is not None  # noqa: S101 - chosen by the caller
    return OfferedRelocation(
        organisation_id=organisation.organisation_id,
        version=version,
        from_state=organisation.responsible_state,
        legal_name=organisation.legal_name,
        legal_form=organisation.legal_form,
        seat=organisation.seat,
        handover=organisation.handover,
    )


def moved(organisation: Organisation, successor: UUID) -> Moved:
    """The answer for a merged organisation: where it is found from now on."""
    return Moved(
        f"„{organisation.legal_name[:120]}“ ist in einer anderen Organisation aufgegangen.",
        f"“{organisation.legal_name[:120]}” has become part of another organisation.",
        location=f"/api/v1/organisations/{successor}",
        organisation_id=str(organisation.organisation_id),
        merged_into=str(successor),
    )


def outcome(result: Outcome, response: Response) -> OrganisationView:
    """What a command answers, with the ETag for the next one."""
    response.headers["ETag"] = etag(result.stored.version)
    shown = view(result.stored.organisation, result.stored.version)
    return shown.model_copy(update={"warnings": tuple(warning(item) for item in result.warnings)})


def warning(found: FieldError) -> WarningView:
    """A finding as answered."""
    return WarningView(field=found.field, code=found.code, de=found.text.de, en=found.text.en, row=found.row)


def summary(organisation: Organisation, version: int) -> OrganisationSummary:
    """The organisation as lists show it."""
    entry = current_entry(organisation)
    return OrganisationSummary(
        organisation_id=organisation.organisation_id,
        version=version,
        responsible_state=organisation.responsible_state,
        kind=organisation.kind,
        status=organisation.status,
        legal_name=organisation.legal_name,
        seat=organisation.seat,
        own_id=organisation.own_id,
        cluster_code=organisation.cluster_code,
        euid=entry.euid if entry else None,
        size_class=organisation.size_class,
        competences=organisation.competences,
        clusters=tuple(current_clusters(organisation.memberships)),
        merged_into=organisation.merged_into,
    )
