"""What the events service listens to: organisations of all states, for its own read model."""

from __future__ import annotations

from norda_common.consumer import Consumer
from norda_common.contracts.registry import ORGANISATION

from .usecases.copying import copy_organisations

CONSUMERS = (Consumer(name="organisations", topics=(ORGANISATION,), batch=copy_organisations),)
