"""What the harness reads from real servers shows what is really there, violations planted in them among it."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from norda_local.chaos import invariants
from norda_local.chaos.expectations import expected_mails, occasions_told
from norda_local.chaos.faults.database import append
from norda_local.chaos.faults.records import unreadable
from norda_local.chaos.ledger import Promise
from norda_local.chaos.watch import consumer_stalls, relay_stalls, row_is_blocked
from norda_local.chaos.witness import Witness
from support.installation import Installation, Running, dsn_for
from support.waiting import eventually

CONSENT = {"given_at": "2026-11-02T09:00:00+01:00", "wording": "chaos"}


class Scene:
    """An installation with the harness's witness, and what was promised in it."""

    def __init__(self, installation: Installation, registry: Running) -> None:
        servers = installation.servers
        self.installation = installation
        self.registry = registry
        self.topic = ORGANISATION.name(State.BREMEN, prefix=installation.prefix)
        self.promises: list[Promise] = []
        self.witness = Witness(
            dsn_for(servers.postgres, database=installation.database),
            bootstrap=servers.kafka,
            mail_url=servers.mail,
            prefix=installation.prefix,
        )

    async def register(self, name: str = "Beispiel Chaos", **fields: Any) -> str:
        async with self.registry.client() as client:
            body = {"legal_name": name, "seat": {"place": "Bremen", "state": "DE-HB"}} | fields
            document = (await client.post("/api/v1/organisations", json=body)).json()
        made = str(document["organisation_id"])
        self.promises.append(Promise("organisation", made, document["version"], document["version"], 0.0))
        return made

    async def execute(self, statement: str, *arguments: Any) -> None:
        connection = await self.witness.connect()
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()

    async def broken(self) -> list[str]:
        """What promises, commits and topics say together."""
        committed, said = await self.witness.committed(), await self.witness.said([self.topic])
        return [
            *invariants.promises_kept(self.promises, await self.witness.stored(), said),
            *invariants.committed_is_said(committed, said),
            *invariants.in_order(said, committed, planted=()),
            *invariants.only_committed(said, committed, planted=()),
        ]

    async def differing(self) -> list[str]:
        return invariants.copies_equal(
            [item for item in await self.witness.copies() if item.name.startswith("registry.directory")]
        )

    async def sound(self) -> None:
        """All is sent, copied and well."""

        async def so() -> None:
            assert await self.witness.unsent() == 0
            assert await self.differing() == []
            assert await self.broken() == []

        await eventually(so, within=30)


@pytest.fixture
async def scene(installation: Installation) -> AsyncIterator[Scene]:
    made = Scene(installation, installation.start("registry"))
    await made.witness.install()
    await made.register()
    await made.sound()
    return made


async def test_a_row_taken_from_the_outbox_before_the_relay_saw_it_is_missed(scene: Scene) -> None:
    connection = await scene.witness.connect()
    async with connection.transaction():
        lost = await append(connection, ORGANISATION, state=State.BREMEN, key=uuid4(), change="erased")
        await connection.execute("delete from registry.outbox where event_id = $1::text::uuid", lost)
    await connection.close()
    found = await scene.broken()
    assert any(f"({lost}) was never sent" in violation for violation in found), found
    assert any("sequences [] on the topic, [1] were committed" in violation for violation in found), found


async def test_a_row_of_the_database_that_is_gone_is_missed(scene: Scene) -> None:
    await scene.execute("delete from registry.organisation where id = $1::text::uuid", scene.promises[0].id)
    (stored, *_) = await scene.broken()
    assert "version 1 was promised, 0 is stored" in stored
    assert any("must be missing" in violation for violation in await scene.differing())


async def test_a_record_whose_transaction_rolled_back_is_found(scene: Scene) -> None:
    connection = await scene.witness.connect(scene.installation.dsn("registry"))
    transaction = connection.transaction()
    await transaction.start()
    ghost = await append(connection, ORGANISATION, state=State.BREMEN, key=uuid4(), change="erased")
    await transaction.rollback()
    await connection.close()
    assert await scene.broken() == []
    headers = [("ce_id", ghost.encode()), ("ce_sequence", b"1"), ("ce_type", b"norda.registry.organisation.erased.v1")]
    await scene.installation.produce(ORGANISATION.name(State.BREMEN), key=b"nobody", value=None, headers=headers)
    found = await scene.broken()
    assert any(f"{ghost} of nobody was not committed" in violation for violation in found), found


async def test_a_record_that_comes_late_and_new_is_out_of_order(scene: Scene) -> None:
    (event,) = await scene.witness.committed()
    headers = [("ce_id", str(uuid4()).encode()), ("ce_sequence", b"1"), ("ce_type", event.type.encode())]
    await scene.installation.produce(
        ORGANISATION.name(State.BREMEN), key=event.key.encode(), value=event.value, headers=headers
    )
    found = await scene.broken()
    assert any("came after 1, as a new event" in violation for violation in found), found


@pytest.mark.parametrize(
    ("planted", "shown"),
    [
        ("update registry.directory set legal_name = 'Beispiel Falsch'", "Beispiel Falsch"),
        ("update registry.directory set competences = '{BAT-02}'", "BAT-02"),
        ("update registry.directory set clusters = array_append(clusters, 'FALSCH')", "FALSCH"),
        ("update registry.directory_number set held = false where kind = 'vat'", "DE999000050"),
        ("delete from registry.directory_number where kind = 'vat'", "DE999000050"),
        ("insert into registry.directory_number values (gen_random_uuid(), 'vat', 'DE000', true)", "DE000"),
    ],
)
async def test_a_changed_row_of_a_read_model_is_found(scene: Scene, planted: str, shown: str) -> None:
    await scene.register("Beispiel Werft", vat_id="DE999000050", competences=["BAT-02", "PRD-01", "PRD-02"])
    await scene.sound()
    await scene.execute(planted)
    assert any(shown in violation for violation in await scene.differing())


