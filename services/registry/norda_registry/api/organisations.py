"""Registering, changing, deactivating and reading single organisations."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response
from norda_common.auth import Caller
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import NotFound
from norda_common.requests import Cursor, Limit, etag, read_cursor, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with
from norda_common.web.documented import MOVED

from ..rules.as_of import as_of as organisation_as_of
from ..rules.rights import CHANGE, READ, READ_FIGURES
from ..store import mergers, organisations, participations, searches
from ..usecases.commands import ChangeOrganisation, Deactivate, RegisterOrganisation
from ..usecases.organisations import change_organisation, deactivate_organisation, local_day, register_organisation
from .directory import AsOfDay
from .views import (
    Internal,
    OrganisationAsOf,
    OrganisationView,
    ParticipationPage,
    ParticipationView,
    VersionPage,
    VersionView,
    moved,
    outcome,
    view,
    view_as_of,
)
from .writing import TargetDep

router = APIRouter(prefix="/api/v1/organisations", tags=["organisations"])
Reader = Annotated[Caller, caller_with(READ)]

_REGISTER = {
    "company": {
        "summary": "A company in Bremen",
        "value": {
            "legal_name": "Beispiel Weser Karosserie GmbH",
            "legal_form": "350",
            "own_id": "ex-002",
            "seat": {
                "place": "Bremen", "postal_code": "28197", "state": "DE-HB", "ags": "04011", "nuts": "DE501",
            },
            "register_entry": {"court": "Amtsgericht Bremen", "type": "hrb", "number": "990002"},
            "vat_id": "DE999000025",
            "widnr": "DE999000025-00001",
            "activities": [{"edition": "WZ2025", "code": "29.20.0"}],
            "competences": ["PRD-01", "LWT-03"],
            "clusters": ["ANW"],
            "employees": 240,
            "turnover_eur": "48000000.00",
        },
    },
    "cluster": {
        "summary": "A cluster",
        "value": {
            "kind": "cluster", "legal_name": "ITS mobility e.V.", "cluster_code": "ITS", "own_id": "org-its",
            "legal_form": "590", "seat": {"place": "Braunschweig", "state": "DE-NI"},
        },
    },
}  # fmt: skip


@router.post("", status_code=201, summary="Register an organisation", response_model_exclude_none=True)
async def register(
    command: Annotated[RegisterOrganisation, Body(openapi_examples=_REGISTER)],
    caller: Annotated[Caller, caller_with(CHANGE)],
    runtime: RuntimeDep,
    response: Response,
    ignore_duplicates: Annotated[
        bool, Query(description="Enter it although it may be there already: the caller has looked at the suspects")
    ] = False,
) -> OrganisationView:
    """Enter an organisation under the caller's state. 409 when an active organisation holds one of its numbers.

    409 `suspected_duplicate`, with `suspects`, when it may be there already: so a request that is sent again finds what
    the first one made, also without numbers.
    """
    now = datetime.now(UTC)
    async with runtime.database.transaction(caller) as connection:
        result = await register_organisation(
            connection,
            command,
            caller=caller,
            served=runtime.settings.states,
            now=now,
            ignore_duplicates=ignore_duplicates,
        )
    response.headers["Location"] = f"/api/v1/organisations/{result.stored.organisation.organisation_id}"
    return outcome(result, response)


@router.patch("/{organisation_id}", summary="Change an organisation", response_model_exclude_none=True)
async def change(command: ChangeOrganisation, target: TargetDep) -> OrganisationView:
    """Change the given fields; null empties one. Without a change no version is made. 412 for a stale `If-Match`.

    Another name is `renamed`, another legal form `converted`, another place `seat_relocated`; what held before stays in
    the history until the day `on`, unless the change is a `correction`.
    """
    return await target.apply(change_organisation, command)


@router.post("/{organisation_id}/deactivation", summary="Deactivate an organisation", response_model_exclude_none=True)
async def deactivate(command: Deactivate, target: TargetDep) -> OrganisationView:
    """The organisation is no longer active; memberships end, numbers become free. Doing it again changes nothing."""
    return await target.apply(deactivate_organisation, command)


@router.get("/{organisation_id}", summary="Read an organisation", response_model_exclude_none=True, responses=MOVED)
async def read(
    organisation_id: UUID, caller: Reader, runtime: RuntimeDep, response: Response, as_of: AsOfDay = None
) -> OrganisationView | OrganisationAsOf:
    """An organisation of any state; what this instance wrote is seen at once, others' as last published.

    308 to the one that a merged organisation has become part of. With `as_of` what is known of it on that day, by the
    days its facts are dated with, not by when they were entered; of a merged one too.
    """
    async with runtime.database.read(caller) as connection:
        stored = await organisations.get(connection, organisation_id)
        if stored is None:
            entry = await searches.get(connection, organisation_id)
            if entry is None:
                raise NotFound("Diese Organisation gibt es nicht.", "There is no such organisation.")
            if entry.organisation.merged_into is not None and as_of is None:
                raise moved(entry.organisation, await mergers.successor(connection, organisation_id))
            shown = view(entry.organisation, entry.sequence)
        else:
            if stored.organisation.merged_into is not None and as_of is None:
                raise moved(stored.organisation, await mergers.successor(connection, organisation_id))
            shown = view(stored.organisation, stored.version)
            if caller.may(READ_FIGURES, State(stored.organisation.responsible_state)):
                shown = shown.model_copy(update={"internal": await _internal(connection, stored)})
    response.headers["ETag"] = etag(shown.version)
    if as_of is not None:
        then = organisation_as_of(shown, as_of, today=local_day(datetime.now(UTC)))
        return view_as_of(shown, shown.version, then)
    return shown


async def _internal(connection: Connection, stored: organisations.Stored) -> Internal:
    organisation_id = stored.organisation.organisation_id
    emails = await organisations.contacts(connection, [organisation_id])
    return Internal(
        employees=stored.figures.employees,
        turnover_eur=_euros(stored.figures.turnover_cents),
        balance_eur=_euros(stored.figures.balance_cents),
        contact_email=emails.get(organisation_id),
    )


def _euros(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100


@router.get("/{organisation_id}/versions", summary="Read the history", response_model_exclude_none=True)
async def history(
    organisation_id: UUID,
    caller: Reader,
    runtime: RuntimeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> VersionPage:
    """Every version of an organisation that this instance keeps, newest first."""
    before = read_cursor(cursor, int)[0] if cursor else None
    async with runtime.database.read(caller) as connection:
        rows = await organisations.versions(connection, organisation_id, before=before, limit=limit + 1)
    if not rows and before is None:
        raise NotFound(
            "Zu dieser Organisation führt diese Instanz keine Geschichte.",
            "This instance keeps no history of that organisation.",
        )
    items = [
        VersionView(
            version=row["version"],
            change=row["change"],
            changed_at=row["changed_at"],
            changed_by=row["changed_by"],
            organisation=Organisation.model_validate_json(row["data"]),
        )
        for row in rows[:limit]
    ]
    return VersionPage(items=items, next_cursor=write_cursor(items[-1].version) if len(rows) > limit else None)


@router.get(
    "/{organisation_id}/participations", summary="Read the participation history", response_model_exclude_none=True
)
async def participation_history(
    organisation_id: UUID,
    caller: Reader,
    runtime: RuntimeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ParticipationPage:
    """The organisation's registrations for events of all states, newest first, from the events service's topic."""
    after = read_cursor(cursor, datetime, UUID) if cursor else None
    async with runtime.database.read(caller) as connection:
        rows = await participations.of_organisation(connection, organisation_id, after=after, limit=limit + 1)
    items = [ParticipationView.model_validate(dict(row)) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return ParticipationPage(
        items=items,
        next_cursor=write_cursor(last.registered_at, last.registration_id) if last else None,
    )
