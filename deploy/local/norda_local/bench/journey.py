"""`bench journey`: from an HTTP request to the mail it causes, accepted by the SMTP server; alone and under load.

A participant is registered for an event; the events service stores it and announces it, the notifications service reads
that from the topic, writes the notice and sends the mail. All three services and all servers are real. The way is timed
from outside, by the sender's clock and the mail server's, which are one machine's; the notice's own time divides it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx2

from norda_local.bench import load
from norda_local.bench.bodies import CLUSTER, draft_event, organisation, registration
from norda_local.bench.report import Figures, Report, median, percentile
from norda_local.bench.services import Say, headers_of, start_services
from norda_local.errors import StackError
from norda_local.mail import list_mails
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own

PER_SECOND = 8
ORGANISATIONS_PER_SECOND, REGISTRATIONS_PER_SECOND = 20, 5
"""The load: commands to the registry, and registrations for another event, each of which causes a mail as well."""
NOTE = (
    f"load: {ORGANISATIONS_PER_SECOND} new organisations and {REGISTRATIONS_PER_SECOND} registrations for another "
    "event per second, each of the latter with a mail of its own; p50: median of rounds, p99: of all trips together"
)
CASES = ("without load", "with load")
MAIL_SECONDS = 60
STAGES = ("request answered", "then notice written", "then mail accepted", "whole way")


@dataclass(frozen=True, slots=True)
class Trip:
    """One request's way, in seconds since the epoch."""

    began: float
    answered: float
    noticed: float
    accepted: float

    @property
    def stages_ms(self) -> tuple[float, ...]:
        """What STAGES names. The notice may be written before the answer has been read: that stage can be negative."""
        ends = (self.began, self.answered, self.noticed, self.accepted)
        return (*((end - begin) * 1000 for begin, end in itertools.pairwise(ends)), (self.accepted - self.began) * 1000)


def measure(*, quick: bool, say: Say) -> Report:
    """Send requests at a steady rate, in rounds that alternate between the two cases."""
    rounds, seconds = (3, 8.0) if quick else (5, 25.0)
    return measure_with(rounds=rounds, seconds=seconds, quick=quick, say=say)


def measure_with(*, rounds: int, seconds: float, quick: bool, say: Say) -> Report:
    """The measurement with rounds of the caller's choice; as long as half a round, at most 4 s, is spent to warm up."""
    found: dict[str, list[list[Trip]]] = {case: [] for case in CASES}
    with servers_of_its_own("bench", only=("postgres", "kafka", "mail")) as stack:
        stack.up()
        way = Way(stack)
        way.round(CASES[0], seconds=min(4.0, seconds / 2))
        for number in range(rounds):
            for case, trips in found.items():
                trips.append(way.round(case, seconds=seconds))
                whole = [trip.stages_ms[-1] for trip in trips[-1]]
                say(f"round {number + 1} of {rounds}, {case}: p50 {percentile(whole, 0.5):.0f} ms")
    return _report(found, quick=quick)


