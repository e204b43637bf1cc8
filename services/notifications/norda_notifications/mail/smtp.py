"""The way out: SMTP connections that are kept open, and the server's verdicts sorted into four outcomes.

What speaks about one mail (a refused recipient or message) ends or postpones that mail. What speaks about the server
or about us (no connection, sign-in or sender refused, 421) says nothing about the mail, which waits as long as it must.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from aiosmtplib.response import SMTPResponse

from ..rules.retries import Outcome

DEFAULT_PORTS = {"smtp": 25, "smtps": 465}
SHUTTING_DOWN = 421
FRESH_SECONDS = 2.0
"""A connection that answered so lately is used without asking first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an attempt; `error` never holds the recipient."""

    outcome: Outcome
    error: str | None = None


class NoTurnError(Exception):
    """The mail's data may not go out now, for a reason of ours."""


class _Connection(SMTP):
    """An SMTP connection that does something before a mail's data goes out: until then the server has no mail."""

    before_data: Callable[[], Awaitable[bool]]

    async def data(self, message: str | bytes, /, **options: Any) -> SMTPResponse:
        if not await self.before_data():
            raise NoTurnError
        return await super().data(message, **options)


class MailServer:
    """Connections to one server, each used for one mail at a time and kept for the next."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._tls = parts.scheme == "smtps"
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._timeout = timeout_seconds
        self._idle: list[tuple[_Connection, float]] = []

    async def send(self, message: EmailMessage, *, before_data: Callable[[], Awaitable[bool]]) -> Verdict:
        """Send one mail to its only recipient; never raises for what a server or a network does.

        The timeout holds until the server has agreed to the recipient, and anew for the data. In between `before_data`
        is awaited as long as it takes: that is no time of the server's. When it says no, the mail is given back.
        """
        sender, recipient = (message[header].addresses[0].addr_spec for header in ("From", "To"))
        options = [] if recipient.isascii() else ["smtputf8"]
        try:
            content = message.as_bytes()
            async with asyncio.timeout(self._timeout) as limit, self._connection() as connection:

                async def take_turn() -> bool:
                    limit.reschedule(None)
                    mine = await before_data()
                    limit.reschedule(asyncio.get_running_loop().time() + self._timeout)
                    return mine

                connection.before_data = take_turn
                await connection.sendmail(sender, [recipient], content, mail_options=options)
        except NoTurnError:
            return Verdict(Outcome.GIVEN_BACK)
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            return verdict_of(error)
        return Verdict(Outcome.ACCEPTED)

    async def close(self) -> None:
        """Say goodbye on the idle connections."""
        while self._idle:
            connection, _ = self._idle.pop()
            with suppress(SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(connection.quit(), 1)
            connection.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """An idle connection that still answers, or a new one; it is kept unless the connection itself failed."""
        connection = await self._alive() or await self._connect()
        try:
            yield connection
        except (SMTPRecipientsRefused, SMTPDataError, SMTPNotSupported):
            self._keep(connection)
            raise
        except NoTurnError:
            # The server forgets the recipient, and the connection serves the next mail.
            with suppress(SMTPException, OSError, TimeoutError):
                await connection.rset()
                self._keep(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._keep(connection)

    async def _alive(self) -> _Connection | None:
        while self._idle:
            connection, used_at = self._idle.pop()
            if connection.is_connected and time.monotonic() - used_at < FRESH_SECONDS:
                return connection
            try:
                # A server may have closed it meanwhile; asking first keeps the mail out of the doubt.
                await connection.noop()
            except (SMTPException, OSError, TimeoutError):
                connection.close()
                continue
            return connection
        return None

    async def _connect(self) -> _Connection:
        connection = _Connection(
            hostname=self.host,
            port=self.port,
            username=self._username,
            password=self._password,
            use_tls=self._tls,
            # A password is never sent in the clear; without one, TLS is used when the server offers it.
            start_tls=True if self._username and not self._tls else None,
            local_hostname=socket.gethostname(),
            timeout=self._timeout,
        )
        try:
            await connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep(self, connection: _Connection) -> None:
        if connection.is_connected:
            self._idle.append((connection, time.monotonic()))


def verdict_of(error: Exception) -> Verdict:
    """Sort a fault. Texts are reduced to kind and code: a server's words often repeat the address."""
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        text = f"{type(error).__name__} {error.code}"
        about_the_mail = isinstance(error, (SMTPRecipientRefused, SMTPDataError)) and error.code != SHUTTING_DOWN
        if not about_the_mail:
            return Verdict(Outcome.UNREACHABLE, text)
        return Verdict(Outcome.REFUSED if error.code >= 500 else Outcome.DEFERRED, text)
    if isinstance(error, (SMTPNotSupported, ValueError)):
        return Verdict(Outcome.REFUSED, type(error).__name__)
    return Verdict(Outcome.UNREACHABLE, type(error).__name__)
