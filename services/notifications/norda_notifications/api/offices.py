"""`/api/v1/offices/{state}/contact` and `/api/v1/inbox`: how an office is reached, and what it was told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.auth import Caller
from norda_common.requests import Cursor, ExpectedVersion, Limit, etag
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel

from ..mail.letters import compose
from ..rules.rights import CONTACT, INBOX, READ
from ..store import deliveries, recipients
from ..usecases.offices import SetContact, mark_read, set_contact
from .paging import last_seen, next_cursor

router = APIRouter(prefix="/api/v1", tags=["offices"])


class ContactView(BaseModel):
    """An office's contact; offices may know each other's."""

    state: State
    name: str
    email: str | None
    language: str
    version: int


class InboxEntry(BaseModel):
    """What an office was told: the notice's words in the office's language, and its public data."""

    id: UUID
    notice_id: UUID
    kind: str
    subject: str
    text: str
    content: dict[str, Any]
    occurred_at: datetime
    received_at: datetime
    read_at: datetime | None


class InboxPage(BaseModel):
    """A page of an inbox, newest first. `unread` is exact up to 10,000."""

    items: list[InboxEntry]
    next_cursor: str | None
    unread: int


@router.get("/offices/{state}/contact", summary="How an office is reached")
async def get_contact(
    state: State, runtime: RuntimeDep, caller: Annotated[Caller, caller_with(READ)], response: Response
) -> ContactView:
    """The version is also the ETag."""
    async with runtime.database.read(caller) as connection:
        return _contact(await recipients.office(connection, state), response)


@router.put("/offices/{state}/contact", summary="Say how the own office is reached")
async def put_contact(
    state: State,
    command: SetContact,
    runtime: RuntimeDep,
    caller: Annotated[Caller, caller_with(CONTACT)],
    response: Response,
    expected: ExpectedVersion,
) -> ContactView:
    """Only the office itself; null removes the address, then it is told in its inbox alone."""
    async with runtime.database.transaction(caller) as connection:
        row = await set_contact(
            connection,
            state,
            command,
            caller=caller,
            served=frozenset(runtime.settings.states),
            expected_version=expected,
            now=datetime.now(UTC),
        )
    return _contact(row, response)


@router.get("/inbox", summary="What the caller's office was told, and the caller")
async def get_inbox(
    runtime: RuntimeDep,
    caller: Annotated[Caller, caller_with(INBOX)],
    unread: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> InboxPage:
    """Newest first, also what the caller alone asked for (saved searches); `unread=true` leaves out what was read."""
    state = caller.require_own_state(INBOX)
    async with runtime.database.read(caller) as connection:
        office = await recipients.office(connection, state)
        inboxes = await recipients.inboxes(connection, state, caller.subject)
        rows = await deliveries.inbox(connection, inboxes, last=last_seen(cursor), unread_only=unread, limit=limit + 1)
        count = await deliveries.unread_count(connection, inboxes)
    items = [_entry(row, language=office["language"]) for row in rows[:limit]]
    return InboxPage(items=items, next_cursor=next_cursor(rows, limit=limit), unread=count)


@router.post("/inbox/{entry_id}/read", status_code=204, summary="Mark an entry as read")
async def post_read(entry_id: UUID, runtime: RuntimeDep, caller: Annotated[Caller, caller_with(INBOX)]) -> None:
    """Idempotent; only in the own office's inbox and the caller's own."""
    async with runtime.database.transaction(caller) as connection:
        await mark_read(connection, entry_id, caller=caller, now=datetime.now(UTC))


def _contact(row: Record, response: Response) -> ContactView:
    response.headers["ETag"] = etag(row["version"])
    return ContactView(
        state=row["state"],
        name=row["name"],
        email=row["address"],
        language=row["language"],
        version=row["version"],
    )


def _entry(row: Record, *, language: str) -> InboxEntry:
    content = json.loads(row["content"])
    letter = compose(row["kind"], content, language=language, name=None)
    return InboxEntry(
        id=row["id"],
        notice_id=row["notice_id"],
        kind=row["kind"],
        subject=letter.subject,
        text=letter.text,
        content=content,
        occurred_at=row["occurred_at"],
        received_at=row["created_at"],
        read_at=row["read_at"],
    )
