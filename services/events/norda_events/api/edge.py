"""What every route of this service needs: who acts, when, which version was seen, and where a page begins."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query
from norda_common.errors import FieldError, InvalidInput, Text
from norda_common.web import CallerDep, RuntimeDep

from ..usecases.office import Office

PROBLEM: dict[str, Any] = {
    "description": "Problem document (RFC 9457), in German and English",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}
REFUSALS: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 403, 404, 409, 412, 422), PROBLEM)


def get_office(runtime: RuntimeDep, caller: CallerDep) -> Office:
    """The calling office and the states this instance serves."""
    return Office(caller, frozenset(runtime.settings.states))


def get_now() -> datetime:
    """The instant of the request, aware UTC."""
    return datetime.now(UTC)


def get_expected_version(
    if_match: Annotated[
        str | None, Header(description='The version seen, as GET gave it in ETag: `"3"`; absent or `*`: any')
    ] = None,
) -> int | None:
    """The version named by If-Match (RFC 9110). Raises InvalidInput for anything that is no version."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"?([0-9]{1,18})"?', if_match.strip(), re.ASCII)
    if not found:
        raise _header_fault("If-Match", "ist keine Version", "is no version")
    return int(found[1])


def get_idempotency_key(
    idempotency_key: Annotated[
        str | None, Header(description="The same key again returns what the first request made", max_length=200)
    ] = None,
) -> str | None:
    """The caller's Idempotency-Key. Raises InvalidInput when it is empty."""
    if idempotency_key is not None and not idempotency_key.strip():
        raise _header_fault("Idempotency-Key", "ist leer", "is empty")
    return idempotency_key


OfficeDep = Annotated[Office, Depends(get_office)]
NowDep = Annotated[datetime, Depends(get_now)]
VersionDep = Annotated[int | None, Depends(get_expected_version)]
IdempotencyDep = Annotated[str | None, Depends(get_idempotency_key)]
LimitQuery = Annotated[int, Query(ge=1, le=200, description="How many at most")]
CursorQuery = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")]


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def write_cursor(*parts: object) -> str:
    """An opaque cursor from the sort key of a page's last item."""
    text = "|".join(part.isoformat() if isinstance(part, datetime) else str(part) for part in parts)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, parts: int) -> list[str]:
    """The parts of a cursor this service wrote. Raises InvalidInput."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise cursor_fault() from error
    found = text.split("|")
    if len(found) != parts:
        raise cursor_fault()
    return found


def read_event_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The place in the order of events a cursor stands for. Raises InvalidInput."""
    if cursor is None:
        return None
    starts_at, event_id = read_cursor(cursor, parts=2)
    try:
        place = datetime.fromisoformat(starts_at), UUID(event_id)
    except ValueError as error:
        raise cursor_fault() from error
    if place[0].tzinfo is None:
        raise cursor_fault()
    return place


def cursor_fault() -> InvalidInput:
    """The refusal of a cursor nobody handed out."""
    text = Text("ist kein Zeiger dieser Liste", "is no cursor of this list")
    return InvalidInput.of([FieldError(field="cursor", code="invalid_cursor", text=text)])


def _header_fault(name: str, de: str, en: str) -> InvalidInput:
    return InvalidInput.of([FieldError(field=name, code="invalid_header", text=Text(de, en))])
