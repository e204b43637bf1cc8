"""E-mail addresses: how an objection remembers them."""

from __future__ import annotations

import hashlib

from norda_common.addresses import address_key


def address_hash(address: str) -> bytes:
    """SHA-256 of the key: enough to know an objection again, without keeping the address (Art. 5 GDPR)."""
    return hashlib.sha256(address_key(address).encode()).digest()
