"""Cursor paging: an opaque cursor holds the last id seen; order is that of the ids, which grow with time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from norda_common.errors import FieldError, InvalidInput, Text

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before")]


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id a cursor holds. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        text = Text("ist kein gültiger Seitenzeiger", "is not a valid cursor")
        raise InvalidInput.of([FieldError(field="cursor", code="invalid_cursor", text=text)]) from error


def next_cursor(rows: Sequence[Any], *, limit: int) -> str | None:
    """The cursor after a full page; None when there is no more, so the caller reads one row beyond the limit."""
    if len(rows) <= limit:
        return None
    return base64.urlsafe_b64encode(rows[limit - 1]["id"].bytes).decode().rstrip("=")
