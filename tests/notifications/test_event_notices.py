"""Who is told of an event, why, and that each person is told once."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from norda_common.contracts.envelope import Received
from norda_common.contracts.events import Host
from norda_common.contracts.notifications import DELIVERY, Delivery
from norda_common.identifiers import new_id
from norda_common.states import State
from support.waiting import eventually

from .conftest import Desk, event_said, make_event, now, participation_said, person


def cluster() -> str:
    """A cluster code of the test's own."""
    return f"C{secrets.token_hex(4).upper()}"


async def test_a_subscriber_of_a_hosting_state_is_told_in_any_state(desk: Desk) -> None:
    of_bremen, of_hamburg, of_niedersachsen = person(), person(), person()
    await desk.subscribe(of_bremen, "state", "hb")
    await desk.subscribe(of_hamburg, "state", "hh", state="hh")
    await desk.subscribe(of_niedersachsen, "state", "ni", state="ni")
    hosts = (Host(kind="state", state="hb"), Host(kind="state", state="hh"))
    await desk.tell(event_said("published", make_event(hosts=hosts, title="Matchmaking-Tag")))
    assert len(await desk.mails(of_bremen)) == 1
    assert len(await desk.mails(of_hamburg)) == 1
    assert await desk.mails(of_niedersachsen) == []


async def test_an_event_of_a_cluster_is_told_to_the_responsible_states_subscribers(desk: Desk) -> None:
    email = person()
    await desk.subscribe(email, "state", "DE-NI", state="ni")
    event = make_event(responsible_state="ni", hosts=(Host(kind="organisation", organisation_id=new_id()),))
    await desk.tell(event_said("published", event))
    assert len(await desk.mails(email)) == 1


async def test_a_broader_competence_matches_and_a_narrower_or_other_one_does_not(desk: Desk) -> None:
    broad, same, other, narrow = person(), person(), person(), person()
    await desk.subscribe(broad, "competence", "LWT")
    await desk.subscribe(same, "competence", "LWT-02")
    await desk.subscribe(other, "competence", "LWT-03")
    await desk.subscribe(narrow, "competence", "REC-01")
    await desk.tell(
        event_said("published", make_event(competences=("LWT-02",))),
        event_said("published", make_event(competences=("REC",))),
    )
    assert "Kompetenz Leichtbau (LWT)" in (await desk.mail(broad))["text"]
    assert "Kompetenz Faserverbund (LWT-02)" in (await desk.mail(same))["text"]
    assert await desk.mails(other) == []
    assert await desk.mails(narrow) == []


async def test_one_mail_however_many_subscriptions_match_and_it_says_why(desk: Desk) -> None:
    email, code = person(), cluster()
    event = make_event(competences=("SWE-04",), clusters=(code,), responsible_state="hh")
    await desk.subscribe(email, "cluster", code)
    await desk.subscribe(email.upper().replace("@EX-005", "@ex-005"), "competence", "SWE", state="hh")
    await desk.subscribe(email, "event", str(event.event_id), state="ni")
    await desk.tell(event_said("published", event))
    mail = await desk.mail(email)
    for why in (f"Cluster {code}", "Kompetenz Software und Elektronik (SWE)", "diese Veranstaltung"):
        assert why in mail["text"]
        assert why in mail["html"]


async def test_each_change_of_an_event_is_told_in_the_persons_language(desk: Desk) -> None:
    email = person()
    event = make_event(title="Zulieferertag", title_en="Supplier day")
    await desk.subscribe(email, "event", str(event.event_id), language="en", name="Example Person")
    moved = event.model_copy(update={"starts_at": event.starts_at + timedelta(days=1), "changed_at": now()})
    moved = moved.model_copy(update={"ends_at": event.ends_at + timedelta(days=1)})
    cancelled = moved.model_copy(update={"status": "cancelled", "cancellation_reason": "Storm", "changed_at": now()})
    await desk.tell(event_said("changed", event, sequence=2))
    await desk.tell(event_said("rescheduled", moved, sequence=3))
    await desk.tell(event_said("quota_released", moved, sequence=4))
    await desk.tell(event_said("cancelled", cancelled, sequence=5))
    mails = await desk.mails(email)
    assert [mail["subject"].split(" ")[0] for mail in mails] == ["Changed:", "New", "Cancelled:"]
    assert all("Supplier day" in mail["subject"] and "Hello Example Person," in mail["text"] for mail in mails)
    assert "Reason: Storm" in mails[2]["text"]


async def test_two_changes_of_the_same_kind_are_two_notices(desk: Desk) -> None:
    email = person()
    first = make_event()
    await desk.subscribe(email, "event", str(first.event_id))
    there = first.model_copy(update={"starts_at": first.starts_at - timedelta(days=1), "changed_at": now()})
    back = first.model_copy(update={"changed_at": now()})
    again = there.model_copy(update={"changed_at": now()})
    for sequence, event in enumerate((there, back, again), start=2):
        await desk.tell(event_said("rescheduled", event, sequence=sequence))
    assert len(await desk.mails(email)) == 3


