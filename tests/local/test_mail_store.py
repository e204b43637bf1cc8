"""The mail process's store: SMTP's thread writes while the page's asks."""

from __future__ import annotations

import threading
from email.message import EmailMessage
from pathlib import Path

from norda_local.mail_server import MailStore, selected

COUNT = 400


def test_mails_can_be_listed_while_they_come_in(tmp_path: Path) -> None:
    store = MailStore(tmp_path)
    mail = EmailMessage()
    mail["To"] = "office@ex-001.example"
    mail.set_content("Moin")

    def receive() -> None:
        for _ in range(COUNT):
            store.add(mail)

    sender = threading.Thread(target=receive)
    sender.start()
    seen = [len(selected(store.listed(), {}))]
    while sender.is_alive():
        seen.append(len(selected(store.listed(), {})))
    sender.join()
    assert len(selected(store.listed(), {"recipient": "office@ex-001.example"})) == COUNT
    assert seen == sorted(seen)
