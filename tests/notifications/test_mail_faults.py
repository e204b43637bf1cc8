"""No mail is lost, whatever the mail server does; what is refused for good is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from support.installation import Installation
from support.waiting import eventually, soon

from .conftest import Desk, event_said, make_all_topics, make_event, participation_said, person
from .mailserver import MailServer, mail_server


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def desk(module_installation: Installation, server: MailServer) -> Desk:
    make_all_topics(module_installation)
    settings = {"NORDA_SMTP_URL": server.url, "NORDA_MAIL_TIMEOUT_SECONDS": "1.5"}
    return Desk(module_installation, module_installation.start("notifications", environment=settings))


@pytest.fixture(autouse=True)
def _well_behaved_again(server: MailServer) -> Iterator[None]:
    yield
    server.at_rcpt = server.at_data = lambda _recipient, _attempt: None
    server.at_mail = lambda: None
    server.seconds_before_answer = 0.0
    server.answering = True


async def send(desk: Desk, email: str) -> None:
    await desk.publish(participation_said("confirmed", make_event(), email))


async def arrived(server: MailServer, email: str, *, times: int = 1) -> list[str]:
    await eventually(lambda: _arrived(server, email, times=times), within=15)
    return [message_id for address, message_id in server.accepted if address == email]


async def _arrived(server: MailServer, email: str, *, times: int = 1) -> None:
    assert server.count(email) == times


async def delivery_of(desk: Desk, email: str) -> dict[str, Any]:
    connection = await desk.installation.connect()
    try:
        row = await connection.fetchrow(
            """select d.status, d.attempts, d.last_error from notifications.delivery d
               join notifications.recipient r on r.id = d.recipient_id where r.address_key = $1""",
            email,
        )
    finally:
        await connection.close()
    return dict(row)


async def test_a_deferred_mail_is_tried_again(desk: Desk, server: MailServer) -> None:
    email = person()
    server.at_rcpt = lambda _recipient, attempt: "451 4.3.0 try again later" if attempt == 1 else None
    await send(desk, email)
    await arrived(server, email)
    await desk.settled()
    assert await delivery_of(desk, email) == {"status": "delivered", "attempts": 2, "last_error": None}


async def test_a_message_deferred_after_its_data_is_tried_again(desk: Desk, server: MailServer) -> None:
    email = person()
    server.at_data = lambda _recipient, attempt: "452 4.2.2 mailbox full" if attempt == 1 else None
    await send(desk, email)
    await arrived(server, email)


@pytest.mark.parametrize(("place", "error"), [("at_rcpt", "SMTPRecipientRefused"), ("at_data", "SMTPDataError")])
async def test_a_refused_mail_fails_visibly_and_is_not_tried_again(
    desk: Desk, server: MailServer, place: str, error: str
) -> None:
    bad, good = person(), person()
    setattr(server, place, lambda recipient, _attempt: f"550 5.1.1 no {recipient}" if recipient == bad else None)
    await send(desk, bad)
    await send(desk, good)
    await arrived(server, good)
    await desk.settled()
    delivery = await delivery_of(desk, bad)
    assert (delivery["status"], delivery["attempts"]) == ("failed", 1)
    assert delivery["last_error"] == f"{error} 550"
    async with desk.service.client(state=None, role="operator") as client:
        answer = await client.get("/api/v1/deliveries", params={"status": "failed", "channel": "email"})
    assert answer.json()["items"][0]["recipient"] == "p***@ex-005.example"
    assert bad not in answer.text


async def test_a_connection_lost_after_the_data_gives_one_duplicate_with_the_same_id(
    desk: Desk, server: MailServer
) -> None:
    email = person()
    server.at_data = lambda _recipient, attempt: "drop" if attempt == 1 else None
    await send(desk, email)
    first, second = await arrived(server, email, times=2)
    assert first == second
    await desk.settled()


async def test_a_server_that_answers_too_late_is_asked_again(desk: Desk, server: MailServer) -> None:
    email = person()
    server.seconds_before_answer = 3.0
    await send(desk, email)
    await arrived(server, email)
    server.seconds_before_answer = 0.0
    first, second = await arrived(server, email, times=2)
    assert first == second
    await desk.settled()


async def test_while_no_server_is_there_mails_wait_and_readiness_says_so(desk: Desk, server: MailServer) -> None:
    emails = [person() for _ in range(5)]
    server.stop()
    try:
        for email in emails:
            await send(desk, email)
        async with httpx2.AsyncClient(base_url=desk.service.url) as client:

            async def degraded() -> None:
                answer = await client.get("/readyz")
                assert answer.status_code == 200
                assert f"127.0.0.1:{server.port}" in answer.json()["checks"]["mail"]

            await eventually(degraded)
            await asyncio.sleep(2)
            assert not any(server.count(email) for email in emails)
            server.start()
            for email in emails:
                await arrived(server, email)

            async def ready() -> None:
                assert (await client.get("/readyz")).json()["status"] == "ready"

            await eventually(ready)
    finally:
        if server._controller is None:
            server.start()
    await desk.settled()
    assert all(server.count(email) == 1 for email in emails)


async def test_a_server_that_was_away_is_asked_again_soon_however_many_mails_it_kept_waiting(
    desk: Desk, server: MailServer
) -> None:
    event, emails = make_event(), [person() for _ in range(8)]
    for email in emails:
        await desk.subscribe(email, "event", str(event.event_id))
    server.stop()
    try:
        # Subscribers' notices of one occasion are due at the same moment.
        await desk.publish(event_said("cancelled", event, sequence=2))
        async with httpx2.AsyncClient(base_url=desk.service.url) as client:

            async def degraded() -> None:
                assert "mail" in (await client.get("/readyz")).json()["checks"]

            await eventually(degraded)
    finally:
        server.start()

    async def all_arrived() -> None:
        assert [server.count(email) for email in emails] == [1] * 8

    # One fault of all of them is one reason to wait: half a second, not the ten of the fifth in a row.
    await soon(all_arrived, within=6)
    await desk.settled()


async def test_a_mail_taken_meanwhile_ends_the_pause_of_one_that_was_not(desk: Desk, server: MailServer) -> None:
    turned_away, slow = person(), person()
    server.at_rcpt = lambda recipient, attempt: "421 4.3.2" if (recipient, attempt) == (turned_away, 1) else None
    server.answering = False
    await send(desk, slow)
    await arrived(server, slow)
    await send(desk, turned_away)
    await eventually(lambda: _attempted(server, turned_away))
    server.answering = True
    await soon(lambda: _arrived(server, turned_away), within=6)
    await desk.settled()


async def test_a_refused_sender_says_nothing_about_the_mail(desk: Desk, server: MailServer) -> None:
    """A wrong NORDA_MAIL_FROM must not fail a day's mail for good."""
    email, refusals = person(), iter(["550 5.7.1 who are you", "421 4.3.2 shutting down"])
    server.at_mail = lambda: next(refusals, None)
    await send(desk, email)
    await arrived(server, email)
    await desk.settled()
    assert (await delivery_of(desk, email))["attempts"] == 3


