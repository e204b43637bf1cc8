"""What the operators' routes answer: letters, counts, outcomes; and bytes as a person can read them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from ..contracts.envelope import TRACEPARENT
from ..database import as_dict
from ..deadletters import headers_of
from ..settings import ServiceSettings
from .replaying import Outcome, Result


class Content(BaseModel):
    """Bytes as text where they are: `json` and `text` are the bytes decoded as UTF-8, unchanged; else `base64`.

    `size` is the number of bytes.
    """

    encoding: Literal["json", "text", "base64"]
    data: str
    size: int

    @classmethod
    def of(cls, raw: bytes | None) -> Content | None:
        """None for null, which is a tombstone's value."""
        if raw is None:
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return cls(encoding="base64", data=base64.b64encode(raw).decode(), size=len(raw))
        return cls(encoding="json" if _is_json(text) else "text", data=text, size=len(raw))


class HeaderView(BaseModel):
    """One header; `value` null is a null header."""

    name: str
    value: Content | None


class Traced(BaseModel):
    """A place in a trace; `trace_link` where the installation has a page for traces (NORDA_TRACE_PAGE)."""

    trace_id: str | None
    trace_link: str | None


class LetterView(Traced):
    """A dead letter without its bytes. `reason` is a code, `detail` names places and kinds of faults, never values."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    offset: int
    record_time: datetime
    reason: str
    detail: str
    failed_at: datetime
    status: str
    tries: int
    tried_at: datetime | None
    tried_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    value_bytes: int

    @classmethod
    def of(cls, row: Mapping[str, Any], settings: ServiceSettings) -> LetterView:
        """From a summary row."""
        return cls.model_validate({**row, **traced(row["traceparent"], settings)})


class WholeLetterView(LetterView):
    """A dead letter with the record as it was delivered; of a private topic it holds personal data."""

    key: Content | None
    headers: list[HeaderView]
    value: Content | None

    @classmethod
    def whole(cls, letter: asyncpg.Record, settings: ServiceSettings) -> WholeLetterView:
        """From a whole letter."""
        headers = [HeaderView(name=name, value=Content.of(raw)) for name, raw in headers_of(letter)]
        shown = {"key": Content.of(letter["key"]), "headers": headers, "value": Content.of(letter["value"])}
        size = len(letter["value"] or b"")
        return cls.model_validate(
            {**as_dict(letter), **traced(letter["traceparent"], settings), **shown, "value_bytes": size}
        )


class LetterPage(BaseModel):
    """A page of dead letters."""

    items: list[LetterView]
    next_cursor: str | None


class CountView(BaseModel):
    """How many letters share consumer, topic and reason."""

    consumer: str
    topic: str
    reason: str
    letters: int
    first_failed_at: datetime
    last_failed_at: datetime


class ActionResult(BaseModel):
    """What became of one letter; `older` are those it waits for, `reason` and `detail` a failure's."""

    id: UUID
    result: Result
    reason: str | None = None
    detail: str | None = None
    older: list[UUID] = []
    closed_by: str | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> ActionResult:
        """From an outcome."""
        return cls(
            id=outcome.letter_id,
            result=outcome.result,
            reason=outcome.reason,
            detail=outcome.detail,
            older=list(outcome.older),
            closed_by=outcome.closed_by,
        )


class BatchResult(BaseModel):
    """What became of each letter of a batch, in their order; with `next_cursor` there are more."""

    items: list[ActionResult]
    next_cursor: str | None


def traced(traceparent: str | None, settings: ServiceSettings) -> dict[str, str | None]:
    """The fields of `Traced`."""
    trace_id = traceparent.split("-")[1] if traceparent and TRACEPARENT.fullmatch(traceparent) else None
    return {"trace_id": trace_id, "trace_link": settings.trace_link(trace_id)}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
