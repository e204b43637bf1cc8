"""What every route's parameters share: bounded text, pages with cursors, the version a caller has seen."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query
from pydantic import AfterValidator, Field

from .errors import FieldError, InvalidInput, Text
from .input import clean_line

QueryText = Annotated[str, Field(max_length=300), AfterValidator(clean_line)]
"""Text in an address: no NUL or other control characters, which PostgreSQL would refuse later and less clearly."""

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Cursor = Annotated[
    str | None,
    Query(max_length=2000, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of the page before"),
]
FIRST_YEAR, LAST_YEAR = 1900, 2200


async def expected_version(
    if_match: Annotated[
        str | None, Header(description='The version seen, as GET gave it in ETag: `"3"`; absent or `*`: any')
    ] = None,
) -> int | None:
    """The version named by If-Match (RFC 9110); None for any. Raises InvalidInput for what is no version."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,18})"', if_match.strip().removeprefix("W/"), re.ASCII)
    if not found:
        raise refused("If-Match", 'ist kein ETag einer Version, z. B. "3"', 'is no ETag of a version, e.g. "3"')
    return int(found[1])


ExpectedVersion = Annotated[int | None, Depends(expected_version)]


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def write_cursor(*parts: str | int | UUID | datetime) -> str:
    """An opaque cursor from the sort key of a page's last item."""
    texts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in parts]
    return base64.urlsafe_b64encode(json.dumps(texts, ensure_ascii=False).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[str | int | UUID | datetime, ...]:
    """The parts of a cursor as these kinds (str, int, UUID, datetime). Raises InvalidInput for what nobody gave out."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError("another list's cursor")
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (binascii.Error, ValueError, OverflowError, RecursionError) as error:
        raise refused("cursor", "ist kein Zeiger dieser Liste", "is no cursor of this list") from error


def _part(text: object, kind: type) -> str | int | UUID | datetime:
    if not isinstance(text, str) or "\x00" in text:
        raise ValueError("not text")
    text.encode()  # A lone surrogate is a ValueError here rather than the database's.
    if kind is str:
        return text
    if kind is UUID:
        return UUID(text)
    if kind is int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ValueError("no number")
        return int(text)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError("no instant")
    return instant


def refused(field: str, de: str, en: str, *, code: str = "invalid") -> InvalidInput:
    """A refusal of one parameter or header."""
    return InvalidInput.of([FieldError(field=field, code=code, text=Text(de, en))])
