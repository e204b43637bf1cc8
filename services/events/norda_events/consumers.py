"""What the events service listens to: organisations of all states, for its own read model; requests of persons."""

from __future__ import annotations

from datetime import datetime

from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received
from norda_common.contracts.privacy import PRIVACY_REQUEST
from norda_common.contracts.registry import ORGANISATION
from norda_common.database import Connection
from norda_common.privacy import deal_with
from norda_common.settings import served_states

from .usecases.copying import OrganisationFacts, copy_organisations, known
from .usecases.privacy import do_own_part


async def follow_requests(connection: Connection, record: Received, now: datetime) -> None:
    """Do what a person asks for with the participants of events, and answer."""
    await deal_with(connection, record, service="events", served=served_states(), deal=do_own_part, now=now)


CONSUMERS = (
    Consumer(
        name="organisations",
        topics=(ORGANISATION,),
        data=OrganisationFacts,
        prepare=known,
        batch=copy_organisations,
    ),
    Consumer(name="requests", topics=(PRIVACY_REQUEST,), each=follow_requests),
)
