"""Sets of the directory's rows by facet term and common word, in the memory of each instance: what counts and narrows.

A set is a roaring bitmap of slots. `refresh` brings the sets up to what the connection sees, by the rows that
transactions wrote which the last look did not see; so whoever refreshes before counting counts what is there, and loses
no transaction that committed late. The sets are copies: they can be thrown away and loaded anew at any time.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from weakref import WeakKeyDictionary

from norda_common.database import SYSTEM, Connection, Database
from pyroaring import BitMap

from ..rules import facets
from ..rules.facets import Choice, Facet

SLOTS_AT_ONCE = 50_000
"""Loading reads so many slots by one statement: a tenth of a second each, and others have a turn between them."""
COMMON_WORDS_SECONDS = 300
"""Statistics change with the table's analysis only, every twentieth of its rows."""
COMMON_ROWS = 1_000
"""A word of so many rows has a set of its own, and so has a beginning of words."""
BEGINNING = 3
"""So many letters are a beginning that has one."""
MANY_ROWS = 20_000
"""Of fewer rows the index of words finds those of a beginning soon enough."""
GROWN = 1.5
"""Once there are so many times as many rows, it is learned anew which beginnings are common."""

Common = Sequence[tuple[str, float]]
"""Words in their order, each with its share of the rows."""
_EVERY = "*"
"""Stands among the terms for the rows themselves."""
_RELEASED = "+"
"""Stands among the terms for what is released for the public."""
_WORD, _BEGINNING = "w:", "b:"
"""Begin the terms of common words and of common beginnings, which are no facets."""
_SNAPSHOT = "select pg_current_snapshot()::text"
_EXTENT = "select coalesce(min(slot), 0), coalesce(max(slot), -1) from directory"
# What the view directory_search_released shows.
_SHOWN = """left join release on release.organisation_id = directory.organisation_id
                   and release.ended_at is null and directory.status = 'active'
"""
_TERMS = "facets || '*'::text || case when release.organisation_id is null then '{}'::text[] else '{+}' end"
_LOAD = f"""
select term, array_agg(slot) as slots
  from directory {_SHOWN} cross join lateral unnest({_TERMS}) as term
 where slot >= $1 and slot < $2
 group by term
"""  # noqa: S608 - constants
_LOAD_WORDS = """
select word, array_agg(slot) as slots
  from directory, unnest(string_to_array(ltrim(search_text), ' ')) as word
 where slot >= $1 and slot < $2 and word = any($3::text[])
 group by word
"""
_LOAD_BEGINNINGS = f"""
select left(word, {BEGINNING}) as beginning, array_agg(slot) as slots
  from directory, unnest(string_to_array(ltrim(search_text), ' ')) as word
 where slot >= $1 and slot < $2 and length(word) >= {BEGINNING}
 group by left(word, {BEGINNING})
"""  # noqa: S608
# One statement has one snapshot: what it reads is exactly what the snapshot that it gives has seen.
_CHANGED = f"""
with written as materialized (
    select slot from directory where touched >= $1::text::xid8 or touched = any($2::text[]::xid8[])
    union
    select slot from release join directory using (organisation_id)
     where release.touched >= $1::text::xid8 or release.touched = any($2::text[]::xid8[])
), changed as materialized (
    select slot, {_TERMS} || array(select 'w:' || word
                                      from unnest(string_to_array(ltrim(search_text), ' ')) as word
                                     where word = any($3::text[]))
                        || array(select 'b:' || left(word, {BEGINNING})
                                   from unnest(string_to_array(ltrim(search_text), ' ')) as word
                                  where left(word, {BEGINNING}) = any($4::text[])) as terms
      from directory {_SHOWN}
     where slot = any(array(select slot from written))
    union all
    select slot, '{{}}' from directory_erasure as erased
     where slot is not null and (touched >= $1::text::xid8 or touched = any($2::text[]::xid8[]))
       and not exists (select from directory where directory.slot = erased.slot))
select null as term, array_agg(slot) as slots, pg_current_snapshot()::text as snapshot from changed
union all
select term, array_agg(slot), null from changed, unnest(terms) as term group by term
"""  # noqa: S608 - constants
_COMMON = "select word, share, of_names from directory_common_words()"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions were seen: all below `before`, but those that ran."""

    before: str
    running: list[str]

    @staticmethod
    def of(text: str) -> Snapshot:
        """Of PostgreSQL's text, `xmin:xmax:xip,...`."""
        _, before, running = text.split(":")
        return Snapshot(before, [item for item in running.split(",") if item])


