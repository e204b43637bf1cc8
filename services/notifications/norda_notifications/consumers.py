"""What the notifications service listens to: changes people are told of, requests of persons; each handled once."""

from __future__ import annotations

from datetime import datetime

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import EVENT, PARTICIPATION
from norda_common.contracts.privacy import PRIVACY_REQUEST
from norda_common.contracts.registry import CONFIRMATION, ORGANISATION
from norda_common.contracts.searches import SEARCH_MATCH
from norda_common.database import Connection
from norda_common.privacy import deal_with

from .settings import served_states, settings_of_process
from .usecases.notify import tell
from .usecases.privacy import do_own_part


async def on_change(connection: Connection, record: Received, now: datetime) -> None:
    """Tell whoever is to be told of this change."""
    await tell(
        connection,
        record,
        served=served_states(),
        settle_seconds=settings_of_process().mail_settle_seconds,
        now=now,
    )


async def follow_requests(connection: Connection, record: Received, now: datetime) -> None:
    """Do what a person asks for with what is kept of them here, and answer."""
    served = sorted(served_states())
    await deal_with(connection, record, service="notifications", served=served, deal=do_own_part, now=now)


# One consumer per topic: a long cancellation of one event does not hold up what else is told.
CONSUMERS = (
    Consumer(name="participations", topics=(PARTICIPATION,), each=on_change),
    Consumer(name="events", topics=(EVENT,), each=on_change),
    Consumer(name="organisations", topics=(ORGANISATION,), each=on_change),
    Consumer(name="requests", topics=(PRIVACY_REQUEST,), each=follow_requests),
    Consumer(name="confirmations", topics=(CONFIRMATION,), each=on_change),
    Consumer(name="searches", topics=(SEARCH_MATCH,), each=on_change),
)
