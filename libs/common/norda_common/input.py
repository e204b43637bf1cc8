"""Text as people type it: trimmed, NFC, bounded, free of control characters, surrogates and invisible directions.

Input models forbid unknown fields (a typo must not be lost); published payloads tolerate them (see contracts.model).
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")


def clean_line(value: str) -> str:
    """Normalise one line of text (NFC, trimmed). Raises for control characters, line breaks and direction marks."""
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _BIDI for char in text):
        raise PydanticCustomError("control_character", "contains a control or invisible character")
    return text


def clean_paragraph(value: str) -> str:
    """Like `clean_line`, but line breaks and tabs may stand in it; CRLF becomes LF."""
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if any((unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t") or c in _BIDI for c in text):
        raise PydanticCustomError("control_character", "contains a control or invisible character")
    return text


def _not_blank(value: str) -> str:
    if not value:
        raise PydanticCustomError("blank", "is blank")
    return value


Line = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(clean_line), AfterValidator(_not_blank)]
Paragraph = Annotated[str, Field(max_length=20_000), AfterValidator(clean_paragraph)]


class Command(BaseModel):
    """Base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