async def test_the_log_names_no_recipient(desk: Desk, server: MailServer) -> None:
    email = person()
    server.at_rcpt = lambda recipient, _attempt: f"550 5.1.1 <{recipient}> unknown"
    await send(desk, email)
    await desk.settled()
    await eventually(lambda: _attempted(server, email))
    assert email not in desk.service.log.read_text()


async def _attempted(server: MailServer, email: str) -> bool:
    return server.attempts.get(email) == 1


async def test_a_participants_notice_replaces_a_subscribers_one_that_was_tried_and_is_not_lost_with_it(
    desk: Desk, server: MailServer
) -> None:
    email, event = person(), make_event()
    subscription = await desk.subscribe(email, "event", str(event.event_id))
    server.at_rcpt = lambda _recipient, attempt: "451 4.3.0 try again later" if attempt == 1 else None
    gone = event.model_copy(update={"status": "cancelled"})
    await desk.publish(event_said("cancelled", gone, sequence=2))
    await eventually(lambda: _attempted(server, email), within=15)
    said = participation_said("event_cancelled", gone, email, sequence=2, status="event_cancelled")
    await desk.publish(said)
    await desk.handled(said)
    async with desk.service.client() as client:
        await client.delete(f"/api/v1/subscriptions/{subscription['id']}")
    await arrived(server, email)
    await desk.settled()
    connection = await desk.installation.connect()
    kind = await connection.fetchval(
        """select n.kind from notifications.delivery d join notifications.notice n on n.id = d.notice_id
           join notifications.recipient r on r.id = d.recipient_id where r.address_key = $1""",
        email,
    )
    await connection.close()
    assert kind == "participation_event_cancelled"


async def test_the_link_of_a_mail_under_way_works_though_the_participants_notice_came_meanwhile(
    desk: Desk, server: MailServer
) -> None:
    email, event = person(), make_event()
    await desk.subscribe(email, "event", str(event.event_id))
    server.answering = False
    await desk.publish(event_said("cancelled", event, sequence=2))
    await arrived(server, email)
    said = participation_said("event_cancelled", event, email, sequence=2, status="event_cancelled")
    await desk.publish(said)
    await desk.handled(said)
    server.answering = True
    await desk.settled()
    connection = await desk.installation.connect()
    row = await connection.fetchrow(
        """select n.kind, d.unsubscribe_token as token from notifications.delivery d
           join notifications.notice n on n.id = d.notice_id
           join notifications.recipient r on r.id = d.recipient_id where r.address_key = $1""",
        email,
    )
    await connection.close()
    assert row["kind"] == "event_cancelled"
    assert server.count(email) == 1
    async with httpx2.AsyncClient(base_url=desk.service.url) as anybody:
        assert (await anybody.get(f"/api/v1/unsubscribe/{row['token']}")).status_code == 200


@pytest.mark.parametrize("in_doubt", [1, 4])
async def test_connections_are_kept_and_so_many_mails_have_their_data_out_as_may_be_in_doubt(
    start_desk: Callable[..., Desk], in_doubt: int
) -> None:
    with mail_server() as slow:
        slow.seconds_before_answer = 0.15
        desk = start_desk(NORDA_SMTP_URL=slow.url, NORDA_MAIL_PARALLEL="8", NORDA_MAIL_IN_DOUBT=str(in_doubt))
        event, emails = make_event(), [person() for _ in range(24)]
        said = [participation_said("confirmed", event, email) for email in emails]
        await desk.tell(*said)
        assert [slow.count(email) for email in emails] == [1] * 24
        assert slow.most_under_way == in_doubt
        assert len(slow.peers) <= 8
