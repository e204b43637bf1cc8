"""Each recipient gets each notice once: redelivered, rewound, replayed into a fresh database, by replicas, killed."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from norda_common.contracts.events import EVENT, PARTICIPATION
from norda_common.contracts.topics import Topic
from norda_common.states import State
from support.waiting import eventually

from .conftest import Desk, event_said, make_event, now, participation_said, person
from .mailserver import mail_server


async def rewind(desk: Desk, consumer: str, topic: Topic) -> None:
    """Set the stopped service's group back to the beginning."""
    group = f"{desk.installation.prefix}norda.notifications.hb-hh-ni.{consumer}"
    name = topic.name(State.BREMEN, prefix=desk.installation.prefix)
    places = {TopicPartition(name, partition): 0 for partition in range(topic.partitions)}
    kafka = AIOKafkaConsumer(
        bootstrap_servers=desk.installation.servers.kafka, group_id=group, enable_auto_commit=False
    )
    await kafka.start()
    try:
        kafka.assign(list(places))
        await kafka.commit(places)
    finally:
        await kafka.stop()


async def test_a_rewound_group_tells_nobody_twice_even_without_its_inbox(start_desk: Callable[..., Desk]) -> None:
    desk = start_desk()
    event, subscriber, participant = make_event(), person(), person()
    await desk.subscribe(subscriber, "event", str(event.event_id))
    said = [event_said("published", event), participation_said("confirmed", event, participant)]
    await desk.tell(*said)
    desk.service.stop()
    await rewind(desk, "events", EVENT)
    await rewind(desk, "participations", PARTICIPATION)
    connection = await desk.installation.connect()
    await connection.execute("delete from notifications.inbox")
    await connection.close()
    again = Desk(desk.installation, desk.installation.start("notifications"))
    await again.handled(*said)
    await again.settled()
    assert len(await again.mails(subscriber)) == 1
    assert len(await again.mails(participant)) == 1


async def test_a_fresh_database_tells_nobody_what_happened_before_it(start_desk: Callable[..., Desk]) -> None:
    """Otherwise the first read of a compacted topic would mail everybody again."""
    desk = start_desk()
    event, email = make_event(), person()
    said = participation_said("confirmed", event, email)
    await desk.tell(said)
    fresh = await desk.installation.new_database()
    connection = await desk.installation.connect(database=fresh)
    # The database is cloned from a template; a real one begins with its setup.
    await connection.execute("update notifications.beginning set began_at = clock_timestamp() + interval '6 seconds'")
    other = desk.installation.start("notifications", states="hb,hh", database=fresh)
    later = participation_said("promoted", event, email, sequence=2, time=now() + timedelta(seconds=30))
    await desk.installation.publish(later)

    async def told() -> None:
        count = await connection.fetchval("select count(*) from notifications.inbox")
        kinds = [row["kind"] for row in await connection.fetch("select kind from notifications.notice")]
        assert (count, kinds) == (2, ["participation_promoted"])

    await eventually(told, within=20)
    await connection.close()
    other.stop()


async def test_what_is_older_than_a_week_is_no_news(start_desk: Callable[..., Desk]) -> None:
    desk = start_desk()
    connection = await desk.installation.connect()
    await connection.execute("update notifications.beginning set began_at = began_at - interval '1 year'")
    await connection.close()
    event, old, recent = make_event(), person(), person()
    await desk.tell(
        participation_said("confirmed", event, old, time=now() - timedelta(days=8)),
        participation_said("confirmed", event, recent, time=now() - timedelta(days=6)),
    )
    assert await desk.mails(old) == []
    assert len(await desk.mails(recent)) == 1