def test_a_broader_competence_is_the_beginning_of_the_narrower_ones() -> None:
    for item in competences().values():
        assert (item.broader or item.code) == item.code.partition("-")[0]


async def test_a_blocked_row_is_seen_in_readyz_within_ten_seconds(scene: Scene) -> None:
    await scene.execute(
        """insert into registry.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers)
           values ('hb.registry.nothing.v1', gen_random_uuid(), gen_random_uuid(), '/hb/registry',
                   'x', now(), 'x', 1, '\\x00')"""
    )
    async with scene.registry.client(state=None) as client:

        async def shown() -> bool:
            return row_is_blocked((await client.get("/readyz")).json())

        await eventually(shown, within=invariants.SHOWN_SECONDS)


async def test_a_consumer_and_a_relay_that_are_held_up_are_seen_in_readyz(scene: Scene) -> None:
    async def stalls() -> tuple[bool, bool]:
        async with scene.registry.client(state=None) as client:
            seen = (await client.get("/readyz")).json()
        return consumer_stalls(seen, "directory"), relay_stalls(seen)

    async def consumer_is_shown() -> None:
        assert await stalls() == (True, False)

    async def both_are_shown() -> None:
        assert await stalls() == (True, True)

    assert await stalls() == (False, False)
    held_up = await scene.witness.connect()
    await held_up.execute("begin; lock table registry.directory in access exclusive mode")
    await scene.register("Beispiel Zweites")
    await eventually(consumer_is_shown, within=invariants.SHOWN_SECONDS)
    await held_up.execute("lock table registry.outbox in access exclusive mode")
    await eventually(both_are_shown, within=invariants.SHOWN_SECONDS)
    await held_up.close()


async def test_every_kind_of_junk_becomes_one_dead_letter_of_its_reader(scene: Scene) -> None:
    junk = list(unreadable(ORGANISATION, State.BREMEN))
    for key, value, headers in junk:
        await scene.installation.produce(ORGANISATION.name(State.BREMEN), key=key, value=value, headers=headers)
    committed = {event.event_id for event in await scene.witness.committed()}
    said = await scene.witness.said([scene.topic])
    places = {record.place: ("registry",) for record in said if record.event_id not in committed}

    async def buried() -> None:
        letters = {"registry": await scene.witness.dead_letters("registry")}
        assert invariants.buried_once(places, letters) == []

    await eventually(buried, within=30)
    assert len(places) == len(junk) == 14


async def test_a_second_mail_is_found_in_the_mailboxes(scene: Scene) -> None:
    installation = scene.installation
    events, notifications = installation.start("events"), installation.start("notifications")
    reader = f"reader-{uuid4()}@ex.example"
    async with notifications.client() as client:
        body = {"email": reader, "topic": {"kind": "state", "value": "hb"}, "consent": CONSENT}
        subscription = (await client.post("/api/v1/subscriptions", json=body)).json()["id"]
    async with events.client() as client:
        body = {"title": "Beispieltreffen", "starts": "2027-02-10T10:00+01:00", "ends": "2027-02-10T16:00+01:00"}
        event = (await client.post("/api/v1/events", json=body)).json()["event_id"]
        assert (await client.post(f"/api/v1/events/{event}/publication")).status_code == 200

    async def told() -> list[str]:
        committed, subscriptions = await scene.witness.committed(), await scene.witness.subscriptions()
        expected = expected_mails(committed, subscriptions, offices={}, settled=[subscription])
        assert set(expected.must) == {reader}
        # Two ask at once, as the watch and the judgement do; neither may see a mail twice.
        await asyncio.gather(scene.witness.mails(), scene.witness.mails())
        mine = [mail for mail in await scene.witness.mails() if mail.recipient == reader]
        return invariants.told_once(expected, mine, occasions=occasions_told(committed, await scene.witness.caused()))

    async def once() -> None:
        assert await told() == []

    await eventually(once, within=30)
    (mail,) = [mail for mail in await scene.witness.mails() if mail.recipient == reader]
    resend(installation.servers.smtp, reader, message_id=mail.message_id)
    assert "again, and nothing was killed in its send" in (await told())[0]
    resend(installation.servers.smtp, reader, message_id="<another@norda.example>")
    assert any("which tells of nothing that happened" in violation for violation in await told())
    await scene.execute(
        """insert into notifications.delivery (id, notice_id, state, channel, occasion, precedence, due_at, created_at,
                                               recipient_id, status)
           select $1::text::uuid, notice_id, state, channel, 'another', precedence, due_at, created_at, null,
                  'delivered'
           from notifications.delivery where id = $2::text::uuid""",
        str(other := uuid4()),
        mail.delivery,
    )
    resend(installation.servers.smtp, reader, message_id=f"<{other}@norda.example>")
    assert any(f"of published:{event} by 2 mails" in violation for violation in await told())


def resend(smtp: str, recipient: str, *, message_id: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "norda@norda.example", recipient, message_id
    message["Subject"] = "Again"
    host, _, port = smtp.removeprefix("smtp://").rpartition(":")
    with smtplib.SMTP(host, int(port)) as server:
        server.send_message(message)
