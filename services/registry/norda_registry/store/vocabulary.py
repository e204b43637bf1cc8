"""The words of names and places, kept by a worker: what a mistyped word may have meant. It lags by a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from norda_common.database import Connection

MOST_SIMILAR = 60
SLOTS_AT_ONCE = 100_000
_SHOW = """
insert into directory_word (word, shown)
select distinct word, true from directory_released, unnest(string_to_array(ltrim(shown_text), ' ')) as word
 where length(word) between 3 and 40 and word !~ '[0-9]' and {which}
    on conflict (word) do update set shown = true where not directory_word.shown
"""


async def beginnings_among(connection: Connection, texts: Sequence[str], *, everybody: bool) -> set[str]:
    """Which of the texts some word begins with. `everybody`: of the words that everybody could see, here as below."""
    if not texts:
        return set()
    return {row[0] for row in await connection.fetch("select begins_a_word($1, $2)", list(texts), everybody)}


async def similar(connection: Connection, text: str, *, everybody: bool) -> list[str]:
    """Words that look like the text, the likest first."""
    rows = await connection.fetch("select similar_words($1, $2, $3)", text, MOST_SIMILAR, everybody)
    return [row[0] for row in rows]


async def partly_similar(connection: Connection, text: str, *, everybody: bool) -> list[str]:
    """Words of which a part looks like the text: somebody has typed their beginning."""
    rows = await connection.fetch("select partly_similar_words($1, $2, $3)", text, MOST_SIMILAR, everybody)
    return [row[0] for row in rows]


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
    await connection.execute(_SHOW.format(which="true"))


async def follow_releases(connection: Connection, before: str, running: Sequence[str]) -> bool:
    """Note which words everybody can see by what transactions wrote that were not seen, of organisations and of
    releases; whether there were such releases. A word stays noted when it is withdrawn: it then finds nothing.
    """
    written = "touched >= $1::text::xid8 or touched = any($2::text[]::xid8[])"
    rows = f"""organisation_id in (select organisation_id from directory where {written}
                                union all select organisation_id from release where {written})"""  # noqa: S608 - constants
    await connection.execute(_SHOW.format(which=rows), before, list(running))
    return bool(
        await connection.fetchval(f"select exists (select from release where {written})", before, list(running))  # noqa: S608 - as above
    )
