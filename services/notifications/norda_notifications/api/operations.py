"""`/api/v1/notices` and `/api/v1/deliveries`: what was told, and what became of it; no address is shown."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from norda_common.auth import Caller
from norda_common.requests import Cursor, Limit, QueryText
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel

from ..rules.rights import DELIVERIES, READ
from ..store import deliveries, notices
from .paging import last_seen, next_cursor

router = APIRouter(prefix="/api/v1", tags=["operations"])


class NoticeView(BaseModel):
    """A notice and how many of its deliveries stand where, e.g. `{"delivered": 51, "due": 1}`."""

    id: UUID
    kind: str
    state: str
    subject_id: UUID
    caused_by: UUID
    occurred_at: datetime
    created_at: datetime
    deliveries: dict[str, int]


class NoticePage(BaseModel):
    """A page of notices, newest first."""

    items: list[NoticeView]
    next_cursor: str | None


class DeliveryView(BaseModel):
    """The fate of one delivery. `recipient` is masked; `last_error` is a kind and code."""

    id: UUID
    notice_id: UUID
    kind: str
    state: str
    channel: str
    status: str
    recipient: str | None
    attempts: int
    due_at: datetime
    settled_at: datetime | None
    last_error: str | None
    created_at: datetime


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    items: list[DeliveryView]
    next_cursor: str | None


@router.get("/notices", summary="What was told, newest first")
async def list_notices(
    runtime: RuntimeDep,
    caller: Annotated[Caller, caller_with(READ)],
    kind: QueryText | None = None,
    subject_id: Annotated[UUID | None, Query(description="The event or organisation it is about")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> NoticePage:
    """For everybody signed in; a notice names no recipient."""
    async with runtime.database.read(caller) as connection:
        rows = await notices.newest(
            connection, last=last_seen(cursor), kind=kind, subject_id=subject_id, limit=limit + 1
        )
    items = [NoticeView(**{**row, "deliveries": json.loads(row["deliveries"])}) for row in rows[:limit]]
    return NoticePage(items=items, next_cursor=next_cursor(rows, limit=limit))


@router.get("/deliveries", summary="What became of each notice (operators)")
async def list_deliveries(
    runtime: RuntimeDep,
    caller: Annotated[Caller, caller_with(DELIVERIES)],
    status: Literal["due", "delivered", "failed", "dropped"] | None = None,
    channel: Literal["email", "inbox"] | None = None,
    notice_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeliveryPage:
    """`status=due` is what waits, `status=failed` what was refused for good."""
    async with runtime.database.read(caller) as connection:
        rows = await deliveries.newest(
            connection,
            status=status,
            channel=channel,
            notice_id=notice_id,
            last=last_seen(cursor),
            limit=limit + 1,
        )
    items = [DeliveryView.model_validate(dict(row.items())) for row in rows[:limit]]
    return DeliveryPage(items=items, next_cursor=next_cursor(rows, limit=limit))
