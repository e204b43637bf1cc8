"""Sites (Betriebsstätten) of an organisation."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from norda_common.auth import Caller
from norda_common.contracts.registry import Site
from norda_common.database import Connection
from norda_common.errors import Conflict, NotFound
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules.findings import Findings
from .commands import AddSite
from .profiles import store_change
from .recording import Outcome, lock_own

MOST_SITES = 500


async def add_site(
    connection: Connection,
    organisation_id: UUID,
    command: AddSite,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Add a site; the same name at the same address again changes nothing.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    sites = before.organisation.sites
    address = command.address.entered()
    if any(site.name == command.name and site.address == address for site in sites):
        return Outcome(before, changed=False)
    if len(sites) >= MOST_SITES:
        raise Conflict(f"Mehr als {MOST_SITES} Standorte sind nicht möglich.", f"No more than {MOST_SITES} sites.")
    added = Site(site_id=new_id(), name=command.name, address=address)
    return await store_change(
        connection,
        before,
        {"sites": (*sites, added)},
        Findings(),
        action="organisation.add_site",
        caller=caller,
        now=now,
    )


async def change_site(
    connection: Connection,
    organisation_id: UUID,
    site_id: UUID,
    command: AddSite,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Correct a site's name and address; its id stays. Raises NotFound, Forbidden, Conflict and StaleVersion."""
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    sites = before.organisation.sites
    if all(site.site_id != site_id for site in sites):
        raise no_such_site()
    corrected = Site(site_id=site_id, name=command.name, address=command.address.entered())
    changed = tuple(corrected if site.site_id == site_id else site for site in sites)
    return await store_change(
        connection, before, {"sites": changed}, Findings(), action="organisation.change_site", caller=caller, now=now
    )


async def remove_site(
    connection: Connection,
    organisation_id: UUID,
    site_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take a site out; the history of versions keeps it. Raises NotFound, Forbidden, Conflict and StaleVersion."""
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    left = tuple(site for site in before.organisation.sites if site.site_id != site_id)
    if len(left) == len(before.organisation.sites):
        raise no_such_site()
    return await store_change(
        connection, before, {"sites": left}, Findings(), action="organisation.remove_site", caller=caller, now=now
    )


def no_such_site() -> NotFound:
    """The refusal for a site nobody entered, or that is gone."""
    return NotFound("Diesen Standort gibt es nicht.", "There is no such site.")
