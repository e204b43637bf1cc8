"""Searching the directory: words, numbers in any notation, facets with counts, what mistyped words may have meant.

Counts are exact or at least so many (`Counted.exact` false), never wrong: where words occur in very many rows, not all
of these are looked at (docs/decisions/0093-facets-in-memory.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection
from pyroaring import BitMap

from ..rules.facets import FACETS, Choice
from ..rules.search import MOST_ALTERNATIVES, Order, Term, Wording, likeliest, may_be_mistyped, wording
from ..store import finding, vocabulary
from ..store.facet_index import MANY_ROWS, FacetIndex
from ..store.finding import MOST_READ, MOST_WALKED, Listing
from .lookup import holders

MOST_AMONG = 5_000
"""Of so many rows that were chosen each is looked at for words."""
SHORT_BEGINNING = 2
"""So short a beginning is, of many rows, of very many words, most of them rare."""
SOON_FOUND_ROWS = 4_000
"""A walk of so many rows is quick enough."""
MOST_IDENTIFIED = 50
ALL_ROWS = 2**31 - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search: what was typed, what was chosen, and how it is to be ordered."""

    text: str = ""
    choice: Choice = field(default_factory=dict)
    order: Order = Order.RELEVANCE
    descending: bool = False
    released: bool = False
    """What is released for the public alone; nothing else can be found without signing in."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are: so many, or at least."""

    number: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found. `counts` are by facet and value; each facet's leave out what was chosen of it.

    `corrected` are the words that were looked for in the place of those typed, when these led nowhere.
    """

    rows: Sequence[Record]
    total: Counted
    counts: Mapping[str, Mapping[str, Counted]]
    corrected: Sequence[str] = ()
    identified: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class _Matches:
    """Which rows match the words: all of them, all of those that were chosen, or some."""

    slots: BitMap
    exact: bool
    exact_among_chosen: bool

    @staticmethod
    def all_of(slots: BitMap) -> _Matches:
        return _Matches(slots, exact=True, exact_among_chosen=True)


async def search(
    connection: Connection,
    index: FacetIndex,
    asked: Asked,
    *,
    after: tuple[object, ...] | None = None,
    limit: int,
    with_counts: bool = True,
) -> Found:
    """A page of what matches, up to `limit` rows after those keys, and how many there are. The index must be fresh."""
    words = wording(asked.text)
    identified = await _identified(connection, asked) if words else []
    numbered = (
        BitMap(await finding.slots_of(connection, identified, released=asked.released)) if identified else BitMap()
    )
    public = index.released if asked.released else None
    chosen = _meet(index.narrowed(asked.choice), public)
    matches, corrected = await _matches(connection, index, asked, words, chosen, numbered)
    words = corrected or words
    total = _total(index, matches, chosen)
    return Found(
        rows=await _rows(connection, index, asked, words, matches, chosen, total, after, limit, identified),
        total=total,
        counts=_counts(index, asked.choice, matches, public) if with_counts else {},
        corrected=corrected.words if corrected else (),
        identified=identified,
    )


async def slots_matching(connection: Connection, index: FacetIndex, asked: Asked, *, most: int) -> BitMap | None:
    """All rows that match a search, corrections aside; None when the words are in more than `most` rows."""
    words, chosen = wording(asked.text), index.narrowed(asked.choice)
    if not words:
        return index.rows if chosen is None else chosen
    if chosen is not None and len(chosen) <= MOST_AMONG:
        return BitMap(await finding.slots_among(connection, words, list(chosen), released=asked.released))
    found = await finding.slots_of_words(connection, words, words.terms, released=asked.released, most=most)
    if len(found) > most:
        return None
    return BitMap(found) if chosen is None else BitMap(found) & chosen


async def all_slots(connection: Connection, index: FacetIndex, asked: Asked) -> BitMap | None:
    """All rows that the pages of a search lead through, corrections of words among them; None for the whole directory.

    However many have the words, each is read: this is for taking along, not for looking.
    """
    words, chosen = wording(asked.text), index.narrowed(asked.choice)
    if not words:
        return chosen
    identified = await _identified(connection, asked)
    found = BitMap(await finding.slots_of(connection, identified, released=asked.released))
    found |= await _slots_of_all(connection, words, released=asked.released)
    if not found and (corrected := await _corrected(connection, words)):
        found = await _slots_of_all(connection, corrected, released=asked.released)
    return found if chosen is None else found & chosen


async def _identified(connection: Connection, asked: Asked) -> list[UUID]:
    """Who has or had the number that was typed. Without signing in nobody is found by a number."""
    return [] if asked.released else (await holders(connection, asked.text))[:MOST_IDENTIFIED]


async def _slots_of_all(connection: Connection, words: Wording, *, released: bool) -> BitMap:
    return BitMap(await finding.slots_of_words(connection, words, words.terms, released=released, most=ALL_ROWS))


async def _matches(
    connection: Connection,
    index: FacetIndex,
    asked: Asked,
    words: Wording,
    chosen: BitMap | None,
    numbered: BitMap,
) -> tuple[_Matches | None, Wording | None]:
    """Which rows match; None for all. With other words when those that were typed led nowhere at all."""
    if not words:
        return None, None
    found = await _of_words(connection, index, words, chosen, numbered, released=asked.released)
    if found.slots or not found.exact_among_chosen:
        return found, None
    corrected = await _corrected(connection, words)
    if corrected is None:
        return found, None
    again = await _of_words(connection, index, corrected, chosen, numbered, released=asked.released)
    return (again, corrected) if again.slots else (found, None)


async def _of_words(
    connection: Connection,
    index: FacetIndex,
    words: Wording,
    chosen: BitMap | None,
    numbered: BitMap,
    *,
    released: bool,
) -> _Matches:
    some = BitMap()
    if rare := [term for term in words.terms if not _is_broad(index, term)]:
        some = BitMap(await finding.slots_of_words(connection, words, rare, released=released))
        if len(some) <= MOST_READ:
            return _Matches.all_of(some | numbered)
    # What is released may have a word where it is not shown, which no count may tell: sets know of it, too.
    if not released:
        exact = await _of_sets(connection, index, words)
        if exact is not None:
            return _Matches.all_of(exact | numbered)
        # Those that are known to match, or some of the first rows.
        common = BitMap.intersection(*(BitMap.union(*map(index.with_word, term)) for term in words.terms))
        some = max(some, common, key=len)
    if chosen is not None and len(chosen) <= MOST_AMONG:
        among = BitMap(await finding.slots_among(connection, words, list(chosen), released=released))
        return _Matches(some | among | numbered, exact=False, exact_among_chosen=True)
    some = some or BitMap(await finding.some_slots(connection, words, released=released))
    return _Matches(some | numbered, exact=False, exact_among_chosen=False)


async def _of_sets(connection: Connection, index: FacetIndex, words: Wording) -> BitMap | None:
    """All rows with the words: by the sets of common words and beginnings, and by the index for other words that begin
    so. None where those are in very many rows.
    """
    found: BitMap | None = None
    for term in words.terms:
        among = BitMap()
        for word in term:
            begun = index.begun(word)
            if begun is None:
                # Before anything is awaited: meanwhile other words may become the common ones.
                common, known = index.words(word), index.of_words(index.words(word))
                others = await finding.slots_of_other_words(connection, word, common)
                if others is None:
                    return None
                begun = known | BitMap(others)
            among |= begun
        found = among if found is None else found & among
        if not found:
            break
    return found


def _is_broad(index: FacetIndex, term: Term) -> bool:
    """Whether the index of words would have to read very many entries for it."""
    if any(index.common(word) > MOST_READ or index.begun(word) is not None for word in term):
        return True
    return len(index.rows) > MANY_ROWS and any(len(word) <= SHORT_BEGINNING for word in term)


def _by_rarity(index: FacetIndex, words: Wording, *, in_names: bool) -> list[Term]:
    """The terms, the one of the fewest rows first; a word that is not common is rare."""
    return sorted(words.terms, key=lambda term: sum(index.common(word, in_names=in_names) for word in term))


async def public_corrections(connection: Connection, text: str) -> list[list[str]]:
    """What may have been meant by words that find nothing public, the likeliest first: words that everybody could see.

    Whether they find something is to be asked: what was withdrawn does not, and is then not to be named.
    """
    corrected = await _corrected(connection, wording(text), everybody=True)
    return [list(words) for words in islice(product(*corrected.terms), MOST_ALTERNATIVES)] if corrected else []


async def _corrected(connection: Connection, words: Wording, *, everybody: bool = False) -> Wording | None:
    """The search with likelier words in the place of those that no known word begins with; None when there are none."""
    typed = [word for word in words.words if may_be_mistyped(word)]
    known = await vocabulary.beginnings_among(connection, typed, everybody=everybody)
    corrections: dict[str, Term] = {}
    for word in typed:
        if word in known:
            continue
        meant = likeliest(word, await vocabulary.similar(connection, word, everybody=everybody))
        meant = meant or likeliest(word, await vocabulary.partly_similar(connection, word, everybody=everybody))
        if meant:
            corrections[word] = meant
    return words.corrected(corrections) if corrections else None


def _total(index: FacetIndex, matches: _Matches | None, chosen: BitMap | None) -> Counted:
    if matches is None:
        return Counted(len(index.rows if chosen is None else chosen))
    found = matches.slots if chosen is None else matches.slots & chosen
    return Counted(len(found), matches.exact_among_chosen)


def _counts(
    index: FacetIndex, choice: Choice, matches: _Matches | None, public: BitMap | None
) -> dict[str, dict[str, Counted]]:
    found: dict[str, dict[str, Counted]] = {}
    for facet in FACETS:
        among = _meet(index.narrowed(choice, but=facet.name), public)
        exact = True
        if matches is not None:
            among = matches.slots if among is None else matches.slots & among
            exact = matches.exact or (matches.exact_among_chosen and facet.name not in choice)
        values = index.counts(facet, among)
        # What was chosen is shown with its nought, so that it can be given up.
        for value in choice.get(facet.name, ()):
            values.setdefault(value, 0)
        found[facet.name] = {value: Counted(number, exact) for value, number in values.items()}
    return found


def _meet(one: BitMap | None, other: BitMap | None) -> BitMap | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


async def _rows(
    connection: Connection,
    index: FacetIndex,
    asked: Asked,
    words: Wording,
    matches: _Matches | None,
    chosen: BitMap | None,
    total: Counted,
    after: tuple[object, ...] | None,
    limit: int,
    identified: Sequence[UUID],
) -> Sequence[Record]:
    slots: list[int] | None = None
    if total.exact and total.number <= max(MOST_READ, math.isqrt(limit * len(index.rows))):
        found = index.rows if matches is None else matches.slots
        slots = list(found if chosen is None else found & chosen)
        if not slots:
            return ()
    rare_in_names = _by_rarity(index, words, in_names=True)[:1]
    listing = Listing(
        words=words,
        choice=asked.choice,
        order=asked.order,
        descending=asked.descending,
        after=after,
        limit=limit,
        slots=slots,
        identified=identified,
        released=asked.released,
        rare=_by_rarity(index, words, in_names=False)[:1],
        rare_in_names=rare_in_names,
        walks_names=_soon_found(index, rare_in_names, matches, chosen, limit),
    )
    return await finding.page(connection, listing)


def _soon_found(
    index: FacetIndex, rare_in_names: Sequence[Term], matches: _Matches | None, chosen: BitMap | None, limit: int
) -> bool:
    """Whether a page full of names with the words is expected sooner by a walk through the list than by their index."""
    rows = max(1, len(index.rows))
    words = [word for term in rare_in_names for word in term]
    having = sum(index.common(word, in_names=True) for word in words)
    if matches is not None and matches.exact:
        # The statistics know common words only. What is left are rows with rare ones, which names may have.
        having += max(0, len(matches.slots) - sum(index.common(word) for word in words))
    found = having / rows * (1 if chosen is None else len(chosen) / rows)
    # The other way is to read all that have them. Either way a row costs about the same.
    return found * max(SOON_FOUND_ROWS, min(having, MOST_WALKED)) >= limit
