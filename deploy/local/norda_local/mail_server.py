"""The stack's mail process: SMTP in, mail-devel's page with every mailbox, and a JSON list for programs.

mail-devel keeps mails in memory; this process also keeps each as a file, so a restart loses none. Invariants: both
listeners are on 127.0.0.1; a mail is on disk before SMTP says 250; recipients are those of the envelope. No mail
ever leaves the machine.
"""

import argparse
import asyncio
import json
import secrets
import signal
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from mail_devel.http import Frontend, run_app
from mail_devel.mailbox import TestMailboxDict
from mail_devel.service import Service
from mail_devel.smtp import MemoryHandler

MAX_KEPT_MAILS = 5_000
MAX_MAIL_BYTES = 10 << 20


class MailStore:
    """The mails on disk, one file each, named so that sorting by name is sorting by arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Mails come in by the SMTP server's thread, and are asked for by the page's.
        self._turn = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.mails = {path.stem: summary(path.stem, _parse(path.read_bytes())) for path in self._files()}

    def add(self, message: Message) -> None:
        """Write one mail and list it."""
        key = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        content = message.as_bytes()
        scratch = self.folder / f"{key}.new"
        scratch.write_bytes(content)
        scratch.rename(self.folder / f"{key}.eml")
        with self._turn:
            self.mails[key] = summary(key, _parse(content))
            while len(self.mails) > MAX_KEPT_MAILS:
                oldest = next(iter(self.mails))
                del self.mails[oldest]
                (self.folder / f"{oldest}.eml").unlink(missing_ok=True)

    def listed(self) -> dict[str, dict[str, Any]]:
        """What is known of each mail, by id; a copy."""
        with self._turn:
            return dict(self.mails)

    def contents(self) -> list[bytes]:
        """Every mail, oldest first."""
        return [path.read_bytes() for path in self._files()]

    def clear(self) -> None:
        """Forget every mail."""
        for path in self._files():
            path.unlink()
        with self._turn:
            self.mails.clear()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"))


class KeepingHandler(MemoryHandler):  # type: ignore[misc]  # mail-devel is untyped
    """mail-devel's SMTP handler, which also keeps each mail on disk."""

    store: MailStore

    async def handle_message(self, message: Message) -> None:
        """Keep the mail, then show it."""
        self.store.add(message)
        await super().handle_message(message)


def summary(key: str, mail: EmailMessage) -> dict[str, Any]:
    """What the JSON list says about a mail."""
    plain = mail.get_body(("plain",))
    rich = mail.get_body(("html",))
    envelope = str(mail.get("X-RcptTo", mail.get("To", "")))
    return {
        "id": key,
        "received_at_unix": int(key[:20]) / 1e9,
        "recipients": [part.strip().lower() for part in envelope.split(",") if part.strip()],
        "sender": str(mail.get("X-MailFrom", mail.get("From", ""))),
        "subject": str(mail.get("Subject", "")),
        "headers": {name.lower(): str(value) for name, value in mail.items()},
        "text": plain.get_content() if plain else "",
        "html": rich.get_content() if rich else "",
    }


def selected(mails: dict[str, dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    """Mails in order of arrival, optionally of one recipient, after one id, with a text in the subject."""
    recipient, after = query.get("recipient", "").lower(), query.get("after", "")
    subject = query.get("subject", "")
    return [
        mail
        for key, mail in sorted(mails.items())
        if (not recipient or recipient in mail["recipients"]) and key > after and subject in mail["subject"]
    ]


async def serve(arguments: argparse.Namespace) -> None:
    """Run both listeners until SIGTERM."""
    service = await Service.init(
        Service.parse(["--host=127.0.0.1", "--multi-user", f"--password={secrets.token_hex(16)}", "--no-http"])
    )
    store = MailStore(arguments.folder)
    mailboxes: TestMailboxDict = service.mailboxes
    for content in store.contents():
        await mailboxes.append(message_from_bytes(content), frozenset())
    handler = KeepingHandler(mailboxes, multi_user=True)
    handler.store = store
    smtp = Controller(
        handler,
        hostname="127.0.0.1",
        port=arguments.smtp_port,
        enable_SMTPUTF8=True,
        data_size_limit=MAX_MAIL_BYTES,
    )
    smtp.start()
    runner = await run_app(pages(mailboxes, store), host="127.0.0.1", port=arguments.http_port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    smtp.stop()
    await runner.cleanup()


def pages(mailboxes: TestMailboxDict, store: MailStore) -> web.Application:
    """mail-devel's page with its socket and attachments, and the JSON list beside it."""
    frontend = Frontend(mailboxes, user="", multi_user=True)

    async def listing(request: web.Request) -> web.Response:
        found = selected(store.listed(), dict(request.query))
        return web.json_response({"count": len(found), "mails": found}, dumps=_dumps)

    async def clear(_: web.Request) -> web.Response:
        store.clear()
        mailboxes.config.set_cache.clear()
        return web.Response(status=204)

    application = web.Application()
    application.add_routes(
        [
            web.get("/api/mails", listing),
            web.delete("/api/mails", clear),
            web.get("/", frontend._page_index),
            web.get(r"/{static:.*\.(css|js|woff2)}", frontend._page_static),
            web.get("/websocket", frontend._websocket),
            web.get(r"/attachment/{mail:.*}/{attachment:.*}", frontend._download_attachment),
        ]
    )
    return application


def _parse(content: bytes) -> EmailMessage:
    parsed = message_from_bytes(content, policy=policy.default)
    if not isinstance(parsed, EmailMessage):
        raise TypeError("the default policy makes EmailMessage")
    return parsed


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="SMTP catcher with pages and a JSON list")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
