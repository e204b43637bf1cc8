"""Pages of lists in the order of ids, which grow with time: the cursor holds the last id seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from norda_common.requests import read_cursor, write_cursor


def last_seen(cursor: str | None) -> UUID | None:
    """The id a cursor holds. Raises InvalidInput."""
    if cursor is None:
        return None
    (last,) = read_cursor(cursor, UUID)
    assert isinstance(last, UUID)  # noqa: S101 - tells mypy what read_cursor has checked
    return last


def next_cursor(rows: Sequence[Any], *, limit: int) -> str | None:
    """The cursor after a full page; None when there is no more, so the caller reads one row beyond the limit."""
    return write_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None
