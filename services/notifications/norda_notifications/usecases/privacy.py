"""What persons ask for under the GDPR, as far as they are told something: subscriptions, deliveries, objections.

Runs in the consumer's transaction, for the service itself. An objection outlives the erasure as a hash, so that whoever
enters the address again is not heard (docs/decisions/0043-links-and-objections.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record
from norda_common import audit
from norda_common.addresses import address_key
from norda_common.contracts.privacy import PrivacyRequest
from norda_common.database import Connection
from norda_common.privacy import Done, RequestKind, as_record, system_of
from norda_common.states import State

from ..rules.addresses import address_hash
from ..store import persons, recipients


async def do_own_part(connection: Connection, request: PrivacyRequest, state: State, now: datetime) -> Done:
    """What is kept of the person for that state, and what was asked done with it: address by address. Idempotent."""
    # By their keys: two requests that lock several recipients wait for each other in no circle.
    addresses = {address_key(each): each for each in request.addresses}
    parts = [await _of_address(connection, request, addresses[key], state, now) for key in sorted(addresses)]
    return Done(
        found=sum(part.found for part in parts),
        changed=sum(part.changed for part in parts),
        records=[record for part in parts for record in part.records],
    )


async def _of_address(
    connection: Connection, request: PrivacyRequest, address: str, state: State, now: datetime
) -> Done:
    recipient_id = await persons.find(connection, address_key(address))
    subscribed = await persons.subscriptions(connection, recipient_id, state) if recipient_id else []
    told = await persons.deliveries(connection, recipient_id, state) if recipient_id else []
    found = len(subscribed) + len(told)
    match request.kind:
        case RequestKind.ACCESS:
            records = _records(subscribed, told)
            records += await _marks(connection, address_hash(address), state)
            return Done(found=len(records), records=records)
        case RequestKind.ERASURE:
            changed = await _erase(connection, address, recipient_id, state=state, now=now)
        case RequestKind.RESTRICTION:
            new = await persons.restrict(connection, address_hash(address), state, now=now)
            changed = found if new else 0
        case RequestKind.LIFTING:
            lifted = await persons.lift(connection, address_hash(address), state)
            changed = found if lifted else 0
        case RequestKind.OBJECTION:
            changed = len(subscribed) if await _object(connection, request, address, now=now) else 0
        case _:
            raise ValueError("no such kind of request")
    if changed:
        said = {"request": request.kind, "subscriptions": len(subscribed), "deliveries": len(told)}
        entry = audit.Entry(f"person.{_DEEDS[request.kind]}", "privacy_request", str(request.request_id), after=said)
        await audit.record(connection, system_of(state), entry)
    return Done(found=found, changed=changed)


_DEEDS = {
    RequestKind.ERASURE.value: "erase",
    RequestKind.RESTRICTION.value: "restrict",
    RequestKind.LIFTING.value: "lift_restriction",
    RequestKind.OBJECTION.value: "object",
}


async def _erase(
    connection: Connection, address: str, recipient_id: UUID | None, *, state: State, now: datetime
) -> int:
    # There is nothing left to restrict.
    await persons.lift(connection, address_hash(address), state)
    if recipient_id is None:
        return 0
    return await persons.erase(connection, recipient_id, state, now=now)


async def _object(connection: Connection, request: PrivacyRequest, address: str, *, now: datetime) -> bool:
    """Remember the objection for all states; whether it is this request's, which comes here once for each state."""
    await recipients.suppress(connection, address, state=State(request.state), now=now)
    known = await persons.objection(connection, address_hash(address))
    return known is not None and known["created_at"] == now


def _records(subscribed: Sequence[Record], told: Sequence[Record]) -> list[dict[str, str]]:
    return [as_record("subscription", **dict(row)) for row in subscribed] + [
        as_record("delivery", **dict(row)) for row in told
    ]


async def _marks(connection: Connection, hashed: bytes, state: State) -> list[dict[str, str]]:
    """The person's objection, where that state's office recorded it, and its restriction."""
    marks: list[dict[str, str]] = []
    objected = await persons.objection(connection, hashed)
    if objected is not None and objected["state"] == state.value:
        marks.append(as_record("objection", created_at=objected["created_at"]))
    restricted_at = await persons.restricted_at(connection, hashed, state)
    if restricted_at is not None:
        marks.append(as_record("restriction", created_at=restricted_at))
    return marks
