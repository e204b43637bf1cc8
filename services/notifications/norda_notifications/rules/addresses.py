"""E-mail addresses: which are one person's, how they are hidden, and how an objection remembers them."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def checked_address(value: str) -> str:
    """The address in its normal form (NFC, domain in lower case). Raises PydanticCustomError; asks no DNS."""
    if not value.isprintable():
        raise PydanticCustomError(
            "control_character",
            "contains a control or invisible character",
            {
                "de": "enthält Steuer- oder unsichtbare Zeichen",
                "en": "contains control or invisible characters",
            },
        )
    try:
        return validate_email(value.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise PydanticCustomError(
            "invalid_email",
            "is not an e-mail address",
            {"de": "ist keine E-Mail-Adresse", "en": "is not an e-mail address"},
        ) from error


EmailAddress = Annotated[str, Field(max_length=320), AfterValidator(checked_address)]


def address_key(address: str) -> str:
    """What tells persons apart: the address without regard to case, its domain in the DNS's own form.

    Total: an address that cannot be read is its own key, so a faulty one on a topic fails visibly, as a delivery.
    """
    plain = unicodedata.normalize("NFC", address).strip()
    try:
        local, domain = ascii_domain_of(plain)
    except EmailNotValidError:
        return plain.casefold()[:320]
    return f"{local}@{domain}".casefold()[:320]


def ascii_domain_of(address: str) -> tuple[str, str]:
    """Local part and the domain in ASCII. Raises EmailNotValidError.

    By IDNA 2008: Python's own codec follows IDNA 2003, which takes `größe` for `grösse`, another's domain.
    """
    valid = validate_email(address, check_deliverability=False)
    return valid.local_part, valid.ascii_domain or valid.domain


def address_hash(address: str) -> bytes:
    """SHA-256 of the key: enough to know an objection again, without keeping the address (Art. 5 GDPR)."""
    return hashlib.sha256(address_key(address).encode()).digest()


def masked(address: str | None) -> str | None:
    """`p***@ex-005.example`: what operators see of an address."""
    if address is None:
        return None
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"
