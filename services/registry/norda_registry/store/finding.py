"""Finding rows of the directory: by words, in an order, after a cursor. Facets are `facet_index`'s.

Of few rows everything is read, by their slots or by the index of words. Of many, rows are walked in the list's own
order until a page is full: so many of them are wanted that it soon is. Should a walk pass `MOST_WALKED` rows and not
find enough, all that match are read and sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection

from ..rules import facets
from ..rules.facets import Choice
from ..rules.search import Order, Term, Wording, as_patterns, as_tsquery, other_words

MOST_READ = 2_000
"""Up to so many matches are all looked at; of more, "more than" is said where it has to be."""
MOST_WALKED = 20_000
MOST_ALTERNATIVES = 500
"""The index is asked for so many beginnings at once, some ten microseconds each."""
MOST_SAMPLED = 10_000

IDENTIFIED, EXACT, BEGINNING, IN_NAME, IN_FORMER_NAME, ELSEWHERE = range(-1, 5)
"""The ranks of relevance: found by a number; the name itself, its beginning, its words, former names', the rest."""

_WORDS = "array_to_tsvector(string_to_array(ltrim(search_text), ' '))"
"""A row's words, as its index `directory_words` has them."""
_NAME_WORDS = "array_to_tsvector(string_to_array(ltrim(left(search_text, former_end)), ' '))"
"""The words of its present and former names, as `directory_name_words` has them."""
_TABLES = {False: "directory_search", True: "directory_search_released"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a page of a list is to be. `slots` None: all rows that match the words and the choice."""

    words: Wording
    choice: Choice
    order: Order
    descending: bool
    after: tuple[object, ...] | None
    limit: int
    slots: Sequence[int] | None
    identified: Sequence[UUID] = ()
    released: bool = False
    rare: Sequence[Term] = ()
    """Of the terms those that the index of words is asked for; the others are looked for in the rows."""
    rare_in_names: Sequence[Term] = ()
    """The same for the index of names' words."""
    walks_names: bool = True
    """Whether names have the words so often that a walk soon finds enough."""


class _Statement:
    """A statement in the making: its parameters, by the places that stand for them.

    Without signing in nothing is found by what is not shown: of what the indexes find, the shown text is asked, too.
    """

    def __init__(self, *, released: bool) -> None:
        self.parameters: list[object] = []
        self._released = released
        self._text = "shown_text" if released else "search_text"

    def add(self, value: object, kind: str) -> str:
        """The place of a further parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}::{kind}"

    def having(self, terms: Sequence[Term]) -> list[str]:
        """Conditions: the row's text has each of the terms."""
        return [f"{self._text} like any({self.add(as_patterns(term), 'text[]')})" for term in terms]

    def chosen(self, choice: Choice) -> list[str]:
        """Conditions: the row is among what was chosen."""
        return [f"facets && {self.add(wanted, 'text[]')}" for wanted in facets.terms(choice).values()]

    def among(self, slots: Sequence[int]) -> str:
        """Condition: the row has one of the slots."""
        return f"slot = any({self.add(slots, 'int[]')})"

    def indexed(self, words: str, terms: Sequence[Term]) -> str:
        """Condition: the index of words, or of names' words, finds the row by all the terms."""
        found = f"{words} @@ {self.add(as_tsquery(terms), 'text')}::tsquery"
        return " and ".join([found, *self.having(terms)]) if self._released else found

    def beginning(self, listing: Listing) -> str:
        """Condition: the name begins with the words. Folded names are of a to z, 0 to 9 and blanks; then comes `{`."""
        name = self.add(listing.words.name, "text")
        return f"sort_name >= {name} and sort_name < {name} || '{{'"

    def later(self, listing: Listing) -> str:
        """Condition: the row comes after the last one of the page before."""
        if listing.after is None:
            return "true"
        keys, descending = _keys(listing)
        places = [self.add(value, kind) for value, (_, kind) in zip(listing.after, keys, strict=True)]
        return f"({', '.join(key for key, _ in keys)}) {'<' if descending else '>'} ({', '.join(places)})"

    def rank(self, listing: Listing) -> str:
        """The row's rank; without words all have the same."""
        if not listing.words:
            return "0"
        words = [self.add(as_patterns(term), "text[]") for term in listing.words.terms]
        name, identified = self.add(listing.words.name, "text"), self.add(list(listing.identified), "uuid[]")

        def within(end: str) -> str:
            return " and ".join(f"left({self._text}, {end}) like any({place})" for place in words) or "true"

        # No former name is shown.
        former = "false" if self._released else within("former_end")

        return (
            f"case when organisation_id = any({identified}) then {IDENTIFIED} when sort_name = {name} then {EXACT} "
            f"when starts_with(sort_name, {name}) then {BEGINNING} when {within('name_end')} then {IN_NAME} "
            f"when {former} then {IN_FORMER_NAME} else {ELSEWHERE} end"
        )


async def slots_of_words(
    connection: Connection, words: Wording, rare: Sequence[Term], *, released: bool, most: int = MOST_READ
) -> list[int]:
    """Slots of rows with all the words, at most `most` + 1; the index is asked for the `rare` ones of the terms."""
    statement = _Statement(released=released)
    conditions = [statement.indexed(_WORDS, rare)]
    conditions += statement.having([term for term in words.terms if term not in rare])
    return await _slots(
        connection,
        f"select slot from {_TABLES[released]} where {' and '.join(conditions)} limit {most + 1}",  # noqa: S608 - constants and placeholders
        statement,
    )


async def slots_of_other_words(connection: Connection, beginning: str, words: Sequence[str]) -> list[int] | None:
    """Slots of the rows with a word that begins so and is none of these; None for more than are read, or too many words
    to leave out. For whoever has signed in.
    """
    wanted = other_words(beginning, words)
    if len(wanted) > MOST_ALTERNATIVES:
        return None
    statement = _Statement(released=False)
    # One after the other: of so many at once the planner thinks that they are in most rows, and reads all.
    found = await _slots(
        connection,
        f"select slot from unnest({statement.add(wanted, 'text[]')}) as word cross join lateral "  # noqa: S608 - constants and placeholders
        f"(select slot from {_TABLES[False]} where {_WORDS} @@ word::tsquery limit {MOST_READ + 1}) as found "
        f"limit {MOST_READ + 1}",
        statement,
    )
    return found if len(found) <= MOST_READ else None


async def slots_among(connection: Connection, words: Wording, among: Sequence[int], *, released: bool) -> list[int]:
    """Which of these rows have all the words."""
    statement = _Statement(released=released)
    conditions = [statement.among(among), *statement.having(words.terms)]
    return await _slots(
        connection,
        f"select slot from {_TABLES[released]} where {' and '.join(conditions)}",  # noqa: S608 - as above
        statement,
    )


async def some_slots(connection: Connection, words: Wording, *, released: bool) -> list[int]:
    """Slots of some rows with all the words, where they are in very many: of the first rows by name."""
    statement = _Statement(released=released)
    conditions = " and ".join(statement.having(words.terms))
    return await _slots(
        connection,
        f"select slot from (select * from {_TABLES[released]} order by sort_name, organisation_id "  # noqa: S608 - as above
        f"limit {MOST_SAMPLED}) as first where {conditions} limit {MOST_READ + 1}",
        statement,
    )


async def slots_of(connection: Connection, ids: Sequence[UUID], *, released: bool) -> list[int]:
    """The slots of these organisations, of those that are in the directory."""
    statement = _Statement(released=released)
    place = statement.add(list(ids), "uuid[]")
    return await _slots(
        connection,
        f"select slot from {_TABLES[released]} where organisation_id = any({place})",  # noqa: S608 - as above
        statement,
    )


async def _slots(connection: Connection, text: str, statement: _Statement) -> list[int]:
    slots: list[int] = [row[0] for row in await connection.fetch(text, *statement.parameters)]
    return slots


async def page(connection: Connection, listing: Listing) -> list[Record]:
    """The rows of a page: rank, sort_name, changed_at, organisation_id, sequence, data."""
    if listing.slots is not None:
        statement = _Statement(released=listing.released)
        return await _all_sorted(connection, listing, statement, [statement.among(listing.slots)])
    if listing.order is Order.RELEVANCE and listing.words:
        return await _by_rank(connection, listing)
    statement = _Statement(released=listing.released)
    conditions = statement.having(listing.words.terms) + statement.chosen(listing.choice)
    found = await _walked(connection, listing, statement, conditions)
    if len(found) < listing.limit:
        statement = _Statement(released=listing.released)
        found = await _all_sorted(connection, listing, statement, _matching(statement, listing))
    return found


def _matching(statement: _Statement, listing: Listing) -> list[str]:
    """Conditions: the row has the words and is among what was chosen; by the index of words where there are any."""
    return _having_all(statement, listing) + statement.chosen(listing.choice)


def _having_all(statement: _Statement, listing: Listing) -> list[str]:
    if not listing.words:
        return []
    others = [term for term in listing.words.terms if term not in listing.rare]
    return [statement.indexed(_WORDS, listing.rare), *statement.having(others)]


async def _by_rank(connection: Connection, listing: Listing) -> list[Record]:
    """A page of very many matches, the best first: those of each rank are looked for where they are."""
    found: list[Record] = []
    for ranks in ((IDENTIFIED,), (EXACT, BEGINNING), (IN_NAME,), (IN_NAME, IN_FORMER_NAME), (ELSEWHERE,)):
        after = listing.after if listing.after is not None and listing.after[0] in ranks else None
        if listing.after is not None and after is None and listing.after[0] >= ranks[-1]:  # type: ignore[operator]
            continue
        if ranks == (IN_NAME, IN_FORMER_NAME):
            # What the walk has found of the first of them is among what the index of names finds.
            found = [row for row in found if row["rank"] < IN_NAME]
        rest = replace(listing, after=after, limit=listing.limit - len(found))
        found += await _of_ranks(connection, rest, ranks)
        if len(found) >= listing.limit:
            break
    return found


async def _of_ranks(connection: Connection, listing: Listing, ranks: tuple[int, ...]) -> list[Record]:
    """The rows of these ranks; of `IN_NAME` alone perhaps too few, where names have the words but seldom."""

    def conditions(statement: _Statement, *more: str) -> list[str]:
        of_ranks = f"{statement.rank(listing)} = any({statement.add(list(ranks), 'int[]')})"
        return [*more, *statement.chosen(listing.choice), of_ranks]

    statement = _Statement(released=listing.released)
    if ranks == (IDENTIFIED,):
        if not listing.identified:
            return []
        among = f"organisation_id = any({statement.add(list(listing.identified), 'uuid[]')})"
        return await _all_sorted(connection, listing, statement, conditions(statement, among))
    if ranks == (EXACT, BEGINNING):
        within = statement.beginning(listing)
        found = await _walked(connection, listing, statement, conditions(statement), within=within)
        if len(found) < listing.limit:
            statement = _Statement(released=listing.released)
            wanted = conditions(statement, statement.beginning(listing))
            found = await _all_sorted(connection, listing, statement, wanted)
        return found
    if ranks == (IN_NAME, IN_FORMER_NAME):
        wanted = conditions(statement, statement.indexed(_NAME_WORDS, listing.rare_in_names))
        return await _all_sorted(connection, listing, statement, wanted)
    if ranks == (IN_NAME,) and not listing.walks_names:
        return []
    found = await _walked(connection, listing, statement, conditions(statement, *statement.having(listing.words.terms)))
    if len(found) < listing.limit and ranks == (ELSEWHERE,):
        statement = _Statement(released=listing.released)
        wanted = conditions(statement, *_having_all(statement, listing))
        found = await _all_sorted(connection, listing, statement, wanted)
    return found


async def _all_sorted(
    connection: Connection,
    listing: Listing,
    statement: _Statement,
    conditions: Sequence[str],
) -> list[Record]:
    """Read all that match, sort them, and read the documents of one page only."""
    table = _TABLES[listing.released]
    rank = statement.rank(listing) if listing.order is Order.RELEVANCE else "0"
    later, order = statement.later(listing), _order(listing)
    text = (
        f"with page as (select * from (select {rank} as rank, sort_name, changed_at, organisation_id from {table} "  # noqa: S608 - constants and placeholders
        f"where {' and '.join(conditions) or 'true'} offset 0) as found where {later} order by {order} "
        f"limit {statement.add(listing.limit, 'int')}) "
        "select page.*, whole.sequence, whole.data from page cross join lateral "
        f"(select sequence, data from {table} as it where it.organisation_id = page.organisation_id offset 0) as whole "
        f"order by {order}"
    )
    return await connection.fetch(text, *statement.parameters)


async def _walked(
    connection: Connection, listing: Listing, statement: _Statement, conditions: Sequence[str], *, within: str = "true"
) -> list[Record]:
    """Walk in the list's order, up to `MOST_WALKED` rows, until the page is full."""
    by_rank = listing.order is Order.RELEVANCE
    rank = statement.rank(listing) if by_rank else "0"
    after = listing.after[1:] if by_rank and listing.after else listing.after
    walk = replace(listing, order=Order.NAME, descending=False, after=after) if by_rank else listing
    later, order = statement.later(walk), _order(walk)
    # The conditions on a row's text are not pushed into the walk, which its limit forbids.
    text = (
        f"select {rank} as rank, sort_name, changed_at, organisation_id, sequence, data "  # noqa: S608 - as above
        f"from (select * from {_TABLES[listing.released]} where {within} and {later} order by {order} "
        f"limit {MOST_WALKED}) as walked where {' and '.join(conditions) or 'true'} order by {order} "
        f"limit {statement.add(listing.limit, 'int')}"
    )
    return await connection.fetch(text, *statement.parameters)


def _keys(listing: Listing) -> tuple[list[tuple[str, str]], bool]:
    """What a list is sorted by, with types, and whether downwards."""
    if listing.order is Order.RELEVANCE:
        return [("rank", "int"), ("sort_name", "text"), ("organisation_id", "uuid")], False
    key = ("changed_at", "timestamptz") if listing.order is Order.CHANGED else ("sort_name", "text")
    return [key, ("organisation_id", "uuid")], listing.descending


def _order(listing: Listing) -> str:
    keys, descending = _keys(listing)
    return ", ".join(f"{key}{' desc' if descending else ''}" for key, _ in keys)
