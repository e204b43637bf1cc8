"""Answering reconciliation queries: candidates by numbers and names, their data, suggestions.

For everybody only what was released is found and shown, and nothing by numbers, which are nobody's without signing in.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from norda_common.contracts.registry import Organisation
from norda_common.database import Connection

from ..rules import reconciliation
from ..rules.facets import Choice, chosen
from ..rules.reconciliation import MOST_CANDIDATES, Candidate, Query, bare_name
from ..rules.search import Order
from ..store import searches
from ..store.facet_index import FacetIndex
from .lookup import holders
from .searching import Asked, search

MOST_HOLDERS = 10
MOST_WORDS_LEFT_OUT = 6
MOST_SUGGESTED = 10


async def reconcile(connection: Connection, index: FacetIndex, query: Query, *, released: bool) -> list[Candidate]:
    """The candidates of one query, the best first."""
    kinds = reconciliation.of_types(query.types)
    if kinds is None:
        return []
    numbers = () if released else query.numbers
    ids = [found for number in numbers for found in (await holders(connection, number))[:MOST_HOLDERS]]
    identified = [it for it in await _read(connection, ids, released=released) if not kinds or it.kind in kinds]
    choice = chosen({"kind": kinds}) if kinds else {}
    found = await _by_name(connection, index, query.name, choice, released=released) if query.name else []
    return reconciliation.ranked(query, found, identified)


async def _by_name(
    connection: Connection, index: FacetIndex, name: str, choice: Choice, *, released: bool
) -> list[Organisation]:
    """Organisations with all words of the name but its legal form; else with all but one of them."""
    words = bare_name(name).split()
    attempts = [words]
    if len(words) > 1:
        attempts += [words[:place] + words[place + 1 :] for place in range(len(words))][:MOST_WORDS_LEFT_OUT]
    for attempt in attempts:
        asked = Asked(text=" ".join(attempt), choice=choice, order=Order.RELEVANCE, released=released)
        found = await search(connection, index, asked, limit=MOST_CANDIDATES, with_counts=False)
        if found.rows:
            return await _read(connection, [row["organisation_id"] for row in found.rows], released=released)
    return []


async def suggest(
    connection: Connection, index: FacetIndex, prefix: str, *, offset: int, released: bool
) -> list[Organisation]:
    """Organisations whose words begin so, or of that number; the best first, after `offset` of them."""
    asked = Asked(text=prefix, order=Order.RELEVANCE, released=released)
    found = await search(connection, index, asked, limit=offset + MOST_SUGGESTED, with_counts=False)
    return await _read(connection, [row["organisation_id"] for row in found.rows[offset:]], released=released)


async def read_entities(connection: Connection, ids: Sequence[str], *, released: bool) -> dict[str, Organisation]:
    """The organisations with these ids, as written; unknown ones are left out."""
    known: dict[UUID, str] = {}
    for text in ids:
        try:
            known[UUID(text)] = text
        except ValueError:
            continue
    return {known[it.organisation_id]: it for it in await _read(connection, list(known), released=released)}


async def _read(connection: Connection, ids: Sequence[UUID], *, released: bool) -> list[Organisation]:
    """The documents, for everybody as far as they were released."""
    entries = await searches.get_many(connection, list(dict.fromkeys(ids)), released=released)
    return [entry.organisation for entry in entries]