async def test_who_subscribed_after_the_change_is_not_told(desk: Desk) -> None:
    early, late, code = person(), person(), cluster()
    await desk.subscribe(early, "cluster", code)
    happened = now()
    await desk.subscribe(late, "cluster", code)
    await desk.tell(event_said("published", make_event(clusters=(code,)), time=happened))
    assert len(await desk.mails(early)) == 1
    assert await desk.mails(late) == []


async def test_an_event_that_is_over_is_no_news(desk: Desk) -> None:
    email, code = person(), cluster()
    await desk.subscribe(email, "cluster", code)
    past = make_event(clusters=(code,), starts_at=now() - timedelta(days=2))
    await desk.tell(event_said("published", past))
    assert await desk.mails(email) == []


async def test_a_participant_who_also_subscribes_is_told_once_of_the_cancellation(desk: Desk) -> None:
    """Whichever of the two topics is read first, and the participant's own notice is the one they get."""
    for first in (0, 1):
        email, only_subscribed = person(), person()
        event = make_event()
        for address in (email, only_subscribed):
            await desk.subscribe(address, "event", str(event.event_id))
        gone = event.model_copy(update={"status": "cancelled", "changed_at": now()})
        said = [
            event_said("cancelled", gone, sequence=2),
            participation_said("event_cancelled", gone, email, sequence=2, status="event_cancelled"),
        ]
        await desk.publish(said[first])
        await desk.handled(said[first])
        await desk.publish(said[1 - first])
        await desk.handled(*said)
        await desk.settled()
        mail = await desk.mail(email)
        assert "zu der Sie angemeldet sind" in mail["text"]
        assert "list-unsubscribe" not in mail["headers"]
        assert "zu der Sie angemeldet sind" not in (await desk.mail(only_subscribed))["text"]


async def test_a_rescheduled_event_is_told_once_to_a_participant_who_subscribes(desk: Desk) -> None:
    email = person()
    event = make_event()
    await desk.subscribe(email, "event", str(event.event_id))
    moved = event.model_copy(update={"starts_at": event.starts_at - timedelta(days=1), "changed_at": now()})
    await desk.tell(
        participation_said("event_rescheduled", moved, email, sequence=2),
        event_said("rescheduled", moved, sequence=2),
    )
    assert "Ihr Platz bleibt Ihnen erhalten." in (await desk.mail(email))["text"]


@pytest.mark.parametrize("ending", ["unsubscribed", "objected"])
async def test_a_participants_notice_is_not_lost_with_a_dropped_subscribers_one(desk: Desk, ending: str) -> None:
    """Unsubscribing and objecting concern the subscription; of the registration one is told all the same."""
    email, event = person(), make_event()
    subscription = await desk.subscribe(email, "event", str(event.event_id))
    gone = event.model_copy(update={"status": "cancelled", "changed_at": now()})
    said = event_said("cancelled", gone, sequence=2)
    await desk.publish(said)
    await desk.handled(said)
    async with desk.service.client() as client:
        if ending == "unsubscribed":
            await client.delete(f"/api/v1/subscriptions/{subscription['id']}")
        else:
            await client.post("/api/v1/suppressions", json={"email": email})
    await desk.settled()
    assert await desk.mails(email) == []
    await desk.tell(participation_said("event_cancelled", gone, email, sequence=2, status="event_cancelled"))
    mail = await desk.mail(email)
    assert "zu der Sie angemeldet sind" in mail["text"]
    assert "list-unsubscribe" not in mail["headers"]


async def test_a_cancelled_participation_that_comes_too_late_is_not_a_second_mail(desk: Desk) -> None:
    email = person()
    event = make_event()
    await desk.subscribe(email, "event", str(event.event_id))
    gone = event.model_copy(update={"status": "cancelled", "changed_at": now()})
    await desk.tell(event_said("cancelled", gone, sequence=2))
    await desk.mail(email)
    await desk.tell(participation_said("event_cancelled", gone, email, sequence=2, status="event_cancelled"))
    await desk.mail(email)


async def test_the_delivery_is_published_without_the_recipient(desk: Desk) -> None:
    email, code = person(), cluster()
    await desk.subscribe(email, "cluster", code, state="ni")
    said = event_said("published", make_event(clusters=(code,)))
    await desk.tell(said)

    async def delivered() -> list[Received]:
        told = await desk.installation.read_topic(DELIVERY, State.NIEDERSACHSEN)
        mine = [
            record for record in told if isinstance(record.data, Delivery) and record.data.caused_by == said.event_id
        ]
        assert [record.change for record in mine] == ["delivered"]
        return mine

    mine = await eventually(delivered)
    mail = await desk.mail(email)
    assert mail["headers"]["message-id"] == f"<{mine[0].key}@norda.example>"
    raw = await desk.installation.read_raw(DELIVERY.name(State.NIEDERSACHSEN, prefix=desk.installation.prefix))
    assert not any(email.encode() in (record.value or b"") for record in raw)
