"""A mail that went out is settled and goes out once, whatever happens to the commit of its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from support.installation import Installation
from support.waiting import eventually

from .conftest import Desk, make_event, participation_said, person
from .mailserver import MailServer, mail_server

TIMEOUT_SECONDS = 1.5
"""Hence a lease of 4.5 s."""


@asynccontextmanager
async def disturbed(installation: Installation, body: str, *, when: str = "true") -> AsyncIterator[None]:
    """While this holds, the database does `body` before it updates a delivery; `address` is its recipient's."""
    connection = await installation.connect()
    await connection.execute(
        f"""create or replace function notifications.disturb() returns trigger language plpgsql as $$
            declare address text := (select address_key from notifications.recipient where id = new.recipient_id);
            begin if {when} then {body} end if; return new; end $$;
            create or replace trigger disturb before update on notifications.delivery
            for each row execute function notifications.disturb()"""  # noqa: S608 - both are texts of these tests
    )
    try:
        yield
    finally:
        await connection.execute("drop trigger disturb on notifications.delivery")
        await connection.close()


async def reached(server: MailServer, email: str, *, times: int = 1) -> None:
    async def check() -> None:
        assert server.count(email) >= times

    await eventually(check, within=20)


@asynccontextmanager
async def no_fault_of_mail(desk: Desk) -> AsyncIterator[None]:
    """Health does not once blame the mail server meanwhile."""
    blamed: list[str] = []

    async def look() -> None:
        async with httpx2.AsyncClient(base_url=desk.service.url, timeout=10) as client:
            while not blamed:
                blamed.extend(filter(None, [(await client.get("/readyz")).json()["checks"].get("mail")]))
                await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield
        assert not looking.done(), blamed
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def settings(server: MailServer, **more: str) -> dict[str, str]:
    return {"NORDA_SMTP_URL": server.url, "NORDA_MAIL_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)} | more


async def test_what_shares_a_commit_with_one_that_cannot_be_committed_goes_out_once(
    start_desk: Callable[..., Desk],
) -> None:
    event, first, bad, good = make_event(), person(), person(), [person(), person()]
    body = f"""if address = '{first}' then perform pg_sleep(2);
               elsif address = '{bad}' then raise exception 'no passing fault'; end if;"""
    with mail_server() as server:
        desk = start_desk(**settings(server, NORDA_MAIL_IN_DOUBT="4"))
        async with disturbed(desk.installation, body, when="new.status = 'delivered'"):
            await desk.publish(participation_said("confirmed", event, first))
            await reached(server, first)
            # These end while the first one's commit is under way, and share the next one.
            await desk.publish(*(participation_said("confirmed", event, email) for email in (bad, *good)))
            await reached(server, bad, times=2)
        await desk.settled()
        assert [server.count(email) for email in (first, *good)] == [1, 1, 1]


async def test_waiting_for_ones_turn_is_no_fault_of_a_slow_server(start_desk: Callable[..., Desk]) -> None:
    event, emails = make_event(), [person() for _ in range(8)]
    with mail_server() as server:
        server.seconds_before_answer = TIMEOUT_SECONDS / 2
        desk = start_desk(**settings(server))
        async with no_fault_of_mail(desk):
            await desk.publish(*(participation_said("confirmed", event, email) for email in emails))
            for email in emails:
                await reached(server, email)
            await desk.settled()
        assert [server.count(email) for email in emails] == [1] * 8
        connection = await desk.installation.connect()
        attempts = await connection.fetchval("select array_agg(distinct attempts) from notifications.delivery")
        await connection.close()
        assert attempts == [1]


@pytest.mark.parametrize("mails", [3, 8])
async def test_mails_that_wait_for_anothers_commit_go_out_once_when_the_database_is_back(
    start_desk: Callable[..., Desk], mails: int
) -> None:
    event, emails = make_event(), [person() for _ in range(mails)]
    body = "raise exception 'away' using errcode = 'query_canceled';"
    with mail_server() as server:
        desk = start_desk(**settings(server))
        async with disturbed(desk.installation, body, when="new.lease_owner is null"), no_fault_of_mail(desk):
            await desk.publish(*(participation_said("confirmed", event, email) for email in emails))
            # Longer than the lease: claims go on, and must not take what this process holds itself.
            await asyncio.sleep(4 * TIMEOUT_SECONDS)
            assert len(server.accepted) == 1
        await desk.settled()
        assert [server.count(email) for email in emails] == [1] * mails


@asynccontextmanager
async def database_away(installation: Installation) -> AsyncIterator[None]:
    """The services' connections end, and no new one is taken."""
    connection = await installation.connect()
    await connection.execute(f'alter database "{installation.database}" connection limit 0')
    await connection.execute(
        """select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and usename <> current_user"""
    )
    try:
        yield
    finally:
        await connection.execute(f'alter database "{installation.database}" connection limit -1')
        await connection.close()


async def test_after_an_outage_longer_than_the_lease_the_sender_commits_before_another_takes_its_mail(
    start_desk: Callable[..., Desk],
) -> None:
    email, body = person(), "raise exception 'not yet' using errcode = 'query_canceled';"
    with mail_server() as server:
        desk = start_desk(**settings(server))
        desk.installation.start("notifications", environment=settings(server))
        server.answering = False
        await desk.publish(participation_said("confirmed", make_event(), email))
        await reached(server, email)
        # The sender comes a little later than the other one, who could claim at once.
        async with disturbed(desk.installation, body, when="new.lease_owner is null"):
            async with database_away(desk.installation):
                server.answering = True
                await asyncio.sleep(4 * TIMEOUT_SECONDS)
            await asyncio.sleep(3)
        await desk.settled()
        assert server.count(email) == 1
