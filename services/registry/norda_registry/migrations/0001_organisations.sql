-- Organisations this instance is responsible for, and what finds and explains them.

create table organisation (
    id                uuid        primary key,
    version           bigint      not null check (version > 0),
    responsible_state text        not null check (responsible_state ~ '^[a-z]{2}$'),
    status            text        not null,
    kind              text        not null,
    legal_name        text        not null,
    own_id            text,
    cluster_code      text,
    data              jsonb       not null,
    employees         integer     check (employees >= 0),
    turnover_cents    bigint      check (turnover_cents >= 0),
    balance_cents     bigint      check (balance_cents >= 0)
);
comment on table organisation is 'Own organisations; data is the public state as published, figures stay with the office.';
create index organisation_own_id on organisation (own_id) where own_id is not null;
create unique index organisation_cluster_code on organisation (cluster_code)
    where cluster_code is not null and status = 'active';

create table identifier (
    organisation_id uuid    not null references organisation on delete cascade,
    kind            text    not null,
    value           text    not null,
    held            boolean not null,
    primary key (organisation_id, kind, value)
);
comment on table identifier is 'Numbers of own organisations, past ones too; held ones belong to one active organisation.';
create index identifier_value on identifier (kind, value);
create unique index identifier_held_once on identifier (kind, value) where held;

create table organisation_version (
    organisation_id uuid        not null references organisation on delete cascade,
    version         bigint      not null,
    change          text        not null,
    changed_at      timestamptz not null,
    changed_by      text        not null,
    data            jsonb       not null,
    primary key (organisation_id, version)
);
comment on table organisation_version is 'The public state after every change; changed_by is the caller''s pseudonymous subject.';

create table contact (
    organisation_id uuid primary key references organisation on delete cascade,
    email           text not null
);
comment on table contact is 'Contact addresses: close to personal data, so never published, logged or traced.';
