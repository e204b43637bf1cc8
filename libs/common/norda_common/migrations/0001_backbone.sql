-- Outbox, inbox and dead letters of one service; runs in the service's own schema (search_path), as its owner.

create table outbox (
    id           bigint generated always as identity primary key,
    topic        text        not null,
    key          uuid        not null,
    event_id     uuid        not null,
    source       text        not null,
    type         text        not null,
    time         timestamptz not null,
    data_schema  text        not null,
    sequence     bigint      not null,
    traceparent  text,
    value        bytea,
    created_at   timestamptz not null default clock_timestamp(),
    blocked_at   timestamptz,
    blocked_reason text
) with (
    -- Rows live for milliseconds: vacuum by count, not by share, or the table's dead head is scanned again and again.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000
);
comment on table outbox is 'Events not yet acknowledged by Kafka, in id order; ids are drawn while the aggregate is locked.';
create index outbox_blocked on outbox (topic, key, id) where blocked_at is not null;

create table inbox (
    consumer   text        not null,
    source     text        not null,
    event_id   uuid        not null,
    handled_at timestamptz not null default now(),
    primary key (consumer, event_id, source)
);
comment on table inbox is 'Events whose effects happened; written in the transaction of the effect.';
create index inbox_handled_at on inbox (handled_at);

create table dead_letter (
    id           uuid        primary key,
    consumer     text        not null,
    topic        text        not null,
    partition    int         not null,
    "offset"     bigint      not null,
    record_time  timestamptz not null,
    key          bytea,
    value        bytea,
    headers      jsonb       not null,
    reason       text        not null,
    detail       text        not null,
    traceparent  text,
    failed_at    timestamptz not null default now(),
    status       text        not null default 'open' check (status in ('open', 'replayed', 'discarded')),
    closed_at    timestamptz,
    closed_by    text,
    -- A redelivered record is the same dead letter; the time tells a re-created topic's offsets apart.
    unique (consumer, topic, partition, "offset", record_time)
);
create index dead_letter_open on dead_letter (failed_at) where status = 'open';
