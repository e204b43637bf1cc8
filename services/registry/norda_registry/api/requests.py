"""Requests of persons under the GDPR: taken, followed, proven; an access report as JSON (Art. 20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.auth import Caller
from norda_common.requests import Cursor, Limit, read_cursor, write_cursor
from norda_common.states import State
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel, Field

from ..rules.requests import is_late, to_be_met_by
from ..rules.rights import PRIVACY
from ..store.requests import Request
from ..usecases.people_commands import AskForPerson, FindProof
from ..usecases.privacy import Progress, ask, find_proof, list_requests, progress_of, report_of

router = APIRouter(prefix="/api/v1/privacy-requests", tags=["people"])
Office = Annotated[Caller, caller_with(PRIVACY)]


class AnswererView(BaseModel):
    """A service that answers for a state."""

    service: str
    state: str


class AnswerView(AnswererView):
    """What it found of the person and changed, and when: the proof."""

    found: int
    changed: int
    answered_at: datetime


class RequestView(BaseModel):
    """A request of a person. `late`: somebody should have answered by now; `meet_by`: Art. 12 (3).

    The person was looked for by so many `addresses`, and by `person_id` among the own office's contact persons, if it
    is one person there. Without an address no other service and state could find anything.
    """

    id: UUID
    state: str
    kind: str
    addresses: int
    person_id: UUID | None
    asked_at: datetime
    meet_by: date
    completed_at: datetime | None
    missing: list[AnswererView]
    late: bool
    report_until: datetime | None


class ProgressView(RequestView):
    """The same with the answers so far."""

    answers: list[AnswerView]


class RequestPage(BaseModel):
    """Requests, newest first; `next_cursor` is absent on the last page."""

    items: list[RequestView]
    next_cursor: str | None = Field(default=None)


class ReportPart(AnswererView):
    """What one service keeps of the person for one state."""

    records: list[dict[str, str]]


class ReportView(BaseModel):
    """All that is kept of the person (Art. 15, 20 GDPR), in a structured, machine-readable form."""

    request_id: UUID
    asked_at: datetime
    completed_at: datetime | None
    parts: list[ReportPart]


@router.post(
    "",
    status_code=202,
    summary="Take a person's request",
    responses={200: {"description": "The same request is on its way already"}},
)
async def post_request(command: AskForPerson, caller: Office, runtime: RuntimeDep, response: Response) -> RequestView:
    """It reaches every service for all three states. The office has made sure who asks (Art. 12 (6) GDPR).

    Named by `person_id`, or by an address that a contact person of the office has: all addresses of that person are
    looked for, but for those that others have, too. An address of several persons means all who have it, and
    `person_id` one of them. Who has no address is found by `POST /api/v1/people/search`. 422 `unknown_person` for a
    pseudonym that the office has not.
    """
    now = datetime.now(UTC)
    async with runtime.database.transaction(caller) as connection:
        request, new = await ask(connection, command, caller=caller, served=runtime.settings.states, now=now)
        shown = await progress_of(connection, request.id, caller=caller)
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/api/v1/privacy-requests/{request.id}"
    return _view(request, shown.missing, now=now)


@router.get("", summary="The own office's requests")
async def get_requests(caller: Office, runtime: RuntimeDep, limit: Limit = 50, cursor: Cursor = None) -> RequestPage:
    """Newest first, without any address."""
    before = read_cursor(cursor, UUID)[0] if cursor else None
    now = datetime.now(UTC)
    async with runtime.database.read(caller) as connection:
        found = await list_requests(connection, caller=caller, before=before, limit=limit + 1)
    return RequestPage(
        items=[_view(request, missing, now=now) for request, missing in found[:limit]],
        next_cursor=write_cursor(found[limit - 1][0].id) if len(found) > limit else None,
    )


@router.post("/search", summary="Find the own office's requests about an address or a phone number")
async def search_requests(command: FindProof, caller: Office, runtime: RuntimeDep, limit: Limit = 50) -> RequestPage:
    """Also completed ones, of which keyed hashes are known alone. A POST, so that no address stands in a URL."""
    now = datetime.now(UTC)
    async with runtime.database.read(caller) as connection:
        found = await find_proof(connection, command, caller=caller, limit=limit)
    return RequestPage(items=[_view(request, missing, now=now) for request, missing in found])


@router.get("/{request_id}", summary="How far a request is, and its proof")
async def get_request(request_id: UUID, caller: Office, runtime: RuntimeDep) -> ProgressView:
    """Which service found and changed how much for which state, and when; and who has not answered yet."""
    async with runtime.database.read(caller) as connection:
        return _progress(await progress_of(connection, request_id, caller=caller), now=datetime.now(UTC))


@router.get("/{request_id}/report", summary="The access report")
async def get_report(request_id: UUID, caller: Office, runtime: RuntimeDep) -> ReportView:
    """What was found of the person, for 30 days after the last answer; 404 `no_report` afterwards and before."""
    async with runtime.database.read(caller) as connection:
        return report_view(await report_of(connection, request_id, caller=caller, now=datetime.now(UTC)))


def report_view(shown: Progress) -> ReportView:
    """The report as it is handed out."""
    return ReportView(
        request_id=shown.request.id,
        asked_at=shown.request.asked_at,
        completed_at=shown.request.completed_at,
        parts=[
            ReportPart(service=each.service, state=each.state, records=[dict(record) for record in each.records or ()])
            for each in shown.answers
        ],
    )


def _view(request: Request, missing: Sequence[tuple[str, State]], *, now: datetime) -> RequestView:
    return RequestView(
        id=request.id,
        state=request.state,
        kind=request.kind,
        addresses=request.addresses,
        person_id=request.person_id,
        asked_at=request.asked_at,
        meet_by=to_be_met_by(request.asked_at),
        completed_at=request.completed_at,
        missing=[AnswererView(service=service, state=state) for service, state in missing],
        late=bool(missing) and is_late(request.asked_at, now=now),
        report_until=request.records_until,
    )


def _progress(shown: Progress, *, now: datetime) -> ProgressView:
    return ProgressView(
        **dict(_view(shown.request, shown.missing, now=now)),
        answers=[AnswerView.model_validate(answer, from_attributes=True) for answer in shown.answers],
    )
