"""The directory's numbers are those of the version last taken over: no foreign key holds them, the store does."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from norda_common.contracts.registry import EXAMPLE, Organisation
from norda_common.identifiers import new_id
from norda_registry.rules.names import query_words
from norda_registry.rules.profile import ACTIVE, identifiers
from norda_registry.store import directory, searches
from support.installation import Installation

Numbers = set[tuple[UUID, str, str, bool]]


async def registry_connection(installation: Installation) -> asyncpg.Connection[Any]:
    connection = await installation.connect(role="norda_registry")
    await connection.execute("set search_path to registry, public")
    return connection


async def stored(connection: asyncpg.Connection[Any]) -> Numbers:
    rows = await connection.fetch("select organisation_id, kind, value, held from directory_number")
    return {(row["organisation_id"], row["kind"], row["value"], row["held"]) for row in rows}


def numbers_of(organisation: Organisation) -> Numbers:
    active = organisation.status == ACTIVE
    key = organisation.organisation_id
    return {(key, item.kind, item.value, item.current and active) for item in identifiers(organisation)}


def version(key: UUID, chance: random.Random) -> Organisation:
    fields = {
        "organisation_id": key,
        "vat_id": chance.choice(["DE1", "DE2", None]),
        "own_id": chance.choice(["a", "b", None]),
        "status": chance.choice([ACTIVE, ACTIVE, "deactivated"]),
    }
    return EXAMPLE.model_copy(update=fields)


@pytest.mark.parametrize("seed", range(5))
async def test_after_any_history_the_numbers_are_the_last_versions_and_the_erased_have_none(
    installation: Installation, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    keys = sorted(new_id() for _ in range(4))
    last: dict[UUID, tuple[int, Organisation | None]] = {}
    connection = await registry_connection(installation)
    for _ in range(30):
        batch: list[directory.Row] = []
        erased: list[directory.Erased] = []
        for key in chance.sample(keys, chance.randint(1, 4)):
            known, _gone = last.get(key, (0, None))
            # An older record is read as well, as after a rewind.
            sequence = chance.choice([known + 1, known + 2, max(1, known - 1)])
            said = version(key, chance) if chance.random() < 0.85 else None
            if said is None:
                erased.append(directory.Erased(key, sequence))
            else:
                batch.append(directory.row_of(sequence, said))
            if sequence > known:
                last[key] = (sequence, said)
            elif said is None and sequence == known:
                last[key] = (sequence, None)
        async with connection.transaction():
            await directory.erase(connection, erased)
            await directory.upsert(connection, batch)
    wanted: Numbers = set()
    for _, organisation in last.values():
        wanted |= numbers_of(organisation) if organisation else set()
    assert await stored(connection) == wanted
    await connection.close()


async def test_numbers_that_an_older_release_left_behind_are_replaced(installation: Installation) -> None:
    key = new_id()
    connection = await registry_connection(installation)
    await connection.execute("insert into directory_number values ($1, 'vat', 'DE999000050', true)", key)
    await connection.execute("insert into directory_number values ($1, 'own', 'left behind', false)", key)
    organisation = EXAMPLE.model_copy(update={"organisation_id": key})
    async with connection.transaction():
        await directory.upsert(connection, [directory.row_of(1, organisation)])
    assert await stored(connection) == numbers_of(organisation)
    await connection.close()


async def test_a_word_longer_than_postgresql_takes_is_stored_and_found_by_its_beginning(
    installation: Installation,
) -> None:
    organisation = EXAMPLE.model_copy(update={"organisation_id": new_id(), "legal_name": "x" * 5_000})
    connection = await registry_connection(installation)
    async with connection.transaction():
        await directory.upsert(connection, [directory.row_of(1, organisation)])
    for query in ("x", "x" * 99, "x" * 150):
        found = await searches.listed(connection, searches.Filters(words=query_words(query)), after=None, limit=2)
        assert [row["organisation_id"] for row in found] == [organisation.organisation_id]
    assert not await searches.listed(connection, searches.Filters(words=query_words("xy")), after=None, limit=2)
    await connection.close()
