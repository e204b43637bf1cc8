"""A real SMTP server whose verdicts a test chooses: refuses, defers, hangs up, dawdles, goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from support.installation import free_port

Verdict = Callable[[str, int], str | None]
"""From recipient and attempt (counted from 1) to the server's words; None accepts, `drop` hangs up."""


class MailServer:
    """What arrived, in order, as (recipient, Message-ID); several connections at once."""

    def __init__(self) -> None:
        self.port = free_port()
        self.accepted: list[tuple[str, str]] = []
        self.attempts: dict[str, int] = {}
        self.at_mail: Callable[[], str | None] = lambda: None
        self.at_rcpt: Verdict = lambda _recipient, _attempt: None
        self.at_data: Verdict = lambda _recipient, _attempt: None
        self.seconds_before_answer = 0.0
        self.answering = True
        self.under_way = self.most_under_way = 0
        self.peers: set[Any] = set()
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def count(self, recipient: str) -> int:
        return sum(1 for address, _ in self.accepted if address == recipient)

    async def handle_MAIL(self, *arguments: Any) -> str:  # noqa: N802 - aiosmtpd's name
        _server, _session, envelope, address, _options = arguments
        words = self.at_mail()
        if words is None:
            envelope.mail_from = address
        return words or "250 OK"

    async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: N802
        _server, _session, envelope, address, _options = arguments
        self.attempts[address] = self.attempts.get(address, 0) + 1
        words = self.at_rcpt(address, self.attempts[address])
        if words is None:
            envelope.rcpt_tos.append(address)
        return words or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        words = self.at_data(recipient, self.attempts[recipient])
        if words is None or words == "drop":
            content = envelope.content
            assert isinstance(content, bytes)
            message = message_from_bytes(content, policy=policy.default)
            self.accepted.append((recipient, str(message["Message-ID"])))
        self.peers.add(session.peer)
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await asyncio.sleep(self.seconds_before_answer)
            while not self.answering:
                await asyncio.sleep(0.02)
        finally:
            self.under_way -= 1
        if words == "drop":
            assert server.transport is not None
            server.transport.abort()
        return words or "250 OK"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A running server; stopped at the end."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
