"""Deciding which codes of WZ 2025 an organisation has in place of those of WZ 2008."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.states import State

from ..rules.activities import OLD, activity
from ..rules.activity_mapping import with_chosen
from ..rules.findings import Findings
from ..store import profiles
from .profile_commands import DecideCode
from .profiles import store_change
from .recording import ITEM, Outcome, lock_own

ACTION = "organisation.decide_code"


async def decide_code(
    connection: Connection,
    organisation_id: UUID,
    command: DecideCode,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Enter what was chosen beside the old code, and remember that somebody decided; choosing none is a decision, too.

    Raises NotFound, Forbidden, Conflict, StaleVersion and InvalidInput. Idempotent.
    """
    before = await lock_own(
        connection, organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    findings = Findings()
    activities = with_chosen(before.organisation.activities, command.code, command.chosen, findings)
    findings.raise_errors()
    code = activity(OLD, command.code).code
    chosen = sorted({activity("WZ2025", text).code for text in command.chosen})
    outcome = await store_change(
        connection, before, {"activities": activities}, findings, action=ACTION, caller=caller, now=now
    )
    new = await profiles.decide_code(connection, organisation_id, code, chosen=chosen, now=now, subject=caller.subject)
    if new and not outcome.changed:
        entry = audit.Entry(ACTION, ITEM, str(organisation_id), after={"code": code, "chosen": chosen})
        await audit.record(connection, caller, entry)
    return Outcome(outcome.stored, changed=outcome.changed or new, warnings=outcome.warnings)
