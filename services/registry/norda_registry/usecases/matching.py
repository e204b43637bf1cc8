"""Reading along with the directory: words for the vocabulary, and new matches of the searches that somebody watches.

One transaction at a time does it, whichever instance it is of: it takes what was written since the last one, says on
the private topic what newly matches, and remembers up to where it has read; all or nothing, so that each match is said
once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record
from norda_common import outbox
from norda_common.contracts.searches import SEARCH_MATCH, MatchedOrganisation, SearchMatch
from norda_common.database import Connection
from norda_common.identifiers import new_id
from norda_common.states import State

from ..rules import facets
from ..rules.saved_searches import choice_of, in_parts, text_of
from ..rules.search import Wording, is_known, occurs, wording
from ..store import saved_searches, vocabulary
from ..store.facet_index import Snapshot
from ..store.saved_searches import Watched

TOLD_FOR = timedelta(days=14)
"""So long a match stays on the private topic: longer than any consumer is away."""
WITHDRAWN_AT_ONCE = 200
WORDS_AT_ONCE = 5_000

New = dict[UUID, list[MatchedOrganisation]]


async def read_along(connection: Connection, *, served: Collection[State], now: datetime) -> int | None:
    """Take in what was written since the last time; how many events it gave rise to. None when it is another's turn."""
    if not await saved_searches.take_turn(connection, wait=False):
        return None
    seen, present = await saved_searches.position(connection)
    if seen is None:
        await vocabulary.gather(connection)
        await saved_searches.set_position(connection, present)
        return 0
    watched = await saved_searches.watched(connection, served)
    last = Snapshot.of(seen)
    found, rows = await _found(connection, last, watched)
    released = await vocabulary.follow_releases(connection, last.before, last.running)
    said = 0
    for search in watched:
        if new := found.get(search.id):
            said += await _say(connection, search, new, now=now)
    # Nothing written, nothing noted: an idle directory costs no write.
    if rows or released:
        await saved_searches.set_position(connection, present)
    return said


async def _found(connection: Connection, seen: Snapshot, watched: Sequence[Watched]) -> tuple[New, int]:
    """What newly matches, by search, and how many rows were read. Matches are then known to the search, words to the
    vocabulary.
    """
    conditions = {search.id: (wording(text_of(search.query)), choice_of(search.query)) for search in watched}
    found: New = {}
    words: set[str] = set()
    rows = 0
    async for row in saved_searches.written_since(connection, seen.before, seen.running):
        rows += 1
        words.update(word for word in row["search_text"].split() if is_known(word))
        if len(words) > WORDS_AT_ONCE:
            await vocabulary.add(connection, words)
            words.clear()
        for search in watched:
            if row["slot"] not in search.known and _matches(row, *conditions[search.id]):
                search.known.add(row["slot"])
                found.setdefault(search.id, []).append(
                    MatchedOrganisation(organisation_id=row["organisation_id"], legal_name=row["legal_name"])
                )
    if words:
        await vocabulary.add(connection, words)
    return found, rows


def _matches(row: Record, words: Wording, choice: Mapping[str, Sequence[str]]) -> bool:
    return facets.matches(choice, row["facets"]) and occurs(words, row["search_text"])


async def _say(connection: Connection, search: Watched, new: Sequence[MatchedOrganisation], *, now: datetime) -> int:
    await saved_searches.set_known(connection, search.id, search.known)
    events = []
    for subject in search.subjects:
        for part in in_parts(new):
            match_id = new_id()
            data = SearchMatch(
                match_id=match_id,
                responsible_state=search.state.value,
                search_id=search.id,
                subject=subject,
                name=search.name,
                organisations=tuple(part),
            )
            events.append(SEARCH_MATCH.event("found", data, state=search.state, key=match_id, sequence=1, time=now))
            await saved_searches.remember_match(connection, match_id, search.id, search.state, now=now)
    await outbox.append(connection, *events)
    return len(events)


async def withdraw_told(connection: Connection, *, now: datetime) -> int:
    """Take what was told long ago from the private topic, by tombstones; how many."""
    gone = await saved_searches.forget_matches(connection, before=now - TOLD_FOR, limit=WITHDRAWN_AT_ONCE)
    await outbox.append(
        connection,
        *(SEARCH_MATCH.event("erased", None, state=state, key=key, sequence=2, time=now) for key, state in gone),
    )
    return len(gone)
