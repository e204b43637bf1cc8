"""The postman: takes due mails under a lease, sends several at once, and settles each when the server has spoken.

Invariants: a mail is settled only after the server's verdict, so it is never lost; a worker that dies leaves its mails
to the next one when the lease ends. From a mail's data to the commit lies the only window for a duplicate, which then
bears the same Message-ID (docs/decisions/0042-mail-at-least-once.md). Mails pass that window one at a time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from asyncpg import Record
from norda_common.database import SYSTEM, is_transient
from norda_common.identifiers import new_id
from norda_common.runtime import Runtime
from norda_common.telemetry import context_of, meter, tracer
from opentelemetry.trace import Span, SpanKind, StatusCode

from .mail.letters import compose
from .mail.message import UnusableAddressError, build
from .mail.smtp import MailServer, Verdict
from .rules.retries import Outcome
from .settings import NotificationsSettings, settings_of_process
from .store import deliveries
from .workers_settling import Attempt, Settlements

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.3
"""The floor: what this process commits wakes the postman at once, this finds another's mails and those held back."""
PAUSE_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""While no server takes mail, one mail at a time asks again."""
FINISH_SECONDS = 4.0
"""What mails under way get when the process stops; the whole stop may take ten seconds."""
GATHER_SECONDS = 0.005
"""Mails settled by one commit end within this time, and their places are filled by one claim."""
AFTER_OUTAGE = timedelta(seconds=15)
"""So long after this process saw the database away it takes no mail of another's ended lease: whose holder lives may
only now commit what a server took.
"""
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
FAULT = "mail"


async def deliver_mail(runtime: Runtime) -> None:
    """Deliver due mails until cancelled. Safe in several replicas at once."""
    settings = settings_of_process()
    server = MailServer(settings.smtp_url.get_secret_value(), timeout_seconds=settings.mail_timeout_seconds)
    await Postman(runtime, settings, server).run()


class Postman:
    """One process's mail delivery; `owner` marks its leases."""

    def __init__(self, runtime: Runtime, settings: NotificationsSettings, server: MailServer) -> None:
        self.owner = new_id()
        self._runtime = runtime
        self._settings = settings
        self._server = server
        self._lease = timedelta(seconds=3 * settings.mail_timeout_seconds)
        # Data goes out while the lease holds for it and for its commit.
        self._needed = timedelta(seconds=1.5 * settings.mail_timeout_seconds)
        self._in_doubt = asyncio.Semaphore(settings.mail_in_doubt)
        # So many keep the turn busy while the next are claimed, several by one claim.
        self._enough = max(settings.mail_in_doubt, settings.mail_parallel // 2)
        self._under_way: set[asyncio.Task[None]] = set()
        self._in_hand: set[UUID] = set()
        self._outage_at: datetime | None = None
        self._settlements = Settlements(runtime.database, owner=self.owner, away=self._saw_outage)
        self._unreachable = False
        self._pauses_in_a_row = 0
        self._committed = runtime.database.commit_signal()
        self._sent = meter().create_counter("norda.mail.attempts", unit="{mail}")

    async def run(self) -> None:
        """Claim and send until cancelled; then let what is under way finish."""
        try:
            while True:
                await self._round()
        finally:
            if self._under_way:
                _, late = await asyncio.wait(self._under_way, timeout=FINISH_SECONDS)
                for task in late:
                    task.cancel()
            await self._server.close()

    async def _round(self) -> None:
        if self._unreachable:
            await self._wait_for(asyncio.ALL_COMPLETED)
        # A mail that was taken meanwhile has ended the pauses; however many were not, they are one reason to pause.
        if self._unreachable:
            self._unreachable = False
            self._pauses_in_a_row += 1
        if self._pauses_in_a_row:
            await asyncio.sleep(PAUSE_SECONDS[min(self._pauses_in_a_row, len(PAUSE_SECONDS)) - 1])
        if len(self._under_way) > self._enough:
            await self._wait_for(asyncio.FIRST_COMPLETED)
            return
        # Before the claim: what is committed after this and missed by the claim ends the wait below.
        self._committed.clear()
        free = 1 if self._pauses_in_a_row else self._settings.mail_parallel - len(self._under_way)
        claimed = await self._claim(free) if free else []
        for row in claimed:
            self._under_way.add(asyncio.create_task(self._deliver(row)))
        if len(claimed) == free:
            await self._wait_for(asyncio.FIRST_COMPLETED)
            await asyncio.sleep(GATHER_SECONDS)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._committed.wait(), POLL_SECONDS)
            await self._wait_for(asyncio.FIRST_COMPLETED, timeout=0)

    async def _wait_for(self, when: str, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - passed on to wait
        """Wait for mails under way; a fault no attempt expects ends the worker, which is started again."""
        if not self._under_way:
            return
        done, self._under_way = await asyncio.wait(self._under_way, timeout=timeout, return_when=when)
        for task in done:
            task.result()

    async def _claim(self, limit: int) -> list[Record]:
        now = datetime.now(UTC)
        try:
            # A claim is nobody's news; above all it must not wake the postman itself.
            async with self._runtime.database.transaction(SYSTEM, news=False) as connection:
                claimed = await deliveries.claim(
                    connection,
                    owner=self.owner,
                    now=now,
                    lease_until=now + self._lease,
                    limit=limit,
                    ended_by=self._lapsed(now),
                    but=list(self._in_hand),
                )
        except Exception as error:
            if not is_transient(error):
                raise
            # Health shows the database itself; there is nothing to claim until it is back.
            self._saw_outage()
            await asyncio.sleep(1)
            return []
        self._runtime.faults.pop("deliver_mail", None)
        return claimed

    def _saw_outage(self) -> None:
        self._outage_at = datetime.now(UTC)

    def _lapsed(self, now: datetime) -> datetime:
        """When a lease must have ended to be somebody else's: after an outage its holder first gets time to commit."""
        if self._outage_at is None or now - self._outage_at > AFTER_OUTAGE:
            return now
        return BEFORE_ALL

    async def _deliver(self, claimed: Record) -> None:
        self._in_hand.add(claimed["id"])
        try:
            async with AsyncExitStack() as doubt:
                await self._deliver_in_turn(claimed, doubt)
        finally:
            self._in_hand.discard(claimed["id"])

    async def _deliver_in_turn(self, claimed: Record, doubt: AsyncExitStack) -> None:
        """Send and settle; `doubt` is entered before the data goes out, and left after the commit."""
        with tracer().start_as_current_span(
            "send mail",
            context=context_of(claimed["traceparent"]),
            kind=SpanKind.CLIENT,
            attributes={
                "server.address": self._server.host,
                "server.port": self._server.port,
                "network.protocol.name": "smtp",
                "peer.service": "smtp",
                "norda.notice": claimed["kind"],
                "norda.delivery.id": str(claimed["id"]),
                "norda.delivery.attempt": claimed["attempts"],
            },
        ) as span:
            verdict = await self._send(claimed, span, before_data=partial(self._turn, claimed, doubt))
            self._sent.add(1, {"norda.outcome": verdict.outcome.value})
            if verdict.error:
                span.set_attribute("error.type", verdict.error)
                span.set_status(StatusCode.ERROR)
            self._show(verdict)
            await self._settlements.add(Attempt(claimed, verdict, span))

    async def _turn(self, claimed: Record, doubt: AsyncExitStack) -> bool:
        """Wait for this mail's turn; False when too little is left of its lease, also because the process stood still.

        By the clock and not by the loop's time: other replicas judge the lease by theirs.
        """
        last: datetime = claimed["lease_until"] - self._needed
        try:
            async with asyncio.timeout((last - datetime.now(UTC)).total_seconds()):
                await doubt.enter_async_context(self._in_doubt)
        except TimeoutError:
            return False
        return datetime.now(UTC) < last

    async def _send(self, claimed: Record, span: Span, *, before_data: Callable[[], Awaitable[bool]]) -> Verdict:
        try:
            token = claimed["unsubscribe_token"]
            base = self._settings.base_url
            letter = compose(
                claimed["kind"],
                json.loads(claimed["content"]),
                language=claimed["language"],
                name=claimed["name"],
                reasons=json.loads(claimed["reasons"]),
                unsubscribe_url=f"{base}/api/v1/unsubscribe/{token}" if token else None,
                link=claimed["link"],
            )
            message = build(
                letter,
                delivery_id=claimed["id"],
                sender=self._settings.mail_from,
                address=claimed["address"],
                name=claimed["name"],
                now=datetime.now(UTC),
            )
        except UnusableAddressError:
            return Verdict(Outcome.REFUSED, "UnusableAddressError")
        except Exception as error:  # noqa: BLE001 - a fault in the words of one notice must not stop all mail
            # Tried again for days, so that a corrected release sends it; operators see it among the deliveries.
            # No traceback: its texts can hold the person's name.
            log.error("a mail cannot be written", notice=claimed["kind"], error=type(error).__name__)  # noqa: TRY400
            span.set_attribute("norda.fault", "writing")
            return Verdict(Outcome.DEFERRED, f"writing: {type(error).__name__}")
        return await self._server.send(message, before_data=before_data)

    def _show(self, verdict: Verdict) -> None:
        """Let health say whether a server takes mail; one that was not asked says nothing of it."""
        if verdict.outcome is Outcome.GIVEN_BACK:
            return
        if verdict.outcome is Outcome.UNREACHABLE:
            self._unreachable = True
            where = f"{self._server.host}:{self._server.port}"
            self._runtime.faults[FAULT] = f"no mail goes out by {where}: {verdict.error}; mails wait"
        else:
            self._unreachable, self._pauses_in_a_row = False, 0
            self._runtime.faults.pop(FAULT, None)
