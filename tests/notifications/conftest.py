"""The notifications service with a real mail server: what other services would say on topics, and what arrived."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from norda_common.contracts import events, registry
from norda_common.contracts.events import (
    EVENT,
    PARTICIPATION,
    Host,
    Participant,
    Participation,
    PublishedEvent,
    Registration,
)
from norda_common.contracts.registry import ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import ALL_STATES, State
from norda_common.topic_admin import ensure_topics
from support.installation import Installation, Running, in_thread
from support.waiting import eventually

# A client otherwise reads all certificate authorities anew, which takes longer than what is asked.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def now() -> datetime:
    return datetime.now(UTC)


def person(domain: str = "ex-005.example") -> str:
    """An address nobody else in any test has."""
    return f"p-{secrets.token_hex(5)}@{domain}"


def make_event(**fields: Any) -> PublishedEvent:
    """A published event of Bremen in eleven weeks; `fields` overwrite."""
    starts = fields.pop("starts_at", now() + timedelta(days=77))
    content: dict[str, Any] = {
        "event_id": new_id(),
        "responsible_state": "hb",
        "status": "published",
        "title": "Transformationsforum Nord",
        "starts_at": starts,
        "ends_at": starts + timedelta(hours=6),
        "hosts": (Host(kind="state", state="hb"),),
        "venue": "Beispielhalle",
        "changed_at": now(),
    }
    return PublishedEvent.model_validate(content | fields)


def event_said(change: str, event: PublishedEvent, *, sequence: int = 1, time: datetime | None = None) -> Event:
    """What the events service says of an event."""
    return EVENT.event(
        change,
        event,
        state=State(event.responsible_state),
        key=event.event_id,
        sequence=sequence,
        time=time or now(),
    )


def participation_said(
    change: str,
    event: PublishedEvent,
    email: str,
    *,
    registration_id: UUID | None = None,
    sequence: int = 1,
    status: str = "confirmed",
    name: str = "Beispiel Person",
    language: str = "de",
    time: datetime | None = None,
) -> Event:
    """What the events service says of a participation, on the private topic."""
    key = registration_id or new_id()
    registration = Registration(
        registration_id=key,
        event_id=event.event_id,
        responsible_state=event.responsible_state,
        status=status,
        registered_at=now(),
        changed_at=now(),
    )
    participant = Participant(person_id=new_id(), name=name, email=email, language=language)
    data = Participation(registration=registration, participant=participant, event=event)
    return PARTICIPATION.event(
        change, data, state=State(event.responsible_state), key=key, sequence=sequence, time=time or now()
    )


def relocation_said(*, sequence: int = 7, **fields: Any) -> tuple[Event, Event]:
    """A move from Bremen to Niedersachsen, as the registry says it on both states' topics."""
    example = registry.EXAMPLE.model_dump()
    data = Organisation.model_validate(example | {"organisation_id": new_id(), "changed_at": now()} | fields)
    old, new = (
        ORGANISATION.event("seat_relocated", data, state=state, key=data.organisation_id, sequence=sequence, time=now())
        for state in (State.BREMEN, State.NIEDERSACHSEN)
    )
    return old, new


def offer_said(change: str, *, sequence: int = 7, said_by: State = State.BREMEN, **handover: Any) -> Event:
    """What is said of Bremen's offer of a company to Niedersachsen, on the topic of that state."""
    example = registry.EXAMPLE.model_dump() | {"responsible_state": "hb", "previous_state": None}
    offer = {"to_state": "ni", "seat": example["seat"], "moves_on": "2026-12-01", "offered_at": now()} | handover
    data = Organisation.model_validate(example | {"organisation_id": new_id(), "changed_at": now(), "handover": offer})
    return ORGANISATION.event(change, data, state=said_by, key=data.organisation_id, sequence=sequence, time=now())


@dataclass
class Desk:
    """A running service, and what a test does with it."""

    installation: Installation
    service: Running

    async def publish(self, *said: Event, traceparent: str | None = None) -> None:
        await self.installation.publish(*said, traceparent=traceparent)

    async def subscribe(self, email: str, kind: str, value: str, *, state: str = "hb", **fields: Any) -> dict[str, Any]:
        """Subscribe by that state's office; the answer's body."""
        body = {
            "email": email,
            "topic": {"kind": kind, "value": value},
            "consent": {"given_at": "2026-11-01T10:00:00Z", "wording": "newsletter-2026-1"},
        }
        async with self.service.client(state=state) as client:
            answer = await client.post("/api/v1/subscriptions", json=body | fields)
        assert answer.status_code in {200, 201}, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def mails(self, email: str) -> list[dict[str, Any]]:
        """What lies in this person's mailbox."""
        (mails,) = await self.mailboxes([email])
        return mails

    async def mailboxes(self, emails: Sequence[str]) -> list[list[dict[str, Any]]]:
        """What lies in each of these mailboxes."""
        async with httpx2.AsyncClient(base_url=self.installation.servers.mail, verify=_NO_TLS, timeout=30) as client:
            answers = [await client.get("/api/mails", params={"recipient": email}) for email in emails]
        return [answer.json()["mails"] for answer in answers]

    async def mail(self, email: str) -> dict[str, Any]:
        """The only mail this person got, waited for."""

        async def arrived() -> dict[str, Any]:
            mails = await self.mails(email)
            assert len(mails) == 1, [mail["subject"] for mail in mails]
            return mails[0]

        return await eventually(arrived)

    async def handled(self, *said: Event) -> None:
        """Wait until the service has handled these records."""
        wanted = [event.event_id for event in said]
        connection = await self.installation.connect()

        async def all_handled() -> None:
            count = await connection.fetchval(
                "select count(distinct event_id) from notifications.inbox where event_id = any($1::uuid[])", wanted
            )
            assert count == len(wanted), f"{count} of {len(wanted)}"

        try:
            await eventually(all_handled, within=20)
        finally:
            await connection.close()

    async def settled(self) -> None:
        """Wait until no mail is due any more."""
        connection = await self.installation.connect()

        async def none_due() -> None:
            due = await connection.fetchval("select count(*) from notifications.delivery where status = 'due'")
            assert due == 0, f"{due} due"

        try:
            await eventually(none_due, within=20)
        finally:
            await connection.close()

    async def tell(self, *said: Event) -> None:
        """Say it, and wait until everybody was told."""
        await self.publish(*said)
        await self.handled(*said)
        await self.settled()


def make_all_topics(installation: Installation, *, states: tuple[State, ...] = ALL_STATES) -> None:
    """The topics of the other services, which need not run."""
    topics = (*events.TOPICS, *registry.TOPICS)
    in_thread(ensure_topics(installation.servers.kafka, topics, states, replication=1, prefix=installation.prefix))


@pytest.fixture(scope="module")
def desk(module_installation: Installation) -> Desk:
    """One service for the module; its subscribers' notices wait half a second for the participants' ones."""
    make_all_topics(module_installation)
    settings = {"NORDA_MAIL_SETTLE_SECONDS": "0.5"}
    return Desk(module_installation, module_installation.start("notifications", environment=settings))


@pytest.fixture
def start_desk(installation: Installation) -> Callable[..., Desk]:
    """Start a service of the test's own, with settings of its own."""
    make_all_topics(installation)

    def start(**environment: str) -> Desk:
        settings = {"NORDA_MAIL_SETTLE_SECONDS": "0"} | environment
        return Desk(installation, installation.start("notifications", environment=settings))

    return start
