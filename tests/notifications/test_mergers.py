"""A merger moves registrations, and no consent: nobody is subscribed, told or suppressed by it."""

from __future__ import annotations

from norda_common.contracts import registry
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State

from .conftest import Desk, event_said, make_event, now, participation_said, person


def cluster_said(change: str, sequence: int, code: str, **fields: object) -> Event:
    """What the registry says of a cluster."""
    content = registry.EXAMPLE.model_dump() | {"kind": "cluster", "cluster_code": code, "responsible_state": "hb"}
    data = Organisation.model_validate(content | {"changed_at": now()} | fields)
    return ORGANISATION.event(change, data, state=State.BREMEN, key=data.organisation_id, sequence=sequence, time=now())


async def test_case_4_consents_stay_where_they_were_given(desk: Desk) -> None:
    gone, kept = new_id(), new_id()
    follower, participant, objector = person(), person(), person()
    given = await desk.subscribe(follower, "cluster", "HERREN")
    forum = make_event()
    await desk.tell(participation_said("confirmed", forum, participant))
    async with desk.service.client() as client:
        objected = await client.post("/api/v1/suppressions", json={"email": objector})
        assert objected.status_code == 201, objected.text

    merged = (
        cluster_said("merged", 2, "HERREN", organisation_id=gone, status="merged", merged_into=kept),
        cluster_said("absorbed", 2, "MASCH", organisation_id=kept, absorbed=(gone,)),
        participation_said("organisation_changed", forum, participant, sequence=2),
    )
    await desk.tell(*merged)
    assert len(await desk.mails(participant)) == 1, "the participant was told of the seat, and of nothing since"
    assert await desk.mails(follower) == []
    async with desk.service.client() as client:
        listed = (await client.get("/api/v1/subscriptions", params={"email": follower})).json()["items"]
        assert listed == [given]
        of_kept = await client.get("/api/v1/subscriptions", params={"kind": "cluster", "value": "MASCH"})
        assert of_kept.json()["items"] == []

    # What the kept one announces reaches nobody who agreed to the merged one's news alone.
    news = event_said("published", make_event(clusters=("MASCH",)))
    await desk.tell(news)
    assert await desk.mails(follower) == []
    assert await desk.mails(objector) == []
    own = event_said("published", make_event(clusters=("HERREN",)))
    await desk.tell(own)
    assert len(await desk.mails(follower)) == 1
