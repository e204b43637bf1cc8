"""What the API answers: organisations as published, with version and, for their own office, what is not published."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Header, Response
from norda_common.contracts.registry import Address, Organisation
from norda_common.errors import FieldError, InvalidInput, Text
from pydantic import BaseModel, Field

from ..rules.profile import current_clusters, current_entry
from ..usecases.recording import Outcome


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


class OrganisationPage(BaseModel):
    """A page of a list; `next_cursor` is absent on the last one."""

    items: list[OrganisationSummary]
    next_cursor: str | None = None


class FoundOrganisation(BaseModel):
    """A hit of a look-up: by which kind of number, and whether the organisation still holds it."""

    matched: str = Field(description="euid, register, number, vat, widnr, lei or own", examples=["euid"])
    current: bool = Field(description="False for a number it no longer holds, e.g. the EUID before a relocation")
    organisation: OrganisationView


class LookupResult(BaseModel):
    """What a number leads to; empty when nobody has or had it."""

    identifier: str
    items: list[FoundOrganisation]


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


def view(organisation: Organisation, version: int) -> OrganisationView:
    """The organisation with its version."""
    return OrganisationView.model_construct(**dict(organisation), version=version)


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
    )


def etag(version: int) -> str:
    """The version as an entity tag (RFC 9110)."""
    return f'"{version}"'


def expected_version(
    if_match: Annotated[str | None, Header(description='The ETag of the version you changed, e.g. `"3"`')] = None,
) -> int | None:
    """The version the caller changed; None when it does not say. Raises InvalidInput."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _refused("If-Match", 'ist kein ETag einer Version (z. B. "3")', 'is no ETag of a version (e.g. "3")')
    return int(text)


def cursor_of(*parts: str) -> str:
    """A place in a list, opaque to callers."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(cursor: str, count: int) -> list[str]:
    """The parts of a cursor. Raises InvalidInput for what is none."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(part, str) for part in parts):
        raise bad_cursor()
    return parts


def bad_cursor() -> InvalidInput:
    """What is said of a cursor nobody gave out."""
    return _refused("cursor", "ist kein Cursor dieser Liste", "is no cursor of this list")


def _refused(name: str, de: str, en: str) -> InvalidInput:
    return InvalidInput.of([FieldError(field=name, code="invalid", text=Text(de, en))])
