"""What the events service listens to: organisations of all states, for its own read model."""

from __future__ import annotations

from norda_common.consumer import Consumer
from norda_common.contracts.registry import ORGANISATION

from .usecases.copying import OrganisationFacts, copy_organisations, known

CONSUMERS = (
    Consumer(
        name="organisations",
        topics=(ORGANISATION,),
        data=OrganisationFacts,
        prepare=known,
        batch=copy_organisations,
    ),
)
