"""Links that need no sign-in: an id, when it ends, and a signature by which nobody can make one up.

`base64url(id, expiry in seconds since 1970, HMAC-SHA256 of both)`; RFC 2104, RFC 4648. Whether it was used already the
database knows; a text that nobody signed does not get that far.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

SHORTEST_KEY = 24
_HEAD = struct.Struct(">16sQ")
_SIGNATURE_BYTES = 24
_LENGTH = (_HEAD.size + _SIGNATURE_BYTES) // 3 * 4
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a link says, once its signature held."""

    id: UUID
    expires_at: datetime


def sign(link_id: UUID, *, expires_at: datetime, purpose: str, key: bytes) -> str:
    """The text of a link; the instant is cut to whole seconds. A link of one purpose is none for another."""
    head = _HEAD.pack(link_id.bytes, int(expires_at.timestamp()))
    return base64.urlsafe_b64encode(head + _signature(head, purpose=purpose, key=key)).decode()


def read(text: str, *, purpose: str, key: bytes) -> Signed | None:
    """What the link says; None for what nobody signed. Whether it has expired is the caller's to judge."""
    if len(text) != _LENGTH or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    head, signature = raw[: _HEAD.size], raw[_HEAD.size :]
    if not hmac.compare_digest(signature, _signature(head, purpose=purpose, key=key)):
        return None
    link_id, seconds = _HEAD.unpack(head)
    return Signed(UUID(bytes=link_id), min(datetime.fromtimestamp(min(seconds, 2**33), UTC), LATEST))


def _signature(head: bytes, *, purpose: str, key: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + head, "sha256")[:_SIGNATURE_BYTES]
