"""An installation of before has rows with words of any length: the index of words takes them in, cut off."""

from __future__ import annotations

from norda_common.contracts.registry import EXAMPLE
from norda_common.identifiers import new_id
from norda_common.migrate import read_migrations
from norda_registry.service import SERVICE
from norda_registry.store import directory
from support.installation import Installation

WORDS = next(item for item in read_migrations("registry", SERVICE.migrations) if item.name == "directory_words")
NAME = "{} Beispiel {} Werft {}"


async def test_words_that_no_index_takes_are_cut_off_as_new_ones_are(installation: Installation) -> None:
    organisation = EXAMPLE.model_copy(
        update={"organisation_id": new_id(), "legal_name": NAME.format("x" * 5_000, "y" * 100, "z" * 101)}
    )
    row = directory.row_of(1, organisation)
    before = f" {NAME.format('x' * 5_000, 'y' * 100, 'z' * 101).lower()}"
    connection = await installation.connect()
    await connection.execute("set search_path to registry, public")
    async with connection.transaction():
        await directory.upsert(connection, [row])
    await connection.execute("drop view directory_shown, directory_released")
    await connection.execute("drop view directory_search, directory_search_released")
    await connection.execute("drop index directory_words, directory_name_words")
    await connection.execute("create index directory_search on directory using gin (search_text gin_trgm_ops)")
    rest = row.search_text.removeprefix(f" {NAME.format('x' * 100, 'y' * 100, 'z' * 100).lower()}")
    await connection.execute("update directory set search_text = $1", before + rest)
    await connection.execute(WORDS.sql)
    assert await connection.fetchval("select search_text from directory") == row.search_text
    await connection.close()
