"""`/api/v1/subscriptions` and `/api/v1/suppressions`: kept by the offices, each its own state's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from norda_common.addresses import address_key
from norda_common.auth import Caller
from norda_common.requests import Cursor, ExpectedVersion, Limit, QueryText, etag
from norda_common.web import RuntimeDep, caller_with
from pydantic import BaseModel

from ..rules.rights import SUBSCRIBE
from ..rules.topics import TopicKind
from ..store import subscriptions
from ..usecases.object import Suppress, suppress
from ..usecases.subscribe import (
    CorrectSubscription,
    Subscribe,
    correct_subscription,
    end_subscription,
    own_subscription,
    subscribe,
)
from .paging import last_seen, next_cursor

router = APIRouter(prefix="/api/v1", tags=["subscriptions"])
Keeper = Annotated[Caller, caller_with(SUBSCRIBE)]


class TopicView(BaseModel):
    """What is subscribed to."""

    kind: str
    value: str


class ConsentView(BaseModel):
    """The consent the subscription rests on."""

    given_at: datetime
    wording: str


class SubscriptionView(BaseModel):
    """A subscription as its own state's office sees it. `suppressed`: the address objected and gets nothing;
    `restricted`: the person asked for restriction, so it is stored and used for nothing.
    """

    id: UUID
    state: str
    email: str
    name: str | None
    language: str
    topic: TopicView
    consent: ConsentView
    created_at: datetime
    ended_at: datetime | None
    suppressed: bool
    restricted: bool = False
    version: int


class SubscriptionPage(BaseModel):
    """A page of subscriptions."""

    items: list[SubscriptionView]
    next_cursor: str | None


class SuppressionView(BaseModel):
    """An objection is in force."""

    suppressed: bool = True
    was_known: bool


@router.post(
    "/subscriptions",
    status_code=201,
    summary="Subscribe a person, with their consent",
    responses={200: {"description": "The person has this subscription already"}},
)
async def post_subscription(
    command: Subscribe, runtime: RuntimeDep, caller: Keeper, response: Response
) -> SubscriptionView:
    """The subscription belongs to the caller's state. It takes effect for what happens from now on.

    One that the person has already is answered as it is; PATCH corrects it.
    """
    async with runtime.database.transaction(caller) as connection:
        row, created = await subscribe(
            connection,
            command,
            caller=caller,
            served=frozenset(runtime.settings.states),
            now=datetime.now(UTC),
        )
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/api/v1/subscriptions/{row['id']}"
    return _shown(row, response)


@router.get("/subscriptions", summary="The own state's running subscriptions")
async def list_subscriptions(
    runtime: RuntimeDep,
    caller: Keeper,
    kind: TopicKind | None = None,
    value: QueryText | None = None,
    email: QueryText | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SubscriptionPage:
    """In the order they were entered."""
    state = caller.require_own_state(SUBSCRIBE)
    async with runtime.database.read(caller) as connection:
        rows = await subscriptions.of_state(
            connection,
            state,
            after=last_seen(cursor),
            limit=limit + 1,
            kind=kind.value if kind else None,
            value=value,
            address_key=address_key(email) if email else None,
        )
    return SubscriptionPage(items=[_view(row) for row in rows[:limit]], next_cursor=next_cursor(rows, limit=limit))


@router.get("/subscriptions/{subscription_id}", summary="One subscription of the own state")
async def get_subscription(
    subscription_id: UUID, runtime: RuntimeDep, caller: Keeper, response: Response
) -> SubscriptionView:
    """Also an ended one: it is the record of the consent. The version is also the ETag."""
    async with runtime.database.read(caller) as connection:
        return _shown(await own_subscription(connection, subscription_id, caller=caller), response)


@router.patch("/subscriptions/{subscription_id}", summary="Correct how a subscription's person is addressed")
async def patch_subscription(
    subscription_id: UUID,
    command: CorrectSubscription,
    runtime: RuntimeDep,
    caller: Keeper,
    response: Response,
    expected: ExpectedVersion,
) -> SubscriptionView:
    """Name and language of a running one; address, topic and consent stay as the person agreed to them."""
    async with runtime.database.transaction(caller) as connection:
        row = await correct_subscription(
            connection,
            subscription_id,
            command,
            caller=caller,
            served=frozenset(runtime.settings.states),
            expected_version=expected,
        )
    return _shown(row, response)


@router.delete("/subscriptions/{subscription_id}", status_code=204, summary="End a subscription of the own state")
async def delete_subscription(subscription_id: UUID, runtime: RuntimeDep, caller: Keeper) -> None:
    """Idempotent; holds for mails already waiting as well."""
    async with runtime.database.transaction(caller) as connection:
        await end_subscription(
            connection,
            subscription_id,
            caller=caller,
            served=frozenset(runtime.settings.states),
            now=datetime.now(UTC),
        )


@router.post(
    "/suppressions",
    status_code=201,
    summary="Record an objection (Art. 21 GDPR)",
    responses={200: {"model": SuppressionView, "description": "It was recorded before"}},
)
async def post_suppression(
    command: Suppress, runtime: RuntimeDep, caller: Keeper, response: Response
) -> SuppressionView:
    """The address gets no subscription notice of any state any more; messages about its registrations go on."""
    async with runtime.database.transaction(caller) as connection:
        new = await suppress(
            connection,
            command,
            caller=caller,
            served=frozenset(runtime.settings.states),
            now=datetime.now(UTC),
        )
    response.status_code = 201 if new else 200
    return SuppressionView(was_known=not new)


def _shown(row: Record, response: Response) -> SubscriptionView:
    response.headers["ETag"] = etag(row["version"])
    return _view(row)


def _view(row: Record) -> SubscriptionView:
    return SubscriptionView(
        id=row["id"],
        state=row["state"],
        email=row["email"],
        name=row["name"],
        language=row["language"],
        topic=TopicView(kind=row["topic_kind"], value=row["topic_value"]),
        consent=ConsentView(given_at=row["consent_given_at"], wording=row["consent_wording"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        suppressed=row["suppressed"],
        restricted=row["restricted"],
        version=row["version"],
    )
