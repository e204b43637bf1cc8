"""The load: offices of three states that go on registering, changing, moving, publishing, cancelling and subscribing.

Each office changes what it made itself and does nothing that could be refused, so that every answer but success and 503
is a fault. What was asked and not answered may still happen: such an aggregate is left alone from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import httpx2

from norda_local.chaos.cluster import REPLICAS, STATES, Cluster
from norda_local.chaos.ledger import Ledger

T = TypeVar("T")
PLACES = {"hb": ("Bremen", "DE-HB"), "hh": ("Hamburg", "DE-HH"), "ni": ("Stuhr", "DE-NI")}
COMPETENCES = ("DRV-01", "DRV-02", "BAT-02", "SRV-04")
ANSWER_SECONDS = 15.0
MOST_COMPANIES = 12
MOST_EVENTS = 4
CAPACITY = 6
CONSENT = {"given_at": "2026-11-02T09:00:00+01:00", "wording": "chaos"}


class NoSuccess(Exception):  # noqa: N818 - an outcome
    """The command was not answered with success; whether it had an effect is not known."""


@dataclass(slots=True)
class _Company:
    id: str
    state: str


@dataclass(slots=True)
class _Event:
    id: str
    published: bool = False
    registrations: list[str] = field(default_factory=list)
    moves: int = 0


class Office:
    """One client, which works for one state's office; `members` are organisations that every service knows."""

    def __init__(self, number: int, *, cluster: Cluster, ledger: Ledger, random: Random, members: list[str]) -> None:
        self.state = STATES[number % len(STATES)]
        self._number = number
        self._cluster = cluster
        self._ledger = ledger
        self._random = random
        self._members = members
        self._companies: list[_Company] = []
        self._events: list[_Event] = []
        self._made = 0
        self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(ANSWER_SECONDS, connect=2))

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def work(self, stop: asyncio.Event, *, pause_seconds: float) -> None:
        """Ask for one thing after another until told to stop."""
        while not stop.is_set():
            action = self._random.choices([choice for choice, _ in _ACTIONS], [weight for _, weight in _ACTIONS])[0]
            try:
                await action(self)
            except NoSuccess:
                await asyncio.sleep(0.2)
            await asyncio.sleep(pause_seconds * self._random.uniform(0.5, 1.5))

    async def found(self, name: str) -> str:
        """Register an organisation that stays as it is; returns its id."""
        place, code = PLACES[self.state]
        body = {
            "legal_name": name,
            "seat": {"place": place, "state": code},
            "competences": [self._random.choice(COMPETENCES)],
        }
        # Its names are as alike as numbers are.
        path = "/api/v1/organisations?ignore_duplicates=true"
        document = await self._ask("POST", "registry", path, body, name="register")
        self._promised("organisation", document["organisation_id"], document, command="register")
        return str(document["organisation_id"])

    async def subscribe(self, email: str, kind: str, value: str) -> str:
        """Subscribe somebody; returns the subscription's id."""
        body = {"email": email, "topic": {"kind": kind, "value": value}, "consent": CONSENT}
        document = await self._ask("POST", "notifications", "/api/v1/subscriptions", body, name="subscribe")
        self._ledger.promised(
            "subscription", document["id"], version=document["version"], sequence=0, command="subscribe"
        )
        return str(document["id"])

    async def name_address(self) -> None:
        """Say how this office is reached."""
        body = {"name": f"Office {self.state}", "email": f"office@{self.state}.example", "language": "de"}
        await self._ask("PUT", "notifications", f"/api/v1/offices/{self.state}/contact", body, name="name address")

    async def _grow(self) -> None:
        if len(self._companies) >= MOST_COMPANIES:
            await self._rename()
            return
        self._made += 1
        made = await self.found(f"Beispiel {self._number}-{self._made}")
        self._companies.append(_Company(made, self.state))

    async def _rename(self) -> None:
        company = self._pick(self._companies)
        if company is None:
            return
        self._made += 1
        body = {
            "legal_name": f"Beispiel {self._number}-{self._made}",
            "competences": [self._random.choice(COMPETENCES)],
        }
        await self._change_company(company, "PATCH", "", body, name="rename")

    async def _relocate(self) -> None:
        company = self._pick(self._companies)
        if company is None:
            return
        target = self._random.choice([state for state in STATES if state != company.state])
        place, code = PLACES[target]
        body = {"responsible_state": target, "seat": {"place": place, "state": code}, "date": "2026-11-01"}
        await self._change_company(company, "POST", "/relocation", body, name="offer")
        # From the acceptance on the other office writes; what was offered and not answered is left alone.
        company.state = target
        await self._change_company(company, "POST", "/relocation/acceptance", {}, name="accept")

    async def _deactivate(self) -> None:
        company = self._pick(self._companies)
        if company is None:
            return
        await self._change_company(company, "POST", "/deactivation", {}, name="deactivate")
        self._companies.remove(company)

    async def _change_company(
        self, company: _Company, method: str, path: str, body: dict[str, Any], *, name: str
    ) -> None:
        try:
            document = await self._ask(
                method, "registry", f"/api/v1/organisations/{company.id}{path}", body, name=name, state=company.state
            )
        except NoSuccess:
            # Whether it happened shows in the end; what a relocation did would have to be known to go on.
            self._companies.remove(company)
            raise
        self._promised("organisation", company.id, document, command=name)

    async def _announce(self) -> None:
        if len(self._events) >= MOST_EVENTS:
            await self._take_part()
            return
        self._made += 1
        body = {
            "title": f"Beispieltreffen {self._number}-{self._made}",
            "starts": "2027-02-10T10:00+01:00",
            "ends": "2027-02-10T16:00+01:00",
            "capacity": CAPACITY,
            "competences": [self._random.choice(COMPETENCES)],
        }
        document = await self._ask("POST", "events", "/api/v1/events", body, name="draft")
        self._promised("event", document["event_id"], document, command="draft")
        event = _Event(document["event_id"])
        self._events.append(event)
        await self._change_event(event, "POST", "/publication", None, name="publish")
        event.published = True

    async def _edit(self) -> None:
        event = self._published()
        if event is not None:
            self._made += 1
            body = {"title": f"Beispieltreffen {self._number}-{self._made}"}
            await self._change_event(event, "PATCH", "", body, name="edit")

    async def _reschedule(self) -> None:
        event = self._published()
        if event is not None:
            event.moves += 1
            # Each time another day: the same one again would change nothing.
            month, day = 3 + event.moves // 28 % 9, 1 + event.moves % 28
            body = {"starts": f"2027-{month:02}-{day:02}T10:00", "ends": f"2027-{month:02}-{day:02}T16:00"}
            await self._change_event(event, "POST", "/reschedule", body, name="reschedule")

    async def _cancel(self) -> None:
        event = self._published()
        if event is not None and len(self._events) > 1:
            await self._change_event(event, "POST", "/cancellation", {"reason": "Chaos"}, name="cancel")
            self._events.remove(event)

    async def _change_event(self, event: _Event, method: str, path: str, body: Any, *, name: str) -> None:
        document = await self._of_event(event, method, path, body, name=name)
        self._promised("event", event.id, document, command=name)

    async def _of_event(self, event: _Event, method: str, path: str, body: Any, *, name: str) -> dict[str, Any]:
        try:
            return await self._ask(method, "events", f"/api/v1/events/{event.id}{path}", body, name=name)
        except NoSuccess:
            if event in self._events:
                self._events.remove(event)
            raise

    async def _take_part(self) -> None:
        event = self._published()
        if event is None:
            return
        self._made += 1
        body = {
            "organisation_id": self._random.choice(self._members),
            "participant_state": self._random.choice(STATES),
            "name": f"Beispiel Person {self._made}",
            "email": f"person-{self._number}-{self._made}@ex.example",
        }
        document = await self._of_event(event, "POST", "/registrations", body, name="take part")
        self._promised("registration", document["registration_id"], document, command="take part")
        event.registrations.append(document["registration_id"])

    async def _withdraw(self) -> None:
        event = self._published()
        if event is None or not event.registrations:
            return
        registration = event.registrations.pop(self._random.randrange(len(event.registrations)))
        path = f"/registrations/{registration}/withdrawal"
        document = await self._of_event(event, "POST", path, None, name="withdraw")
        self._promised("registration", registration, document, command="withdraw")

    async def _gain_a_subscriber(self) -> None:
        event = self._published()
        kind, value = ("event", event.id) if event is not None else ("state", self.state)
        self._made += 1
        await self.subscribe(f"reader-{self._number}-{self._made}@ex.example", kind, value)

    def _published(self) -> _Event | None:
        return self._pick([event for event in self._events if event.published])

    def _pick(self, among: list[T]) -> T | None:
        return self._random.choice(among) if among else None

    def _promised(self, kind: str, aggregate_id: str, document: dict[str, Any], *, command: str) -> None:
        version = int(document["version"])
        sequence = int(document.get("sequence", version))
        self._ledger.promised(kind, aggregate_id, version=version, sequence=sequence, command=command)

    async def _ask(
        self, method: str, service: str, path: str, body: Any, *, name: str, state: str | None = None
    ) -> dict[str, Any]:
        """One command to one of the replicas. Raises NoSuccess."""
        replica = f"{service}-{self._random.randint(1, REPLICAS)}"
        headers = {"authorization": f"Bearer {self._cluster.token(state or self.state)}", "accept-language": "en"}
        try:
            answer = await self._client.request(method, self._cluster.urls[replica] + path, json=body, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            self._ledger.unanswered(f"{name} by {replica}", why=type(error).__name__)
            raise NoSuccess from error
        if answer.is_success:
            document: dict[str, Any] = answer.json()
            return document
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        if answer.status_code == 503 and problem:
            self._ledger.unavailable(f"{name} by {replica}", why=answer.json().get("type", ""))
        else:
            self._ledger.refused(f"{name} by {replica}", answer=f"{answer.status_code} {answer.text[:300]}")
        raise NoSuccess


_ACTIONS: tuple[tuple[Callable[[Office], Awaitable[None]], int], ...] = (
    (Office._grow, 18),
    (Office._rename, 22),
    (Office._relocate, 6),
    (Office._deactivate, 3),
    (Office._announce, 8),
    (Office._edit, 3),
    (Office._reschedule, 2),
    (Office._cancel, 2),
    (Office._take_part, 26),
    (Office._withdraw, 8),
    (Office._gain_a_subscriber, 2),
)
