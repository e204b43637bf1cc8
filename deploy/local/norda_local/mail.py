"""The mail part of the stack, and how a program reads what arrived.

The page at `endpoints.mail` shows every mailbox to a person; `list_mails` reads the same mails for the demo and the
tests (`GET /api/mails?recipient=...&subject=...&after=<id>`).
"""

import json
import smtplib
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from norda_local.folders import Home
from norda_local.parts import Part, UnhealthyError
from norda_local.tracing import probe_http

HTTP_SECONDS = 10


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived. `headers` has lower-case names; `received_at_unix` is seconds since the epoch."""

    id: str
    received_at_unix: float
    recipients: list[str]
    sender: str
    subject: str
    headers: dict[str, str]
    text: str
    html: str


def mail_part(home: Home, *, smtp_port: int, http_port: int) -> Part:
    """Describe the catcher: SMTP on one port, pages and JSON on the other."""
    command: tuple[str, ...] = (sys.executable, "-m", "norda_local.mail_server", f"--smtp-port={smtp_port}")
    command += (f"--http-port={http_port}", f"--folder={home.data / 'mail'}")

    def probe() -> None:
        probe_smtp("127.0.0.1", smtp_port)
        probe_http(f"http://127.0.0.1:{http_port}/")

    return Part(
        name="mail",
        title="Mailboxes",
        command=command,
        probe=probe,
        ports=(smtp_port, http_port),
        link=f"http://127.0.0.1:{http_port}/",
        stop_seconds=5,
    )


def probe_smtp(host: str, port: int) -> None:
    """Raise UnhealthyError unless an SMTP server answers."""
    try:
        with smtplib.SMTP(host, port, timeout=HTTP_SECONDS) as connection:
            connection.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise UnhealthyError(f"smtp://{host}:{port}: {error}") from error


def list_mails(mail_url: str, *, recipient: str = "", subject: str = "", after: str = "") -> list[Mail]:
    """The mails that arrived, in order of arrival; the empty string selects all.

    `mail_url` is `endpoints.mail`; `recipient` is compared with the envelope, not with the To header; `subject` is a
    part of the subject; `after` is the id of the last mail seen.
    """
    query = urllib.parse.urlencode({"recipient": recipient, "subject": subject, "after": after})
    address = f"{mail_url.rstrip('/')}/api/mails?{query}"
    with urllib.request.urlopen(address, timeout=HTTP_SECONDS) as response:  # noqa: S310  (the stack's own)
        answer: dict[str, Any] = json.load(response)
    return [Mail(**mail) for mail in answer["mails"]]
