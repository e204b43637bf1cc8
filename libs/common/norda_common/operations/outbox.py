"""`/api/v1/outbox/blocked`: events that could not be published, and trying again once the cause is mended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Path
from pydantic import BaseModel

from .. import audit
from ..auth import Caller
from ..blocked import blocked_rows, retry
from ..errors import NotFound
from ..requests import Cursor, Limit, QueryText, read_cursor, write_cursor
from ..runtime import Runtime
from ..web import RuntimeDep
from .letters import Operator
from .views import Traced, traced

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/outbox/blocked")
RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]


class BlockedView(Traced):
    """A blocked event. `topic` is without the installation's prefix; `waiting` rows of its key wait behind it."""

    id: int
    topic: str
    key: UUID
    event_id: UUID
    type: str
    sequence: int
    reason: str
    created_at: datetime
    blocked_at: datetime
    value_bytes: int
    waiting: int


class BlockedPage(BaseModel):
    """A page of blocked events."""

    items: list[BlockedView]
    next_cursor: str | None


class RetryResult(BaseModel):
    """The row the relay will try next; if the cause is still there, it is blocked anew with its reason."""

    id: int


@router.get("", summary="Events that cannot be published, oldest first (operators)")
async def list_blocked(
    runtime: RuntimeDep,
    caller: Operator,
    reason: QueryText | None = None,
    topic: QueryText | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> BlockedPage:
    """Each holds back its own topic and key only."""
    after = 0 if cursor is None else read_cursor(cursor, int)[0]
    async with runtime.database.read(caller) as connection:
        rows = await blocked_rows(connection, after=after, reason=reason, topic=topic, limit=limit + 1)  # type: ignore[arg-type]
    items = [
        BlockedView.model_validate({**row, **traced(row["traceparent"], runtime.settings)}) for row in rows[:limit]
    ]
    return BlockedPage(items=items, next_cursor=write_cursor(items[-1].id) if len(rows) > limit else None)


@router.post("/{row_id}/retry", status_code=202, summary="Send a blocked event again (operators)")
async def retry_blocked(runtime: RuntimeDep, caller: Operator, row_id: RowId) -> RetryResult:
    """After the cause is mended. There is no way to drop it: readers of its key would miss a sequence number."""
    await retry_row(runtime, row_id, caller)
    return RetryResult(id=row_id)


async def retry_row(runtime: Runtime, row_id: int, caller: Caller) -> None:
    """Ask the relay to send a blocked row again. Raises NotFound. Idempotent."""
    async with runtime.database.transaction(caller) as connection:
        found = await retry(connection, row_id)
        if found:
            await audit.record(connection, caller, audit.Entry("outbox.retry", "outbox", str(row_id)))
    if not found:
        raise NotFound(
            "Diese Zeile ist nicht (mehr) blockiert; vielleicht ist sie schon gesendet.",
            "This row is not blocked (any more); perhaps it has been sent.",
        )
    log.info("blocked outbox row is tried again", row_id=row_id, by=caller.subject)