@dataclass(slots=True)
class FacetIndex:
    """The sets of one database, and its common words."""

    sets: dict[str, BitMap] = field(default_factory=dict)
    rows: BitMap = field(default_factory=BitMap)
    _seen: Snapshot | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _words: list[str] = field(default_factory=list)
    _beginnings: list[str] = field(default_factory=list)
    _beginnings_of: int = 0
    _common: Common = ()
    _common_in_names: Common = ()
    _common_at: float = float("-inf")

    async def refresh(self, connection: Connection) -> None:
        """Bring the sets up to what the connection sees now, which must be the service's own; first they are loaded."""
        async with self._turn:
            if self._seen is None:
                await self._load(connection)
            if time.monotonic() - self._common_at > COMMON_WORDS_SECONDS:
                await self._learn_words(connection)
            await self._follow(connection)

    async def _load(self, connection: Connection) -> None:
        seen = Snapshot.of(await connection.fetchval(_SNAPSHOT))
        sets: dict[str, BitMap] = {}
        async for term, slots in _by_slots(connection, _LOAD):
            _add(sets, term, slots)
        self.rows = sets.pop(_EVERY, BitMap())
        for found in sets.values():
            found.run_optimize()
        self.sets, self._seen = sets, seen

    async def _learn_words(self, connection: Connection) -> None:
        """Which words are common, and their sets; what is written meanwhile is followed afterwards, as for all sets."""
        found = await connection.fetch(_COMMON)
        common = sorted((row["word"], row["share"]) for row in found if not row["of_names"])
        wanted = [word for word, share in common if share * len(self.rows) >= COMMON_ROWS]
        known = {term.removeprefix(_WORD) for term in self.sets if term.startswith(_WORD)}
        sets: dict[str, BitMap] = {_WORD + word: BitMap() for word in wanted if word not in known}
        if sets:
            words = [term.removeprefix(_WORD) for term in sets]
            async for word, slots in _by_slots(connection, _LOAD_WORDS, words):
                _add(sets, _WORD + word, slots)
        for word in known - set(wanted):
            del self.sets[_WORD + word]
        self.sets |= sets
        self._words = sorted(wanted)
        self._common = common
        self._common_in_names = sorted((row["word"], row["share"]) for row in found if row["of_names"])
        self._common_at = time.monotonic()

    @property
    def lacks_beginnings(self) -> bool:
        """Whether which beginnings are common is to be learned, for the first time or anew."""
        return len(self.rows) >= MANY_ROWS and len(self.rows) > GROWN * self._beginnings_of

    async def learn_beginnings(self, connection: Connection) -> None:
        """Learn which beginnings of words are common, and their sets: some seconds in which others go on searching."""
        began = Snapshot.of(await connection.fetchval(_SNAPSHOT))
        sets: dict[str, BitMap] = {}
        async for beginning, slots in _by_slots(connection, _LOAD_BEGINNINGS):
            _add(sets, beginning, slots)
        async with self._turn:
            for known in self._beginnings:
                del self.sets[_BEGINNING + known]
            self._beginnings = [beginning for beginning, slots in sets.items() if len(slots) >= COMMON_ROWS]
            self.sets |= {_BEGINNING + beginning: sets[beginning] for beginning in self._beginnings}
            self._beginnings_of = len(self.rows)
            # What was written meanwhile is in the other sets already, and is taken in once more.
            self._seen = began
            await self._follow(connection)

    async def _follow(self, connection: Connection) -> None:
        assert self._seen is not None  # noqa: S101 - `refresh` has loaded
        found = await connection.fetch(_CHANGED, self._seen.before, self._seen.running, self._words, self._beginnings)
        slots, snapshot = next((row["slots"], row["snapshot"]) for row in found if row["term"] is None)
        if slots:
            changed = BitMap(slots)
            for known in (self.rows, *self.sets.values()):
                known.difference_update(changed)
            for row in found:
                if row["term"] == _EVERY:
                    self.rows.update(BitMap(row["slots"]))
                elif row["term"] is not None:
                    _add(self.sets, row["term"], row["slots"])
        self._seen = Snapshot.of(snapshot)

    @property
    def released(self) -> BitMap:
        """The rows that are shown to everybody."""
        return self.sets.get(_RELEASED, BitMap())

    def narrowed(self, choice: Choice, *, but: str | None = None) -> BitMap | None:
        """The rows that were chosen, leaving out one facet's choice; None where nothing is: all rows."""
        found: BitMap | None = None
        for name, wanted in facets.terms(choice).items():
            if name != but:
                among = BitMap.union(*(self.sets.get(term, BitMap()) for term in wanted))
                found = among if found is None else found & among
        return found

    def counts(self, facet: Facet, among: BitMap | None) -> dict[str, int]:
        """How many of these rows each of the facet's values has; values of none are left out."""
        begin = facet.term("")
        found: dict[str, int] = {}
        for term, having in self.sets.items():
            if term.startswith(begin):
                number = len(having) if among is None else having.intersection_cardinality(among)
                if number:
                    found[term.removeprefix(begin)] = number
        return found

    def common(self, beginning: str, *, in_names: bool = False) -> float:
        """How many rows, or their names, have common words that begin so, about; rare words are not counted."""
        known = self._common_in_names if in_names else self._common
        return sum(share for _, share in _beginning(known, beginning)) * len(self.rows)

    def begun(self, beginning: str) -> BitMap | None:
        """All rows with a word that begins so, where that is a common beginning."""
        return self.sets.get(_BEGINNING + beginning)

    def words(self, beginning: str) -> Sequence[str]:
        """The common words that begin so, each of which has a set."""
        place = bisect_left(self._words, beginning)
        return list(takewhile(lambda word: word.startswith(beginning), islice(self._words, place, None)))

    def of_words(self, words: Sequence[str]) -> BitMap:
        """The rows that have one of these common words."""
        return BitMap.union(*(self.sets.get(_WORD + word, BitMap()) for word in words)) if words else BitMap()

    def with_word(self, beginning: str) -> BitMap:
        """Rows with a common word that begins so: of all rows with such a word perhaps not the ones with rare ones."""
        return self.of_words(self.words(beginning))


