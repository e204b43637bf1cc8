"""The inbox: what the own office was told, and what the person asked for themselves, read or not."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.errors import InvalidInput, NotFound, Text
from norda_common.requests import Cursor, refused
from norda_common.web.pages import Page, page_for

from ..api.paging import last_seen, next_cursor
from ..mail.letters import compose
from ..rules.rights import INBOX
from ..store import deliveries, recipients
from ..usecases.offices import mark_all_read, mark_read
from .labels import NOTICES, named, subject_address
from .listing import ROWS, Direction, listing

router = APIRouter(prefix="/notifications/inbox")
PATH = "/notifications/inbox"
INBOX_TITLE = Text("Eingang", "Inbox")
Reader = Annotated[Page, page_for(INBOX)]


@router.get("")
async def inbox(
    page: Reader,
    unread: Literal["yes", ""] = "",
    sort: Literal["received", ""] = "received",
    direction: Direction = "desc",
    cursor: Cursor = None,
) -> Response:
    """The entries, by the time they came."""
    async with page.read() as connection:
        inboxes = await recipients.inboxes(connection, page.caller.require_own_state(INBOX), page.caller.subject)
        rows = await deliveries.inbox(
            connection,
            inboxes,
            last=last_seen(cursor),
            unread_only=unread == "yes",
            limit=ROWS + 1,
            oldest_first=direction == "asc",
        )
        count = await deliveries.unread_count(connection, inboxes)
    shown = rows[:ROWS]
    return page.show(
        "inbox.html.jinja",
        title=INBOX_TITLE,
        entries=[
            {
                "id": row["id"],
                "kind": named(NOTICES, row["kind"], page.language),
                "subject": letter_subject(row["kind"], row["content"], page.language),
                "received_at": row["created_at"],
                "read_at": row["read_at"],
            }
            for row in shown
        ],
        newest=max((row["id"] for row in shown), default=None),
        unread_only=unread,
        unread=count,
        most=deliveries.COUNTED_AT_MOST - 1,
        listing=listing(
            page,
            {"unread": unread},
            cursor=cursor,
            next_cursor=next_cursor(rows, limit=ROWS),
            sort=sort or "received",
            direction=direction,
        ),
    )


@router.post("/read-all")
async def read_all(page: Reader) -> Response:
    """Mark everything up to the newest entry the person saw as read; what came since stays unread."""
    form = await page.form()
    try:
        until = UUID(form.value("until"))
    except ValueError as error:
        raise _unreadable() from error
    async with page.transaction() as connection:
        number = await mark_all_read(connection, until, caller=page.caller, now=page.now)
    text = (
        Text("Es gab nichts Ungelesenes.", "There was nothing unread.")
        if number == 0
        else Text(f"Als gelesen markiert: {number}", f"Marked as read: {number}")
    )
    return await page.go(PATH, text, kind="success" if number else "info")


@router.get("/{entry_id}")
async def entry(page: Reader, entry_id: UUID) -> Response:
    """One entry in full. Looking at it changes nothing; a button marks it as read."""
    async with page.read() as connection:
        inboxes = await recipients.inboxes(connection, page.caller.require_own_state(INBOX), page.caller.subject)
        row = await deliveries.inbox_entry(connection, entry_id, recipient_ids=inboxes)
    if row is None:
        raise NotFound("Diesen Eintrag gibt es in Ihrem Eingang nicht.", "There is no such entry in your inbox.")
    letter = compose(row["kind"], json.loads(row["content"]), language=page.language, name=None)
    return page.show(
        "inbox_entry.html.jinja",
        title=Text(letter.subject, letter.subject),
        crumbs=[(INBOX_TITLE, PATH), (Text(letter.subject, letter.subject), None)],
        letter=letter,
        entry=row,
        kind=named(NOTICES, row["kind"], page.language),
        subject_address=subject_address(page.runtime.settings, row["kind"], row["subject_id"]),
    )


@router.post("/{entry_id}/read")
async def read_one(page: Reader, entry_id: UUID) -> Response:
    """Mark an entry as read."""
    await page.form()
    async with page.transaction() as connection:
        await mark_read(connection, entry_id, caller=page.caller, now=page.now)
    return await page.go(PATH, Text("Der Eintrag ist als gelesen markiert.", "The entry is marked as read."))


def letter_subject(kind: str, content: str, language: str) -> str:
    """What an entry is headed with; `content` is the notice's JSON."""
    return compose(kind, json.loads(content), language=language, name=None).subject


def _unreadable() -> InvalidInput:
    return refused("until", "ist kein Eintrag", "is no entry")
