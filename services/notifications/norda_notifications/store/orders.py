"""Lists in the order of their ids, which grow with time, in either direction."""

from __future__ import annotations


def in_both_orders(query: str) -> dict[bool, str]:
    """The statement with the newest first (False) and the oldest first (True): `{after}` and `{order}` are filled in."""
    return {
        False: query.format(after="<", order="desc"),
        True: query.format(after=">", order="asc"),
    }
