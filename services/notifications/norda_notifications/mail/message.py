"""The message: headers (RFC 5322, 2047, 8058, 3834) and a text and an HTML body, ready to be sent. Pure.

The Message-ID is made of the delivery's id, so a mail sent twice after a crash is recognisably the same mail.
"""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from uuid import UUID

from email_validator import validate_email

from .letters import Letter, one_line, shortened

NAME_LENGTH = 80


class UnusableAddressError(ValueError):
    """No mail can be addressed like this; no retry will change that."""


def build(
    letter: Letter, *, delivery_id: UUID, sender: str, address: str, name: str | None, now: datetime
) -> EmailMessage:
    """The message of one delivery. Raises UnusableAddressError."""
    to = recipient(address, name)
    # Only a local part beyond ASCII needs the extension (RFC 6531); everything else goes through any server.
    message = EmailMessage(policy=SMTP if to.username.isascii() else SMTPUTF8)
    from_name, from_address = parseaddr(sender)
    message["From"] = Address(display_name=from_name, addr_spec=from_address)
    message["To"] = to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(delivery_id, sender=sender)
    message["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    # Afterwards: setting the content takes every Content- header off the message.
    message["Content-Language"] = letter.language
    return message


def message_id(delivery_id: UUID, *, sender: str) -> str:
    """`<delivery id@domain of the sender>`."""
    return f"<{delivery_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"


def recipient(address: str, name: str | None) -> Address:
    """The recipient with an ASCII domain. Raises UnusableAddressError.

    By IDNA 2008: Python's own codec follows IDNA 2003, which takes `größe` for `grösse`, another's domain.
    """
    try:
        valid = validate_email(address, check_deliverability=False)
        shown = shortened(one_line(name or ""), NAME_LENGTH)
        return Address(display_name=shown, username=valid.local_part, domain=valid.ascii_domain or valid.domain)
    except (ValueError, IndexError) as error:
        # Without the cause: its text may hold the address.
        raise UnusableAddressError(f"the address cannot be used: {type(error).__name__}") from None
