"""The deletion run: what is past its last day goes, counted in the audit log and nowhere named.

Idempotent, and safe in several replicas: rows another one is deleting are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from norda_common import audit
from norda_common.database import Connection
from norda_common.privacy import system_of
from norda_common.states import State

from ..rules.merging import UNDO_WITHIN
from ..rules.requests import PROOF_YEARS
from ..store import people, requests
from .organisations import local_day

AT_ONCE = 500


async def delete_expired(connection: Connection, state: State, *, now: datetime) -> Mapping[str, int]:
    """Delete a state's contact persons, access reports, proofs and replaced addresses whose time is over, AT_ONCE of
    each at most.

    How many of each; a run that deletes nothing leaves no entry.
    """
    deleted = {
        "contact_person": await people.remove_expired(connection, state, today=local_day(now), limit=AT_ONCE),
        "access_report": await requests.forget_reports(connection, state, now=now, limit=AT_ONCE),
        "proof": await requests.forget_proofs(
            connection,
            state,
            completed_before=now - timedelta(days=365.25 * PROOF_YEARS),
            limit=AT_ONCE,
        ),
        # A merger can be undone until the end of its last day.
        "replaced_address": await people.forget_replaced_addresses(
            connection, state, merged_before=now - UNDO_WITHIN - timedelta(days=1)
        ),
    }
    said = {name: number for name, number in deleted.items() if number}
    if said:
        entry = audit.Entry("retention.run", "retention", state.value, after={"deleted": said})
        await audit.record(connection, system_of(state), entry)
    return said
