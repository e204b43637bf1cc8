-- Read models, built from topics alone: organisations of all states, and who takes part in what.

create table directory (
    organisation_id   uuid        primary key,
    sequence          bigint      not null,
    responsible_state text        not null,
    kind              text        not null,
    status            text        not null,
    legal_name        text        not null,
    sort_name         text        not null collate "C",
    search_text       text        not null,
    competences       text[]      not null,
    clusters          text[]      not null,
    cluster_code      text,
    data              jsonb       not null,
    changed_at        timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
comment on table directory is 'Organisations of all states, own ones included, as last published.';
create index directory_sort on directory (sort_name, organisation_id);
create index directory_state_sort on directory (responsible_state, sort_name, organisation_id);
create index directory_search on directory using gin (search_text public.gin_trgm_ops);
create index directory_competences on directory using gin (competences);
create index directory_clusters on directory using gin (clusters);
create index directory_cluster_code on directory (cluster_code) where cluster_code is not null;

create table directory_number (
    organisation_id uuid    not null references directory on delete cascade,
    kind            text    not null,
    value           text    not null,
    held            boolean not null,
    primary key (organisation_id, kind, value)
);
comment on table directory_number is 'Numbers of the directory''s organisations, past ones too.';
create index directory_number_value on directory_number (kind, value);

create table directory_erasure (
    organisation_id uuid   primary key,
    sequence        bigint not null
);
comment on table directory_erasure is 'Withdrawn organisations: a record left on a former state''s topic must not bring them back.';

create table participation (
    registration_id   uuid        primary key,
    sequence          bigint      not null,
    organisation_id   uuid        not null,
    event_id          uuid        not null,
    responsible_state text        not null,
    participant_state text,
    status            text        not null,
    registered_at     timestamptz not null,
    changed_at        timestamptz not null
);
comment on table participation is 'Which organisation takes part in which event, from the events service''s public topic.';
create index participation_organisation on participation (organisation_id, registered_at desc, registration_id);
