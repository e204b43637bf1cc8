"""Showing an organisation to everybody, also without signing in: released one by one, by the responsible office."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules.profile import ACTIVE
from ..rules.rights import RELEASE
from ..store import organisations, releases, searches
from ..store.organisations import Stored
from ..store.releases import Release
from .recording import ITEM, kept_elsewhere, no_such_organisation


async def release_organisation(
    connection: Connection, organisation_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> Release:
    """Release an organisation for the public; one that is released stays so, as it was. Idempotent.

    It is shown as long as it is active, also after it has moved: until the then responsible office ends it.
    Raises NotFound, Forbidden (another state's) and Conflict (deactivated, kept by another instance, state not served).
    """
    stored = await _own(connection, organisation_id, caller=caller, served=served)
    if stored.organisation.status != ACTIVE:
        raise Conflict("Die Organisation ist deaktiviert.", "The organisation is deactivated.", code="deactivated")
    held = await releases.get(connection, organisation_id)
    if held is not None:
        return held
    state = State(stored.organisation.responsible_state)
    release = Release(organisation_id=organisation_id, state=state, released_at=now, released_by=caller.subject)
    if not await releases.add(connection, release):
        # Somebody else did it at the same moment.
        return await releases.get(connection, organisation_id) or release
    await audit.record(
        connection,
        caller,
        audit.Entry(RELEASE.name, ITEM, str(organisation_id), {"released": False}, {"released": True}),
    )
    return release


async def end_release(
    connection: Connection, organisation_id: UUID, *, caller: Caller, served: Collection[State]
) -> None:
    """Show an organisation to the public no longer. Idempotent. Raises NotFound, Forbidden and Conflict."""
    await _own(connection, organisation_id, caller=caller, served=served)
    if await releases.remove(connection, organisation_id):
        await audit.record(connection, caller, _entry("organisation.end_release", organisation_id, released=False))


def _entry(action: str, organisation_id: UUID, *, released: bool) -> audit.Entry:
    return audit.Entry(action, ITEM, str(organisation_id), {"released": not released}, {"released": released})


async def _own(connection: Connection, organisation_id: UUID, *, caller: Caller, served: Collection[State]) -> Stored:
    """The organisation, where the caller may decide this. Not locked: public relations do not change organisations."""
    stored = await organisations.get(connection, organisation_id)
    state = stored.organisation.responsible_state if stored else await searches.state_of(connection, organisation_id)
    if state is None:
        raise no_such_organisation()
    caller.require(RELEASE, State(state))
    caller.require_served(RELEASE, served)
    if stored is None:
        raise kept_elsewhere()
    return stored
