"""What a saved search remembers of a list's address: words, choices and order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .facets import BY_NAME, Choice, chosen
from .search import Order

MOST_WATCHED_ROWS = 100_000
"""A search that finds more is none that one could be told news of."""
MOST_TOLD = 100
"""So many organisations stand in one message; the others come in further ones."""


def query_of(*, text: str, choice: Choice, order: str, descending: bool) -> dict[str, Any]:
    """What is stored."""
    return {
        "q": text,
        **{name: list(values) for name, values in choice.items()},
        "sort": order,
        "direction": "desc" if descending else "asc",
    }


def text_of(query: Mapping[str, Any]) -> str:
    """The words of a stored search."""
    return str(query.get("q", ""))


def choice_of(query: Mapping[str, Any]) -> Choice:
    """The choices of a stored search; a facet that this release does not know is left out."""
    return chosen({name: values for name, values in query.items() if name in BY_NAME and isinstance(values, list)})


def address_of(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same as the parameters of the list's address."""
    pairs = [("q", text_of(query))] if text_of(query) else []
    pairs += [(name, value) for name, values in choice_of(query).items() for value in values]
    if query.get("sort", Order.RELEVANCE) != Order.RELEVANCE:
        pairs += [("sort", str(query["sort"])), ("direction", str(query.get("direction", "asc")))]
    # Without a state the list shows the state that the person looks at, which may be another one tomorrow.
    return pairs if "state" in query else [*pairs, ("state", "all")]


def in_parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    """The items, so many of them together as one message tells."""
    return [items[start : start + MOST_TOLD] for start in range(0, len(items), MOST_TOLD)]
