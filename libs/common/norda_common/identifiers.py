"""Identifiers the platform itself draws: UUIDv7 (RFC 9562), so that new rows land at the end of an index."""

from __future__ import annotations

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Draw a UUIDv7; ids of one process grow with time, which keeps indexes dense."""
    return UUID(bytes=uuid_utils.uuid7().bytes)
