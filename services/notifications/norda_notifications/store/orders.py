"""Lists in the order of their ids, which grow with time, in either direction."""

from __future__ import annotations


def in_both_orders(query: str) -> dict[bool, str]:
    """The statement, newest first (False) and oldest first (True): `{after}` and `{order}` are filled in."""
    return {
        False: query.format(after="<", order="desc"),
        True: query.format(after=">", order="asc"),
    }