async def test_two_replicas_share_the_work_and_repeat_nothing(start_desk: Callable[..., Desk]) -> None:
    desk = start_desk()
    second = desk.installation.start("notifications", environment={"NORDA_MAIL_SETTLE_SECONDS": "0"})
    with_both = Desk(desk.installation, second)
    event, people = make_event(), [person() for _ in range(60)]
    subscribers = people[:10]
    for email in subscribers:
        await desk.subscribe(email, "event", str(event.event_id))
    said = [event_said("published", event), *(participation_said("confirmed", event, email) for email in people[10:])]
    await desk.publish(*said)
    await desk.publish(*said)
    await with_both.handled(*said)
    await with_both.settled()
    assert [len(box) for box in await desk.mailboxes(people)] == [1] * 60


@pytest.mark.parametrize("in_doubt", [None, 4])
async def test_a_kill_in_the_send_repeats_one_mail_or_as_many_as_may_be_in_doubt_and_loses_none(
    start_desk: Callable[..., Desk], in_doubt: int | None
) -> None:
    with mail_server() as server:
        settings = {"NORDA_SMTP_URL": server.url, "NORDA_MAIL_TIMEOUT_SECONDS": "6"}
        settings |= {"NORDA_MAIL_IN_DOUBT": str(in_doubt)} if in_doubt else {}
        desk = start_desk(**settings)
        event, people = make_event(), [person() for _ in range(24)]
        # While no server answers one mail at a time asks again; after a delivery the window is as wide as it may be.
        await desk.publish(participation_said("confirmed", event, before := person()))

        async def one_went() -> None:
            assert server.count(before) == 1

        await eventually(one_went, within=30)
        await desk.settled()
        server.accepted.clear()
        server.answering = False
        await desk.publish(*(participation_said("confirmed", event, email) for email in people))

        async def all_are_held() -> None:
            assert len(server.accepted) >= (in_doubt or 1)

        await eventually(all_are_held, within=5)
        # The server has these mails and waits with its answers: the window between acceptance and commit.
        desk.service.process.send_signal(signal.SIGKILL)
        desk.service.process.wait(30)
        held = dict(server.accepted)
        server.answering = True
        # Mail needs no consumer group, which first waits for the dead member's session to end.
        again = Desk(desk.installation, desk.installation.start("notifications", environment=settings, wait=False))

        async def all_arrived() -> None:
            assert {recipient for recipient, _ in server.accepted} == set(people)

        await eventually(all_arrived, within=45)
        await again.settled()
        copies = Counter(recipient for recipient, _ in server.accepted)
        assert len(held) == (in_doubt or 1)
        assert [copies.pop(recipient) for recipient in held] == [2] * len(held)
        assert set(copies.values()) == {1}
        assert len({message_id for _, message_id in server.accepted}) == len(people)


async def test_a_stopped_service_finishes_the_mails_under_way(start_desk: Callable[..., Desk]) -> None:
    with mail_server() as server:
        server.seconds_before_answer = 1.0
        desk = start_desk(NORDA_SMTP_URL=server.url)
        email = person()
        await desk.publish(participation_said("confirmed", make_event(), email))

        async def accepted() -> None:
            assert server.count(email) == 1

        await eventually(accepted)
        # The web server ends by the signal it was sent, after everything was stopped in order.
        assert desk.service.stop() in {0, -signal.SIGTERM}
        connection = await desk.installation.connect()
        status = await connection.fetchval("select status from notifications.delivery")
        await connection.close()
        assert status == "delivered"


async def test_an_instance_for_one_state_tells_its_own_participants_only(start_desk: Callable[..., Desk]) -> None:
    everywhere = start_desk(NORDA_STATES="hh,ni")
    alone = await everywhere.installation.new_database()
    bremen = everywhere.installation.start("notifications", states="hb", database=alone)
    email = person()
    said = participation_said("confirmed", make_event(responsible_state="hb"), email)
    await everywhere.publish(said)
    await everywhere.handled(said)
    await everywhere.mail(email)
    connection = await everywhere.installation.connect()
    assert await connection.fetchval("select count(*) from notifications.notice") == 0
    await connection.close()
    bremen.stop()
