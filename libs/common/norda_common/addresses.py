"""E-mail addresses: their normal form, and which are one person's."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from .input import clean_line


def checked_address(value: str) -> str:
    """The address in its normal form (NFC, domain in lower case); asks no DNS. A refusal does not repeat it."""
    try:
        return validate_email(clean_line(value), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise PydanticCustomError(
            "invalid_email",
            "is not an e-mail address",
            {"de": "ist keine E-Mail-Adresse", "en": "is not an e-mail address"},
        ) from error


EmailAddress = Annotated[str, Field(max_length=320), AfterValidator(checked_address)]


def address_key(address: str) -> str:
    """What tells persons apart: the address without regard to case, its domain in the DNS's own form (IDNA 2008).

    Total: an address that cannot be read is its own key, so a faulty one on a topic fails visibly, as a delivery.
    """
    plain = unicodedata.normalize("NFC", address).strip()
    try:
        valid = validate_email(plain, check_deliverability=False)
    except EmailNotValidError:
        return plain.casefold()[:320]
    return f"{valid.local_part}@{valid.ascii_domain or valid.domain}".casefold()[:320]
