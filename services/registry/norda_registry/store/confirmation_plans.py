"""Whether an office has links to confirm profiles sent by themselves once a year, and how many a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from norda_common.database import Connection
from norda_common.states import State

A_DAY = 50
"""How many links a day are sent at most, unless the office says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An office's setting; without one nothing is sent by itself."""

    state: State
    yearly: bool = False
    a_day: int = A_DAY
    changed_at: datetime | None = None
    changed_by: str | None = None


_GET = "select yearly, a_day, changed_at, changed_by from confirmation_plan where state = $1"


async def get(connection: Connection, state: State) -> Plan:
    """The office's setting, or that it has none."""
    row = await connection.fetchrow(_GET, state)
    return Plan(state=state, **dict(row)) if row else Plan(state=state)


async def lock(connection: Connection, state: State) -> Plan:
    """The same, its row locked until the transaction ends: two processes that send wait for each other."""
    row = await connection.fetchrow(f"{_GET} for update", state)
    return Plan(state=state, **dict(row)) if row else Plan(state=state)


async def put(connection: Connection, plan: Plan) -> None:
    """Store the office's setting."""
    await connection.execute(
        """insert into confirmation_plan (state, yearly, a_day, changed_at, changed_by) values ($1, $2, $3, $4, $5)
           on conflict (state) do update set yearly = excluded.yearly, a_day = excluded.a_day,
                                             changed_at = excluded.changed_at, changed_by = excluded.changed_by""",
        plan.state,
        plan.yearly,
        plan.a_day,
        plan.changed_at,
        plan.changed_by,
    )


async def sent_since(connection: Connection, state: State, *, subject: str, since: datetime) -> int:
    """How many links of the state that subject has sent since then."""
    found: int = await connection.fetchval(
        "select count(*) from confirmation where state = $1 and sent_at >= $2 and sent_by = $3", state, since, subject
    )
    return found
