"""E-mail addresses: their normal form, and which are one person's."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from .input import clean_line

# What most addresses look like: nothing in them is to be normalised, nothing can be wrong. The library takes 35
# microseconds for such a one, a third of what reading a row of an import takes.
_USUAL = re.compile(
    r"[a-z0-9]+(?:[._-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?:de|com|eu|net|org|info|biz|example)", re.ASCII
)
_USUAL_LENGTH = 60


def usual_address(value: str) -> bool:
    """Whether the address is in its normal form beyond doubt."""
    return len(value) <= _USUAL_LENGTH and _USUAL.fullmatch(value) is not None


def checked_address(value: str) -> str:
    """The address in its normal form (NFC, domain in lower case); asks no DNS. A refusal does not repeat it."""
    if usual_address(value):
        return value
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


def written(address: str) -> tuple[str, ...]:
    """How the address may stand in what nobody has put in its normal form, in lower case, the longest first: its domain
    as people write it, and as the DNS does.
    """
    plain = unicodedata.normalize("NFC", address).strip()
    ways = {plain.lower(), address_key(plain)}
    try:
        valid = validate_email(plain, check_deliverability=False)
    except EmailNotValidError:
        pass
    else:
        ways |= {f"{valid.local_part}@{domain}".lower() for domain in (valid.domain, valid.ascii_domain) if domain}
    return tuple(sorted(ways, key=lambda way: (-len(way), way)))


def mention_of(address: str, *others: str) -> re.Pattern[str]:
    """Finds any of the addresses within a text, whatever its case; not where it is part of a longer one."""
    ways = "|".join(re.escape(way) for each in (address, *others) for way in written(each))
    return re.compile(rf"(?<![\w.%+-])(?:{ways})(?![\w-]|\.\w)", re.IGNORECASE)
