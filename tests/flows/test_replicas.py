"""Two replicas of a service share the partitions; one is killed under load: all is handled, every effect once."""

from __future__ import annotations

import asyncio
import signal
import time

import asyncpg
from norda_common.contracts.registry import EXAMPLE, ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from support.installation import Installation
from support.waiting import eventually, here

COUNT = 400
TAKEN_OVER_SECONDS = 12.0
"""The dead member's session (6 s), the group's agreement, and the work itself."""


def relocated(number: int) -> Event:
    """A move that the notifications service makes a notice of."""
    fields = {"organisation_id": new_id(), "legal_name": f"Beispiel {number} GmbH"}
    data = Organisation.model_validate(EXAMPLE.model_dump() | fields)
    return ORGANISATION.event(
        "seat_relocated", data, state=State.NIEDERSACHSEN, key=data.organisation_id, sequence=2, time=data.changed_at
    )


async def handled(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    return int(await connection.fetchval("select count(*) from notifications.inbox where consumer = 'organisations'"))


async def test_a_killed_replicas_partitions_are_taken_over_and_no_effect_is_repeated(
    installation: Installation,
) -> None:
    first, second = installation.start("notifications"), installation.start("notifications")
    connection = await installation.connect()
    events = [relocated(number) for number in range(COUNT)]
    publishing = asyncio.create_task(installation.publish(*events))

    async def under_way() -> None:
        assert await handled(connection) > COUNT / 10

    await eventually(under_way, within=20)
    first.process.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    await publishing

    async def all_handled() -> None:
        assert await handled(connection) == COUNT

    await eventually(all_handled, within=TAKEN_OVER_SECONDS + 10)
    assert time.monotonic() - killed_at < here(TAKEN_OVER_SECONDS)
    keys = await connection.fetch("select event_id from notifications.inbox where consumer = 'organisations'")
    assert {row["event_id"] for row in keys} == {event.event_id for event in events}
    # An effect that came twice would have met the constraint `notice_once` and lie among the dead letters.
    assert await connection.fetchval("select count(*) from notifications.notice") == COUNT
    assert await connection.fetchval("select count(*) from notifications.dead_letter") == 0
    second.stop()
    await connection.close()