def _beginning(known: Common, beginning: str) -> Iterator[tuple[str, float]]:
    """Of words in their order those that begin so."""
    for place in range(bisect_left(known, (beginning, 0.0)), len(known)):
        if not known[place][0].startswith(beginning):
            return
        yield known[place]


async def _by_slots(
    connection: Connection, statement: str, *parameters: object
) -> AsyncIterator[tuple[str, Sequence[int]]]:
    """Terms with slots that have them, from the whole directory, some slots at a time."""
    first, last = await connection.fetchrow(_EXTENT) or (0, -1)
    for start in range(first, last + 1, SLOTS_AT_ONCE):
        for term, slots in await connection.fetch(statement, start, start + SLOTS_AT_ONCE, *parameters):
            yield term, slots


def _add(sets: dict[str, BitMap], term: str, slots: Iterable[int]) -> None:
    known = sets.get(term)
    if known is None:
        sets[term] = BitMap(slots)
    else:
        known.update(BitMap(slots))


_INDEXES: WeakKeyDictionary[Database, FacetIndex] = WeakKeyDictionary()


def index_of(database: Database) -> FacetIndex:
    """The index of a process's database, one for all that ask; perhaps not loaded yet."""
    return _INDEXES.setdefault(database, FacetIndex())


async def learn_beginnings(database: Database) -> None:
    """Let the index learn which beginnings are common, where it is to. By a worker; searches do without meanwhile."""
    index = index_of(database)
    if index.lacks_beginnings:
        async with database.read(SYSTEM) as connection:
            await index.learn_beginnings(connection)


async def fresh_index(database: Database) -> FacetIndex:
    """The index as the database is now. Before a connection is taken for something else, since it takes one itself."""
    index = index_of(database)
    async with database.read(SYSTEM) as connection:
        await index.refresh(connection)
    return index
