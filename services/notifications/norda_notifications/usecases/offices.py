"""The offices: their contact, and their inbox."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from asyncpg import Record
from norda_common import audit
from norda_common.addresses import EmailAddress
from norda_common.auth import Caller
from norda_common.database import Connection
from norda_common.errors import NotFound, StaleVersion
from norda_common.input import Command, Line
from norda_common.states import State
from pydantic import Field

from ..rules.rights import CONTACT, INBOX
from ..store import deliveries, recipients

_SAID = ("name", "language", "version")
"""What the audit log says of a contact before and after; an address may be a person's, so only that it was touched."""


class SetContact(Command):
    """How an office is reached; without an address it is told in its inbox only."""

    name: Annotated[Line, Field(max_length=200, examples=["Wirtschaftsförderung Bremen"])]
    email: EmailAddress | None = Field(examples=["office@hb.example"])
    language: Literal["de", "en"] = "de"


async def set_contact(
    connection: Connection,
    state: State,
    command: SetContact,
    *,
    caller: Caller,
    served: frozenset[State],
    expected_version: int | None,
    now: datetime,
) -> Record:
    """Write the office's own contact. Raises Forbidden, Conflict, StaleVersion."""
    caller.require(CONTACT, state)
    caller.require_served(CONTACT, served)
    office = await recipients.office(connection, state, lock=True)
    if expected_version is not None and expected_version != office["version"]:
        raise StaleVersion(
            f"Die Angaben haben inzwischen Version {office['version']}.",
            f"The contact has version {office['version']} by now.",
        )
    written = await recipients.set_office_contact(
        connection, state, name=command.name, address=command.email, language=command.language, now=now
    )
    readdressed = office["address"] != written["address"]
    old, new = audit.difference(*({field: row[field] for field in _SAID} for row in (office, written)))
    if new.keys() - {"version"} or readdressed:
        new |= {"touched": ["address"]} if readdressed else {}
        await audit.record(connection, caller, audit.Entry("office.contact", "office", state.value, old, new))
    return written


async def mark_read(connection: Connection, entry_id: UUID, *, caller: Caller, now: datetime) -> None:
    """Mark an entry of the caller's office, or of their own, as read; idempotent. Raises NotFound."""
    inboxes = await recipients.inboxes(connection, caller.require_own_state(INBOX), caller.subject)
    newly = await deliveries.mark_read(connection, entry_id, recipient_ids=inboxes, now=now)
    if newly is None:
        raise NotFound("Diesen Eintrag gibt es in Ihrem Eingang nicht.", "There is no such entry in your inbox.")
    if newly:
        entry = audit.Entry("inbox.mark", "inbox_entry", str(entry_id), {"read_at": None}, {"read_at": now})
        await audit.record(connection, caller, entry)


async def mark_all_read(connection: Connection, until: UUID, *, caller: Caller, now: datetime) -> int:
    """Mark the unread entries of the caller's office, and their own, up to and with this one as read; how many."""
    state = caller.require_own_state(INBOX)
    inboxes = await recipients.inboxes(connection, state, caller.subject)
    number = await deliveries.mark_all_read(connection, recipient_ids=inboxes, until=until, now=now)
    if number:
        await audit.record(
            connection,
            caller,
            audit.Entry("inbox.mark", "inbox", state.value, {"unread": number}, {"unread": 0, "until": until}),
        )
    return number
