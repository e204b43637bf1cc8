"""Two replicas write about one organisation at once, as when it moves to another state: what is newer holds, whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from asyncpg import Connection, Record
from norda_common.contracts.registry import EXAMPLE, Organisation
from norda_common.identifiers import new_id
from norda_registry.consumers import follow_organisations
from norda_registry.store.directory import Erased, Row, row_of
from support.installation import Installation
from support.waiting import eventually

from .test_directory_numbers import numbers_of, registry_connection, stored

FORMER = {"vat_id": "DE1", "own_id": "former"}
MOVED = {"vat_id": "DE2", "own_id": "moved"}
SAME: dict[str, str] = {}
Two = tuple["Connection[Record]", "Connection[Record]"]


@pytest.fixture
async def replicas(installation: Installation) -> AsyncIterator[Two]:
    two = await registry_connection(installation), await registry_connection(installation)
    yield two
    for connection in two:
        await connection.close()


def organisation(key: UUID, fields: dict[str, str]) -> Organisation:
    return EXAMPLE.model_copy(update={"organisation_id": key} | fields)


async def taken_over(connection: Connection[Record], *entries: Row | Erased) -> None:
    async with connection.transaction():
        await follow_organisations(connection, entries, EXAMPLE.changed_at)


async def at_once(two: Two, earlier: Row | Erased, later: Row | Erased) -> None:
    """The second replica writes while the first has written and not committed."""
    first, second = two
    async with first.transaction():
        await follow_organisations(first, [earlier], EXAMPLE.changed_at)
        writing = asyncio.create_task(taken_over(second, later))

        async def waits() -> None:
            locks = await first.fetchval(
                "select count(*) from pg_locks where pid = $1 and not granted", second.get_server_pid()
            )
            assert locks or writing.done()

        await eventually(waits)
    await writing


async def sequences(connection: Connection[Record]) -> list[int]:
    return [row["sequence"] for row in await connection.fetch("select sequence from directory")]


@pytest.mark.parametrize("before", [None, SAME, FORMER, MOVED], ids=["new", "same", "former", "moved"])
@pytest.mark.parametrize("first", [SAME, FORMER, MOVED], ids=["first same", "first former", "first moved"])
async def test_the_numbers_are_those_of_the_newer_record(
    replicas: Two, before: dict[str, str] | None, first: dict[str, str]
) -> None:
    key = new_id()
    if before is not None:
        await taken_over(replicas[0], row_of(1, organisation(key, before)))
    newer = organisation(key, MOVED)
    await at_once(replicas, row_of(2, organisation(key, first)), row_of(3, newer))
    assert await sequences(replicas[0]) == [3]
    assert await stored(replicas[0]) == numbers_of(newer)


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("tombstone_first", [False, True], ids=["record first", "tombstone first"])
@pytest.mark.parametrize("sequence", [2, 4], ids=["older record", "newer record"])
async def test_beside_a_tombstone_only_a_newer_record_stays(
    replicas: Two, *, sequence: int, known: bool, tombstone_first: bool
) -> None:
    key = new_id()
    if known:
        await taken_over(replicas[0], row_of(1, organisation(key, FORMER)))
    record = organisation(key, MOVED)
    entries = row_of(sequence, record), Erased(key, 3)
    await at_once(replicas, *(reversed(entries) if tombstone_first else entries))
    stays = sequence > 3
    assert await sequences(replicas[0]) == ([sequence] if stays else [])
    assert await stored(replicas[0]) == (numbers_of(record) if stays else set())


async def test_two_tombstones_and_an_older_record_leave_nothing(replicas: Two) -> None:
    key = new_id()
    await at_once(replicas, Erased(key, 5), Erased(key, 3))
    await taken_over(replicas[0], row_of(4, organisation(key, MOVED)))
    assert await sequences(replicas[0]) == []
    assert await stored(replicas[0]) == set()
