"""A mail that went out is settled and goes out once, whatever happens to the commit of its outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
