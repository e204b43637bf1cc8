"""How much anybody may ask who has not signed in, by their address (docs/decisions/0096-what-anybody-may-cost.md).

What is for everybody costs a database as much as what offices ask. This holds back who asks without end, not who reads.
"""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from fastapi import Request

from ..errors import TooManyRequests

if TYPE_CHECKING:
    from ..runtime import Runtime

NETWORK_BITS = 64
"""Of an IPv6 address so much is one household or office, which has all addresses below it."""
LONGEST_HEADER = 2_000


def client_address(request: Request, *, trusted_proxies: int) -> str:
    """Whose request it is: the address that connects, or with so many proxies of one's own before this process the one
    that the outermost of them saw (`X-Forwarded-For`, to which each proxy adds whom it saw). Of IPv6 the network.

    The header is read only where proxies are configured, and of it only what they have added: anybody can send one.
    """
    seen = request.client.host if request.client else ""
    if trusted_proxies:
        told = ",".join(request.headers.getlist("x-forwarded-for"))[-LONGEST_HEADER:]
        hops = [hop.strip() for hop in told.split(",") if hop.strip()]
        if len(hops) >= trusted_proxies:
            seen = hops[-trusted_proxies]
    return _network(seen)


def _network(text: str) -> str:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return text[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> NETWORK_BITS << NETWORK_BITS))


def spare(request: Request, runtime: Runtime, cost: float = 1) -> None:
    """Count a request of somebody who has not signed in. Raises TooManyRequests."""
    address = client_address(request, trusted_proxies=runtime.settings.trusted_proxies)
    seconds = runtime.anybody.take(address, cost)
    if seconds > 0:
        wait = math.ceil(seconds)
        raise TooManyRequests(
            f"Von Ihrer Adresse kommen zu viele Anfragen; in {wait} Sekunden geht es weiter.",
            f"Too many requests come from your address; it goes on in {wait} seconds.",
            seconds=wait,
        )