class Way:
    """The running services, an event to register for and one for the load."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        services = start_services(stack, "registry", "events", "notifications")
        self._ports = {name: service.port for name, service in services.items()}
        self._headers = headers_of(stack)
        self._numbers = itertools.count(1)
        self._post("registry", "/api/v1/organisations", json.dumps(CLUSTER).encode())
        self._event, self._other = self._published("Beispielmessung"), self._published("Beispiellast")

    def round(self, case: str, *, seconds: float) -> list[Trip]:
        """The trips of one round; it ends when every mail has been accepted."""
        generators = [load.start(item) for item in self._loads(seconds + 2)] if case == "with load" else []
        if generators:
            time.sleep(1.5)
        trips = asyncio.run(self._trips(seconds))
        for generator in generators:
            load.finish(generator)
        return trips

    def _loads(self, seconds: float) -> list[load.Load]:
        def numbers(rate: int) -> Sequence[int]:
            return list(itertools.islice(self._numbers, int(seconds * rate)))

        organisations = [
            ("/api/v1/organisations", organisation(number)) for number in numbers(ORGANISATIONS_PER_SECOND)
        ]
        path = f"/api/v1/events/{self._other}/registrations"
        others = [(path, registration(f"last-{number}@bench.example")) for number in numbers(REGISTRATIONS_PER_SECOND)]
        return [
            load.Load(
                port=self._ports[service],
                headers=self._headers,
                requests=requests,
                connections=8,
                seconds=seconds,
                per_second=rate,
            )
            for service, requests, rate in (
                ("registry", organisations, ORGANISATIONS_PER_SECOND),
                ("events", others, REGISTRATIONS_PER_SECOND),
            )
        ]

    async def _trips(self, seconds: float) -> list[Trip]:
        path = f"http://127.0.0.1:{self._ports['events']}/api/v1/events/{self._event}/registrations"
        sent: dict[str, tuple[float, float, UUID]] = {}
        last = max((mail.id for mail in list_mails(self._stack.endpoints()["mail"])), default="")

        async def send(client: httpx2.AsyncClient, email: str) -> None:
            began = time.time()
            answer = await client.post(path, content=registration(email))
            answered = time.time()
            if answer.status_code != 201:
                raise StackError(f"a registration was answered {answer.status_code}", "see the log of events")
            sent[email] = (began, answered, UUID(answer.json()["registration_id"]))

        async with httpx2.AsyncClient(headers=self._headers, timeout=30) as client, asyncio.TaskGroup() as group:
            begin = time.monotonic()
            for place in range(int(seconds * PER_SECOND)):
                await asyncio.sleep(begin + place / PER_SECOND - time.monotonic())
                group.create_task(send(client, f"weg-{next(self._numbers)}@bench.example"))
        accepted = await self._accepted(set(sent), after=last)
        noticed = await self._noticed([registration_id for _, _, registration_id in sent.values()])
        return [
            Trip(began, answered, noticed[registration_id], accepted[email])
            for email, (began, answered, registration_id) in sent.items()
        ]

    async def _accepted(self, emails: set[str], *, after: str) -> dict[str, float]:
        """When the server had each mail, once all have come; a second mail to somebody is a fault."""
        deadline = time.monotonic() + MAIL_SECONDS
        while True:
            mails = [mail for mail in list_mails(self._stack.endpoints()["mail"], after=after) if mail.recipients]
            found = {mail.recipients[0]: mail.received_at_unix for mail in mails if mail.recipients[0] in emails}
            if len(found) == len(emails):
                return found
            if time.monotonic() > deadline:
                raise StackError(f"{len(emails) - len(found)} mails have not come", "see the log of notifications")
            await asyncio.sleep(0.5)

    async def _noticed(self, registrations: Sequence[UUID]) -> dict[UUID, float]:
        connection = await asyncpg.connect(self._stack.endpoints()["database"])
        try:
            rows = await connection.fetch(
                "select registration_id, created_at from notifications.delivery where registration_id = any($1)",
                registrations,
            )
        finally:
            await connection.close()
        return {row["registration_id"]: row["created_at"].timestamp() for row in rows}

    def _published(self, title: str) -> str:
        event_id: str = self._post("events", "/api/v1/events", draft_event(title).encode())["event_id"]
        self._post("events", f"/api/v1/events/{event_id}/publication", b"")
        return event_id

    def _post(self, service: str, path: str, body: bytes) -> dict[str, str]:
        url = f"http://127.0.0.1:{self._ports[service]}{path}"
        answer = httpx2.post(url, content=body, headers=self._headers, timeout=30)
        if not answer.is_success:
            raise StackError(f"{path} answered {answer.status_code}: {answer.text[:400]}", f"see the log of {service}")
        document: dict[str, str] = answer.json()
        return document


def _report(found: dict[str, list[list[Trip]]], *, quick: bool) -> Report:
    rows: list[tuple[str | float, ...]] = []
    for case, rounds in found.items():
        for stage, name in enumerate(STAGES):
            values = [[trip.stages_ms[stage] for trip in trips] for trips in rounds]
            pooled = [value for trips in values for value in trips]
            p50, p99 = median([percentile(trips, 0.5) for trips in values]), percentile(pooled, 0.99)
            rows.append((f"{case}: {name}", p50, p99, max(pooled), len(pooled)))
    return Report(
        name="journey",
        question="How long from an HTTP request to the mail accepted by the SMTP server?",
        quick=quick,
        tables=[
            Figures(
                title=f"From registration to mail, ms; {PER_SECOND}/s, {len(found[CASES[0]])} rounds each",
                columns=("", "p50", "p99", "most", "trips"),
                rows=rows,
            )
        ],
        rounds={case: [[trip.stages_ms for trip in trips] for trips in rounds] for case, rounds in found.items()},
        notes=[NOTE],
    )
