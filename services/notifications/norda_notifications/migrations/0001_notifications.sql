-- Recipients, subscriptions, objections, notices and their deliveries.

create table beginning (
    only_row boolean     primary key default true check (only_row),
    began_at timestamptz not null default clock_timestamp()
);
comment on table beginning is 'When this database began; what happened before is nobody''s news (docs/decisions/0041).';
insert into beginning default values;

create table recipient (
    id          uuid        primary key default uuidv7(),
    kind        text        not null check (kind in ('person', 'office')),
    address_key text        check (length(address_key) <= 320),
    state       text        check (state in ('hb', 'hh', 'ni')),
    name        text        check (length(name) <= 1000),
    address     text        check (length(address) <= 320),
    language    text        check (language in ('de', 'en')),
    version     int         not null default 1,
    changed_at  timestamptz not null default now(),
    constraint recipient_office_is_described check (
        kind = 'person' or (state is not null and name is not null and language is not null)),
    constraint recipient_person_is_an_address check (
        kind = 'office' or (address_key is not null and num_nonnulls(state, name, address, language) = 0))
);
comment on table recipient is 'Who can be told something. A person is an address and nothing else: what an office says of'
    ' them stands in its subscription, what a registration says in its delivery, so that no state sees another''s.';
create unique index recipient_person on recipient (address_key) where kind = 'person';
create unique index recipient_office on recipient (state) where kind = 'office';
insert into recipient (kind, state, name, language) values
    ('office', 'hb', 'Wirtschaftsförderung Bremen', 'de'),
    ('office', 'hh', 'Wirtschaftsförderung Hamburg', 'de'),
    ('office', 'ni', 'Wirtschaftsförderung Niedersachsen', 'de');

create table subscription (
    id              uuid        primary key,
    state           text        not null check (state in ('hb', 'hh', 'ni')),
    recipient_id    uuid        not null references recipient on delete cascade,
    address         text        not null check (length(address) <= 320),
    name            text        check (length(name) <= 1000),
    language        text        not null check (language in ('de', 'en')),
    topic_kind      text        not null check (topic_kind in ('state', 'competence', 'cluster', 'event')),
    topic_value     text        not null check (length(topic_value) between 1 and 64),
    consent_given_at timestamptz not null,
    consent_wording text        not null,
    created_at      timestamptz not null,
    created_by      text        not null,
    ended_at        timestamptz,
    ended_by        text        check (ended_by in ('office', 'recipient')),
    version         int         not null default 1
);
comment on table subscription is 'What a person asked to be told, in the words of the office that entered it, with the'
    ' consent; ended ones stay as the record of it.';
create unique index subscription_running on subscription (state, recipient_id, topic_kind, topic_value)
    where ended_at is null;
create index subscription_topic on subscription (topic_kind, topic_value) where ended_at is null;
create index subscription_recipient on subscription (recipient_id);

create table suppression (
    address_hash bytea       primary key check (length(address_hash) = 32),
    state        text        not null,
    created_at   timestamptz not null
);
comment on table suppression is 'Objections (Art. 21 GDPR), by SHA-256 of the address so that they outlive the person''s record.';

create table notice (
    id           uuid        primary key,
    kind         text        not null,
    state        text        not null check (length(state) = 2),
    subject_id   uuid        not null,
    caused_by    uuid        not null,
    source       text        not null,
    occurred_at  timestamptz not null,
    content      jsonb       not null,
    traceparent  text,
    created_at   timestamptz not null,
    constraint notice_once unique (source, caused_by)
);
comment on table notice is 'Something that is told; its content is public data, without any recipient.';
create index notice_subject on notice (subject_id);

create table delivery (
    id              uuid        primary key default uuidv7(),
    notice_id       uuid        not null references notice,
    recipient_id    uuid        references recipient on delete set null,
    state           text        not null check (state in ('hb', 'hh', 'ni')),
    channel         text        not null check (channel in ('email', 'inbox')),
    occasion        text        not null,
    precedence      smallint    not null,
    registration_id uuid,
    reasons         jsonb       not null default '[]',
    unsubscribe_token text      unique,
    address         text        check (length(address) <= 320),
    name            text        check (length(name) <= 1000),
    language        text        check (language in ('de', 'en')),
    status          text        not null default 'due' check (status in ('due', 'delivered', 'failed', 'dropped')),
    attempts        int         not null default 0,
    due_at          timestamptz not null,
    lease_owner     uuid,
    lease_until     timestamptz,
    last_error      text,
    settled_at      timestamptz,
    read_at         timestamptz,
    created_at      timestamptz not null,
    constraint delivery_settled_forgets check (status = 'due' or num_nonnulls(address, name) = 0),
    constraint delivery_once unique (notice_id, recipient_id, channel),
    constraint delivery_once_per_occasion unique (recipient_id, channel, occasion)
);
comment on table delivery is 'One notice to one recipient by one channel; `occasion` makes two notices about the same thing'
    ' one. A person''s address and name are those of its reason, and kept until it is settled.';
create index delivery_due on delivery (due_at) where status = 'due';
create index delivery_registration on delivery (registration_id) where registration_id is not null;
create index delivery_inbox on delivery (recipient_id, id) where channel = 'inbox';
create index delivery_status on delivery (status, id);
