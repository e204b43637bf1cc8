"""Yearly confirmation by itself: for an office that switched it on, links go out to organisations that are due.

Off unless an office says otherwise. Each organisation is asked once a year, however it was asked; an office asks once
more by hand. How many have gone out today is counted from what was sent, so a process that begins anew goes on where
the last one was (docs/decisions/0095-confirmation-by-link.md).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time

from norda_common import audit
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.rights import Role
from norda_common.states import State

from ..rules.rights import CHANGE
from ..store import confirmation_plans, profiles
from ..store.confirmation_plans import Plan
from .confirming import YEAR, Links, send_links
from .days import BERLIN, local_day
from .profile_commands import PlanConfirmations

ITEM = "confirmation_plan"
SUBJECT = "yearly-confirmation"
"""Who has sent a link that nobody sent by hand."""


def sender(state: State) -> Caller:
    """Who sends: for the office that switched it on."""
    return Caller(subject=SUBJECT, name=SUBJECT, roles=frozenset({Role.OFFICE}), state=state)


async def plan_confirmations(
    connection: Connection, command: PlanConfirmations, *, caller: Caller, served: Collection[State], now: datetime
) -> Plan:
    """Switch sending by itself on or off for the caller's office. Idempotent. Raises Forbidden and Conflict."""
    state = caller.require_served(CHANGE, served)
    before = await confirmation_plans.lock(connection, state)
    if (before.yearly, before.a_day) == (command.yearly, command.a_day):
        return before
    plan = Plan(state=state, yearly=command.yearly, a_day=command.a_day, changed_at=now, changed_by=caller.subject)
    await confirmation_plans.put(connection, plan)
    old, new = audit.difference(_said(before), _said(plan))
    await audit.record(connection, caller, audit.Entry("confirmation.plan", ITEM, state.value, old, new))
    return plan


async def send_yearly(connection: Connection, *, caller: Caller, links: Links, now: datetime) -> int:
    """Send what is due of the state of `caller`, its `sender`, as many as the office has left for today; how many.

    Safe in several processes at once: they wait for each other, and count what the other has sent.
    """
    state = caller.require_own_state(CHANGE)
    plan = await confirmation_plans.lock(connection, state)
    if not plan.yearly:
        return 0
    today = datetime.combine(local_day(now), time(), BERLIN)
    left = plan.a_day - await confirmation_plans.sent_since(connection, state, subject=SUBJECT, since=today)
    if left <= 0:
        return 0
    due = await profiles.due(connection, state, confirmed_before=now - YEAR, asked_before=now - YEAR, limit=left)
    if due:
        await send_links(connection, due, state=state, links=links, caller=caller, now=now)
    return len(due)


def _said(plan: Plan) -> dict[str, object]:
    return {"yearly": plan.yearly, "a_day": plan.a_day}
