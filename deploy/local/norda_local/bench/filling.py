"""Tables as they are after years: rows made by SQL, a million in seconds, with keys that a measurement can name.

Keys are made of the row's number, so that records for any of them can be produced without reading the table. Filling
ends with a vacuum and a checkpoint: what is measured afterwards is not the filling's aftermath.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from norda_local.bench.rows import CONSTANT_HEADERS, HEADER_FUNCTION

CHUNK_ROWS = 250_000
PASSING_ROWS = 25_000
"""So many are in the outbox at once while history passes through it: about a second of a busy relay."""

_KEY = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"

_CONSTANT = {
    "source": "/hb/notifications",
    "type": "norda.notifications.delivery.delivered.v1",
    "data_schema": "urn:norda:schema:notifications.delivery.v1",
}
_OUTBOX = f"""
insert into notifications.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers, value)
select 'hb.notifications.delivery.v1', key, event_id, '{_CONSTANT["source"]}', '{_CONSTANT["type"]}',
       '2020-01-01T00:00:00Z', '{_CONSTANT["data_schema"]}', 1, {CONSTANT_HEADERS.format(**_CONSTANT)}, value
  from (select {_KEY} as key, gen_random_uuid() as event_id,
               (select convert_to('{{"measured": "' || repeat('x', 80) || '"}}', 'UTF8')) as value
          from generate_series($1::bigint + 1, $2::bigint) as n
        offset 0) as events
"""  # noqa: S608 - constants
_INBOX = f"""
insert into notifications.inbox (consumer, source, event_id, handled_at)
select (array['participations', 'events', 'organisations'])[1 + n % 3], '/hb/registry', {_KEY},
       now() - interval '59 days' * (n % 1000) / 1000.0
  from generate_series($1::bigint + 1, $2::bigint) as n
"""  # noqa: S608
_ORGANISATION = f"""
insert into events.organisation (id, state, name, words, status, kind, competences, sequence)
select {_KEY}, (array['hb', 'hh', 'ni'])[1 + n % 3], 'Beispiel Bestand ' || n || ' GmbH',
       'beispiel bestand ' || n || ' gmbh', 'active', 'company',
       array['PRD-01', 'LWT-03'], 1
  from generate_series($1::bigint + 1, $2::bigint) as n
"""  # noqa: S608
_DIRECTORY = f"""
insert into registry.directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name,
                                search_text, name_end, former_end, facets, facets_edition, facets_of, competences,
                                clusters, data, changed_at)
select id, 1, state, 'company', 'active', name, lower(name), ' ' || lower(name) || ' bremen ' || n,
       length(' ' || name), length(' ' || name),
       array['s:' || state, 'k:company', 't:active', 'd:none', 'z:none', 'c:PRD-01', 'c:PRD', 'm:ANW'], 1, 1,
       array['PRD', 'PRD-01'], array['ANW'],
       jsonb_build_object(
           'organisation_id', id, 'responsible_state', state, 'kind', 'company', 'status', 'active',
           'legal_name', name, 'legal_form', '350', 'own_id', 'b-' || n, 'competences', array['PRD-01'],
           'seat', jsonb_build_object('place', 'Bremen', 'postal_code', '28195', 'state', 'DE-' || upper(state),
                                      'ags', (array['04011', '02000', '03241'])[1 + n % 3]),
           'changed_at', '2026-01-01T00:00:00Z', 'rest', repeat('x', 300)),
       now()
  from (select n, {_KEY} as id, (array['hb', 'hh', 'ni'])[1 + n % 3] as state,
               'Beispiel Bestand ' || n || ' GmbH' as name
          from generate_series($1::bigint + 1, $2::bigint) as n) as organisations
"""  # noqa: S608
_NUMBERS = f"""
insert into registry.directory_number (organisation_id, kind, value, held)
select {_KEY}, kind, kind || n, true
  from generate_series($1::bigint + 1, $2::bigint) as n, unnest(array['euid', 'register', 'number', 'vat']) as kind
"""  # noqa: S608

_STATEMENTS = {
    "notifications.outbox": (_OUTBOX,),
    "notifications.inbox": (_INBOX,),
    "events.organisation": (_ORGANISATION,),
    "registry.directory": (_DIRECTORY, _NUMBERS),
}
BULKY_INDEXES = {"registry.directory": ("directory_words", "directory_name_words")}
"""Made anew after a large fill: entered row by row they would take most of the time."""


def key_of(number: int) -> UUID:
    """The key of the row with this number, counted from 1."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


async def fill(dsn: str, table: str, *, present: int, wanted: int, settle: bool = True) -> None:
    """Bring a table from the first `present` rows to the first `wanted`."""
    connection = await connect(dsn)
    try:
        await connection.execute(HEADER_FUNCTION)
        indexes = BULKY_INDEXES.get(table, ()) if wanted - present > CHUNK_ROWS else ()
        definitions = await take_away(connection, table.partition(".")[0], indexes)
        for first in range(present, wanted, CHUNK_ROWS):
            for statement in _STATEMENTS[table]:
                await connection.execute(statement, first, min(wanted, first + CHUNK_ROWS))
        for definition in definitions:
            await connection.execute(definition)
        if settle:
            await connection.execute(f"vacuum analyze {table}")
            await connection.execute("checkpoint")
    finally:
        await connection.close()


async def take_away(connection: asyncpg.Connection[asyncpg.Record], schema: str, indexes: Sequence[str]) -> list[str]:
    """Drop indexes for a large fill; the statements that make them anew."""
    definitions = []
    for index in indexes:
        name = f"{schema}.{index}"
        definitions.append(await connection.fetchval("select pg_get_indexdef($1::regclass)", name))
        await connection.execute(f"drop index {name}")
    return definitions


async def empty(dsn: str, table: str) -> None:
    """Take all rows away."""
    connection = await connect(dsn)
    try:
        await connection.execute(f"truncate {table} cascade")
    finally:
        await connection.close()


async def pass_through(dsn: str, *, rows: int) -> None:
    """Let so many rows come into the outbox and go again, the oldest first, as the relay leaves them behind."""
    connection = await connect(dsn)
    try:
        await connection.execute(HEADER_FUNCTION)
        for first in range(0, rows, PASSING_ROWS):
            await connection.execute(_OUTBOX, first, min(rows, first + PASSING_ROWS))
            # By their ids, as the relay does: all rows ever deleted and not yet vacuumed would be looked at.
            last = await connection.fetchval("select max(id) from notifications.outbox")
            await connection.execute("delete from notifications.outbox where id > $1", last - PASSING_ROWS)
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def execute(dsn: str, statement: str, *values: object) -> list[asyncpg.Record]:
    """Run one statement."""
    connection = await connect(dsn)
    try:
        return await connection.fetch(statement, *values)
    finally:
        await connection.close()


async def connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection for filling, whose statements may take long."""
    settings = {"synchronous_commit": "off", "maintenance_work_mem": "512MB", "statement_timeout": "0"}
    return await asyncpg.connect(dsn, server_settings=settings, command_timeout=1_200)
