"""The whole way: three real services run the demo's main job, twice, and every expectation comes true both times."""

from __future__ import annotations

import dataclasses
import secrets
import smtplib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from norda_local.demo import World, event_of, expect_still, run_main_job, starter, wait_until_settled
from norda_local.demo.world import LABELS
from norda_local.mail import list_mails
from support.installation import Installation
from support.servers import Servers

Rows = dict[str, list[tuple[int, int]]]

SENDER = "main-job@norda.example"


@pytest.fixture(scope="module")
def bars() -> Rows:
    """What the imports' bars were told, by bar."""
    return defaultdict(list)


@pytest.fixture(scope="module")
def world(module_installation: Installation, bars: Rows) -> World:
    @contextmanager
    def recorded() -> Iterator[Callable[[str, int, int], None]]:
        yield lambda what, done, rows: bars[what].append((done, rows))

    # The mailboxes are those of all tests, of others that run the main job at the same time, too.
    sender = {"NORDA_MAIL_FROM": f"Norda <{SENDER}>"}
    running = {
        name: module_installation.start(name, wait=False, environment=sender)
        for name in ("registry", "events", "notifications")
    }
    for service in running.values():
        service.wait_ready()
    servers = module_installation.servers
    return World(
        registry=running["registry"].url,
        events=running["events"].url,
        notifications=running["notifications"].url,
        kafka=servers.kafka,
        token=lambda state, role: module_installation.token(state=state, role=role),
        mail_url=servers.mail,
        tracing_url=servers.tracing,
        topic_prefix=module_installation.prefix,
        mails_from=SENDER,
        import_bars=recorded,
    )


def test_the_main_job_comes_true(world: World, bars: Rows) -> None:
    run_main_job(world)
    assert world.failures == []
    assert len(world.checks) >= 30
    assert len([check for check in world.checks if check.text.startswith("still: ")]) == 6
    files = {"organisations.csv": 10, "seed_companies.csv": len(starter.companies())}
    assert bars == {f"{LABELS[s]}, {name}": [(0, rows), (rows, rows)] for s in LABELS for name, rows in files.items()}


def test_a_second_run_changes_nothing_and_tells_nobody_again(world: World) -> None:
    assert world.checks, "the first run comes before"
    world.checks.clear()
    before = {mail.id for mail in world.mails()}
    run_main_job(world)
    assert world.failures == []
    new = [mail for mail in world.mails() if mail.id not in before]
    # Only the participant who is followed by the trace registers anew.
    assert {address for mail in new for address in mail.recipients if "ex-" in address} <= {"spur@ex-016.example"}


def test_settled_means_that_what_was_caused_has_reached_its_end(world: World) -> None:
    """The mail of a registration passes outbox, relay, topic, consumer and a queue; none of them may be overlooked."""
    event = event_of(world, "ev-08", title="24-Stunden-Hackathon Datenräume", lead="hh", extra={"online": True})
    url = f"{world.events}/api/v1/events/{event['event_id']}"
    world.post(f"{url}/publication", state="hh")
    address = f"settled-{secrets.token_hex(4)}@ex-008.example"
    person = {"participant_state": "hh", "name": "Beispiel Ruhe", "email": address}
    world.post(f"{url}/registrations", person, state="hh")
    assert wait_until_settled(world) == ""
    assert len(list_mails(world.mail_url or "", recipient=address)) == 1


def test_a_duplicate_that_comes_later_is_noticed(world: World, servers: Servers) -> None:
    address = f"twice-{secrets.token_hex(4)}@ex-008.example"
    later = dataclasses.replace(world, checks=[], lasting=[])
    send(servers, address)
    mails = lambda: len(list_mails(servers.mail, recipient=address))  # noqa: E731
    later.expect_soon("somebody was told once", mails, 1, lasting=True)
    expect_still(later)
    assert later.failures == []
    send(servers, address)
    expect_still(later)
    assert [check.text for check in later.failures] == ["still: somebody was told once"]


def send(servers: Servers, address: str) -> None:
    host, _, port = servers.smtp.removeprefix("smtp://").rpartition(":")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "norda@norda.example", address, "Once"
    mail.set_content("Once\n")
    with smtplib.SMTP(host, int(port), timeout=10) as connection:
        connection.send_message(mail)
