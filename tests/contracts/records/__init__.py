"""One real record of each kind and state, made once through the services' own APIs and topics."""

from __future__ import annotations

from contextlib import AsyncExitStack

from support.installation import Installation, Running

from .base import Clients, Records
from .events import events
from .notifications import notifications
from .organisations import registry

__all__ = ["Records", "records_of"]


async def records_of(running: Running, installation: Installation, stack: AsyncExitStack) -> Records:
    """The records of that service. `stack` keeps what they are made with open."""
    makers = {"registry": registry, "events": events, "notifications": notifications}
    return await makers[running.name](Clients(running, stack), installation)
