"""Operators' pages of every service: dead letters and blocked outbox rows, and what can be done about each.

What a record of a private topic holds is personal data, so its key and value are not shown: reason and headers say
what an operator needs. Who must see the bytes asks the API (docs/operating.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Response

from .. import deadletters
from ..blocked import blocked_rows
from ..deadletters import Filter
from ..errors import Conflict, Text
from ..operations.letters import done_or_conflict
from ..operations.outbox import retry_row
from ..operations.replaying import Action, Result, discard, no_such_letter, replay
from ..operations.views import Content, WholeLetterView, traced
from ..requests import Cursor, QueryText, read_cursor, write_cursor
from ..rights import OPERATE
from ..signin import sessions
from .pages import Page, page_for

ROWS = 50
SHOWN_BYTES = 20_000
"""How much of a value a page shows."""
OPERATIONS = Text("Betrieb", "Operations")
LETTERS = Text("Dead Letters", "Dead letters")
BLOCKED = Text("Blockierte Ereignisse", "Blocked events")
STATUSES = {
    "open": Text("offen", "open"),
    "replayed": Text("nachgeholt", "replayed"),
    "discarded": Text("verworfen", "discarded"),
}
Operator = Annotated[Page, page_for(OPERATE)]
Status = Literal["open", "replayed", "discarded", "all", ""]
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def routes(service: str) -> APIRouter:
    """The routes below the service's own path."""
    base = f"/{service}/operations"
    router = APIRouter(prefix=base, include_in_schema=False)

    @router.get("")
    async def overview(page: Operator) -> Response:
        """How many dead letters are open, by consumer, topic and reason; and what the outbox cannot send."""
        async with page.read() as connection:
            counts = await deadletters.counts(connection, Filter())
            rows = await blocked_rows(connection, after=0, reason=None, topic=None, limit=ROWS + 1)
        return page.show(
            "operations/overview.html.jinja",
            title=OPERATIONS,
            counts=counts,
            letters=sum(row["letters"] for row in counts),
            blocked=len(rows),
            most=ROWS,
            base=base,
        )

    @router.get("/dead-letters")
    async def letters(
        page: Operator,
        status: Status = "",
        reason: QueryText = "",
        consumer: QueryText = "",
        topic: QueryText = "",
        cursor: Cursor = None,
    ) -> Response:
        """Dead letters, newest first; open ones unless asked otherwise."""
        wanted = Filter(
            status=None if status == "all" else status or "open",
            reason=reason or None,
            consumer=consumer or None,
            topic=topic or None,
        )
        before: Any = read_cursor(cursor, UUID)[0] if cursor else None
        async with page.read() as connection:
            rows = await deadletters.newest(connection, wanted, before=before, limit=ROWS + 1)
        filters = {"status": status or "open", "reason": reason, "consumer": consumer, "topic": topic}
        return page.show(
            "operations/letters.html.jinja",
            title=LETTERS,
            crumbs=[(OPERATIONS, base), (LETTERS, None)],
            base=base,
            filters=filters,
            statuses=[(code, text.in_language(page.language)) for code, text in STATUSES.items()],
            letters=[{**row, **traced(row["traceparent"], page.runtime.settings)} for row in rows[:ROWS]],
            names={code: text.in_language(page.language) for code, text in STATUSES.items()},
            listing=_listing(page, filters, cursor, write_cursor(rows[ROWS - 1]["id"]) if len(rows) > ROWS else None),
        )

    @router.get("/dead-letters/{letter_id}")
    async def letter(page: Operator, letter_id: UUID) -> Response:
        """One letter: why it is dead, where it came from, its headers; of a public topic also what it holds."""
        shown = await _letter(page, letter_id)
        by = [subject for subject in (shown.tried_by, shown.closed_by) if subject]
        async with page.read() as connection:
            names = await sessions.names(connection, by) if by else {}
        private = is_private(shown.topic, prefix=page.runtime.settings.kafka_topic_prefix)
        return page.show(
            "operations/letter.html.jinja",
            title=Text(shown.reason, shown.reason),
            crumbs=[(OPERATIONS, base), (LETTERS, f"{base}/dead-letters"), (_title(letter_id), None)],
            base=base,
            letter=shown,
            stands=STATUSES[shown.status].in_language(page.language),
            private=private,
            names={subject: names.get(subject, subject) for subject in by},
            key=None if private else _readable(shown.key),
            value=None if private else _readable(shown.value),
            headers=[(header.name, _readable(header.value)) for header in shown.headers],
        )

    @router.get("/dead-letters/{letter_id}/{action}")
    async def ask(page: Operator, letter_id: UUID, action: Literal["replay", "discard"]) -> Response:
        """The question before it is done."""
        shown = await _letter(page, letter_id)
        title = (
            Text("Dead Letter nachholen", "Replay the dead letter")
            if action == "replay"
            else Text("Dead Letter verwerfen", "Discard the dead letter")
        )
        return page.show(
            "operations/letter_action.html.jinja",
            title=title,
            crumbs=[
                (OPERATIONS, base),
                (LETTERS, f"{base}/dead-letters"),
                (_title(letter_id), f"{base}/dead-letters/{letter_id}"),
                (title, None),
            ],
            base=base,
            letter=shown,
            action=action,
        )

    @router.post("/dead-letters/{letter_id}/replay")
    async def replay_letter(page: Operator, letter_id: UUID) -> Response:
        """Let its consumer handle it again."""
        return await _act(page, letter_id, replay, base)

    @router.post("/dead-letters/{letter_id}/discard")
    async def discard_letter(page: Operator, letter_id: UUID) -> Response:
        """Give it up."""
        return await _act(page, letter_id, discard, base)

    @router.get("/blocked")
    async def blocked(page: Operator, reason: QueryText = "", topic: QueryText = "", cursor: Cursor = None) -> Response:
        """Events that cannot be published, oldest first; each holds back its own key only."""
        after: Any = read_cursor(cursor, int)[0] if cursor else 0
        async with page.read() as connection:
            rows = await blocked_rows(
                connection, after=after, reason=reason or None, topic=topic or None, limit=ROWS + 1
            )
        filters = {"reason": reason, "topic": topic}
        return page.show(
            "operations/blocked.html.jinja",
            title=BLOCKED,
            crumbs=[(OPERATIONS, base), (BLOCKED, None)],
            base=base,
            filters=filters,
            rows=[{**row, **traced(row["traceparent"], page.runtime.settings)} for row in rows[:ROWS]],
            listing=_listing(page, filters, cursor, write_cursor(rows[ROWS - 1]["id"]) if len(rows) > ROWS else None),
        )

    @router.post("/blocked/{row_id}/retry")
    async def retry_blocked(page: Operator, row_id: RowId) -> Response:
        """Ask the relay to send it again; it is blocked anew while the cause is there."""
        await page.form()
        await retry_row(page.runtime, row_id, page.caller)
        told = Text(
            f"Ereignis {row_id} wird noch einmal gesendet. Bleibt die Ursache, steht es gleich wieder hier.",
            f"Event {row_id} is sent again. If the cause is still there, it will be back here shortly.",
        )
        return await page.go(f"{base}/blocked", told)

    return router


