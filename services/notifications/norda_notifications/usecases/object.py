"""Objection to direct marketing (Widerspruch, Art. 21 GDPR) and unsubscribing by the link in a mail (RFC 8058)."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record
from norda_common import audit
from norda_common.addresses import EmailAddress
from norda_common.auth import Caller
from norda_common.database import SYSTEM, Connection
from norda_common.errors import NotFound
from norda_common.input import Command
from norda_common.states import State
from pydantic import Field

from ..rules.rights import SUBSCRIBE
from ..store import deliveries, recipients, subscriptions
from .subscribe import ended_entries


class Suppress(Command):
    """This address objected: no subscription notices any more, whoever subscribes it again."""

    email: EmailAddress = Field(examples=["person@ex-005.example"])


async def suppress(
    connection: Connection, command: Suppress, *, caller: Caller, served: frozenset[State], now: datetime
) -> bool:
    """Remember the objection for all states at once, also for mails already waiting; False when it was known."""
    state = caller.require_served(SUBSCRIBE, served)
    new = await recipients.suppress(connection, command.email, state=state, now=now)
    if new:
        # Not even the hash: whoever knows the address could find it there.
        entry = audit.Entry("subscription.object", "suppression", state.value, {"objects": False}, {"objects": True})
        await audit.record(connection, caller, entry)
    return new


async def subscriptions_behind(connection: Connection, token: str) -> Record:
    """What the link in a mail would end. Raises NotFound for a link nobody was given."""
    row = await deliveries.by_unsubscribe_token(connection, token)
    if row is None:
        raise NotFound("Dieser Abmeldelink gilt nicht.", "This unsubscribe link is not valid.")
    return row


async def unsubscribe(connection: Connection, token: str, *, now: datetime) -> Record:
    """End the subscriptions behind the mail; idempotent, and also for mails already waiting. Raises NotFound."""
    row = await subscriptions_behind(connection, token)
    ended = await subscriptions.end(connection, list(row["running"]), ended_by="recipient", now=now)
    # Whoever holds the link has no name here: the service itself does it for them.
    await audit.record(connection, SYSTEM, *ended_entries(ended))
    return row
