"""Operators' pages over HTTP: dead letters and blocked events are seen, replayed, discarded and sent again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx2
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from norda_common import outbox
from norda_common.contracts.events import EVENT, Host, PublishedEvent
from norda_common.contracts.notifications import DELIVERY, Delivery
from norda_common.identifiers import new_id
from norda_common.states import State
from support.installation import Installation, Running
from support.people import Person, signed_in, text_of
from support.waiting import eventually

BASE = "/notifications/operations"
PRIVATE = "internal.hb.events.participation.v1"
PUBLIC = "hb.events.event.v1"


@pytest.fixture(scope="module")
def running(module_installation: Installation) -> Running:
    return module_installation.start("notifications")


def operator(running: Running, **options: Any) -> Any:
    return signed_in(running, roles=("operator",), state=None, **options)


def links(response: httpx2.Response) -> list[str]:
    return [unescape(address) for address in re.findall(r'href="([^"]+)"', response.text)]


async def letter_of(somebody: Person, topic: str, **query: str) -> str:
    """The address of the only letter of this topic that matches, waited for."""

    async def there() -> str:
        page = await somebody.get(f"{BASE}/dead-letters", params={"topic": topic} | query)
        assert page.status_code == 200
        (found,) = {link for link in links(page) if re.fullmatch(rf"{BASE}/dead-letters/[0-9a-f-]{{36}}", link)}
        return found

    return await eventually(there, within=20)


async def told_in(somebody: Person, answer: httpx2.Response) -> str:
    assert answer.status_code == 303, text_of(answer)
    return text_of(await somebody.get(answer.headers["location"]))


async def sql(installation: Installation, statement: str) -> None:
    connection = await installation.connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_private_records_bytes_are_not_shown_a_public_ones_are(running: Running) -> None:
    installation = running.installation
    for topic in (PRIVATE, PUBLIC):
        await installation.produce(
            topic, key=b"geheimer-schluessel", value=b'{"name": "Geheim <b>"}', headers=[("x-origin", b"broken <i>")]
        )
    async with operator(running, name="Otto Betrieb") as otto:
        private = await letter_of(otto, installation.prefix + PRIVATE)
        page = await otto.get(private)
        assert "broken <i>" in text_of(page)
        assert "<i>" not in page.text
        for hidden in ("Geheim", "geheimer-schluessel"):
            assert hidden not in page.text
        public = await letter_of(otto, installation.prefix + PUBLIC)
        assert "geheimer-schluessel" in (await otto.get(public)).text
        assert '{"name": "Geheim <b>"}' in text_of(await otto.get(public))
        overview = text_of(await otto.get(BASE))
        assert installation.prefix + PRIVATE in overview

        question = await otto.get(f"{private}/discard")
        assert "lässt sich nicht zurücknehmen" in text_of(question)
        assert "Der Dead Letter ist verworfen." in await told_in(otto, await otto.post(f"{private}/discard"))
        closed = await otto.get(private)
        assert "verworfen" in text_of(closed)
        assert "Otto Betrieb" in text_of(closed)
        assert f"{private}/discard" not in links(closed)
        again = await told_in(otto, await otto.post(f"{private}/discard"))
        assert "schon erledigt" in again
        assert private in links(await otto.get(f"{BASE}/dead-letters", params={"status": "discarded"}))
        assert private not in links(await otto.get(f"{BASE}/dead-letters"))

        failed = await told_in(otto, await otto.post(f"{public}/replay"))
        assert "Wieder gescheitert" in failed


async def test_a_letter_is_replayed_once_its_cause_is_mended(running: Running) -> None:
    installation, starts = running.installation, datetime.now(UTC) + timedelta(days=7)
    event = PublishedEvent(
        event_id=new_id(),
        responsible_state="hh",
        status="published",
        title="Forum",
        starts_at=starts,
        ends_at=starts + timedelta(hours=1),
        hosts=(Host(kind="state", state="hh"),),
        changed_at=datetime.now(UTC),
    )
    await sql(installation, "alter table notifications.notice add constraint broken check (kind <> 'event_published')")
    await installation.publish(
        EVENT.event("published", event, state=State.HAMBURG, key=event.event_id, sequence=1, time=datetime.now(UTC))
    )
    async with operator(running, language="en") as otto:
        letter = await letter_of(otto, f"{installation.prefix}hh.events.event.v1")
        assert "CheckViolationError" in text_of(await otto.get(letter))
        await sql(installation, "alter table notifications.notice drop constraint broken")
        assert "handled again?" in text_of(await otto.get(f"{letter}/replay"))
        assert "The dead letter is replayed." in await told_in(otto, await otto.post(f"{letter}/replay"))
        assert "replayed" in text_of(await otto.get(letter))
        assert "Forum" in text_of(await otto.get("/notifications/notices"))


async def test_a_blocked_event_is_sent_again(running: Running) -> None:
    installation = running.installation
    topic = DELIVERY.name(State.NIEDERSACHSEN, prefix=installation.prefix)
    await limit_records(installation, topic, 1_500)
    delivery = Delivery(
        delivery_id=new_id(),
        notice_id=new_id(),
        responsible_state="ni",
        notice="x" * 3_000,
        channel="email",
        outcome="delivered",
        caused_by=new_id(),
        attempts=1,
        changed_at=datetime.now(UTC),
    )
    connection = await installation.connect(role="norda_notifications")
    try:
        await connection.execute("set search_path = notifications, public")
        await outbox.append(
            connection,
            DELIVERY.event(
                "delivered",
                delivery,
                state=State.NIEDERSACHSEN,
                key=delivery.delivery_id,
                sequence=1,
                time=datetime.now(UTC),
            ),
        )
    finally:
        await connection.close()
    async with operator(running) as otto:

        async def blocked() -> str:
            page = await otto.get(f"{BASE}/blocked", params={"reason": "", "topic": ""})
            assert "MessageSizeTooLargeError" in text_of(page)
            (found,) = re.findall(rf'action="({BASE}/blocked/\d+/retry)"', page.text)
            return str(found)

        retry = await eventually(blocked, within=20)
        assert "lassen sich nicht veröffentlichen" in text_of(await otto.get(BASE))
        await limit_records(installation, topic, 1_000_000)
        assert "wird noch einmal gesendet" in await told_in(otto, await otto.post(retry))

        assert "Kein Ereignis ist blockiert." in text_of(await otto.get(f"{BASE}/blocked"))
        key = str(delivery.delivery_id)
        assert len(await installation.read_topic(DELIVERY, State.NIEDERSACHSEN, key=key, within=30)) == 1

        async def gone() -> None:
            assert (await otto.post(retry)).status_code == 404

        await eventually(gone)


async def limit_records(installation: Installation, topic: str, size: int) -> None:
    """Let the topic take records up to this size, as an administrator would set it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.servers.kafka)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(size)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def test_only_operators_get_in(running: Running) -> None:
    letter = f"{BASE}/dead-letters/{new_id()}"
    async with operator(running) as otto, signed_in(running, roles=("lead",)) as lead:
        assert (await otto.get(letter)).status_code == 404
        assert (await otto.post(f"{letter}/replay")).status_code == 404
        assert (await otto.get(f"{letter}/eat")).status_code == 422
        assert (await otto.post(f"{letter}/discard", {"csrf": "wrong"})).status_code == 403
        assert BASE in links(await otto.get("/notifications/"))
        assert BASE not in links(await lead.get("/notifications/"))
        for path in (BASE, f"{BASE}/dead-letters", letter, f"{letter}/replay", f"{BASE}/blocked"):
            assert (await lead.get(path)).status_code == 403, path
        for path in (f"{letter}/replay", f"{letter}/discard", f"{BASE}/blocked/1/retry"):
            assert (await lead.post(path)).status_code == 403, path


@pytest.mark.parametrize("service", ["registry", "events"])
async def test_every_service_has_them(module_installation: Installation, service: str) -> None:
    other = module_installation.start(service)
    async with operator(other, language="en") as otto:
        page = await otto.get(f"/{service}/")
        assert f"/{service}/operations" in links(page)
        for path in ("", "/dead-letters", "/blocked"):
            assert (await otto.get(f"/{service}/operations{path}")).status_code == 200
