"""Showing an organisation to everybody, also without signing in: released one by one, and field by field.

The decision holds here at once, and everywhere else within seconds: it is said on a topic of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.registry import RELEASE as TOPIC
from norda_common.contracts.registry import Release as Said
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules.findings import Findings
from ..rules.profile import ACTIVE
from ..rules.releases import DEFAULT, chosen_groups
from ..rules.rights import RELEASE
from ..store import organisations, releases, searches
from ..store.organisations import Stored
from ..store.releases import Release
from .recording import ITEM, kept_elsewhere, no_such_organisation


async def release_organisation(
    connection: Connection,
    organisation_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    fields: Sequence[str] | None = None,
) -> Release:
    """Release an organisation for the public, with these groups of fields; None: as it was, or the usual ones.

    It is shown as long as it is active, also after it has moved: until the then responsible office ends it. Idempotent.
    Raises NotFound, Forbidden (another state's), Conflict (deactivated, kept by another instance, state not served) and
    InvalidInput (unknown groups).
    """
    stored = await _own(connection, organisation_id, caller=caller, served=served)
    if stored.organisation.status != ACTIVE:
        raise Conflict("Die Organisation ist deaktiviert.", "The organisation is deactivated.", code="deactivated")
    findings = Findings()
    groups = chosen_groups(DEFAULT if fields is None else fields, findings)
    findings.raise_errors()
    held = await releases.get(connection, organisation_id)
    if held is not None and (fields is None or held.fields == groups):
        return held
    release = Release(
        organisation_id=organisation_id,
        state=State(stored.organisation.responsible_state),
        fields=groups,
        released_at=now,
        released_by=caller.subject,
        sequence=sequence_of(now),
    )
    written = await releases.put(connection, release)
    if written is None:
        # Somebody else did the same at the same moment.
        return await releases.get(connection, organisation_id) or release
    before = {"released": held is not None} | ({"fields": held.fields} if held else {})
    entry = audit.Entry(RELEASE.name, ITEM, str(organisation_id), before, {"released": True, "fields": written.fields})
    await audit.record(connection, caller, entry)
    await _say(connection, written, "released", now=now)
    return written


async def end_release(
    connection: Connection, organisation_id: UUID, *, caller: Caller, served: Collection[State], now: datetime
) -> None:
    """Show an organisation to the public no longer. Idempotent. Raises NotFound, Forbidden and Conflict."""
    stored = await _own(connection, organisation_id, caller=caller, served=served)
    state = State(stored.organisation.responsible_state)
    ended = await releases.end(connection, organisation_id, state=state, now=now, sequence=sequence_of(now))
    if ended is None:
        return
    entry = audit.Entry("organisation.end_release", ITEM, str(organisation_id), {"released": True}, {"released": False})
    await audit.record(connection, caller, entry)
    await _say(connection, ended, "withdrawn", now=now)


def sequence_of(now: datetime) -> int:
    """The least sequence of a decision: microseconds since 1970.

    An organisation may have come from an instance of its own, whose count this one does not know.
    """
    return int(now.timestamp() * 1_000_000)


async def _say(connection: Connection, release: Release, change: str, *, now: datetime) -> None:
    data = Said(
        organisation_id=release.organisation_id,
        responsible_state=release.state.value,
        fields=release.fields,
        released_at=release.released_at,
        ended_at=release.ended_at,
    )
    event = TOPIC.event(
        change, data, state=release.state, key=release.organisation_id, sequence=release.sequence, time=now
    )
    await outbox.append(connection, event)


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
