"""The outbox tables of the contestants, and the rows that are put into them: the same events for each.

Ours is the registry's own `outbox`. Debezium's has the columns its outbox router wants beside those that become the
same CloudEvents headers as ours. Values are 600 bytes, keys come from a thousand aggregates.
"""

from __future__ import annotations

import asyncpg

VALUE_BYTES = 600
KEYS = 1_000
ROWS_PER_TRANSACTION = 1_000

HEADER_FUNCTION = r"""
create schema if not exists bench;
create or replace function bench.header(name text, value text) returns bytea language sql immutable
    -- As Kafka writes it, each part behind twice its length in one byte: all of them are below 64 bytes.
    return set_byte('\x00'::bytea, 0, 2 * octet_length(name)) || convert_to(name, 'UTF8')
        || set_byte('\x00'::bytea, 0, 2 * octet_length(value)) || convert_to(value, 'UTF8');
"""
HEADERS = r"""
'\x12'::bytea || bench.header('ce_specversion', '1.0') || bench.header('ce_id', event_id::text)
|| bench.header('ce_source', source) || bench.header('ce_type', type) || bench.header('ce_subject', key::text)
|| bench.header('ce_time', to_char(time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
|| bench.header('ce_dataschema', data_schema) || bench.header('ce_sequence', sequence::text)
|| bench.header('content-type', 'application/json')
"""
"""An expression for `outbox.headers` of a row without a trace; `_TRACED` counts two more and adds them."""
CONSTANT_HEADERS = r"""
(select '\x12'::bytea || bench.header('ce_specversion', '1.0') || bench.header('ce_source', '{source}')
     || bench.header('ce_type', '{type}') || bench.header('ce_time', '2020-01-01T00:00:00.000000Z')
     || bench.header('ce_dataschema', '{data_schema}') || bench.header('ce_sequence', '1')
     || bench.header('content-type', 'application/json'))
|| '\x0a'::bytea || 'ce_id'::bytea || '\x48'::bytea || event_id::text::bytea
|| '\x14'::bytea || 'ce_subject'::bytea || '\x48'::bytea || key::text::bytea
"""
"""The same for rows that differ in id and key alone; the rest is made once per statement, for millions of rows."""
_TRACED = (
    HEADERS.replace(r"\x12", r"\x16")
    + "|| bench.header('ce_traceparent', traceparent) || bench.header('traceparent', traceparent)"
)

CREATE_DEBEZIUM = """
create schema debezium;
create table debezium.outbox (
    id bigint generated always as identity primary key,
    aggregatetype text not null, key text not null, value bytea,
    event_id uuid not null, source text not null, type text not null, time text not null, data_schema text not null,
    sequence text not null, traceparent text
);
create publication debezium for table debezium.outbox
"""

_INSERTS = {
    "norda": f"""
insert into registry.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers, value,
                             traceparent)
select $1, key::uuid, event_id, source, type, time, data_schema, sequence, {_TRACED}, value, traceparent
from (select *, uuidv7() as event_id from events) as events
""",  # noqa: S608 - constants
    "debezium": """
insert into debezium.outbox (aggregatetype, key, event_id, source, type, time, data_schema, sequence, value,
                             traceparent)
select $1, key, uuidv7(), source, type, to_char(time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       data_schema, sequence::text, value, traceparent
from events
""",
}
_MANY = """
with events as (
    select md5('key ' || n % $4::bigint)::uuid::text as key, '/hb/registry' as source,
           'norda.registry.organisation.changed.v1' as type, clock_timestamp() as time,
           'urn:norda:schema:registry.organisation.v1' as data_schema, n / $4 + 1 as sequence,
           convert_to(rpad('{"number":' || n || ',"text":"', $5::int - 2, 'lorem ipsum ') || '"}', 'UTF8') as value,
           '00-' || md5(n::text) || '-' || left(md5('span ' || n), 16) || '-01' as traceparent
    from generate_series($2::bigint, $3::bigint) as n
    order by n
)
"""
_ONE = """
with events as (
    select $2::text as key, '/hb/registry' as source, 'norda.registry.organisation.changed.v1' as type,
           clock_timestamp() as time, 'urn:norda:schema:registry.organisation.v1' as data_schema, 1 as sequence,
           $3::bytea as value, $4::text as traceparent
)
"""


def insert_one(kind: str) -> str:
    """The statement that stores one event: `$1` topic, `$2` key, `$3` value, `$4` traceparent."""
    return _ONE + _INSERTS[kind]


async def insert_many(connection: asyncpg.Connection[asyncpg.Record], kind: str, topic: str, count: int) -> None:
    """Store `count` events in transactions of a thousand, as a busy service would leave them behind."""
    statement = await connection.prepare(_MANY + _INSERTS[kind])
    for first in range(1, count + 1, ROWS_PER_TRANSACTION):
        await statement.fetch(topic, first, min(count, first + ROWS_PER_TRANSACTION - 1), KEYS, VALUE_BYTES)
