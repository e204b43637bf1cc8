-- Events, their hosts and quotas, registrations with the persons apart, and the read model of organisations.

create table event (
    id                  uuid        primary key,
    responsible_state   text        not null check (responsible_state ~ '^[a-z]{2}$'),
    own_id              text,
    status              text        not null check (status in ('draft', 'published', 'cancelled')),
    version             bigint      not null check (version >= 1),
    sequence            bigint      not null default 0 check (sequence >= 0),
    last_position       bigint      not null default 0 check (last_position >= 0),
    title               text        not null,
    title_en            text,
    description         text,
    starts_at           timestamptz not null,
    ends_at             timestamptz not null,
    time_zone           text        not null,
    venue               text,
    online              boolean     not null,
    capacity            int         check (capacity >= 0),
    quota_release_at    timestamptz,
    competences         text[]      not null,
    clusters            text[]      not null,
    cancellation_reason text,
    search_text         text        not null,
    created_at          timestamptz not null,
    changed_at          timestamptz not null,
    constraint event_ends_after_start check (ends_at > starts_at),
    constraint event_drafts_are_unpublished check ((status = 'draft') = (sequence = 0))
);
comment on table event is 'The aggregate every write locks first; last_position numbers its registrations in order.';
comment on column event.version is 'Grows with every change, drafts included; the ETag.';
comment on column event.sequence is 'Grows with every published change, from 1 without gaps; 0 while a draft.';
create unique index event_own_id on event (responsible_state, own_id) where own_id is not null;
create index event_starts_at on event (starts_at, id);
create index event_search_text on event using gin (search_text public.gin_trgm_ops);
create index event_quota_release_at on event (quota_release_at)
    where status = 'published' and quota_release_at is not null;

create table host (
    event_id        uuid        not null references event on delete cascade,
    position        smallint    not null,
    state           text        check (state ~ '^[a-z]{2}$'),
    organisation_id uuid,
    agreed_at       timestamptz,
    primary key (event_id, position),
    check (num_nonnulls(state, organisation_id) = 1)
);
comment on table host is 'Who holds an event; every hosting state but the lead must agree before publication.';
create unique index host_state on host (state, event_id) where state is not null;

create table quota (
    event_id    uuid        not null references event on delete cascade,
    state       text        not null check (state ~ '^[a-z]{2}$'),
    seats       int         not null check (seats >= 0),
    released_at timestamptz,
    primary key (event_id, state)
);
comment on table quota is 'Seats set aside for one state until they are released (Kontingent).';
create index quota_held on quota (event_id) where released_at is null;

create table organisation (
    id          uuid   primary key,
    state       text   not null,
    name        text   not null,
    status      text   not null,
    kind        text   not null,
    competences text[] not null,
    sequence    bigint not null
);
comment on table organisation is 'Read model, built from the organisation topic only; erased ones stay as empty rows so that late records of an old topic cannot bring them back.';
create index organisation_state on organisation (state, id);

create table registration (
    id                uuid        primary key,
    event_id          uuid        not null references event,
    organisation_id   uuid,
    participant_state text,
    status            text        not null
                      check (status in ('confirmed', 'waitlisted', 'withdrawn', 'event_cancelled')),
    position          bigint      not null check (position >= 1),
    version           bigint      not null check (version >= 1),
    idempotency_key   bytea,
    registered_at     timestamptz not null,
    changed_at        timestamptz not null,
    erased_at         timestamptz,
    unique (event_id, position)
);
comment on column registration.position is 'Place in the order of the event, drawn while the event is locked.';
comment on column registration.idempotency_key is 'SHA-256 of the calling state and its Idempotency-Key.';
create unique index registration_idempotency_key on registration (event_id, idempotency_key)
    where idempotency_key is not null;
create index registration_seats on registration (event_id, status, participant_state, position);
create index registration_organisation on registration (organisation_id);

create table participant (
    registration_id uuid primary key references registration,
    event_id        uuid not null,
    person_id       uuid not null,
    name            text,
    email           text,
    email_key       text,
    language        text,
    unique (event_id, email_key),
    check (num_nulls(name, email, email_key, language) in (0, 4))
);
comment on table participant is 'The only table with personal data; nulled on erasure. person_id is a pseudonym, the same for all registrations of one address.';
create index participant_email_key on participant (email_key) where email_key is not null;
