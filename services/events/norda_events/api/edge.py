"""What every route of this service needs: who acts, when, under which key, and where a page begins."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Header
from norda_common.auth import Caller
from norda_common.requests import FIRST_YEAR, LAST_YEAR, read_cursor, refused
from norda_common.rights import Right
from norda_common.web import RuntimeDep, caller_with
from pydantic import Field

from ..rules.rights import PLAN, READ, REGISTER, RELEASE
from ..usecases.office import Office


@cache
def office_with(right: Right) -> Any:
    """The dependency of a route that needs this right: the calling office, and the states this instance serves."""
    allowed = caller_with(right)

    async def get_office(runtime: RuntimeDep, caller: Caller = allowed) -> Office:
        return Office(caller, frozenset(runtime.settings.states))

    return Depends(get_office)


async def get_now() -> datetime:
    """The instant of the request, aware UTC."""
    return datetime.now(UTC)


async def get_idempotency_key(
    idempotency_key: Annotated[
        str | None, Header(description="The same key again returns what the first request made", max_length=200)
    ] = None,
) -> str | None:
    """The caller's Idempotency-Key. Raises InvalidInput when it is empty."""
    if idempotency_key is not None and not idempotency_key.strip():
        raise refused("Idempotency-Key", "ist leer", "is empty")
    return idempotency_key


Reader = Annotated[Office, office_with(READ)]
Planner = Annotated[Office, office_with(PLAN)]
Releaser = Annotated[Office, office_with(RELEASE)]
Desk = Annotated[Office, office_with(REGISTER)]
NowDep = Annotated[datetime, Depends(get_now)]
IdempotencyDep = Annotated[str | None, Depends(get_idempotency_key)]
Day = Annotated[date, Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))]
"""A day of the years cursors can hold, so that no zone moves it out of Python's calendar."""


def event_place(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The place in the order of events a cursor stands for. Raises InvalidInput."""
    return None if cursor is None else cast("tuple[datetime, UUID]", read_cursor(cursor, datetime, UUID))


def organisation_place(cursor: str | None) -> UUID | None:
    """The organisation after which a page begins. Raises InvalidInput."""
    return None if cursor is None else cast("UUID", read_cursor(cursor, UUID)[0])


def registration_place(cursor: str | None) -> int:
    """The position after which a page begins; 0 for the first page. Raises InvalidInput."""
    return 0 if cursor is None else cast("int", read_cursor(cursor, int)[0])
