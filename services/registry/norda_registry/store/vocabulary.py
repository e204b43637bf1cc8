"""The words of names and places, kept by a worker: what a mistyped word may have meant. It lags by a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from norda_common.database import Connection

MOST_SIMILAR = 60
SLOTS_AT_ONCE = 100_000


async def beginnings_among(connection: Connection, texts: Sequence[str]) -> set[str]:
    """Which of the texts some word begins with."""
    if not texts:
        return set()
    return {row[0] for row in await connection.fetch("select begins_a_word($1)", list(texts))}


async def similar(connection: Connection, text: str) -> list[str]:
    """Words that look like the text, the likest first."""
    return [row[0] for row in await connection.fetch("select similar_words($1, $2)", text, MOST_SIMILAR)]


async def partly_similar(connection: Connection, text: str) -> list[str]:
    """Words of which a part looks like the text: somebody has typed their beginning."""
    return [row[0] for row in await connection.fetch("select partly_similar_words($1, $2)", text, MOST_SIMILAR)]


async def add(connection: Connection, words: Iterable[str]) -> None:
    """Take words in. Idempotent."""
    await connection.execute(
        "insert into directory_word (word) select unnest($1::text[]) on conflict do nothing", sorted(words)
    )


async def gather(connection: Connection) -> None:
    """Take the words of all rows in, as `rules.search.is_known` chooses them."""
    last: int = await connection.fetchval("select coalesce(max(slot), 0) from directory")
    for first in range(0, last + 1, SLOTS_AT_ONCE):
        await connection.execute(
            """insert into directory_word (word)
               select distinct word from directory, unnest(string_to_array(ltrim(search_text), ' ')) as word
                where slot >= $1 and slot < $2 and length(word) between 3 and 40 and word !~ '[0-9]'
               on conflict do nothing""",
            first,
            first + SLOTS_AT_ONCE,
        )
