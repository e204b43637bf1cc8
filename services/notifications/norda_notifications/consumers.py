"""What the notifications service listens to: changes people are told of, each handled once."""

from __future__ import annotations

from datetime import datetime

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import EVENT, PARTICIPATION
from norda_common.contracts.registry import ORGANISATION
from norda_common.contracts.searches import SEARCH_MATCH
from norda_common.database import Connection

from .settings import served_states, settings_of_process
from .usecases.notify import tell


async def on_change(connection: Connection, record: Received, now: datetime) -> None:
    """Tell whoever is to be told of this change."""
    await tell(
        connection,
        record,
        served=served_states(),
        settle_seconds=settings_of_process().mail_settle_seconds,
        now=now,
    )


# One consumer per topic: a long cancellation of one event does not hold up what else is told.
CONSUMERS = (
    Consumer(name="participations", topics=(PARTICIPATION,), each=on_change),
    Consumer(name="events", topics=(EVENT,), each=on_change),
    Consumer(name="organisations", topics=(ORGANISATION,), each=on_change),
    Consumer(name="searches", topics=(SEARCH_MATCH,), each=on_change),
)