async def _letter(page: Page, letter_id: UUID) -> WholeLetterView:
    async with page.read() as connection:
        row = await deadletters.whole(connection, letter_id)
    if row is None:
        raise no_such_letter()
    return WholeLetterView.whole(row, page.runtime.settings)


async def _act(page: Page, letter_id: UUID, action: Action, base: str) -> Response:
    await page.form()
    here = f"{base}/dead-letters/{letter_id}"
    outcome = await action(page.runtime, letter_id, page.caller, page.now)
    try:
        done_or_conflict(outcome)
    except Conflict as conflict:
        return await page.go(here, conflict.text, kind="warning")
    if outcome.result is Result.FAILED:
        told = Text(f"Wieder gescheitert: {outcome.reason}.", f"It failed again: {outcome.reason}.")
        return await page.go(here, told, kind="danger")
    told = (
        Text("Der Dead Letter ist nachgeholt.", "The dead letter is replayed.")
        if outcome.result is Result.REPLAYED
        else Text("Der Dead Letter ist verworfen.", "The dead letter is discarded.")
    )
    return await page.go(f"{base}/dead-letters", told)


def is_private(topic: str, *, prefix: str) -> bool:
    """Whether what is said on this topic is not for everybody."""
    return topic.removeprefix(prefix).startswith("internal.")


def _readable(content: Content | None) -> str | None:
    """Text as it stands, the rest in base64; cut where it is long."""
    if content is None:
        return None
    return content.data if len(content.data) <= SHOWN_BYTES else content.data[:SHOWN_BYTES] + "…"


def _title(letter_id: UUID) -> Text:
    short = str(letter_id)[-12:]
    return Text(short, short)


def _listing(page: Page, filters: dict[str, str], cursor: str | None, next_cursor: str | None) -> dict[str, Any]:
    """What the macros of lists need."""
    return {
        "path": page.request.url.path,
        "query": [(name, value) for name, value in filters.items() if value],
        "cursor": cursor,
        "next_cursor": next_cursor,
    }
